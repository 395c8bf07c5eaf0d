"""Small shapes and placements for tests, made by the CAD kernel."""

from __future__ import annotations

import math

from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax1, gp_Ax2, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS_Builder, TopoDS_Compound, TopoDS_Shape


def box(x: float = 10, y: float = 20, z: float = 30) -> TopoDS_Shape:
    return BRepPrimAPI_MakeBox(x, y, z).Shape()


def cylinder(radius: float = 5, height: float = 20) -> TopoDS_Shape:
    return BRepPrimAPI_MakeCylinder(radius, height).Shape()


def handed() -> TopoDS_Shape:
    """A shape that differs from its mirror image: three blocks of different size along three edges."""
    from OCP.BRepAlgoAPI import BRepAlgoAPI_Fuse

    shape = box(10, 10, 10)
    for corner, size in (((10, 0, 0), (8, 3, 3)), ((0, 10, 0), (3, 5, 3)), ((0, 0, 10), (2, 3, 6))):
        shape = BRepAlgoAPI_Fuse(shape, BRepPrimAPI_MakeBox(gp_Pnt(*corner), *size).Shape()).Shape()
    return shape


def mirrored(shape: TopoDS_Shape) -> TopoDS_Shape:
    mirror = gp_Trsf()
    mirror.SetMirror(gp_Ax2(gp_Pnt(0, 0, 0), gp_Dir(1, 0, 0)))
    return BRepBuilderAPI_Transform(shape, mirror, True).Shape()


def turned(shape: TopoDS_Shape, *, by: gp_Trsf) -> TopoDS_Shape:
    return BRepBuilderAPI_Transform(shape, by, True).Shape()


def at(x: float = 0, y: float = 0, z: float = 0, degrees: float = 0) -> gp_Trsf:
    """Turned about Z, then moved."""
    place = gp_Trsf()
    place.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), math.radians(degrees))
    place.SetTranslationPart(gp_Vec(x, y, z))
    return place


def compound(*shapes: TopoDS_Shape) -> TopoDS_Shape:
    result = TopoDS_Compound()
    builder = TopoDS_Builder()
    builder.MakeCompound(result)
    for shape in shapes:
        builder.Add(result, shape)
    return result


def faces(shape: TopoDS_Shape) -> list[TopoDS_Shape]:
    found = []
    explorer = TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    while explorer.More():
        found.append(explorer.Current())
        explorer.Next()
    return found
