"""A published asset as it composes: geometry behind a payload, the look above it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest
from pxr import Usd, UsdShade

from dcc.usd.look import occurrence_materials, part_materials
from dcc.usd.stage import PART_KEY
from shared.departments import Arc
from shared.entry_layers import PartContribution, entity_entry_layer
from shared.manifest import EffectiveMaterial
from tests.dcc.usd.conftest import BuildAsset, usd_complaints
from tests.dcc.usd.masters import ASSET, BOLTS

MANUAL = {
    "Body": EffectiveMaterial("Aluminium", "manual", "chosen by hand"),
    "Bolt": EffectiveMaterial("Brass", "manual", "chosen by hand"),
    "Bolt:Jaw/Bolt_2": EffectiveMaterial("RedPlastic", "manual", "chosen by hand"),
}


def worn(stage: Usd.Stage, path: str) -> str:
    prim = stage.GetPrimAtPath(path)
    assert prim, path
    return str(UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0].GetPath().name)


def test_a_products_material_reaches_every_instance_and_one_occurrence_differs(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset(MANUAL)))
    shown = {place: worn(stage, f"/{ASSET}/{place}/geo/mesh") for place in BOLTS}
    assert shown == {"Jaw/Bolt_1": "Brass", "Jaw/Bolt_2": "RedPlastic", "Bolt_3": "Brass"}
    assert part_materials(stage) == {"Body": "Aluminium", "Bolt": "Brass"}
    assert occurrence_materials(stage) == {"Bolt:Jaw/Bolt_2": "RedPlastic"}


def test_instancing_stays_intact(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset({"Body": MANUAL["Body"], "Bolt": MANUAL["Bolt"]})))
    assert len(stage.GetPrototypes()) == 2, "one prototype a product"
    for place in (*BOLTS, "Body"):
        prim = stage.GetPrimAtPath(f"/{ASSET}/{place}")
        assert prim.IsInstance()
        assert prim.GetAttribute(PART_KEY).Get() == place.rpartition("/")[2].partition("_")[0]


def test_an_overridden_occurrence_is_still_an_instance(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset(MANUAL)))
    assert all(stage.GetPrimAtPath(f"/{ASSET}/{place}").IsInstance() for place in BOLTS)


def test_face_colours_show_only_where_colour_is_all_that_is_known(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset()))
    assert worn(stage, f"/{ASSET}/Body/geo/mesh") == "Color_336b87"
    assert worn(stage, f"/{ASSET}/Body/geo/mesh/Color_00ff00") == "Color_00ff00"


def test_a_choice_by_hand_covers_coloured_faces(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset(MANUAL)))
    assert worn(stage, f"/{ASSET}/Body/geo/mesh/Color_00ff00") == "Aluminium"


def test_usds_validators_have_nothing_to_say(build_asset: BuildAsset) -> None:
    assert usd_complaints(Usd.Stage.Open(str(build_asset(MANUAL)))) == []


def test_removing_the_look_leaves_a_valid_stage(build_asset: BuildAsset) -> None:
    entry = build_asset(MANUAL)
    entry.write_text(entity_entry_layer(ASSET, [PartContribution("model", "model_v001_i001.usd", 6, Arc.PAYLOAD)]))
    stage = Usd.Stage.Open(str(entry))
    assert part_materials(stage) == {"Body": "", "Bolt": ""}
    assert len(stage.GetPrototypes()) == 2
    assert usd_complaints(stage) == []


def test_without_its_payload_the_look_stands_alone(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset(MANUAL)), Usd.Stage.LoadNone)
    assert not stage.GetPrototypes()
    assert usd_complaints(stage) == []


def test_the_materialx_variant_adds_its_networks(build_asset: BuildAsset) -> None:
    stage = Usd.Stage.Open(str(build_asset(MANUAL)))
    brass = UsdShade.Material(stage.GetPrimAtPath(f"/{ASSET}/mtl/Brass"))
    assert brass.ComputeSurfaceSource("mtlx")[0].GetShaderId() == "UsdPreviewSurface"
    stage.GetPrimAtPath(f"/{ASSET}").GetVariantSet("shading").SetVariantSelection("materialx")
    assert brass.ComputeSurfaceSource("mtlx")[0].GetShaderId() == "ND_standard_surface_surfaceshader"
    assert brass.ComputeSurfaceSource()[0].GetShaderId() == "UsdPreviewSurface"
    assert worn(stage, f"/{ASSET}/Bolt_3/geo/mesh") == "Brass"


BLENDER = """
import json, sys
from dcc.display_libraries import import_bpy
import_bpy()
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.usd_import(filepath=sys.argv[1], merge_parent_xform=False)
colors, faces = {}, {}
for mesh in bpy.data.meshes:
    for material in mesh.materials:
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        colors[material["raceway:material"]] = list(shader.inputs["Base Color"].default_value)[:3]
    for face in mesh.polygons:
        name = mesh.materials[face.material_index]["raceway:material"]
        faces[name] = faces.get(name, 0) + 1
keys = sorted({item["raceway:partKey"] for item in bpy.data.objects if "raceway:partKey" in item})
print("RESULT", json.dumps({"colors": colors, "faces": faces, "keys": keys}))
"""


@pytest.mark.skipif(find_spec("bpy") is None, reason="the Blender wheel is not installed")
def test_blender_imports_the_bound_materials(build_asset: BuildAsset) -> None:
    entry = build_asset()
    done = subprocess.run(
        [sys.executable, "-c", BLENDER, str(entry)], capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stderr[-2000:]
    result = json.loads(lines[0].removeprefix("RESULT "))
    assert result["keys"] == ["Body", "Bolt"]
    # Every product's mesh once, whatever the number of its occurrences.
    assert result["faces"] == {"Color_336b87": 5, "Color_00ff00": 1, "Steel": 6}
    assert result["colors"]["Steel"] == pytest.approx([0.530, 0.513, 0.494], abs=1e-4)
    assert result["colors"]["Color_00ff00"] == pytest.approx([0.0, 1.0, 0.0], abs=1e-4)
