"""Models of very many placed parts: they must cost what their distinct products cost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pxr import Usd

from dcc.cad.convert import convert
from dcc.cad.settings import Limits, Settings
from dcc.cad.step_writer import StepWriter
from shared.errors import CadError
from tests.dcc.cad.glb import Glb
from tests.dcc.cad.shapes import at, box
from tests.dcc.cad.usd import validator_errors


def write_doubling(path: Path, levels: int) -> None:
    """An assembly that holds itself twice, ``levels`` deep: 2 ** levels placed boxes."""
    step = StepWriter()
    child = step.part("Box", box(1, 1, 1))
    for level in range(levels):
        assembly = step.assembly(f"Level {level}")
        step.place(assembly, child)
        step.place(assembly, child, at(*[2.0 ** (level // 3 + 1) if level % 3 == axis else 0 for axis in range(3)]))
        child = assembly
    step.write(path)


def test_2_to_the_18_placed_parts_convert_in_seconds(tmp_path: Path) -> None:
    write_doubling(tmp_path / "deep.step", 18)
    started = time.perf_counter()
    conversion = convert(tmp_path / "deep.step", tmp_path / "out", Settings())
    assert time.perf_counter() - started < 20
    manifest = conversion.manifest
    assert manifest.part("Box").occurrence_count == 2**18
    assert manifest.part("Box").occurrences == ()
    assert [warning.code for warning in manifest.warnings] == ["cad.nested_instances"]
    assert manifest.bounding_box.max == pytest.approx((127, 127, 127))
    assert conversion.usd_master.stat().st_size < 20_000
    assert conversion.manifest_path.stat().st_size < 50_000


def test_nested_instances_are_the_same_model(tmp_path: Path) -> None:
    write_doubling(tmp_path / "deep.step", 6)
    nested = convert(tmp_path / "deep.step", tmp_path / "nested", Settings(limits=Limits(expanded_occurrences=10)))
    expanded = convert(tmp_path / "deep.step", tmp_path / "expanded", Settings())
    assert validator_errors(nested.usd_master) == []

    def boxes(path: Path) -> list[tuple[float, ...]]:
        from pxr import UsdGeom

        stage = Usd.Stage.Open(str(path))
        cache = UsdGeom.XformCache()
        return sorted(
            tuple(cache.GetLocalToWorldTransform(prim).ExtractTranslation())
            for prim in Usd.PrimRange(stage.GetDefaultPrim(), Usd.TraverseInstanceProxies())
            if prim.IsA(UsdGeom.Mesh)
        )

    assert boxes(nested.usd_master) == boxes(expanded.usd_master)
    assert len(boxes(nested.usd_master)) == 64
    assert nested.manifest.bounding_box == expanded.manifest.bounding_box
    glb = Glb.read(nested.glb)
    (node,) = [node for node, _ in glb.placed() if "mesh" in node]
    table = node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
    placed = sorted(map(tuple, glb.accessor(table["TRANSLATION"]).tolist()))
    assert placed == boxes(expanded.usd_master)


def test_more_than_anything_can_take_is_refused_before_the_kernel_sees_it(tmp_path: Path) -> None:
    write_doubling(tmp_path / "deep.step", 10)
    stages: list[str] = []
    with pytest.raises(CadError) as caught:
        convert(
            tmp_path / "deep.step",
            tmp_path / "out",
            Settings(limits=Limits(occurrences=1000)),
            on_progress=lambda stage, percent, message: stages.append(stage),
        )
    assert caught.value.code == "cad.too_many_occurrences"
    assert "1,024 placed parts" in caught.value.message
    assert stages == ["check"]


def test_too_many_triangles_are_refused(bearing_step: Path, tmp_path: Path) -> None:
    with pytest.raises(CadError) as caught:
        convert(bearing_step, tmp_path / "out", Settings(limits=Limits(triangles=1000)))
    assert caught.value.code == "cad.too_many_triangles"
    assert list((tmp_path / "out").iterdir()) == []


def test_files_grow_with_products_not_with_occurrences(tmp_path: Path) -> None:
    sizes = []
    for count in (1, 200):
        step = StepWriter()
        root = step.assembly("Root")
        part = step.part("Box", box())
        for index in range(count):
            step.place(root, part, at(20 * index))
        step.write(tmp_path / f"{count}.step")
        conversion = convert(tmp_path / f"{count}.step", tmp_path / str(count), Settings())
        sizes.append(conversion.glb.stat().st_size)
        assert len(Glb.read(conversion.glb).document["meshes"]) == 1
    assert sizes[1] - sizes[0] < 200 * 250
