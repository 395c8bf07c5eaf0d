"""Changes of the whole model between two revisions: other units, another up axis, another origin.

Where everything was scaled, turned or shifted, no single part has changed. So the same is done to the old parts before
they are compared with the new ones. *Anchors* are parts that are easily recognised in both revisions: they tell what
was done.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dcc.cad.identity import thresholds
from dcc.cad.identity.part_table import Matrix, PartTable
from shared.manifest import Fingerprint, Part, Vector

_MOST_TURNS = 12
"""Most rotations that are tried: those that most anchors suggest."""
_MOST_OCCURRENCES = 8
"""Most occurrences of one anchor that are looked at to find rotations."""


Keys = Callable[[PartTable], list[tuple[object, ...]]]
"""What each part is told from the others by."""
Anchors = list[tuple[int, int]]
"""Indices of an old and a new part that seem to be one."""


@dataclass(frozen=True)
class Alignment:
    """What was done to the whole: ``matrix`` (4x4, row vectors) takes places in the old model to places in the new one.

    ``scale`` is the factor that is contained in it.
    """

    scale: float
    matrix: Matrix

    @property
    def is_scaled(self) -> bool:
        return self.scale != 1.0

    @property
    def is_identity(self) -> bool:
        """Whether nothing was done."""
        return np.array_equal(self.matrix, np.eye(4))

    def carry(self, parts: Sequence[Part]) -> list[Part]:
        """``parts`` of the old model as they are when nothing but this has been done to it."""
        if self.is_identity:
            return list(parts)
        return [self._carry(part) for part in parts]

    def _carry(self, part: Part) -> Part:
        transforms = np.array([occurrence.transform for occurrence in part.occurrences]).reshape(-1, 4, 4) @ self.matrix
        occurrences = tuple(
            replace(occurrence, transform=tuple(transform))
            for occurrence, transform in zip(part.occurrences, transforms.reshape(-1, 16).tolist(), strict=True)
        )
        if not self.is_scaled:
            return replace(part, occurrences=occurrences)
        print_ = _scaled(part.fingerprint, self.scale)
        return replace(part, occurrences=occurrences, fingerprint=print_, volume=print_.volume, area=print_.area)


def align(old: Sequence[Part], new: Sequence[Part]) -> Alignment:
    """The change of the whole model that most anchors agree on; no change where there are too few anchors to tell.

    Anchors are the parts that their shape, their name, or their shape at any size singles out in both revisions. Names
    and sizes may have been exchanged between parts, so no change is assumed, either, where that explains as much: of
    twenty screws in a row, the first may have gone and the others be numbered anew, instead of all having moved.
    """
    unaligned = Alignment(1.0, np.eye(4))
    before, after = PartTable.of(old), PartTable.of(new)
    found = _agreed(before, after, _anchors(before, after, (_by_shape, _by_name, _by_form)))
    if found is None:
        return unaligned
    changed = _still_there(PartTable.of(found.carry(old)), after)
    by_shape = _agreed(before, after, _anchors(before, after, (_by_shape,)))
    if by_shape is not None and not np.allclose(by_shape.matrix, found.matrix):
        # The names of a row that was numbered anew may outvote the shapes of all other parts.
        moved = _still_there(PartTable.of(by_shape.carry(old)), after)
        if moved.shapes > changed.shapes:
            found, changed = by_shape, moved
    unchanged = _still_there(before, after)
    as_many_shapes = unchanged.shapes and unchanged.shapes >= changed.shapes
    as_much = sum(unchanged) and sum(unchanged) >= sum(changed)
    return unaligned if as_many_shapes or as_much else found


class _StillThere(NamedTuple):
    """How many occurrences of new parts stand where one of the very shape stood, and where one of the name did."""

    shapes: int
    names: int


def _still_there(old: PartTable, new: PartTable) -> _StillThere:
    if not len(old.centers) or not len(new.centers):
        return _StillThere(0, 0)
    near = cKDTree(old.centers).query_ball_point(new.centers, thresholds.OFF_PLACE * new.sizes[new.owners])
    those = np.repeat(np.arange(len(near)), [len(found) for found in near])
    known = np.concatenate([np.empty(0, np.int64), *(np.array(found, np.int64) for found in near)])
    mine, theirs = new.owners[those], old.owners[known]
    at_place = np.linalg.norm(new.centers[those] - old.centers[known], axis=1) <= thresholds.AT_PLACE * new.sizes[mine]
    exact = at_place & (np.abs(new.log_measures[mine] - old.log_measures[theirs]).max(axis=1) <= thresholds.EXACT_SHAPE)
    named = np.array([new.stems[one] == old.stems[other] != "" for one, other in zip(mine, theirs, strict=True)], bool)
    return _StillThere(len(np.unique(those[exact])), len(np.unique(those[named])))


def _agreed(old: PartTable, new: PartTable, anchors: Anchors) -> Alignment | None:
    """What was done to the whole according to most of the anchors; None where they are too few."""
    # Two parts that keep their distance are enough where they are most of the model.
    least = min(thresholds.LEAST_ANCHORS, max(2, min(len(old.parts), len(new.parts))))
    if len(anchors) < least:
        return None
    before, after = (np.array(side) for side in zip(*anchors, strict=True))
    growth = (new.log_measures[after] - old.log_measures[before]).mean(axis=1)
    middle = float(np.median(growth))
    agree = np.abs(growth - middle) < thresholds.SAME_SHAPE
    scaled = abs(middle) > thresholds.SAME_SHAPE and agree.sum() >= max(thresholds.LEAST_ANCHORS, len(anchors) / 2)
    scale = math.exp(middle) if scaled else 1.0
    agree = np.abs(growth - math.log(scale)) < thresholds.SAME_SHAPE
    unmistakable = [
        (one, other)
        for (one, other), known in zip(anchors, agree, strict=True)
        if known and len(old.places(one)) == len(new.places(other)) > 0
    ]
    matrix = np.diag([scale, scale, scale, 1.0])
    if len(unmistakable) >= least:
        matrix = matrix @ _motion(old, new, unmistakable, scale)
    return Alignment(scale, matrix)


def _anchors(old: PartTable, new: PartTable, ways: Sequence[Keys]) -> Anchors:
    """Parts that one of the ``ways`` to tell parts apart singles out in both revisions; the first that does counts."""
    found: dict[int, int] = {}
    for keys in ways:
        before, after = _singled_out(keys(old)), _singled_out(keys(new))
        for key in sorted(before.keys() & after.keys()):
            found.setdefault(before[key], after[key])
    return list(found.items())


def _by_shape(table: PartTable) -> list[tuple[object, ...]]:
    logs = np.round(table.log_measures / thresholds.EXACT_SHAPE).tolist()
    return [(*log, *topology) for log, topology in zip(logs, table.topology.tolist(), strict=True)]


def _by_name(table: PartTable) -> list[tuple[object, ...]]:
    return [(stem, *topology) for stem, topology in zip(table.stems, table.topology.tolist(), strict=True)]


def _by_form(table: PartTable) -> list[tuple[object, ...]]:
    forms = np.round(table.log_measures - table.log_measures.mean(axis=1, keepdims=True), 2).tolist()
    return [(*form, *topology) for form, topology in zip(forms, table.topology.tolist(), strict=True)]


def _singled_out(keys: Sequence[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
    counts = Counter(keys)
    return {key: index for index, key in enumerate(keys) if counts[key] == 1}


def _motion(old: PartTable, new: PartTable, anchors: Anchors, scale: float) -> Matrix:
    """The turn and shift that brings most anchors to their places, as 4x4 matrix; turns are tried as parts suggest.

    The place of an anchor is the middle of its occurrences, whichever of them is which.
    """
    before = np.array([old.places(one).mean(axis=0) for one, _ in anchors])
    after = np.array([new.places(other).mean(axis=0) for _, other in anchors])
    reach = thresholds.AT_PLACE * new.sizes[[other for _, other in anchors]]
    best, most = np.eye(4), -1
    for turn in _turns([(old.parts[one], new.parts[other]) for one, other in anchors]):
        turned = scale * before @ turn
        shift = np.median(after - turned, axis=0)
        at_place = int((np.linalg.norm(after - turned - shift, axis=1) <= reach).sum())
        if at_place > most:
            best, most = np.eye(4), at_place
            best[:3, :3], best[3, :3] = turn, shift
    return best


def _turns(anchors: Sequence[tuple[Part, Part]]) -> list[NDArray[np.float64]]:
    """How the anchors were turned, those first that most of them were, after "not at all"."""
    turns: dict[tuple[float, ...], NDArray[np.float64]] = {}
    counts: Counter[tuple[float, ...]] = Counter()
    for one, other in anchors:
        before = np.array(one.occurrences[0].transform).reshape(4, 4)[:3, :3]
        for occurrence in other.occurrences[:_MOST_OCCURRENCES]:
            turn = np.linalg.pinv(before) @ np.array(occurrence.transform).reshape(4, 4)[:3, :3]
            if not np.allclose(turn @ turn.T, np.eye(3), atol=thresholds.RIGID) or np.linalg.det(turn) < 0:
                continue
            key = tuple(np.round(turn, 4).ravel().tolist())
            counts[key] += 1
            turns.setdefault(key, turn)
    return [np.eye(3), *(turns[key] for key, _ in counts.most_common(_MOST_TURNS))]


def _scaled(shape: Fingerprint, scale: float) -> Fingerprint:
    return replace(
        shape,
        volume=shape.volume * scale**3,
        area=shape.area * scale**2,
        moments=_times(shape.moments, scale ** (5 if shape.volume else 4)),
        extents=_times(shape.extents, scale),
    )


def _times(vector: Vector, factor: float) -> Vector:
    x, y, z = vector
    return x * factor, y * factor, z * factor
