"""Cracks between faces are closed without moving a point; a hole that one can see stays open and is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut

from dcc.cad.mesh import stitching
from dcc.cad.mesh.mesh import Mesh
from dcc.cad.mesh.properties import mesh_volume
from dcc.cad.mesh.stitching import stitched
from dcc.cad.mesh.tessellate import tessellate
from dcc.cad.settings import DEFAULT_TESSELLATION
from tests.dcc.cad.shapes import at, box, cylinder, turned

DEFLECTION = 0.1


def drilled() -> Mesh:
    mesh = tessellate(
        BRepAlgoAPI_Cut(box(20, 20, 20), turned(cylinder(4, 60), by=at(10, 10, -20))).Shape(), DEFAULT_TESSELLATION
    )
    assert mesh.open_edges == 0
    return mesh


WHOLE = drilled()


def without(mesh: Mesh, triangles: list[int]) -> Mesh:
    kept = np.setdiff1d(np.arange(len(mesh.triangles)), triangles)
    return replace(mesh, triangles=mesh.triangles[kept], faces=mesh.faces[kept])


def cracked(mesh: Mesh, triangle: int, width: float) -> Mesh:
    """A sliver of ``width`` beside an edge of one triangle is missing: the third corner is drawn to a new point."""
    corners = mesh.triangles[triangle]
    near, far = mesh.vertices[corners[0]], mesh.vertices[corners[1:]].mean(axis=0)
    new = near + (far - near) * min(width / np.linalg.norm(far - near), 0.4)
    triangles = mesh.triangles.copy()
    triangles[triangle, 0] = len(mesh.vertices)
    return replace(
        mesh,
        vertices=np.concatenate([mesh.vertices, [new]]).astype(np.float32),
        normals=np.concatenate([mesh.normals, mesh.normals[corners[:1]]]),
        points=np.concatenate([mesh.points, [new]]).astype(np.float32),
        point_of_vertex=np.append(mesh.point_of_vertex, len(mesh.points)).astype(np.int32),
        triangles=triangles,
    )


@given(st.lists(st.integers(0, len(WHOLE.triangles) - 1), min_size=1, max_size=4, unique=True))
@settings(max_examples=60)
def test_cracks_are_closed_and_the_volume_stays(triangles: list[int]) -> None:
    mesh = WHOLE
    for triangle in triangles:
        mesh = cracked(mesh, triangle, DEFLECTION / 2)
    assert mesh.open_edges
    closed = stitched(mesh, DEFLECTION)
    assert closed.open_edges == 0
    assert closed.points is mesh.points
    assert (np.diff(closed.faces) >= 0).all()
    whole = mesh_volume(WHOLE.points, WHOLE.welded_triangles())
    assert mesh_volume(closed.points, closed.welded_triangles()) == pytest.approx(whole, rel=1e-4)


def test_what_is_missing_in_one_plane_is_filled_in_the_face_beside_it() -> None:
    mesh = without(WHOLE, [0])
    closed = stitched(mesh, 100.0)
    assert closed.open_edges == 0
    assert len(closed.triangles) == len(WHOLE.triangles)
    assert sorted(np.unique(closed.faces)) == sorted(np.unique(WHOLE.faces))


def test_a_hole_that_is_wider_than_the_deflection_stays_open() -> None:
    face = int(WHOLE.faces[0])
    mesh = without(WHOLE, np.flatnonzero(WHOLE.faces == face).tolist())
    assert stitched(mesh, DEFLECTION) is mesh


def test_holes_that_touch_in_a_point_are_closed_each() -> None:
    point = WHOLE.welded_triangles()[0, 0]
    around = np.flatnonzero((WHOLE.welded_triangles() == point).any(axis=1))
    first = int(around[0])
    apart = next(
        int(other)
        for other in around
        if len({*WHOLE.welded_triangles()[first].tolist()} & {*WHOLE.welded_triangles()[other].tolist()}) == 1
    )
    assert stitched(without(WHOLE, [first, apart]), 100.0).open_edges == 0


def test_a_mesh_with_more_holes_than_a_part_can_have_is_stitched_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mesh = without(WHOLE, [0, 40])
    edges = mesh.open_edges
    assert stitched(mesh, 100.0).open_edges == 0
    monkeypatch.setattr(stitching, "_MOST_WORK", 10)
    closed = stitched(mesh, 100.0)
    assert 0 < closed.open_edges < edges, "one of both is closed, and the other is still told"
