"""Evidence that an old and a new part are the same: shape, name and place, each as a log-likelihood ratio in nats.

How much more likely is what is seen for one part in two revisions than for two different parts? What many parts share
(a name, a shape) tells little, and weighs little.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.manifest import Part
from shared.part_keys import key_name

# Evidence in nats. Calibrated on edited assemblies (tests/cad/test_matching.py) and on published revisions.
_SAME_SHAPE = 8.0
_SAME_NAME = 5.0
_OTHER_NAME = -1.0
_SAME_PLACE = 3.5
_BOTH_PLACES = 4.5
_PLACE_ALONE = 1.0
_OTHER_PLACE = -0.5
_OTHER_SHAPE = -8.0
_MIRRORED = -8.0
_SCALED = 1.0
_ONLY_PART = 3.0

# Relative differences of linear measures: re-exports of one shape stay below the first (most below 1e-12).
_EXACT = 1e-5
_NOISE = 3e-3
_CHANGED = 0.15
_DIFFERENT = 0.7
_HANDED = 0.05
_LEAST_HANDED = 1e-5
AT_PLACE = 0.01
"""Share of its size by which a part may be off and still stand at the same place."""
_LEAST_ANCHORS = 3
_SIMILAR_NAMES_LIMIT = 400

Matrix = NDArray[np.float64]
"""One number for each pair: shape (old parts, new parts)."""
Vector = NDArray[np.float64]
"""x, y, z in mm; shape (3,)."""


@dataclass(frozen=True)
class Evidence:
    """Nats of each kind of evidence for every pair: shape (old parts, new parts)."""

    shape: Matrix
    name: Matrix
    place: Matrix
    difference: Matrix

    @property
    def total(self) -> Matrix:
        both = _ONLY_PART if self.shape.size == 1 else 0.0
        return self.shape + self.name + self.place + both

    def reason(self, row: int, column: int) -> str:
        """The evidence for one pair, in words."""
        return ", ".join(
            (
                _shape_words(float(self.shape[row, column]), float(self.difference[row, column])),
                _name_words(float(self.name[row, column])),
                _place_words(float(self.place[row, column])),
            )
        )


def _shape_words(nats: float, difference: float) -> str:
    if nats == _MIRRORED:
        return "mirror image"
    if difference <= _NOISE:
        return "same shape"
    if difference < _CHANGED:
        return f"shape changed by {difference:.1%}"
    return "scaled" if nats == _SCALED else "different shape"


def _name_words(nats: float) -> str:
    if nats == 0:
        return "name says nothing"
    return "other name" if nats < 0 else "same name" if nats > _SAME_NAME / 2 else "similar name"


def _place_words(nats: float) -> str:
    return "same place" if nats >= _PLACE_ALONE else "other place" if nats <= _OTHER_PLACE else "partly the same places"


def weigh(old_parts: Sequence[Part], new_parts: Sequence[Part], drift: Vector) -> Evidence:
    """Weigh every pair. ``drift``: what carries the old model onto the new one (``drift_between``)."""
    old, new = _Side.of(old_parts), _Side.of(new_parts)
    difference, mirrored, scaled = _shape_differences(old.parts, new.parts)
    shape = _shape_nats(difference, mirrored, scaled)
    name = _name_nats(old.names, new.names)
    place = _place_nats(old, new, drift)
    # A part that took another's place stands there too: place tells twins apart, it does not make a part the same.
    alone = (difference > _NOISE) & (name <= _SAME_NAME / 2)
    return Evidence(shape, name, np.where(alone, np.minimum(place, _PLACE_ALONE), place), difference)


def _measures(parts: Sequence[Part]) -> Matrix:
    """Linear measures (mm) of each part's shape: comparable by their logarithms; shape (parts, 5).

    The kernel's own volume, area and moments only: extents depend on the axes and the mesh.
    """
    rows = []
    for part in parts:
        shape = part.fingerprint
        moment_power = 1 / (5 if shape.volume else 4)
        rows.append(
            [
                abs(shape.volume) ** (1 / 3),
                abs(shape.area) ** (1 / 2),
                *(abs(m) ** moment_power for m in shape.moments),
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(parts), 5)


def _shape_differences(old: Sequence[Part], new: Sequence[Part]) -> tuple[Matrix, NDArray[np.bool_], NDArray[np.bool_]]:
    """For every pair: largest relative difference of a linear measure; is one the other mirrored; scaled."""
    a, b = _measures(old)[:, None, :], _measures(new)[None, :, :]
    # A flat part has no thickness: measures below a millionth of its size are rounding.
    floor = 1e-6 * np.maximum(a.max(axis=2, keepdims=True), b.max(axis=2, keepdims=True)) + 1e-12
    ratios = np.log(np.maximum(b, floor) / np.maximum(a, floor))
    difference = np.abs(ratios).max(axis=2)
    spread = ratios.max(axis=2) - ratios.min(axis=2)
    topology = np.array(
        [
            [(p.fingerprint.faces, p.fingerprint.edges) == (q.fingerprint.faces, q.fingerprint.edges) for q in new]
            for p in old
        ]
    )
    left = np.array([part.fingerprint.chirality for part in old])[:, None]
    right = np.array([part.fingerprint.chirality for part in new])[None, :]
    # The mesh adds noise to the handedness of a nearly symmetric shape, but not by chance the exact opposite.
    larger, smaller = np.maximum(np.abs(left), np.abs(right)), np.minimum(np.abs(left), np.abs(right))
    opposite = (smaller > _HANDED) | ((smaller > _LEAST_HANDED) & (larger - smaller < 0.05 * larger))
    mirrored = opposite & (left * right < 0) & (difference < _NOISE)
    scaled = (spread < _NOISE) & (difference > _NOISE) & topology
    return difference, mirrored, scaled


def _shape_nats(difference: Matrix, mirrored: NDArray[np.bool_], scaled: NDArray[np.bool_]) -> Matrix:
    same = (difference <= _NOISE) & ~mirrored
    # A shape that many parts share says little about which of them this is.
    rows, columns = difference.shape
    others = (same.sum(axis=1, keepdims=True) - 1).clip(min=0) + (same.sum(axis=0, keepdims=True) - 1).clip(min=0)
    chance = others / max(rows + columns - 2, 1)
    exact = -np.log(chance + math.exp(-_SAME_SHAPE))
    slope = np.interp(
        np.log(np.maximum(difference, _NOISE)),
        np.log([_NOISE, _CHANGED, _DIFFERENT]),
        [_SAME_SHAPE - 2, 0.0, _OTHER_SHAPE],
    )
    nats = np.where(same, np.where(difference <= _EXACT, exact, np.minimum(exact, _SAME_SHAPE - 1)), slope)
    nats = np.where(scaled & (nats < _SCALED), _SCALED, nats)
    return np.where(mirrored, _MIRRORED, nats)


def name_of(part: Part) -> str:
    """What a part is called, with its body where its product holds several."""
    name = key_name(part.source_name)
    body = key_name(part.body_name)
    return f"{name}/{body}" if body else name


def stem_of(name: str) -> str:
    """A name without the counters and suffixes that a re-export adds: ``Pin_ASM`` and ``PIN (2)`` are ``pin``."""
    text = name.casefold()
    text = re.sub(r"([ _-]*(asm|assembly|copy|kopie|default|\(\d+\)))+$", "", text)
    return re.sub(r"[\W_]+", " ", text).strip()


def _name_nats(old: Sequence[str], new: Sequence[str]) -> Matrix:
    stems_old, stems_new = [stem_of(name) for name in old], [stem_of(name) for name in new]
    nats = np.full((len(old), len(new)), _OTHER_NAME)
    counts_old, counts_new = Counter(stems_old), Counter(stems_new)
    population = max(len(old) + len(new) - 2, 1)
    compare = len(old) <= _SIMILAR_NAMES_LIMIT and len(new) <= _SIMILAR_NAMES_LIMIT
    for row, (name, stem) in enumerate(zip(old, stems_old, strict=True)):
        for column, other in enumerate(stems_new):
            if not stem or not other:
                nats[row, column] = 0.0
            elif stem == other:
                chance = (counts_old[stem] - 1 + counts_new[other] - 1) / population
                full = -math.log(chance + math.exp(-_SAME_NAME))
                nats[row, column] = full if name == new[column] else 0.9 * full
            elif compare:
                nats[row, column] = _similar_name(stem, other)
    return nats


def _similar_name(stem: str, other: str) -> float:
    numbers = re.findall(r"\d+", stem) == re.findall(r"\d+", other)
    similarity = difflib.SequenceMatcher(None, stem, other, autojunk=False).ratio()
    if similarity < 0.6:
        return _OTHER_NAME
    # "M6x12" and "M6x16" look alike and are different parts.
    return (2 * similarity if numbers else 0.0) + (_OTHER_NAME if similarity < 0.75 else 0.0)


def _path(path: str) -> str:
    """An occurrence's assemblies, without itself: siblings are numbered anew in each revision."""
    return "/".join(stem_of(name) for name in path.split("/")[:-1])


