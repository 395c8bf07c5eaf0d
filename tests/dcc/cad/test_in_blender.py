"""The USD master as Blender opens it: every occurrence by its name, where the manifest says, with all its triangles."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from dcc.cad.convert import convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.shapes import at, box, cylinder, faces, handed, mirrored

SCRIPT = """
import json, sys
from dcc.display_libraries import import_bpy
import_bpy()
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.usd_import(filepath=sys.argv[1], merge_parent_xform=False)
bpy.context.view_layer.update()

def path_of(item):
    names = []
    while item.parent:
        names.insert(0, item.name.partition(".")[0])
        item = item.parent
    return "/".join(names)

found = {}
for item in bpy.data.objects:
    if "raceway:occurrence" in item:
        meshes = [inner for inner in item.instance_collection.all_objects if inner.type == "MESH"]
        attribute = meshes[0].data.attributes.get("displayColor")
        found[item["raceway:occurrence"]] = {
            "part_key": item["raceway:partKey"],
            "path": path_of(item),
            "matrix": [list(row) for row in item.matrix_world.transposed()],
            "triangles": sum(len(mesh.data.polygons) for mesh in meshes),
            "corner": min(tuple(v.co) for mesh in meshes for v in mesh.data.vertices),
            "hidden": item.hide_viewport or item.hide_get() or item.hide_render,
            "largest_bend": max(
                1 - face.normal.dot(mesh.data.loops[index].normal)
                for mesh in meshes for face in mesh.data.polygons for index in face.loop_indices
            ),
            "colors": sorted({tuple(round(c, 3) for c in value.color[:3]) for value in attribute.data})
            if attribute else [],
        }
print("RESULT", json.dumps(found))
"""


@pytest.mark.skipif(find_spec("bpy") is None, reason="the Blender wheel is not installed")
def test_blender_shows_what_the_manifest_says(tmp_path: Path) -> None:
    step = StepWriter()
    root, arm = step.assembly("Größe 7"), step.assembly("Arm")
    hook, pin = step.part("Hook", handed(), color="ff0000"), step.part("Болт", cylinder())
    shape = box()
    painted = step.part("Painted", shape, color="0000ff", face_colors=[(faces(shape)[0], "00ff00")])
    step.place(arm, hook, at(10, 0, 0, degrees=90))
    step.place(arm, step.part("Hook left", mirrored(handed())), at(-10))
    step.place(arm, pin, at(0, 30, 5), name="Болт 1")
    step.place(arm, pin, at(0, 60, 5), name="Болт 2")
    step.place(root, arm, at(0, 0, 100, degrees=45), name="Arm A")
    step.place(root, arm, at(0, 500), name="Arm B")
    step.place(root, painted, at(300))
    step.write(tmp_path / "model.step")
    conversion = convert(tmp_path / "model.step", tmp_path / "out", Settings())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(conversion.usd_master)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-2000:]
    shown = json.loads(lines[0].removeprefix("RESULT "))
    listed = {
        f"{part.part_key}:{occurrence.path}": (part, occurrence)
        for part in conversion.manifest.parts
        for occurrence in part.occurrences
    }
    assert shown.keys() == listed.keys()
    assert len(listed) == 9
    for name, (part, occurrence) in listed.items():
        item = shown[name]
        assert item["part_key"] == part.part_key
        assert item["path"] == occurrence.path
        assert item["triangles"] == part.triangle_count
        assert not item["hidden"]
        expected = np.array(occurrence.transform).reshape(4, 4)
        matrix = np.array(item["matrix"])
        # Blender counts in metres, the manifest in millimetres.
        assert matrix[3, :3] * 1000 == pytest.approx(expected[3, :3], abs=1e-3)
        turned = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=1)[:, None]
        assert turned == pytest.approx(expected[:3, :3], abs=1e-5)
        # Round parts are shaded round, by the surface's own normals; flat ones flat.
        assert (1e-4 < item["largest_bend"] < 0.02) if part.source_name == "Болт" else item["largest_bend"] < 1e-6
    painted_name = next(name for name in shown if name.startswith("Painted:"))
    assert shown[painted_name]["colors"] == [[0, 0, 1], [0, 1, 0]]
