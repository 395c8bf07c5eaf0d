"""Faces that the kernel does not mesh are filled from their neighbours' points, without a gap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from OCP.BRep import BRep_Tool
from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse, BRepAlgoAPI_Splitter
from OCP.BRepBuilderAPI import BRepBuilderAPI_MakeEdge, BRepBuilderAPI_MakeFace
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet
from OCP.BRepGProp import BRepGProp
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.BRepPrimAPI import BRepPrimAPI_MakeCone, BRepPrimAPI_MakeCylinder, BRepPrimAPI_MakeTorus
from OCP.BRepTools import BRepTools
from OCP.collections import List_TopoDS_Shape
from OCP.GC import GC_MakeArcOfCircle
from OCP.gp import gp_Ax2, gp_Dir, gp_Pln, gp_Pnt
from OCP.GProp import GProp_GProps
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Shape

from dcc.cad.kernel import points_of, sub_shapes, triangles_of
from dcc.cad.mesh.patching import close_sliver, patch_face
from tests.dcc.cad.shapes import box

DEFLECTION, ANGLE = 0.02, 0.25


def axis(x: float, y: float, z: float, down: bool = False) -> gp_Ax2:
    return gp_Ax2(gp_Pnt(x, y, z), gp_Dir(0, 0, -1 if down else 1))


def countersunk() -> TopoDS_Shape:
    """A block with a countersunk hole, whose cone goes once around, and a drill point that ends in an apex."""
    shape = box(20, 20, 10)
    for tool in (
        BRepPrimAPI_MakeCone(axis(6, 6, 10, down=True), 4, 2, 2),
        BRepPrimAPI_MakeCylinder(axis(6, 6, -1), 2, 20),
        BRepPrimAPI_MakeCone(axis(15, 15, 10, down=True), 2, 0, 3),
    ):
        shape = BRepAlgoAPI_Cut(shape, tool.Shape()).Shape()
    return shape


def rounded() -> TopoDS_Shape:
    """A block with rounded edges and corners: pieces of cylinders and spheres."""
    block = box(20, 20, 10)
    maker = BRepFilletAPI_MakeFillet(block)
    for edge in sub_shapes(block, TopAbs_ShapeEnum.TopAbs_EDGE):
        maker.Add(2, TopoDS.Edge(edge))
    return maker.Shape()


def ring_on_plate() -> TopoDS_Shape:
    """A torus half sunk into a plate: a face that is curved both ways."""
    return BRepAlgoAPI_Fuse(box(20, 20, 10), BRepPrimAPI_MakeTorus(axis(10, 10, 10), 5, 1.5).Shape()).Shape()


def open_edges_and_volume(shape: TopoDS_Shape) -> tuple[int, float]:
    """Of the triangulation that the faces of ``shape`` carry, welded where points are equal."""
    corners = []
    for item in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE):
        mesh = BRep_Tool.Triangulation_s(TopoDS.Face(item), TopLoc_Location())
        triangles = points_of(mesh.MapNodeArray())[triangles_of(mesh.MapTriangleArray())]
        corners.append(triangles[:, ::-1] if item.Orientation() == TopAbs_Orientation.TopAbs_REVERSED else triangles)
    points = np.concatenate(corners)
    welded = np.unique(points.reshape(-1, 3) + 0.0, axis=0, return_inverse=True)[1].reshape(-1, 3)
    welded = welded[(welded != np.roll(welded, 1, axis=1)).all(axis=1)].astype(np.int64)
    edges = np.concatenate([welded[:, [0, 1]], welded[:, [1, 2]], welded[:, [2, 0]]])
    open_edges = np.setxor1d(edges @ [1 << 32, 1], edges @ [1, 1 << 32])
    return len(open_edges), float(np.linalg.det(points).sum() / 6)


@pytest.mark.parametrize("make", [countersunk, rounded, ring_on_plate])
def test_whichever_face_is_missing_the_mesh_is_closed_again_and_has_the_volume(
    make: Callable[[], TopoDS_Shape],
) -> None:
    shape = make()
    exact = GProp_GProps()
    BRepGProp.VolumeProperties_s(shape, exact)
    faces = len(sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    for number in range(1, faces + 1):
        BRepTools.Clean_s(shape)
        BRepMesh_IncrementalMesh(shape, DEFLECTION, False, ANGLE, False)
        face = TopoDS.Face(sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE)[number - 1])
        BRepTools.Clean_s(face)
        assert patch_face(shape, face, DEFLECTION, ANGLE), number
        open_edges, volume = open_edges_and_volume(shape)
        assert open_edges == 0, number
        assert volume == pytest.approx(exact.Mass(), rel=0.005), number


def test_a_sliver_between_two_edges_is_closed() -> None:
    """A lens between two arcs, in a plate that is cut along both."""
    start, end = gp_Pnt(0, 0, 0), gp_Pnt(10, 0, 0)
    arcs = [
        BRepBuilderAPI_MakeEdge(GC_MakeArcOfCircle(start, gp_Pnt(5, bulge, 0), end).Value()).Edge()
        for bulge in (1.0, 1.4)
    ]
    plate = BRepBuilderAPI_MakeFace(gp_Pln(), -5, 15, -5, 5).Face()
    cuts = List_TopoDS_Shape()
    for arc in arcs:
        cuts.Append(arc)
    splitter = BRepAlgoAPI_Splitter()
    arguments = List_TopoDS_Shape()
    arguments.Append(plate)
    splitter.SetArguments(arguments)
    splitter.SetTools(cuts)
    splitter.Build()
    shape = splitter.Shape()
    BRepMesh_IncrementalMesh(shape, DEFLECTION, False, ANGLE, False)
    found = [TopoDS.Face(face) for face in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE)]
    assert len(found) == 2
    lens = min(found, key=lambda face: len(sub_shapes(face, TopAbs_ShapeEnum.TopAbs_EDGE)))
    whole, _ = open_edges_and_volume(shape)
    BRepTools.Clean_s(lens)
    assert close_sliver(shape, lens, DEFLECTION, ANGLE)
    assert open_edges_and_volume(shape)[0] == whole
    assert not close_sliver(shape, next(face for face in found if face is not lens), DEFLECTION, ANGLE)
