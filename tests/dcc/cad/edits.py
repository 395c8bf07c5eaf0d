"""Edits of assemblies: what engineers and their exporters do to a model between two revisions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.dcc.cad.product_edits import PRODUCT_EDITS
from tests.dcc.cad.revisions import Model, PartSpec, Place, block, unlike

Edit = Callable[[Model, random.Random], Model]


def _pick(model: Model, random_: random.Random) -> int:
    return random_.randrange(len(model.parts))


def _elsewhere(random_: random.Random) -> Place:
    """Where nothing else of a model stands, and no other newcomer will."""
    return -random_.uniform(400, 2000), -random_.uniform(400, 2000), round(random_.uniform(-90, 90), 1), 0.0


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
    return model.changed(index, places=(*places, _elsewhere(random_)))


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
    shape = block(random_, 70, 90)
    identity = f"new{random_.randrange(10**6)}"
    new = PartSpec(identity, f"Added {identity}", shape, (_elsewhere(random_),))
    at = random_.randrange(len(model.parts) + 1)
    return replace(model, parts=(*model.parts[:at], new, *model.parts[at:]))


def add_twin_under_other_name(model: Model, random_: random.Random) -> Model:
    part = model.parts[_pick(model, random_)]
    new = replace(part, identity=f"twin{random_.randrange(10**6)}", name="Twin piece", places=(_elsewhere(random_),))
    return replace(model, parts=(*model.parts, new))


def add_mirrored(model: Model, random_: random.Random) -> Model:
    part = model.parts[_pick(model, random_)]
    shape = replace(part.shape, mirrored=not part.shape.mirrored)
    identity = f"mirror{random_.randrange(10**6)}"
    new = replace(part, identity=identity, name=f"{part.name} left", shape=shape, places=(_elsewhere(random_),))
    return replace(model, parts=(*model.parts, new))


def remove_part(model: Model, random_: random.Random) -> Model:
    """A part goes. (The only part of a model is the one it was: two are left.)"""
    index = _pick(model, random_)
    rest = model.parts[:index] + model.parts[index + 1 :]
    return replace(model, parts=rest) if len(rest) > 1 else model


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
    whole = [index for index, part in enumerate(model.parts) if not part.shape.half]
    if not whole:
        return model
    index = random_.choice(whole)
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


def add_namesake(model: Model, random_: random.Random) -> Model:
    """Another part that happens to have the name of one that is there."""
    part = model.parts[_pick(model, random_)]
    new = PartSpec(_stranger(random_), part.name, block(random_, 70, 90), (_elsewhere(random_),), part.group)
    return replace(model, parts=(new, *model.parts))


def add_to_family(model: Model, random_: random.Random) -> Model:
    """A part as another one but a little longer, under the same name: a family of parts grows."""
    part = model.parts[_pick(model, random_)]
    shape = replace(part.shape, a=round(part.shape.a * random_.choice((1.02, 1.06)), 3))
    new = replace(part, identity=_stranger(random_), shape=shape, places=(_elsewhere(random_),))
    return replace(model, parts=(*model.parts, new))


def replace_by_namesake(model: Model, random_: random.Random) -> Model:
    """A part goes, and one of its name and of another shape comes, at its place or elsewhere."""
    index = _pick(model, random_)
    places = random_.choice((model.parts[index].places, (_elsewhere(random_),)))
    shape = unlike(model.parts[index].shape, random_)
    return model.changed(index, identity=_stranger(random_), shape=shape, places=places)


def replace_in_place(model: Model, random_: random.Random) -> Model:
    """A part goes, and another of its size stands where it stood. (The only part of a model is the one it was.)"""
    if len(model.parts) < 2:
        return model
    index = _pick(model, random_)
    size = max(model.parts[index].shape.a, model.parts[index].shape.b)
    identity = _stranger(random_)
    return model.changed(index, identity=identity, name=f"Other make {identity}", shape=block(random_, 7, size))


def swap_places(model: Model, random_: random.Random) -> Model:
    if len(model.parts) < 2:
        return model
    one, other = random_.sample(range(len(model.parts)), 2)
    first, second = model.parts[one].places, model.parts[other].places
    if model.parts[one].shape == model.parts[other].shape:
        return model  # It would look as if they had changed names.
    return model.changed(one, places=second).changed(other, places=first)


def number_names(model: Model, random_: random.Random) -> Model:
    """An exporter that calls everything by a number, and counts in another order."""
    order = random_.sample(range(len(model.parts)), len(model.parts))
    return replace(
        model,
        parts=tuple(replace(part, name=f"Part {number + 1}") for number, part in zip(order, model.parts, strict=True)),
    )


def turn_all(model: Model, random_: random.Random) -> Model:
    return replace(model, turned=model.turned + random_.choice((90.0, 180.0, 33.0)))


def move_group(model: Model, _: random.Random) -> Model:
    """A sub-assembly is moved as a whole."""
    return replace(
        model,
        parts=tuple(
            replace(part, places=tuple((x + 55.0, y + 20.0, z, degrees) for x, y, z, degrees in part.places))
            if part.group == "Drive"
            else part
            for part in model.parts
        ),
    )


def wrong_unit(model: Model, _: random.Random) -> Model:
    """Inches taken for millimetres."""
    return replace(
        model,
        parts=tuple(
            replace(
                part,
                shape=part.shape.scaled(25.4),
                places=tuple((x * 25.4, y * 25.4, z * 25.4, degrees) for x, y, z, degrees in part.places),
            )
            for part in model.parts
        ),
    )


def _stranger(random_: random.Random) -> str:
    return f"new{random_.randrange(10**6)}"


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
    "add a namesake": add_namesake,
    "add to a family": add_to_family,
    "replace by a namesake": replace_by_namesake,
    "replace in place": replace_in_place,
    "swap places": swap_places,
    "number the names": number_names,
    "turn everything": turn_all,
    "move a sub-assembly": move_group,
    "mistake the unit": wrong_unit,
    **PRODUCT_EDITS,
}


COPIES = {"add to a family"}
RESHAPED = {"lengthen", "fillet", "move the hole", "add a hole"}
GONE = {
    "remove a part",
    "remove half",
    "split",
    "replace by a namesake",
    "replace in place",
    "replace by a mirrored part",
    "swap the hand",
    "another supplier's sub-assembly",
}


def some_edits(random_: random.Random, count: int) -> list[str]:
    """At most ``count`` kinds of edit, of which one can tell afterwards what was done."""
    return decidable(random_.sample(sorted(EDITS), count))


def decidable(edits: Sequence[str]) -> list[str]:
    """``edits`` without those that make one thing look like another.

    The original gone and a copy of its name elsewhere is what a part looks like that was moved and a little changed; a
    half whose other half is gone is a part that was cut; a mirror image that was changed, too, is a part that was
    changed so much that it leans the other way.
    """
    if COPIES & set(edits):
        return [edit for edit in edits if edit not in GONE]
    if RESHAPED & set(edits):
        return [edit for edit in edits if edit != "swap the hand"]
    return [edit for edit in edits if not edit.startswith("remove") or "split" not in edits]


def revise(model: Model, edits: Sequence[str], random_: random.Random) -> Model:
    """The model after some of :data:`EDITS`, one after the other."""
    for name in edits:
        model = EDITS[name](model, random_)
    return model
