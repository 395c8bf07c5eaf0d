"""Levels of detail: one variant set on the root, which works on instances and through a payload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pxr import Usd, UsdGeom

from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.shapes import cylinder, faces
from tests.dcc.cad.usd import validator_errors

LEVELS = ("high", "medium", "low")


def triangles_by_level(stage: Usd.Stage) -> dict[str, dict[str, int]]:
    variants = stage.GetDefaultPrim().GetVariantSet("LOD")
    counts: dict[str, dict[str, int]] = {}
    for level in LEVELS:
        assert variants.SetVariantSelection(level)
        counts[level] = {
            prim.GetName(): len(UsdGeom.Mesh(prim).GetFaceVertexCountsAttr().Get())
            for prim in Usd.PrimRange(stage.GetDefaultPrim(), Usd.TraverseInstanceProxies())
            if prim.IsA(UsdGeom.Mesh)
        }
    return counts


def test_the_finest_is_the_default_and_the_others_are_lighter(bearing: Conversion) -> None:
    stage = Usd.Stage.Open(str(bearing.usd_master))
    variants = stage.GetDefaultPrim().GetVariantSet("LOD")
    assert sorted(variants.GetVariantNames()) == sorted(LEVELS)
    assert variants.GetVariantSelection() == "high"
    counts = triangles_by_level(stage)
    assert counts["high"] == {part.part_key: part.triangle_count for part in bearing.manifest.parts}
    for key in counts["high"]:
        assert counts["high"][key] >= counts["medium"][key] >= counts["low"][key]
    assert counts["medium"]["Ball"] < counts["high"]["Ball"] / 2
    assert counts["low"]["Ball"] < counts["medium"]["Ball"] / 2


def test_every_level_is_watertight_and_valid(bearing: Conversion, tmp_path: Path) -> None:
    for level in LEVELS:
        stage = Usd.Stage.Open(str(bearing.usd_master))
        stage.GetDefaultPrim().GetVariantSet("LOD").SetVariantSelection(level)
        stage.Export(str(tmp_path / f"{level}.usdc"))
        assert validator_errors(tmp_path / f"{level}.usdc") == []
        for part in bearing.manifest.parts:
            mesh = UsdGeom.Mesh.Get(stage, f"{part.prim_path}/geo/{part.part_key}")
            triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
            edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
            count = len(mesh.GetPointsAttr().Get())
            assert len(np.setxor1d(edges @ [count, 1], edges @ [1, count])) == 0, (level, part.part_key)
            corners = np.array(mesh.GetPointsAttr().Get(), dtype=np.float64)[triangles]
            assert np.linalg.det(corners).sum() / 6 == pytest.approx(part.volume, rel=0.25)


def test_a_payload_can_choose_the_level_and_keeps_its_instances(bearing: Conversion) -> None:
    stage = Usd.Stage.CreateInMemory()
    asset = stage.DefinePrim("/asset", "Xform")
    stage.SetDefaultPrim(asset)
    asset.GetPayloads().AddPayload(str(bearing.usd_master))
    counts = triangles_by_level(stage)
    assert counts["low"]["Ball"] < counts["high"]["Ball"] / 4
    assert len(stage.GetPrototypes()) == 5


def test_face_colours_hold_at_every_level(tmp_path: Path) -> None:
    shape = cylinder(20, 50)
    step = StepWriter()
    step.place(step.assembly("Root"), step.part("Can", shape, face_colors=[(faces(shape)[0], "00ff00")]))
    step.write(tmp_path / "can.step")
    stage = Usd.Stage.Open(str(convert(tmp_path / "can.step", tmp_path / "out", Settings()).usd_master))
    sizes = []
    for level in LEVELS:
        stage.GetDefaultPrim().GetVariantSet("LOD").SetVariantSelection(level)
        mesh = UsdGeom.Mesh.Get(stage, "/Root/Products/Can/geo/Can")
        subsets = {
            prim.GetName(): UsdGeom.Subset(prim).GetIndicesAttr().Get() for prim in mesh.GetPrim().GetAllChildren()
        }
        sizes.append(len(subsets["Color_00ff00"]))
        # Together with the faces of the part's own colour, every triangle is in one subset.
        together = sorted(index for indices in subsets.values() for index in indices)
        assert together == list(range(len(mesh.GetFaceVertexCountsAttr().Get())))
    assert sizes[0] > sizes[1] > sizes[2] > 0
