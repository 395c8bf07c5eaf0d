from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pxr import Gf, Usd, UsdGeom, Vt

from dcc.usd.mesh_checks import check_mesh, fix_extent, meshes_of
from tests.dcc.usd.masters import cube

sizes = st.integers(0, 6)


def is_sound(counts: list[int], indices: list[int], points: int) -> bool:
    """The definition, without numpy: every face has corners, and every corner is a point."""
    if not counts or min(counts) < 3:
        return False
    remaining = iter(indices)
    faces = [list(itertools.islice(remaining, count)) for count in counts]
    all_used = next(remaining, None) is None
    complete = all(len(face) == count for face, count in zip(faces, counts, strict=True))
    return all_used and complete and all(0 <= index < points for index in indices)


@given(st.lists(st.integers(-1, 5), max_size=4), st.lists(st.integers(-2, 8), max_size=16), sizes)
def test_topology_is_judged_as_defined(counts: list[int], indices: list[int], points: int) -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = UsdGeom.Mesh.Define(stage, "/m")
    mesh.CreateFaceVertexCountsAttr(counts)
    mesh.CreateFaceVertexIndicesAttr(indices)
    mesh.CreatePointsAttr(Vt.Vec3fArray([Gf.Vec3f(float(at), 0, 0) for at in range(points)]))
    errors = [finding for finding in check_mesh(mesh) if finding.severity == "error"]
    assert bool(errors) != is_sound(counts, indices, points)


@given(st.lists(st.tuples(*[st.floats(width=32)] * 3), min_size=8, max_size=8))
def test_points_of_any_value(points: list[tuple[float, float, float]]) -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = cube(stage, "/m", 1.0)
    mesh.GetPointsAttr().Set(Vt.Vec3fArray([Gf.Vec3f(*point) for point in points]))
    finite = bool(np.isfinite(np.array(points, np.float32)).all())
    assert any("not finite" in finding.message for finding in check_mesh(mesh)) != finite
    if finite:
        fix_extent(mesh)
        assert list(check_mesh(mesh)) == []


def test_a_mesh_without_anything() -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = UsdGeom.Mesh.Define(stage, "/m")
    assert [finding.message for finding in check_mesh(mesh)] == ["it has no faces."]


def test_an_extent_that_is_missing_is_only_a_warning() -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = cube(stage, "/m", 1.0)
    mesh.GetPrim().RemoveProperty("extent")
    assert [(finding.severity, finding.fix) for finding in check_mesh(mesh)] == [("warning", "compute_extent")]


def test_an_extent_that_is_not_a_number_is_an_error() -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = cube(stage, "/m", 1.0)
    mesh.GetExtentAttr().Set(Vt.Vec3fArray([Gf.Vec3f(float("nan")), Gf.Vec3f(1)]))
    assert [(finding.severity, finding.fix) for finding in check_mesh(mesh)] == [("error", "compute_extent")]
    fix_extent(mesh)
    assert list(check_mesh(mesh)) == []


@pytest.mark.parametrize("face", [-1, 6])
def test_subsets_of_faces_that_are_not_there_are_an_error(face: int) -> None:
    stage = Usd.Stage.CreateInMemory()
    mesh = cube(stage, "/m", 1.0)
    UsdGeom.Subset.CreateGeomSubset(mesh, "a", "face", Vt.IntArray([*range(6), face]), "materialBind", "partition")
    (finding,) = check_mesh(mesh)
    assert finding.severity == "error" and f"face {face}" in finding.message


def test_faces_outside_all_subsets_are_noticed() -> None:
    stage = Usd.Stage.CreateInMemory()
    stage.CreateClassPrim("/Products")
    mesh = cube(stage, "/Products/mesh", 1.0)
    UsdGeom.Subset.CreateGeomSubset(mesh, "a", "face", Vt.IntArray([0, 1]), "materialBind", "nonOverlapping")
    assert [finding.message for finding in check_mesh(mesh)] == ["4 faces are in none of its material subsets."]
    UsdGeom.Subset.CreateGeomSubset(mesh, "b", "face", Vt.IntArray([2, 3, 4, 5]), "materialBind", "partition")
    assert list(check_mesh(mesh)) == []


def test_meshes_behind_references_are_seen_once() -> None:
    stage = Usd.Stage.CreateInMemory()
    cube(stage, "/Part/mesh", 1.0)
    for name in ("A", "B"):
        prim = UsdGeom.Xform.Define(stage, f"/{name}").GetPrim()
        prim.GetReferences().AddInternalReference("/Part")
        prim.SetInstanceable(True)
    assert len(list(meshes_of(stage))) == 1
