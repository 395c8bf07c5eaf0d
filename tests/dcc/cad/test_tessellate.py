from __future__ import annotations

import math

import numpy as np
import pytest
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepBuilderAPI import BRepBuilderAPI_NurbsConvert
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCone, BRepPrimAPI_MakeSphere, BRepPrimAPI_MakeTorus
from OCP.BRepTools import BRepTools
from OCP.TopoDS import TopoDS_Shape

from dcc.cad.mesh.mesh import Mesh
from dcc.cad.mesh.properties import chirality, measure, mesh_volume
from dcc.cad.mesh.tessellate import deflection_for, tessellate
from dcc.cad.settings import DEFAULT_TESSELLATION
from shared.manifest import Tessellation
from tests.dcc.cad.shapes import at, box, cylinder, handed, mirrored, turned

SHAPES = {
    "box": box(),
    "cylinder": cylinder(),
    "cone": BRepPrimAPI_MakeCone(5, 0, 9).Shape(),
    "sphere": BRepPrimAPI_MakeSphere(4).Shape(),
    "torus": BRepPrimAPI_MakeTorus(20, 3).Shape(),
    "drilled": BRepAlgoAPI_Cut(box(20, 20, 20), turned(cylinder(4, 60), by=at(10, 10, -20))).Shape(),
    "inside out": box().Reversed(),
}


def mesh_of(shape: TopoDS_Shape, settings: Tessellation = DEFAULT_TESSELLATION) -> Mesh:
    BRepTools.Clean_s(shape)
    return tessellate(shape, settings)


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "inside out"])
def test_solids_are_watertight_and_face_outwards(name: str) -> None:
    mesh = mesh_of(SHAPES[name])
    assert mesh.open_edges == 0
    assert mesh.broken_faces == []
    volume = measure(SHAPES[name], "solid", mesh.points, mesh.welded_triangles()).volume
    assert mesh_volume(mesh.points, mesh.welded_triangles()) == pytest.approx(volume, rel=0.02)
    corners = mesh.vertices[mesh.triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for corner in range(3):
        towards = np.einsum("ij,ij->i", flat, mesh.normals[mesh.triangles[:, corner]])
        assert (towards > 0).all()


def test_normals_are_those_of_the_surface_not_of_the_triangles() -> None:
    mesh = mesh_of(SHAPES["sphere"])
    radial = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, mesh.normals) == pytest.approx(1, abs=1e-5)


def test_normals_point_outwards_at_the_poles_of_free_form_surfaces() -> None:
    """There the kernel's own point inwards."""
    sphere = BRepBuilderAPI_NurbsConvert(SHAPES["sphere"]).Shape()
    mesh = mesh_of(sphere)
    radial = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert np.einsum("ij,ij->i", radial, mesh.normals).min() > 0.99


@pytest.mark.parametrize("size", [1.0, 5000.0])
def test_small_and_large_parts_are_equally_round(size: float) -> None:
    mesh = mesh_of(cylinder(size, size))
    assert len(mesh.triangles) == len(mesh_of(cylinder(1, 1)).triangles)


def test_deflection_settings_are_kept() -> None:
    sphere = BRepPrimAPI_MakeSphere(50).Shape()
    coarse = mesh_of(sphere, Tessellation(2.0, 0.001, 3.0))
    fine = mesh_of(sphere, Tessellation(0.05, 0.001, 3.0))
    assert len(fine.triangles) > 4 * len(coarse.triangles)
    for mesh, deflection in ((coarse, 2.0), (fine, 0.05)):
        middles = mesh.points[mesh.welded_triangles()].mean(axis=1)
        assert 50 - np.linalg.norm(middles, axis=1).min() <= 2 * deflection
    assert deflection_for(sphere, DEFAULT_TESSELLATION) == pytest.approx(0.1 * math.sqrt(3), rel=0.01)


def test_finer_meshes_have_the_kernels_volume() -> None:
    shape = SHAPES["torus"]
    errors = []
    for deflection in (0.5, 0.05, 0.005):
        mesh = mesh_of(shape, Tessellation(deflection, 0.001, 3.0))
        errors.append(abs(mesh_volume(mesh.points, mesh.welded_triangles()) / (2 * math.pi**2 * 20 * 9) - 1))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.005


def test_threads_do_not_change_the_result() -> None:
    shape = SHAPES["drilled"]
    alone = mesh_of(shape)
    BRepTools.Clean_s(shape)
    threaded = tessellate(shape, DEFAULT_TESSELLATION, threads=True)
    for name in ("vertices", "normals", "triangles", "faces", "points", "point_of_vertex"):
        assert np.array_equal(getattr(alone, name), getattr(threaded, name))


def test_chirality_tells_left_from_right_and_nothing_else() -> None:
    def of(shape: TopoDS_Shape) -> float:
        mesh = mesh_of(shape)
        triangles = mesh.welded_triangles()
        return chirality(mesh.points, triangles)

    right, left = of(handed()), of(mirrored(handed()))
    assert abs(right) > 0.02
    assert left == pytest.approx(-right, rel=1e-4)
    assert of(turned(handed(), by=at(300, -7, 2, degrees=33))) == pytest.approx(right, rel=1e-4)
    for name in ("box", "cylinder", "torus", "drilled"):
        assert of(SHAPES[name]) == pytest.approx(0, abs=1e-3)
