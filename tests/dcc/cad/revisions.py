"""Assemblies described as plain data, edits of them, and their conversion by the real kernel.

Each part carries an ``identity`` that the edits keep; it travels through STEP as the material's name, which the
matching does not look at, so that a test knows which part of the new revision really is which of the old one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from OCP.BRepAlgoAPI import BRepAlgoAPI_Cut, BRepAlgoAPI_Fuse
from OCP.BRepBuilderAPI import BRepBuilderAPI_Transform
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
        shape = BRepPrimAPI_MakeBox(self.a, self.b, self.c).Shape()
        rib = BRepPrimAPI_MakeBox(gp_Pnt(0, 0, self.c * 0.9), self.a * 0.6, self.b * 0.15, self.c * 0.4).Shape()
        tab = BRepPrimAPI_MakeBox(gp_Pnt(-self.a * 0.2, self.b * 0.7, 0), self.a * 0.3, self.b * 0.2, self.c * 0.5)
        shape = BRepAlgoAPI_Fuse(BRepAlgoAPI_Fuse(shape, rib).Shape(), tab.Shape()).Shape()
        shape = self._drill(shape, self.hole)
        if self.second_hole:
            shape = self._drill(shape, 0.82)
        if self.fillet:
            shape = self._round(shape)
        if self.half:
            knife = BRepPrimAPI_MakeBox(gp_Pnt(self.a * 0.5, -self.b, -self.c), self.a, self.b * 3, self.c * 4)
            shape = BRepAlgoAPI_Cut(shape, knife.Shape()).Shape()
        if self.mirrored:
            mirror = gp_Trsf()
            mirror.SetMirror(gp_Ax2(gp_Pnt(0, 0, 0), gp_Dir(1, 0, 0)))
            shape = BRepBuilderAPI_Transform(shape, mirror, True).Shape()
        return shape

    def scaled(self, factor: float) -> Shape:
        return replace(self, a=self.a * factor, b=self.b * factor, c=self.c * factor)

    def _drill(self, shape: TopoDS_Shape, where: float) -> TopoDS_Shape:
        axis = gp_Ax2(gp_Pnt(self.a * where, self.b * 0.45, -1), gp_Dir(0, 0, 1))
        drill = BRepPrimAPI_MakeCylinder(axis, min(self.a, self.b) * 0.09, self.c * 3).Shape()
        return BRepAlgoAPI_Cut(shape, drill).Shape()

    def _round(self, shape: TopoDS_Shape) -> TopoDS_Shape:
        maker = BRepFilletAPI_MakeFillet(shape)
        edges = TopExp_Explorer(shape, TopAbs_ShapeEnum.TopAbs_EDGE)
        maker.Add(self.fillet, TopoDS.Edge(edges.Current()))
        return maker.Shape()


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
    """A whole assembly; ``identity`` of a part may stand twice where one product became several."""

    parts: tuple[PartSpec, ...]
    unit: str = "MM"
    root: str = "Machine"
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
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
        shape = _block(random_, 12, 60)
        count = random_.choice((1, 1, 1, 2, 4))
        places = tuple(
            (number * 150.0, place * 130.0, random_.choice((0.0, 40.0)), random_.choice((0.0, 90.0, 33.0)))
            for place in range(count)
        )
        parts.append(PartSpec(f"id{number}", name, shape, places, random_.choice(("", "", "Drive", "Frame"))))
    return Model(tuple(parts))


def _block(random_: random.Random, smallest: float, largest: float) -> Shape:
    a, b, c = (round(random_.uniform(smallest, largest), 1) for _ in range(3))
    return Shape(a, b, c)


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
            writer.place(groups.get(part.group, top), label, _transform(place, model.shift))
    writer.write(step)
    return step


def _transform(place: Place, shift: tuple[float, float, float]) -> gp_Trsf:
    x, y, z, degrees = place
    transform = gp_Trsf()
    transform.SetRotation(gp_Ax1(gp_Pnt(0, 0, 0), gp_Dir(0, 0, 1)), math.radians(degrees))
    transform.SetTranslationPart(gp_Vec(x + shift[0], y + shift[1], z + shift[2]))
    return transform


Edit = Callable[[Model, random.Random], Model]


def _pick(model: Model, random_: random.Random) -> int:
    return random_.randrange(len(model.parts))


def _renamed(model: Model, rename: Callable[[str], str]) -> Model:
    return replace(model, parts=tuple(replace(part, name=rename(part.name)) for part in model.parts))


def rename(model: Model, random_: random.Random) -> Model:
    return model.changed(_pick(model, random_), name=f"Item {random_.randrange(1000, 9999)}")


def suffix_all(model: Model, random_: random.Random) -> Model:
    ending = random_.choice((" v7", ":1", ".prt", "_copy", "_ASM"))
    return _renamed(model, lambda name: name + ending)


def change_case(model: Model, _: random.Random) -> Model:
    return _renamed(model, lambda name: name.upper().replace(" ", "_"))


def unicode_name(model: Model, random_: random.Random) -> Model:
    return model.changed(_pick(model, random_), name=random_.choice(("Gehäuse Ölwanne", "支架", "Крышка", "Bügel ½″")))


def empty_names(model: Model, _: random.Random) -> Model:
    return _renamed(model, lambda name: "")


def equal_names(model: Model, _: random.Random) -> Model:
    return _renamed(model, lambda name: "Part")


def swap_names(model: Model, random_: random.Random) -> Model:
    if len(model.parts) < 2:
        return model
    one, other = random_.sample(range(len(model.parts)), 2)
    first, second = model.parts[one].name, model.parts[other].name
    return model.changed(one, name=second).changed(other, name=first)


def reorder(model: Model, random_: random.Random) -> Model:
    return replace(model, parts=tuple(random_.sample(model.parts, len(model.parts))))


def reparent(model: Model, random_: random.Random) -> Model:
    return model.changed(_pick(model, random_), group=random_.choice(("", "Drive", "Frame", "New group")))


def insert_level(model: Model, _: random.Random) -> Model:
    return replace(model, level="Exported assembly")


def rename_root(model: Model, _: random.Random) -> Model:
    return replace(model, root="Machine rev B")


def move(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    places = tuple((x + 17.0, y - 9.0, z + 3.0, degrees) for x, y, z, degrees in model.parts[index].places)
    return model.changed(index, places=places)


def move_all(model: Model, random_: random.Random) -> Model:
    return replace(model, shift=(random_.uniform(-500, 500), random_.uniform(-500, 500), 130.0))


def turn(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    places = tuple((x, y, z, degrees + 45.0) for x, y, z, degrees in model.parts[index].places)
    return model.changed(index, places=places)


def add_occurrence(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    places = model.parts[index].places
    return model.changed(index, places=(*places, (-200.0, 60.0 * len(places), 0.0, 0.0)))


def remove_occurrence(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    return model.changed(index, places=model.parts[index].places[:1])


def deinstance(model: Model, random_: random.Random) -> Model:
    repeated = [index for index, part in enumerate(model.parts) if len(part.places) > 1]
    if not repeated:
        return model
    index = random_.choice(repeated)
    part = model.parts[index]
    copies = tuple(
        replace(part, name=part.name if number == 0 else f"{part.name}_{number}", places=(place,))
        for number, place in enumerate(part.places)
    )
    return replace(model, parts=model.parts[:index] + copies + model.parts[index + 1 :])


def add_part(model: Model, random_: random.Random) -> Model:
    shape = _block(random_, 70, 90)
    identity = f"new{random_.randrange(10**6)}"
    new = PartSpec(identity, f"Added {identity}", shape, ((0.0, -300.0, 0.0, 0.0),))
    at = random_.randrange(len(model.parts) + 1)
    return replace(model, parts=(*model.parts[:at], new, *model.parts[at:]))


def add_twin_under_other_name(model: Model, random_: random.Random) -> Model:
    part = model.parts[_pick(model, random_)]
    new = replace(
        part, identity=f"twin{random_.randrange(10**6)}", name="Twin piece", places=((-400.0, 0.0, 0.0, 0.0),)
    )
    return replace(model, parts=(*model.parts, new))


def add_mirrored(model: Model, random_: random.Random) -> Model:
    part = model.parts[_pick(model, random_)]
    shape = replace(part.shape, mirrored=not part.shape.mirrored)
    identity = f"mirror{random_.randrange(10**6)}"
    new = replace(part, identity=identity, name=f"{part.name} left", shape=shape, places=((-600.0, 0.0, 0.0, 0.0),))
    return replace(model, parts=(*model.parts, new))


def remove_part(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    rest = model.parts[:index] + model.parts[index + 1 :]
    return replace(model, parts=rest) if rest else model


def reshape(**changes: object) -> Edit:
    def edit(model: Model, random_: random.Random) -> Model:
        index = _pick(model, random_)
        return model.changed(index, shape=replace(model.parts[index].shape, **changes))  # type: ignore[arg-type]

    return edit


def scale(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    return model.changed(index, shape=model.parts[index].shape.scaled(random_.choice((0.95, 1.03, 1.1))))


def lengthen(model: Model, random_: random.Random) -> Model:
    index = _pick(model, random_)
    shape = model.parts[index].shape
    return model.changed(index, shape=replace(shape, a=round(shape.a * 1.08, 2)))


def split(model: Model, random_: random.Random) -> Model:
    """One part becomes two halves: neither is the old part for certain."""
    index = _pick(model, random_)
    part = model.parts[index]
    halves = tuple(
        replace(part, identity=f"half{side}-{part.identity}", name=f"{part.name} {side}", shape=shape)
        for side, shape in (
            ("upper", replace(part.shape, half=True)),
            ("lower", replace(part.shape, half=True, mirrored=not part.shape.mirrored)),
        )
    )
    return replace(model, parts=model.parts[:index] + halves + model.parts[index + 1 :])


def change_unit(model: Model, _: random.Random) -> Model:
    return replace(model, unit="INCH" if model.unit == "MM" else "MM")


EDITS: dict[str, Edit] = {
    "rename": rename,
    "suffix all names": suffix_all,
    "change case": change_case,
    "unicode name": unicode_name,
    "empty names": empty_names,
    "all names equal": equal_names,
    "swap names": swap_names,
    "reorder": reorder,
    "re-parent": reparent,
    "insert a level": insert_level,
    "rename the root": rename_root,
    "move": move,
    "move everything": move_all,
    "turn": turn,
    "add an occurrence": add_occurrence,
    "remove occurrences": remove_occurrence,
    "de-instance": deinstance,
    "add a part": add_part,
    "add a twin under another name": add_twin_under_other_name,
    "add a mirrored part": add_mirrored,
    "remove a part": remove_part,
    "scale": scale,
    "lengthen": lengthen,
    "fillet": reshape(fillet=1.0),
    "move the hole": reshape(hole=0.5),
    "add a hole": reshape(second_hole=True),
    "split": split,
    "change the unit": change_unit,
}


@dataclass
class Tally:
    """How the material assignments of one or more revisions fared."""

    right: int = 0
    asked: int = 0
    """Listed as uncertain: not lost, a person decides."""
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.right + self.asked + self.lost + len(self.wrong)
