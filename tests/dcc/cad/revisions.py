"""Assemblies described as plain data, and their conversion by the real kernel; for edits of them see ``edits``.

Each part carries an ``identity`` that edits keep; it travels through STEP as the material's name, which the
matching does not look at, so that a test knows which part of the new revision really is which of the old one.
"""

from __future__ import annotations

import functools
import math
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import BRepBuilderAPI_Copy, BRepBuilderAPI_Transform
from OCP.BRepFilletAPI import BRepFilletAPI_MakeFillet
from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox, BRepPrimAPI_MakeCylinder
from OCP.gp import gp_Ax1, gp_Ax2, gp_Dir, gp_Pnt, gp_Trsf, gp_Vec
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopExp import TopExp_Explorer
from OCP.TopoDS import TopoDS, TopoDS_Shape

from dcc.cad.convert import convert
from dcc.cad.settings import Settings, tessellation
from dcc.cad.step_writer import StepWriter
from shared.manifest import Manifest

Place = tuple[float, float, float, float]
"""x, y, z in mm and the rotation about z in degrees."""

NAMES = ("Base plate", "Bracket", "Cover", "Flange", "Shaft", "Lever", "Spacer", "Housing", "Clamp", "Guide rail")


@dataclass(frozen=True)
class Shape:
    """A block ``a`` x ``b`` x ``c`` mm with a hole and a rib (which makes it handed), and what was done to it."""

    a: float
    b: float
    c: float
    hole: float = 0.3
    second_hole: bool = False
    fillet: float = 0.0
    mirrored: bool = False
    half: bool = False

    def build(self) -> TopoDS_Shape:
        # A shape that two products shared would make them one.
        return BRepBuilderAPI_Copy(_built(self)).Shape()

    def scaled(self, factor: float) -> Shape:
        return replace(self, a=self.a * factor, b=self.b * factor, c=self.c * factor)


@functools.lru_cache(maxsize=1 << 12)
def _built(shape: Shape) -> TopoDS_Shape:
    a, b, c = shape.a, shape.b, shape.c
    rib = BRepPrimAPI_MakeBox(gp_Pnt(0, 0, c * 0.9), a * 0.6, b * 0.15, c * 0.4).Shape()
    tab = BRepPrimAPI_MakeBox(gp_Pnt(-a * 0.2, b * 0.7, 0), a * 0.3, b * 0.2, c * 0.5).Shape()
    solid = BRepAlgoAPI_Fuse(BRepPrimAPI_MakeBox(a, b, c).Shape(), rib).Shape()
    solid = BRepAlgoAPI_Fuse(solid, tab).Shape()
    for where in (shape.hole, *((0.82,) if shape.second_hole else ())):
        axis = gp_Ax2(gp_Pnt(a * where, b * 0.45, -1), gp_Dir(0, 0, 1))
        solid = BRepAlgoAPI_Cut(solid, BRepPrimAPI_MakeCylinder(axis, min(a, b) * 0.09, c * 3).Shape()).Shape()
    if shape.fillet:
        maker = BRepFilletAPI_MakeFillet(solid)
        edges = TopExp_Explorer(solid, TopAbs_ShapeEnum.TopAbs_EDGE)
        maker.Add(shape.fillet, TopoDS.Edge(edges.Current()))
        solid = maker.Shape()
    if shape.half:
        knife = BRepPrimAPI_MakeBox(gp_Pnt(a * 0.5, -b, -c), a, b * 3, c * 4)
        solid = BRepAlgoAPI_Cut(solid, knife.Shape()).Shape()
    if shape.mirrored:
        mirror = gp_Trsf()
        mirror.SetMirror(gp_Ax2(gp_Pnt(0, 0, 0), gp_Dir(1, 0, 0)))
        solid = BRepBuilderAPI_Transform(solid, mirror, True).Shape()
    return solid


@dataclass(frozen=True)
class PartSpec:
    """A product and where it stands; ``group`` names its sub-assembly, empty for the root."""

    identity: str
    name: str
    shape: Shape
    places: tuple[Place, ...]
    group: str = ""