def centers_of(part: Part) -> Matrix:
    """Centre of mass of each occurrence in the root's space, mm; shape (occurrences, 3)."""
    if not part.occurrences:
        return np.zeros((0, 3))
    transforms = np.array([occurrence.transform for occurrence in part.occurrences]).reshape(-1, 4, 4)
    center = np.array([*part.center, 1.0])
    centers: Matrix = (center @ transforms)[:, :3]
    return centers


def drift_between(old: Sequence[Part], new: Sequence[Part]) -> Vector:
    """Shift (mm) that carries the old model onto the new one; shape (3,).

    The median shift of the parts that shape and name single out in both; zero where they are too few to tell.
    """

    def singled_out(parts: Sequence[Part]) -> dict[tuple[Any, ...], Part]:
        keys = [
            (stem_of(name_of(part)), part.fingerprint.faces, round(math.log(part.area + 1e-9), 2)) for part in parts
        ]
        counts = Counter(keys)
        return {
            key: part for key, part in zip(keys, parts, strict=True) if counts[key] == 1 and len(part.occurrences) == 1
        }

    before, after = singled_out(old), singled_out(new)
    both = sorted(before.keys() & after.keys())
    if len(both) < _LEAST_ANCHORS:
        return np.zeros(3)
    shifts = np.array([(centers_of(after[key]) - centers_of(before[key]))[0] for key in both])
    middle: Vector = np.median(shifts, axis=0)
    return middle


