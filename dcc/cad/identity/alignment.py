"""Changes of the whole model between two revisions: other units, another up axis, another origin.

Where everything was scaled, turned or shifted, no single part has changed. So the same is done to the old parts before
they are compared with the new ones. *Anchors* are parts that are easily recognised in both revisions: they tell what
was done.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dcc.cad.identity.likeness import AT_PLACE, EXACT, NEAR_PLACE, NOISE, Likeness, Matrix, centers_of, name_of, stem_of
from shared.manifest import Fingerprint, Part, Vector

_LEAST_ANCHORS = 3
"""Anchors that must agree on how the whole model was changed."""
_MOST_TURNS = 12
"""Most rotations that are tried: those that most anchors suggest."""
_MOST_OCCURRENCES = 8
"""Most occurrences of one anchor that are looked at to find rotations."""


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

    def carry(self, parts: Sequence[Part]) -> list[Part]:
        """``parts`` of the old model as they are when nothing but this has been done to it."""
        if np.array_equal(self.matrix, np.eye(4)):
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
    and sizes may have been exchanged between parts, so no change is assumed, either, where that explains as much.
    """
    unaligned = Alignment(1.0, np.eye(4))
    found = _agreed(_anchors(old, new), min(len(old), len(new)))
    if found is None:
        return unaligned
    likeness = Likeness.of(new)
    unchanged, changed = (_still_there(Likeness.of(each.carry(old)), likeness) for each in (unaligned, found))
    return unaligned if unchanged and unchanged >= changed else found


def _still_there(old: Likeness, new: Likeness) -> int:
    """How many occurrences of new parts stand where one of exactly the same shape did, and where one of the name did.

    Those that have both count twice.
    """
    if not len(old.centers) or not len(new.centers):
        return 0
    near = cKDTree(old.centers).query_ball_point(new.centers, NEAR_PLACE * new.sizes[new.owners])
    those = np.repeat(np.arange(len(near)), [len(found) for found in near])
    known = np.concatenate([np.empty(0, np.int64), *(np.array(found, np.int64) for found in near)])
    mine, theirs = new.owners[those], old.owners[known]
    at_place = np.linalg.norm(new.centers[those] - old.centers[known], axis=1) <= AT_PLACE * new.sizes[mine]
    exact = at_place & (np.abs(new.log_measures[mine] - old.log_measures[theirs]).max(axis=1) <= EXACT)
    named = np.array([new.stems[one] == old.stems[other] != "" for one, other in zip(mine, theirs, strict=True)], bool)
    return len(np.unique(those[exact])) + len(np.unique(those[named]))


def _agreed(anchors: Sequence[tuple[Part, Part]], parts: int) -> Alignment | None:
    """``parts``: how many there are in the smaller model."""
    # Two parts that keep their distance are enough where they are most of the model.
    least = min(_LEAST_ANCHORS, max(2, parts))
    if len(anchors) < least:
        return None
    before, after = ([pair[side] for pair in anchors] for side in (0, 1))
    growth = (Likeness.of(after).log_measures - Likeness.of(before).log_measures).mean(axis=1)
    middle = float(np.median(growth))
    agree = np.abs(growth - middle) < NOISE
    scaled = abs(middle) > NOISE and agree.sum() >= max(_LEAST_ANCHORS, len(anchors) / 2)
    scale = math.exp(middle) if scaled else 1.0
    agree = np.abs(growth - math.log(scale)) < NOISE
    unmistakable = [
        (one, other)
        for (one, other), known in zip(anchors, agree, strict=True)
        if known and len(one.occurrences) == len(other.occurrences) > 0
    ]
    matrix = np.diag([scale, scale, scale, 1.0])
    if len(unmistakable) >= least:
        matrix = matrix @ _motion(unmistakable, scale)
    return Alignment(scale, matrix)


def _anchors(old: Sequence[Part], new: Sequence[Part]) -> list[tuple[Part, Part]]:
    found: dict[int, tuple[Part, Part]] = {}
    for keys in (_by_shape, _by_name, _by_form):
        before, after = _singled_out(old, keys(old)), _singled_out(new, keys(new))
        for key in sorted(before.keys() & after.keys()):
            found.setdefault(before[key], (old[before[key]], new[after[key]]))
    return list(found.values())


def _by_shape(parts: Sequence[Part]) -> list[tuple[object, ...]]:
    logs = np.round(Likeness.of(parts).log_measures / EXACT).tolist()
    return [(*log, part.fingerprint.faces, part.fingerprint.edges) for log, part in zip(logs, parts, strict=True)]


def _by_name(parts: Sequence[Part]) -> list[tuple[object, ...]]:
    return [(stem_of(name_of(part)), part.fingerprint.faces, part.fingerprint.edges) for part in parts]


def _by_form(parts: Sequence[Part]) -> list[tuple[object, ...]]:
    logs = Likeness.of(parts).log_measures
    forms = np.round(logs - logs.mean(axis=1, keepdims=True), 2).tolist()
    return [(*form, part.fingerprint.faces, part.fingerprint.edges) for form, part in zip(forms, parts, strict=True)]


def _singled_out(parts: Sequence[Part], keys: Sequence[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
    counts = Counter(keys)
    return {key: index for index, key in enumerate(keys) if counts[key] == 1}


def _motion(anchors: Sequence[tuple[Part, Part]], scale: float) -> Matrix:
    """The turn and shift that brings most anchors to their places, as 4x4 matrix; turns are tried as parts suggest.

    The place of an anchor is the middle of its occurrences, whichever of them is which.
    """
    before, after = (np.array([centers_of(pair[side]).mean(axis=0) for pair in anchors]) for side in (0, 1))
    reach = AT_PLACE * np.array([max(new.fingerprint.extents) or 1.0 for _, new in anchors])
    best, most = np.eye(4), -1
    for turn in _turns(anchors):
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
            if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) or np.linalg.det(turn) < 0:
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