@dataclass(frozen=True)
class Model:
    """A whole assembly; ``identity`` of a part may stand twice where one product became several.

    ``shift`` (mm), ``turned`` (degrees about z) and ``tilted`` (about x) move everything; ``level`` names an assembly
    between root and parts.
    """

    parts: tuple[PartSpec, ...]
    unit: str = "MM"
    root: str = "Machine"
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turned: float = 0.0
    tilted: float = 0.0
    level: str = ""

    def changed(self, index: int, **changes: object) -> Model:
        parts = list(self.parts)
        parts[index] = replace(parts[index], **changes)  # type: ignore[arg-type]
        return replace(self, parts=tuple(parts))


def make_model(random_: random.Random, size: int) -> Model:
    """An assembly of ``size`` products of clearly different shapes, some repeated, some in sub-assemblies."""
    names = random_.sample(NAMES, size)
    parts = []
    for number, name in enumerate(names):
        shape = block(random_, 12, 60)
        count = random_.choice((1, 1, 1, 2, 4))
        places = tuple(
            (number * 150.0, place * 130.0, random_.choice((0.0, 40.0)), random_.choice((0.0, 90.0, 33.0)))
            for place in range(count)
        )
        parts.append(PartSpec(f"id{number}", name, shape, places, random_.choice(("", "", "Drive", "Frame"))))
    return Model(tuple(parts))


def make_family(random_: random.Random, size: int) -> Model:
    """An assembly of ``size`` products that differ in one measure by a few percent, named by one word and a number."""
    first, step = block(random_, 20, 60), random_.choice((0.02, 0.05, 0.12))
    name = random_.choice(NAMES)
    parts = []
    for number in range(size):
        shape = replace(first, a=round(first.a * (1 + step * number), 3))
        places = tuple((number * 150.0, place * 130.0, 0.0, 0.0) for place in range(random_.choice((1, 1, 3))))
        parts.append(PartSpec(f"id{number}", f"{name} {number + 1}", shape, places, random_.choice(("", "Drive"))))
    return Model(tuple(parts))


def unlike(shape: Shape, random_: random.Random) -> Shape:
    """A shape that nobody takes for a changed ``shape``: several times as large, and of other proportions."""
    size = max(shape.a, shape.b, shape.c)
    return block(random_, 1.8 * size, 3.2 * size)


def block(random_: random.Random, smallest: float, largest: float) -> Shape:
    """A shape with sides between two lengths (mm)."""
    a, b, c = (round(random_.uniform(smallest, largest), 1) for _ in range(3))
    return Shape(a, b, c)


@functools.lru_cache(maxsize=64)
def manifest_of(model: Model) -> tuple[Manifest, dict[str, str]]:
    """As :func:`convert_model`, and remembered; not to be changed."""
    with tempfile.TemporaryDirectory() as folder:
        return convert_model(model, Path(folder))


def convert_model(model: Model, folder: Path) -> tuple[Manifest, dict[str, str]]:
    """The manifest of a model, and the identity of each of its partKeys."""
    settings = Settings(tessellation(None, 0.01, 0.6), processes=1)
    manifest = convert(write_model(model, folder), folder / "out", settings).manifest
    return manifest, {part.part_key: part.step_material or "" for part in manifest.parts}


def write_model(model: Model, folder: Path) -> Path:
    """The model as a STEP file in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    step = folder / "model.step"
    writer = StepWriter(model.unit)
    root = top = writer.assembly(model.root)
    if model.level:
        top = writer.assembly(model.level)
        writer.place(root, top)
    groups = {name: writer.assembly(name) for name in sorted({part.group for part in model.parts if part.group})}
    for group in groups.values():
        writer.place(top, group)
    for part in model.parts:
        label = writer.part(part.name, part.shape.build(), material=part.identity)
        for place in part.places:
            writer.place(groups.get(part.group, top), label, _transform(place, model))
    writer.write(step)
    return step


def _transform(place: Place, model: Model) -> gp_Trsf:
    x, y, z, degrees = place
    tilted = gp_Trsf()
    tilted.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(1, 0, 0)), math.radians(model.tilted))
    whole = tilted.Multiplied(_placed((*model.shift, model.turned)))
    return whole.Multiplied(_placed((x, y, z, degrees)))


def _placed(place: Place) -> gp_Trsf:
    x, y, z, degrees = place
    transform = gp_Trsf()
    transform.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), math.radians(degrees))
    transform.SetTranslationPart(gp_Vec(x, y, z))
    return transform
