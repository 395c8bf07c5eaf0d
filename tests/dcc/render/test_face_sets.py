"""A converted model in real Blender: faces of another colour wear their own material, and only they."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("OCP", reason="the CAD kernel is not installed")

from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.manifest import read_manifest
from tests.dcc.cad.shapes import at, box, cylinder, faces

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SIDES = {"-x": 0, "+x": 1, "-y": 2, "+y": 3, "-z": 4, "+z": 5}
"""Faces of the kernel's box by where they look."""

# What each polygon of each mesh object wears, by the side that it looks to.
PREAMBLE = """
import json, sys
from pathlib import Path
from dcc.render.blender import empty_file
empty_file()
import bpy
from dcc.render.import_usd import OCCURRENCE, import_model

def worn():
    seen = {}
    for item in bpy.data.objects:
        if item.type != "MESH":
            continue
        sides = seen.setdefault(item[OCCURRENCE], {})
        for polygon in item.data.polygons:
            axis = max(range(3), key=lambda index: abs(polygon.normal[index]))
            side = "-+"[polygon.normal[axis] > 0] + "xyz"[axis]
            material = item.material_slots[polygon.material_index].material
            sides.setdefault(side, set()).add(material.name if material else "")
    return {key: {side: sorted(names) for side, names in sides.items()} for key, sides in seen.items()}

def known():
    return sorted(material.name for material in bpy.data.materials)
"""

RENDER = """
from dcc.render.arguments import materials_of
from dcc.render.looks import dress_from_stage
model = import_model(Path(sys.argv[1]), "Asset")
report = dress_from_stage(model, Path(sys.argv[1]), materials_of(Path(sys.argv[2])))
print("RESULT", json.dumps([worn(), report.unresolved, known(), [root.name for root in model.roots]]))
"""

WORK_SCENE = """
from dcc.render.cad_model import bring_in
from dcc.render.looks import assign_effective
master, manifest = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
bring_in(master, "Model")
steps = [worn()]
assign_effective(bpy.data.objects, manifest)
steps.append(worn())
bring_in(Path(sys.argv[3]), "Model")
steps.append(worn())
print("RESULT", json.dumps(steps))
"""


def model(folder: Path, colors: dict[str, str]) -> Conversion:
    """A red box twice, whose faces have ``colors`` by side; its second place is grey. Beside it, a plain cylinder."""
    shape = box()
    step = StepWriter()
    sides = [(faces(shape)[SIDES[side]], color) for side, color in colors.items()]
    part = step.part("Box", shape, color="ff0000", face_colors=sides)
    root = step.assembly("Root")
    step.place(root, part, name="One")
    step.place(root, part, at(50), name="Two", color="808080")
    step.place(root, step.part("Plain", cylinder(), color="00ffff"), at(0, 50))
    folder.mkdir()
    step.write(folder / "model.step")
    return convert(folder / "model.step", folder / "out", Settings())


def in_blender(script: str, temporary: Path, *arguments: Path) -> Any:
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-2000:]
    assert not list(temporary.iterdir())
    return json.loads(lines[0].removeprefix("RESULT "))


def expected(conversion: Conversion, colors: dict[str, str]) -> dict[str, list[str]]:
    """What the sides of the box wear by its manifest."""
    part = read_manifest(conversion.manifest_path).part("Box")
    assert part.material is not None
    of_faces = {face.subset: face.material.material for face in part.face_colors if face.material}
    assert len({part.material.material, *of_faces.values()}) == 1 + len(set(colors.values()))
    return {side: [of_faces.get(f"Color_{colors.get(side)}", part.material.material)] for side in SIDES}


def test_a_master_is_rendered_in_the_colours_of_its_faces(tmp_path: Path) -> None:
    colors = {"+x": "00ff00", "+z": "0000ff", "-z": "0000ff"}
    conversion = model(tmp_path / "a", colors)
    worn, unresolved, known, roots = in_blender(
        RENDER, tmp_path / "tmp", conversion.usd_master, conversion.manifest_path
    )
    assert worn["Box:One"] == expected(conversion, colors)
    # A colour of the place covers the part whole, in USD too.
    part = conversion.manifest.part("Box")
    (grey,) = [place.material.material for place in part.occurrences if place.material]
    assert worn["Box:Two"] == {side: [grey] for side in SIDES}
    assert len({name for names in worn["Plain:Plain"].values() for name in names}) == 1
    assert unresolved == []
    assert not [name for name in known if "raceway" in name]
    assert roots == ["Root"]


def test_a_work_scene_keeps_them_through_a_new_revision(tmp_path: Path) -> None:
    before, after = {"+x": "00ff00", "+z": "0000ff"}, {"-x": "0000ff", "+y": "00ff00"}
    first, second = model(tmp_path / "a", before), model(tmp_path / "b", after)
    bare, dressed, updated = in_blender(
        WORK_SCENE, tmp_path / "tmp", first.usd_master, first.manifest_path, second.usd_master
    )
    assert bare["Box:One"] == {side: ["FailedMaterial"] for side in SIDES}
    assert dressed["Box:One"] == expected(first, before)
    assert updated["Box:One"] == expected(second, after)
    assert updated["Box:Two"] == dressed["Box:Two"]
    assert len({name for names in dressed["Box:Two"].values() for name in names}) == 1
