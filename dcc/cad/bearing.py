"""A deep-groove ball bearing, modelled with the CAD kernel: the model that demonstrations and tests start from.

``python -m dcc.cad.bearing OUT.step`` writes it as a STEP assembly with names, colours and materials::

    Bearing 6204
      Outer ring, Inner ring          STEP material Steel
      Ball and cage assembly
        Cage                          no STEP material
        Ball, placed once per ball    STEP material Chrome
      Seal                            STEP material NBR rubber
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OCP.BRepAlgoAPI import BRepAlgoAPI_Common, BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import (
    BRepBuilderAPI_MakeEdge,
    BRepBuilderAPI_MakeFace,
    BRepBuilderAPI_MakeWire,
    BRepBuilderAPI_Transform,
)
from OCP.BRepLib import BRepLib
from OCP.BRepPrimAPI import BRepPrimAPI_MakeRevol, BRepPrimAPI_MakeSphere
from OCP.collections import List_TopoDS_Shape
from OCP.GC import GC_MakeArcOfCircle
from OCP.gp import gp_Ax1, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.TopoDS import TopoDS, TopoDS_Shape

from dcc.cad.step_writer import StepWriter
from shared.events import tool_main

_AXIS = gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1))


@dataclass(frozen=True)
class Dimensions:
    """Millimetres; the defaults are those of a 6204 (20 x 47 x 14). ``seals``: with 1 the front is open."""

    bore: float = 20.0
    outside: float = 47.0
    width: float = 14.0
    chamfer: float = 1.0
    balls: int = 8
    ball: float = 7.938
    inner_land: float = 28.0
    outer_land: float = 39.0
    seals: int = 1

    @property
    def pitch(self) -> float:
        """Diameter of the circle of ball centres."""
        return (self.bore + self.outside) / 2

    @property
    def groove(self) -> float:
        """Radius of the raceway grooves: a little wider than the balls, as in every bearing."""
        return 0.52 * self.ball

    @property
    def recess(self) -> float:
        """Radius of the seat of the seals in the outer ring."""
        return self.outer_land / 2 + 1.2


class _Profile:
    """A closed outline in the half plane of radius and height, to be turned around the axis."""

    def __init__(self, radius: float, height: float) -> None:
        self._start = self._at = gp_Pnt(radius, 0, height)
        self._wire = BRepBuilderAPI_MakeWire()

    def line(self, radius: float, height: float) -> _Profile:
        end = gp_Pnt(radius, 0, height)
        self._wire.Add(BRepBuilderAPI_MakeEdge(self._at, end).Edge())
        self._at = end
        return self

    def arc(self, through: tuple[float, float], radius: float, height: float) -> _Profile:
        end = gp_Pnt(radius, 0, height)
        arc = GC_MakeArcOfCircle(self._at, gp_Pnt(through[0], 0, through[1]), end).Value()
        self._wire.Add(BRepBuilderAPI_MakeEdge(arc).Edge())
        self._at = end
        return self

    def corner(self, corner: tuple[float, float], radius: float, height: float) -> _Profile:
        """Round a right-angled corner: a quarter circle from here to (radius, height)."""
        bulge = 1 - math.sqrt(0.5)
        start = (self._at.X(), self._at.Z())
        through = [c + bulge * ((s - c) + (e - c)) for c, s, e in zip(corner, start, (radius, height), strict=True)]
        return self.arc((through[0], through[1]), radius, height)

    def revolve(self) -> TopoDS_Shape:
        if not self._at.IsEqual(self._start, 1e-9):
            self.line(self._start.X(), self._start.Z())
        solid = TopoDS.Solid(BRepPrimAPI_MakeRevol(BRepBuilderAPI_MakeFace(self._wire.Wire()).Face(), _AXIS).Shape())
        # Whichever way round the outline was drawn: booleans need the material inside.
        BRepLib.OrientClosedSolid_s(solid)
        return solid


def inner_ring(size: Dimensions) -> TopoDS_Shape:
    """Ring on the shaft: the groove is cut into its outside."""
    bore, land, half, chamfer = size.bore / 2, size.inner_land / 2, size.width / 2, size.chamfer
    edge = 0.4
    bottom = size.pitch / 2 - size.ball / 2
    groove = math.sqrt(size.groove**2 - (bottom + size.groove - land) ** 2)
    return (
        _Profile(bore, -half + chamfer)
        .line(bore, half - chamfer)
        .corner((bore, half), bore + chamfer, half)
        .line(land - edge, half)
        .corner((land, half), land, half - edge)
        .line(land, groove)
        .arc((bottom, 0), land, -groove)
        .line(land, -half + edge)
        .corner((land, -half), land - edge, -half)
        .line(bore + chamfer, -half)
        .corner((bore, -half), bore, -half + chamfer)
        .revolve()
    )


def outer_ring(size: Dimensions) -> TopoDS_Shape:
    """Ring in the housing: the groove is cut into its inside, with a seat for a seal on either side."""
    outside, land, half, chamfer = size.outside / 2, size.outer_land / 2, size.width / 2, size.chamfer
    edge, seat, recess = 0.3, half - 2.0, size.recess
    top = size.pitch / 2 + size.ball / 2
    groove = math.sqrt(size.groove**2 - (top - size.groove - land) ** 2)
    return (
        _Profile(outside, half - chamfer)
        .line(outside, -half + chamfer)
        .corner((outside, -half), outside - chamfer, -half)
        .line(recess + edge, -half)
        .corner((recess, -half), recess, -half + edge)
        .line(recess, -seat)
        .line(land + edge, -seat)
        .corner((land, -seat), land, -seat + edge)
        .line(land, -groove)
        .arc((top, 0), land, groove)
        .line(land, seat - edge)
        .corner((land, seat), land + edge, seat)
        .line(recess, seat)
        .line(recess, half - edge)
        .corner((recess, half), recess + edge, half)
        .line(outside - chamfer, half)
        .corner((outside, half), outside, half - chamfer)
        .revolve()
    )


def ball(size: Dimensions) -> TopoDS_Shape:
    """One ball, at the origin."""
    return BRepPrimAPI_MakeSphere(size.ball / 2).Shape()


def cage(size: Dimensions) -> TopoDS_Shape:
    """Pressed cage: a ribbon that runs flat between the balls and wraps around each of them, with rivets."""
    pitch, radius = size.pitch / 2, size.ball / 2
    half_width, play, sheet, flat = 0.13 * size.ball, 0.12, 0.6, 0.7
    inside, outside = pitch - half_width, pitch + half_width
    ribbon = _ring(inside, outside, flat)
    pockets = [_sphere_at(radius + play, place) for place in ball_places(size)]
    band = _ring(inside, outside, size.ball)
    bulges = [_sphere_at(radius + play + sheet, place) for place in ball_places(size)]
    body = _combine(BRepAlgoAPI_Fuse(), [ribbon], [_combine(BRepAlgoAPI_Common(), [bulge], [band]) for bulge in bulges])
    body = _combine(BRepAlgoAPI_Cut(), [body], pockets)
    return _combine(BRepAlgoAPI_Fuse(), [body], [_rivet(place, flat) for place in _between(size)])


def seal(size: Dimensions) -> TopoDS_Shape:
    """Rubber seal with a bead in the outer ring's seat and a lip at the inner ring; its outer face is up, at z = 0."""
    rim, lip = size.recess - 0.02, size.inner_land / 2 + 0.15
    return (
        _Profile(lip, -0.9)
        .line(lip, -0.5)
        .line(lip + 0.5, -0.35)
        .line(lip + 1.3, -0.35)
        .line(lip + 1.7, -0.1)
        .line(rim - 1.5, -0.1)
        .line(rim - 1.1, -0.4)
        .line(rim - 0.8, -0.4)
        .line(rim - 0.5, 0)
        .line(rim - 0.2, 0)
        .corner((rim, 0), rim, -0.2)
        .line(rim, -1.1)
        .line(rim - 1.2, -1.1)
        .line(rim - 1.6, -0.9)
        .revolve()
    )


