"""Edits of whole products: what happens to many parts at once between two releases."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tests.dcc.cad.revisions import NAMES, Model, PartSpec, unlike

Edit = Callable[[Model, random.Random], Model]

GERMAN = dict(
    zip(
        NAMES,
        ("Grundplatte", "Halter", "Deckel", "Flansch", "Welle", "Hebel", "Distanz", "Gehäuse", "Klemme", "Schiene"),
        strict=True,
    )
)


def _each(model: Model, change: Callable[[PartSpec, int], PartSpec]) -> Model:
    return replace(model, parts=tuple(change(part, number) for number, part in enumerate(model.parts)))


def other_system(model: Model, random_: random.Random) -> Model:
    """Exported from another CAD system: numbers for names, another order, no sub-assemblies, another unit."""
    parts = random_.sample(model.parts, len(model.parts))
    first = random_.randrange(10_000, 90_000)
    exported = replace(model, parts=tuple(parts), root="ASM0001", unit="INCH", level="")
    return _each(exported, lambda part, number: replace(part, name=f"{first + 7 * number}-000", group=""))


def flatten(model: Model, _: random.Random) -> Model:
    return _each(replace(model, level=""), lambda part, _: replace(part, group=""))


def merge_groups(model: Model, _: random.Random) -> Model:
    """Two sub-assemblies become one, of another name."""
    return _each(model, lambda part, _: replace(part, group="Machine frame" if part.group else ""))


def halve(model: Model, random_: random.Random) -> Model:
    """Half of the parts are deleted; of a small model, none."""
    if len(model.parts) < 3:
        return model
    kept = sorted(random_.sample(range(len(model.parts)), (len(model.parts) + 1) // 2))
    return replace(model, parts=tuple(model.parts[index] for index in kept))


def other_axis_and_unit(model: Model, random_: random.Random) -> Model:
    """Exported with y up, in inches."""
    return replace(model, unit="INCH", tilted=random_.choice((90.0, -90.0)))


def translate_names(model: Model, _: random.Random) -> Model:
    def translated(part: PartSpec, _: int) -> PartSpec:
        name = part.name
        for english, german in GERMAN.items():
            name = name.replace(english, german)
        return replace(part, name=name)

    return _each(model, translated)


def mark_names(model: Model, random_: random.Random) -> Model:
    """What revision control and file managers put before and behind every name."""
    before, behind = random_.choice(
        (("", "_rev2"), ("", " (1)"), ("", ":2"), ("", " - Kopie"), ("Kopie von ", ""), ("Copy of ", ""), ("", ".001"))
    )
    return _each(model, lambda part, _: replace(part, name=f"{before}{part.name}{behind}"))


def mark_some_names(model: Model, random_: random.Random) -> Model:
    """Each name gets its own revision, and some none."""
    return _each(model, lambda part, _: replace(part, name=part.name + random_.choice(("", "_rev2", "_rev3", " copy"))))


def replace_group(model: Model, random_: random.Random) -> Model:
    """A sub-assembly comes from another supplier, who gives his parts the same names."""
    return _each(
        model,
        lambda part, _: (
            replace(part, identity=f"new{random_.randrange(10**6)}", shape=unlike(part.shape, random_))
            if part.group == "Drive"
            else part
        ),
    )


def swap_hand(model: Model, random_: random.Random, index: int | None = None) -> Model:
    """A part goes; its mirror image comes to its place, under its name."""
    index = random_.randrange(len(model.parts)) if index is None else index
    shape = model.parts[index].shape
    mirrored = replace(shape, mirrored=not shape.mirrored)
    return model.changed(index, identity=f"mirror{random_.randrange(10**6)}", shape=mirrored)


def replace_by_mirrored(model: Model, random_: random.Random) -> Model:
    """A part goes; its mirror image comes elsewhere, under another name."""
    index = random_.randrange(len(model.parts))
    place = (-random_.uniform(400, 2000), -random_.uniform(400, 2000), 0.0, 0.0)
    return swap_hand(model, random_, index).changed(index, name="Other hand", places=(place,))


PRODUCT_EDITS: dict[str, Edit] = {
    "export from another system": other_system,
    "flatten": flatten,
    "merge sub-assemblies": merge_groups,
    "remove half": halve,
    "turn the up axis, change the unit": other_axis_and_unit,
    "translate names": translate_names,
    "mark all names": mark_names,
    "mark some names": mark_some_names,
    "another supplier's sub-assembly": replace_group,
    "swap the hand": swap_hand,
    "replace by a mirrored part": replace_by_mirrored,
}
