"""Every real CAD file that lies beside the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from OCP.Interface import Interface_Static
from OCP.STEPCAFControl import STEPCAFControl_Reader, STEPCAFControl_Writer
from OCP.TDocStd import TDocStd_Document
from pxr import Usd, UsdGeom

from dcc.cad.convert import Conversion, convert
from dcc.cad.kernel import extended_string, silence
from dcc.cad.settings import Settings, tessellation
from shared.manifest import Manifest
from tests.conftest import DATA
from tests.dcc.cad.glb import Glb
from tests.dcc.cad.usd import validator_errors

HANDED = 0.015
"""A part of less chirality counts as its own mirror image."""
FILES = sorted(path.relative_to(DATA) for path in DATA.glob("*/*.st*p")) or [Path("none")]


@pytest.fixture(scope="module", params=FILES, ids=str)
def sample(
    request: pytest.FixtureRequest, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Conversion]:
    folder = tmp_path_factory.mktemp("sample")
    yield convert(data_folder / request.param, folder, Settings())


def test_nothing_is_lost_in_silence(sample: Conversion) -> None:
    assert sample.manifest.warnings == ()
    for count in sample.manifest.counts.values():
        assert count.read >= count.declared


def test_meshes_are_closed_and_have_the_kernels_volume(sample: Conversion) -> None:
    stage = Usd.Stage.Open(str(sample.usd_master))
    for part in sample.manifest.parts:
        mesh = UsdGeom.Mesh.Get(stage, f"{part.prim_path}/geo/{part.part_key}")
        points = np.array(mesh.GetPointsAttr().Get(), dtype=np.float64)
        triangles = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
        assert len(triangles) == part.triangle_count
        edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
        forward, backward = edges @ [len(points), 1], edges @ [1, len(points)]
        assert len(np.setxor1d(forward, backward)) == 0, part.part_key
        corners = points[triangles]
        volume = np.linalg.det(corners).sum() / 6
        assert volume == pytest.approx(part.volume, rel=0.02)
        assert points.min(axis=0) == pytest.approx(part.bounding_box.min)
        assert points.max(axis=0) == pytest.approx(part.bounding_box.max)
        normals = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("normals")
        assert len(normals.ComputeFlattened()) == triangles.size
        assert normals.GetInterpolation() == "faceVarying"


def test_the_usd_master_passes_usds_validators(sample: Conversion) -> None:
    assert validator_errors(sample.usd_master) == []


def test_bounding_boxes_agree(sample: Conversion) -> None:
    stage = Usd.Stage.Open(str(sample.usd_master))
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    cache = UsdGeom.XformCache()
    for part in sample.manifest.parts:
        points = np.array(UsdGeom.Mesh.Get(stage, f"{part.prim_path}/geo/{part.part_key}").GetPointsAttr().Get())
        for occurrence in part.occurrences:
            world = np.array(cache.GetLocalToWorldTransform(stage.GetPrimAtPath(occurrence.prim_path)))
            placed = points @ world[:3, :3] + world[3, :3]
            low, high = np.minimum(low, placed.min(axis=0)), np.maximum(high, placed.max(axis=0))
    assert sample.manifest.bounding_box.min == pytest.approx(low, abs=1e-3)
    assert sample.manifest.bounding_box.max == pytest.approx(high, abs=1e-3)


def test_the_glb_holds_the_same_triangles(sample: Conversion) -> None:
    glb = Glb.read(sample.glb)
    counted: dict[str, int] = {}
    for node, _ in glb.placed():
        if "mesh" in node:
            primitives = glb.document["meshes"][node["mesh"]]["primitives"]
            key = node["extras"]["partKey"]
            counted[key] = sum(len(glb.accessor(primitive["indices"])) // 3 for primitive in primitives)
    assert counted == {part.part_key: part.triangle_count for part in sample.manifest.parts}


def test_other_tessellations_change_no_measure(sample: Conversion, data_folder: Path, tmp_path: Path) -> None:
    """Neither the hands of the parts, such as a screw's thread makes, nor what the kernel integrates."""

    def measured(manifest: Manifest) -> list[tuple[object, ...]]:
        prints = [(part.part_key, part.fingerprint) for part in manifest.parts]
        return [(key, p.volume, p.area, p.moments, p.chirality > HANDED, p.chirality < -HANDED) for key, p in prints]

    source = next(data_folder.glob(f"*/{sample.manifest.source.name}"))
    coarser = convert(source, tmp_path, Settings(tessellation(0.1, angular_deflection=0.5))).manifest
    assert measured(coarser) == measured(sample.manifest)


def test_as1_is_the_known_assembly(data_folder: Path, tmp_path: Path) -> None:
    manifest = convert(data_folder / "step/as1-oc-214.stp", tmp_path, Settings()).manifest
    assert {part.part_key: part.occurrence_count for part in manifest.parts} == {
        "bolt": 6,
        "l_bracket": 2,
        "nut": 8,
        "plate": 1,
        "rod": 1,
    }
    assert manifest.part("nut").color == (1.0, 0.0, 0.0, 1.0)
    paths = [occurrence.path for occurrence in manifest.part("bolt").occurrences]
    assert "l_bracket_assembly_1/nut_bolt_assembly_2/bolt_1" in paths


def test_metres_become_millimetres_and_one_colour_on_all_faces_the_parts(data_folder: Path, tmp_path: Path) -> None:
    manifest = convert(data_folder / "step/red-cube-blue-cylinder.step", tmp_path, Settings()).manifest
    assert manifest.source.units == ("METRE",)
    assert manifest.part("red_cube").volume == pytest.approx(1000)
    assert manifest.part("red_cube").face_colors == ()
    red, green, blue, alpha = manifest.part("red_cube").color or (0, 0, 0, 0)
    assert red > 0.7 > 0.1 > green > blue and alpha == 1


@pytest.mark.parametrize("name", ["step/as1-oc-214.stp", "step/framework-hinge-r-assy.stp", "step/abstract-pca.step"])
def test_another_export_and_other_triangles_change_no_key(name: str, data_folder: Path, tmp_path: Path) -> None:
    """The same model read and written again by another program, in inches."""
    silence()
    document = TDocStd_Document(extended_string("XmlXCAF"))
    reader = STEPCAFControl_Reader()
    reader.ReadFile(str(data_folder / name))
    reader.Transfer(document)
    writer = STEPCAFControl_Writer()
    Interface_Static.SetCVal_s("write.step.unit", "INCH")
    writer.Transfer(document)
    writer.Write(str(tmp_path / "again.step"))
    Interface_Static.SetCVal_s("write.step.unit", "MM")
    first = convert(data_folder / name, tmp_path / "first", Settings()).manifest
    again = convert(tmp_path / "again.step", tmp_path / "again", Settings(tessellation(None, 0.01, 0.6))).manifest
    assert [part.part_key for part in again.parts] == [part.part_key for part in first.parts]
    for part in first.parts:
        assert again.part(part.part_key).volume == pytest.approx(part.volume, rel=1e-4)
        assert [item.path for item in again.part(part.part_key).occurrences] == [item.path for item in part.occurrences]