def ball_places(size: Dimensions) -> list[gp_Trsf]:
    """Placement of each ball: around the axis, the first half a pitch off the X axis."""
    return [_around(size.pitch / 2, (index + 0.5) / size.balls) for index in range(size.balls)]


def write_bearing(path: str | Path, size: Dimensions | None = None) -> None:
    """Write the bearing as a STEP file.

    Raises StorageError where the disk refuses.
    """
    size = size or Dimensions()
    step = StepWriter()
    bearing = step.assembly("Bearing 6204")
    step.place(bearing, step.part("Outer ring", outer_ring(size), color="b9bec4", material="Steel", density=7.85))
    step.place(bearing, step.part("Inner ring", inner_ring(size), color="b9bec4", material="Steel", density=7.85))
    balls_and_cage = step.assembly("Ball and cage assembly")
    step.place(balls_and_cage, step.part("Cage", cage(size), color="c9a44c"))
    ball_product = step.part("Ball", ball(size), color="e3e6ea", material="Chrome", density=7.81)
    for number, place in enumerate(ball_places(size), 1):
        step.place(balls_and_cage, ball_product, place, name=f"Ball {number}")
    step.place(bearing, balls_and_cage)
    if size.seals:
        seal_product = step.part("Seal", seal(size), color="1b1b1d", material="NBR rubber", density=1.3)
        for place in _seal_places(size)[: size.seals]:
            step.place(bearing, seal_product, place)
    step.write(path)