def _place_nats(old: _Side, new: _Side, drift: Vector) -> Matrix:
    nats = np.zeros((len(old.parts), len(new.parts)))
    centers_old = [centers_of(part) + drift for part in old.parts]
    centers_new = [centers_of(part) for part in new.parts]
    for row, part in enumerate(old.parts):
        size = max(part.fingerprint.extents) or 1.0
        for column in range(len(new.parts)):
            share = _shared_places(centers_old[row], centers_new[column], size)
            same_path = bool(old.paths[row] & new.paths[column])
            nats[row, column] = _OTHER_PLACE + share * (_SAME_PLACE - _OTHER_PLACE)
            if same_path:
                nats[row, column] += _BOTH_PLACES - _SAME_PLACE if share > 0.5 else (_SAME_PLACE - _OTHER_PLACE) / 4
    return nats


def _shared_places(old: Matrix, new: Matrix, size: float) -> float:
    """Share of places that both have, 0 to 1; a place counts in full within 1 % of the part's size, fading to 50 %."""
    if not len(old) or not len(new):
        return 0.0
    few, many = (old, new) if len(old) <= len(new) else (new, old)
    distances = nearest(few, many) / size
    return float(np.interp(distances, [AT_PLACE, 0.5], [1.0, 0.0]).sum() / len(many))


def same_shape(part: Part, other: Part) -> bool:
    difference, mirrored, _ = _shape_differences([part], [other])
    return bool(difference[0, 0] <= _NOISE and not mirrored[0, 0])


def nearest(points: Matrix, others: Matrix) -> NDArray[np.float64]:
    """Distance (mm) of each point to the nearest of the others; shape (points,)."""
    nearest: NDArray[np.float64] = np.sqrt(((points[:, None, :] - others[None, :, :]) ** 2).sum(axis=2)).min(axis=1)
    return nearest


@dataclass(frozen=True)
class _Side:
    """The parts of one revision as arrays; rows in the order of ``parts``."""

    parts: Sequence[Part]
    names: list[str] = field(default_factory=list)
    paths: list[frozenset[str]] = field(default_factory=list)

    @classmethod
    def of(cls, parts: Sequence[Part]) -> _Side:
        return cls(
            parts,
            [name_of(part) for part in parts],
            [frozenset(_path(occurrence.path) for occurrence in part.occurrences) for part in parts],
        )
