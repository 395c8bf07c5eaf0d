"""Edited revisions of real STEP files, and which part of each really is which."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcc.cad.convert import convert
from dcc.cad.identity.matching import match_revisions
from dcc.cad.identity.part_table import centers_of
from dcc.cad.settings import Settings, tessellation
from shared.manifest import Manifest, Part
from tests.dcc.cad.fates import Tally, check_complete
from tests.dcc.cad.step_text import TEXT_EDITS, StepText

SETTINGS = Settings(tessellation(None, 0.05, 1.2), processes=1)


@dataclass(frozen=True)
class Revision:
    """A converted file. ``products``: the products, by their numbers in the file, that each key stands for."""

    manifest: Manifest
    products: dict[str, frozenset[str]]


def edits_of(path: Path, edits: Sequence[str], folder: Path, random_: random.Random) -> Iterator[tuple[str, Tally]]:
    """What became of the parts of a real file after each of some ``TEXT_EDITS``."""
    step = StepText.read(path)
    numbered: dict[str, Manifest] = {}
    before = _revision(step, folder / "before", random_, numbered)
    for edit in edits:
        changed = step.copy()
        TEXT_EDITS[edit](changed, random_)
        yield edit, tally_of(before, _revision(changed, folder / edit, random_, numbered))


def _revision(step: StepText, folder: Path, random_: random.Random, numbered: dict[str, Manifest]) -> Revision:
    """Convert a file, and a copy of it that calls each product by its number: shape and place tell which is which.

    ``numbered``: what such copies were converted to before, by their text; most edits leave it as it is.
    """
    named = convert(step.renumbered(random_).write(folder / "model.step"), folder / "out", SETTINGS).manifest
    labelled = step.copy()
    for product in labelled.products:
        labelled.rename(product, f"Product{product}x")
    copy = labelled.write(folder / "numbers.step")
    text = copy.read_text(encoding="latin-1")
    if text not in numbered:
        numbered[text] = convert(copy, folder / "numbers", SETTINGS).manifest
    truth = numbered[text]
    products = {
        part.part_key: frozenset(_label(other, truth) for other in truth.parts if _contains(part, other))
        for part in named.parts
    }
    return Revision(named, products)


def tally_of(old: Revision, new: Revision) -> Tally:
    """How right the matching of two revisions of a real file is."""
    report = match_revisions(old.manifest, new.manifest)
    check_complete(report, old.manifest, new.manifest)
    asked = {item.new_key for item in report.uncertain}
    known = frozenset().union(*old.products.values())
    tally = Tally()
    for key, products in new.products.items():
        given = [match.old_key for match in report.matches if match.new_key == key]
        right = [old_key for old_key in given if old.products[old_key] & products]
        tally.wrong += [f"{key} was taken for {old_key}" for old_key in given if old_key not in right]
        if not products & known:
            tally.needless += key in asked
        elif right:
            tally.right += 1
        elif key in asked:
            tally.asked += 1
        else:
            tally.lost += 1
    return tally


def _label(part: Part, manifest: Manifest) -> str:
    """A product, and which of its bodies, counted by size."""
    bodies = sorted(
        (other for other in manifest.parts if other.source_name == part.source_name),
        key=lambda other: (round(other.area, 6), other.center),
    )
    return f"{part.source_name}/{bodies.index(part)}"


def _contains(part: Part, other: Part) -> bool:
    """Whether every occurrence of ``other`` is one of ``part``."""
    if not np.isclose(part.area, other.area, rtol=1e-6) or not np.isclose(part.volume, other.volume, rtol=1e-6):
        return False
    distances = np.linalg.norm(centers_of(other)[:, None] - centers_of(part)[None], axis=2)
    return bool(distances.size) and bool((distances.min(axis=1) < 1e-3).all())
