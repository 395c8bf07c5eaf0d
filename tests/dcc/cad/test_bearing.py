from __future__ import annotations

import json
from pathlib import Path

from pxr import Gf, Usd, UsdGeom

from dcc.cad.bearing import Dimensions, write_bearing
from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Settings
from shared.manifest import read_manifest
from tests.dcc.cad.usd import validator_errors


def test_parts_have_readable_keys_materials_and_occurrences(bearing: Conversion) -> None:
    manifest = bearing.manifest
    assert {part.part_key: part.occurrence_count for part in manifest.parts} == {
        "Ball": 8,
        "Cage": 1,
        "Inner_ring": 1,
        "Outer_ring": 1,
        "Seal": 1,
    }
    assert {part.part_key: part.step_material for part in manifest.parts} == {
        "Ball": "Chrome",
        "Cage": None,
        "Inner_ring": "Steel",
        "Outer_ring": "Steel",
        "Seal": "NBR rubber",
    }
    assert manifest.warnings == ()
    assert manifest.lineage == "bearings"
    balls = manifest.part("Ball").occurrences
    assert [ball.path for ball in balls] == [f"Ball_and_cage_assembly/Ball_{number}" for number in range(1, 9)]
    assert balls[0].prim_path == "/Bearing_6204/Ball_and_cage_assembly/Ball_1"
    assert len({ball.transform for ball in balls}) == 8


def test_measures_are_those_of_a_6204(bearing: Conversion) -> None:
    box = bearing.manifest.bounding_box
    for low, high, size in zip(box.min, box.max, (47, 47, 14), strict=True):
        assert abs(high - low - size) < 0.1
    ball = bearing.manifest.part("Ball")
    assert abs(ball.volume - 4 / 3 * 3.14159265 * (7.938 / 2) ** 3) < 1e-3


def test_the_usd_master_is_instanced_and_valid(bearing: Conversion) -> None:
    assert validator_errors(bearing.usd_master) == []
    stage = Usd.Stage.Open(str(bearing.usd_master))
    root = stage.GetDefaultPrim()
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.001
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert Usd.ModelAPI(root).GetKind() == "assembly"
    products = stage.GetPrimAtPath(f"{root.GetPath()}/Products")
    assert products.IsAbstract()
    keys = {part.part_key for part in bearing.manifest.parts}
    assert {prim.GetName() for prim in products.GetAllChildren()} == keys
    instances = [prim for prim in stage.Traverse() if prim.IsInstance()]
    assert len(instances) == 12
    assert len(stage.GetPrototypes()) == 5
    for instance in instances:
        key = instance.GetAttribute("raceway:partKey").Get()
        path = str(instance.GetPath()).removeprefix(f"{root.GetPath()}/")
        assert key in keys
        assert instance.GetAttribute("raceway:occurrence").Get() == f"{key}:{path}"


def test_usd_and_manifest_agree_on_every_placement(bearing: Conversion) -> None:
    stage = Usd.Stage.Open(str(bearing.usd_master))
    cache = UsdGeom.XformCache()
    for part in bearing.manifest.parts:
        for occurrence in part.occurrences:
            world = cache.GetLocalToWorldTransform(stage.GetPrimAtPath(occurrence.prim_path))
            assert Gf.IsClose(world, Gf.Matrix4d(*occurrence.transform), 1e-12)


def test_the_same_file_gives_the_same_bytes(bearing: Conversion, bearing_step: Path, tmp_path: Path) -> None:
    for processes in (1, 2):
        again = convert(bearing_step, tmp_path / str(processes), Settings(processes=processes), lineage="bearings")
        assert again.usd_master.read_bytes() == bearing.usd_master.read_bytes()
        assert again.glb.read_bytes() == bearing.glb.read_bytes()
        assert again.manifest_path.read_bytes() == bearing.manifest_path.read_bytes()


def test_the_written_manifest_reads_back(bearing: Conversion) -> None:
    assert read_manifest(bearing.manifest_path) == bearing.manifest
    json.loads(bearing.manifest_path.read_text())


def test_no_temporary_files_are_left(bearing: Conversion) -> None:
    names = sorted(path.name for path in bearing.usd_master.parent.iterdir())
    assert names == ["geometry.glb", "manifest.json", "usd_master.usdc"]


def test_both_seals_are_occurrences_of_one_product(tmp_path: Path) -> None:
    write_bearing(tmp_path / "sealed.step", Dimensions(seals=2))
    manifest = convert(tmp_path / "sealed.step", tmp_path / "out", Settings()).manifest
    rear, front = manifest.part("Seal").occurrences
    assert rear.transform[14] < 0 < front.transform[14]