def _seal_places(size: Dimensions) -> list[gp_Trsf]:
    """The rear seal, turned to face down, and the front seal."""
    depth = size.width / 2 - 0.5
    rear, front = gp_Trsf(), gp_Trsf()
    rear.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(1, 0, 0)), math.pi)
    rear.SetTranslationPart(gp_Vec(0, 0, -depth))
    front.SetTranslation(gp_Vec(0, 0, depth))
    return [rear, front]


def _between(size: Dimensions) -> list[gp_Trsf]:
    return [_around(size.pitch / 2, index / size.balls) for index in range(size.balls)]


def _around(radius: float, turn: float) -> gp_Trsf:
    place = gp_Trsf()
    place.SetRotation(_AXIS, 2 * math.pi * turn)
    place.SetTranslationPart(gp_Vec(radius * math.cos(2 * math.pi * turn), radius * math.sin(2 * math.pi * turn), 0))
    return place


def _ring(inside: float, outside: float, half_height: float) -> TopoDS_Shape:
    profile = _Profile(inside, -half_height).line(outside, -half_height).line(outside, half_height)
    return profile.line(inside, half_height).revolve()


def _sphere_at(radius: float, place: gp_Trsf) -> TopoDS_Shape:
    """A sphere whose poles point to the axis and away from it, and whose seam lies on top: clear of the ribbon."""
    outline = _Profile(0, -radius).arc((radius, 0), 0, radius)
    tilt = gp_Trsf()
    tilt.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 1, 0)), -math.pi / 2)
    return _moved(outline.revolve(), place.Multiplied(tilt))


def _rivet(place: gp_Trsf, flat: float) -> TopoDS_Shape:
    """A rivet through the ribbon with a rounded head on either side."""
    radius, head, round_off = 0.75, 0.4, 0.25
    top = flat + head
    shape = (
        _Profile(0, -top)
        .line(radius - round_off, -top)
        .corner((radius, -top), radius, -top + round_off)
        .line(radius, top - round_off)
        .corner((radius, top), radius - round_off, top)
        .line(0, top)
        .revolve()
    )
    return _moved(shape, place)


def _moved(shape: TopoDS_Shape, place: gp_Trsf) -> TopoDS_Shape:
    return BRepBuilderAPI_Transform(shape, place, True).Shape()


def _combine(operation: Any, shapes: Sequence[TopoDS_Shape], tools: Sequence[TopoDS_Shape]) -> TopoDS_Shape:
    """Run a boolean operation of the kernel on lists of shapes and merge faces that continue each other."""
    arguments, tool_list = List_TopoDS_Shape(), List_TopoDS_Shape()
    for shape in shapes:
        arguments.Append(shape)
    for tool in tools:
        tool_list.Append(tool)
    operation.SetArguments(arguments)
    operation.SetTools(tool_list)
    operation.Build()
    operation.SimplifyResult()
    return operation.Shape()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m dcc.cad.bearing", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.step")
    parser.add_argument("--seals", type=int, choices=(0, 1, 2), default=Dimensions.seals, help="seals to mount (1)")
    options = parser.parse_args(arguments)

    def run() -> dict[str, str]:
        write_bearing(options.out, Dimensions(seals=options.seals))
        return {"step": str(options.out)}

    return tool_main(run)


if __name__ == "__main__":
    sys.exit(main())
