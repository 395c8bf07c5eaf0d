"""Assemblies for the conversion benchmark, made by the CAD kernel: many occurrences, many distinct products."""

from __future__ import annotations

import math
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax2, gp_Dir, gp_Pnt
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS, TopoDS_Shape

from dcc.cad.step_writer import StepWriter
from tests.dcc.cad.shapes import at


def plate(length: float, width: float, height: float, holes: int) -> TopoDS_Shape:
    """A plate with a grid of holes, two steps and rounded edges: what a machined part consists of."""
    shape = BRepPrimAPI_MakeBox(length, width, height).Shape()
    rounding = BRepFilletAPI_MakeFillet(shape)
    edges = TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_EDGE)
    while edges.More():
        rounding.Add(height / 8, TopoDS.Edge(edges.Current()))
        edges.Next()
    shape = rounding.Shape()
    columns = math.ceil(math.sqrt(holes))
    for number in range(holes):
        x, y = divmod(number, columns)
        place = gp_Pnt((x + 1) * length / (columns + 1), (y + 1) * width / (columns + 1), -1)
        drill = BRepPrimAPI_MakeCylinder(
            gp_Ax2(place, gp_Dir(0, 0, 1)), min(length, width) / (3 * columns + 3), height + 2
        )
        shape = BRepAlgoAPI_Cut(shape, drill.Shape()).Shape()
    return shape


def write_products(path: Path, count: int, holes: int = 16) -> None:
    """``count`` distinct products in sub-assemblies of ten, every other one placed twice."""
    step = StepWriter()
    root = step.assembly("Machine")
    for start in range(0, count, 10):
        group = step.assembly(f"Group {start // 10}")
        for number in range(start, min(start + 10, count)):
            shape = plate(40 + number % 7 * 3 + number * 0.01, 30 + number % 5 * 2, 6 + number % 3, holes)
            part = step.part(f"Plate {number}", shape, color="8a8d90" if number % 2 else "b03020")
            step.place(group, part, at(60 * (number - start)))
            if number % 2:
                step.place(group, part, at(60 * (number - start), 50, 0, 30))
        step.place(root, group, at(0, start * 12))
    step.write(path)


def write_occurrences(path: Path, count: int) -> None:
    """``count`` placed parts of three products, flat: what a CAD system exports of a model of many screws."""
    step = StepWriter()
    root = step.assembly("Panel")
    parts = [
        step.part("Plate", plate(40, 30, 6, 9)),
        step.part("Screw", BRepPrimAPI_MakeCylinder(2, 10).Shape()),
        step.part("Washer", plate(6, 6, 1, 1)),
    ]
    side = math.ceil(math.sqrt(count))
    for number in range(count):
        step.place(root, parts[number % 3], at(50 * (number % side), 40 * (number // side), 0, number % 12 * 30))
    step.write(path)
