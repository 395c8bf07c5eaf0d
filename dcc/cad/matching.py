"""Which part of a new revision is which part of the last one.

Every pair of an old and a new part is weighed by three kinds of evidence: shape (the fingerprint, which does not
depend on placement), name, and place in the assembly. Each kind gives a log-likelihood ratio, in nats: how much more
likely the observation is for the same part than for two different ones. What many parts share (a name, a shape)
tells little, and weighs little. The pairing that is best as a whole is found as one linear assignment problem.

The confidence of a match is the probability that follows from its evidence and from its lead over the next best
pairing of either part. Below :data:`ACCEPT` nothing is assigned: the part is listed as uncertain with its candidates,
and a person decides.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from shared.errors import CadError
from shared.manifest import Manifest, Part
from shared.part_keys import key_name

ACCEPT = 0.95
"""Least confidence of a match that is made without asking."""
_CANDIDATE_NATS = -2.0
"""Least evidence of a pair that is shown to a person."""
_SHOWN_CANDIDATES = 3

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
_AT_PLACE = 0.01
"""Share of its size by which a part may be off and still stand at the same place."""
_LEAST_ANCHORS = 3
_INSTANCING = 0.99
_SIMILAR_NAMES_LIMIT = 400

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """``new_key`` (as the new file names the part by itself) is ``old_key``, with ``confidence`` 0 to 1.

    ``relation``: ``same``; ``split`` for one of several products that were occurrences of one; ``merged`` for one of
    several products that became occurrences of one.
    """

    old_key: str
    new_key: str
    confidence: float
    reason: str
    relation: str = "same"


@dataclass(frozen=True)
class Candidate:
    """An old part that an uncertain new part may be."""

    old_key: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Uncertain:
    """A new part that is not assigned, because the evidence does not decide."""

    new_key: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class RevisionReport:
    """What became of every part: each new part is in ``matches``, ``uncertain`` or ``new``.

    ``removed`` holds the old parts that no match names; one of them may still be a candidate of an uncertain part.
    """

    matches: tuple[Match, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    new: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
            [_name(part) for part in parts],
            [frozenset(_path(occurrence.path) for occurrence in part.occurrences) for part in parts],
        )


def match_revisions(old: Manifest, new: Manifest, confirmed: Mapping[str, str | None] | None = None) -> RevisionReport:
    """Match the parts of two revisions of one model.

    ``confirmed`` holds a person's decisions: a new part's key and the old key it is, or None for "it is new".

    Raises CadError (``cad.unknown_part``, ``cad.match_conflict``) where a decision names a part that does not exist,
    or gives two parts one identity.
    """
    decided = _decisions(old, new, confirmed or {})
    taken_old = {match.old_key for match in decided}
    closed_new = set(confirmed or {})
    left = [part for part in old.parts if part.part_key not in taken_old]
    right = [part for part in new.parts if part.part_key not in closed_new]

    drift = _drift(old.parts, new.parts)
    matches, uncertain = _assign(left, right, drift)
    matches = [*decided, *matches]
    matches += _instancing_changes(old, new, matches, closed_new, drift)
    placed = {match.new_key for match in matches}
    settled = placed | closed_new
    open_ = [item for item in uncertain if item.new_key not in settled]
    asked = {item.new_key for item in open_}
    open_ += _strayed_copies(old, [p for p in new.parts if p.part_key not in settled | asked], matches)
    asked = {item.new_key for item in open_}
    named_old = {match.old_key for match in matches}
    return RevisionReport(
        matches=tuple(sorted(matches, key=lambda match: (match.old_key, match.relation, match.new_key))),
        uncertain=tuple(sorted(open_, key=lambda item: item.new_key)),
        new=tuple(sorted(p.part_key for p in new.parts if p.part_key not in placed and p.part_key not in asked)),
        removed=tuple(sorted(p.part_key for p in old.parts if p.part_key not in named_old)),
    )


def _decisions(old: Manifest, new: Manifest, confirmed: Mapping[str, str | None]) -> list[Match]:
    matches: list[Match] = []
    for new_key, old_key in sorted(confirmed.items()):
        new.part(new_key)
        if old_key is None:
            continue
        old.part(old_key)
        if any(match.old_key == old_key for match in matches):
            raise CadError(
                f"Two parts of the new revision are confirmed to be {old_key!r}.",
                hint="Take one of the two confirmations back.",
                code="cad.match_conflict",
            )
        matches.append(Match(old_key, new_key, 1.0, "confirmed by a person"))
    return matches


def _assign(
    left: Sequence[Part], right: Sequence[Part], drift: NDArray[np.float64]
) -> tuple[list[Match], list[Uncertain]]:
    if not left or not right:
        return [], []
    evidence = _evidence(_Side.of(left), _Side.of(right), drift)
    total = evidence.total
    rows, columns = linear_sum_assignment(np.maximum(total, _CANDIDATE_NATS), maximize=True)
    matches: list[Match] = []
    settled: set[int] = set()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        confidence = _confidence(total, row, column)
        if confidence >= ACCEPT:
            settled.add(column)
            reason = evidence.reason(row, column)
            matches.append(Match(left[row].part_key, right[column].part_key, round(confidence, 4), reason))
    free = [row for row, part in enumerate(left) if part.part_key not in {match.old_key for match in matches}]
    uncertain: list[Uncertain] = []
    for column, part in enumerate(right):
        if column in settled:
            continue
        ranked = sorted(
            (row for row in free if total[row, column] > _CANDIDATE_NATS), key=lambda row: -total[row, column]
        )
        if ranked:
            candidates = tuple(
                Candidate(
                    left[row].part_key,
                    round(_confidence(total, row, column), 4),
                    evidence.reason(row, column),
                )
                for row in ranked[:_SHOWN_CANDIDATES]
            )
            uncertain.append(Uncertain(part.part_key, candidates))
    return matches, uncertain


def _confidence(total: Matrix, row: int, column: int) -> float:
    """Probability of a pair, from its evidence and its lead over the best other pairing of either part."""
    value = total[row, column]
    others = np.concatenate([np.delete(total[row], column), np.delete(total[:, column], row)])
    lead = value - others.max() if others.size else value
    return 1.0 / (1.0 + math.exp(-min(value, lead)))


@dataclass(frozen=True)
class _Evidence:
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


def _evidence(old: _Side, new: _Side, drift: NDArray[np.float64]) -> _Evidence:
    difference, mirrored, scaled = _shape_differences(old.parts, new.parts)
    shape = _shape_nats(difference, mirrored, scaled)
    name = _name_nats(old.names, new.names)
    place = _place_nats(old, new, drift)
    # A part that took another's place stands there too: place tells twins apart, it does not make a part the same.
    alone = (difference > _NOISE) & (name <= _SAME_NAME / 2)
    return _Evidence(shape, name, np.where(alone, np.minimum(place, _PLACE_ALONE), place), difference)


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


def _name(part: Part) -> str:
    name = key_name(part.source_name)
    body = key_name(part.body_name)
    return f"{name}/{body}" if body else name


def _stem(name: str) -> str:
    """A name without the counters and suffixes that a re-export adds: ``Pin_ASM`` and ``PIN (2)`` are ``pin``."""
    text = name.casefold()
    text = re.sub(r"([ _-]*(asm|assembly|copy|kopie|default|\(\d+\)))+$", "", text)
    return re.sub(r"[\W_]+", " ", text).strip()


def _name_nats(old: Sequence[str], new: Sequence[str]) -> Matrix:
    stems_old, stems_new = [_stem(name) for name in old], [_stem(name) for name in new]
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
    """An occurrence's assemblies without the root, which exporters rename after the file."""
    return "/".join(_stem(name) for name in path.split("/")[1:-1])


def _centers(part: Part) -> Matrix:
    """Centre of mass of each occurrence in the root's space, mm; shape (occurrences, 3)."""
    if not part.occurrences:
        return np.zeros((0, 3))
    transforms = np.array([occurrence.transform for occurrence in part.occurrences]).reshape(-1, 4, 4)
    center = np.array([*part.center, 1.0])
    centers: Matrix = (center @ transforms)[:, :3]
    return centers


def _drift(old: Sequence[Part], new: Sequence[Part]) -> NDArray[np.float64]:
    """Shift (mm) that carries the old model onto the new one; shape (3,).

    The median shift of the parts that shape and name single out in both; zero where they are too few to tell.
    """

    def singled_out(parts: Sequence[Part]) -> dict[tuple[Any, ...], Part]:
        keys = [(_stem(_name(part)), part.fingerprint.faces, round(math.log(part.area + 1e-9), 2)) for part in parts]
        counts = Counter(keys)
        return {
            key: part for key, part in zip(keys, parts, strict=True) if counts[key] == 1 and len(part.occurrences) == 1
        }

    before, after = singled_out(old), singled_out(new)
    both = sorted(before.keys() & after.keys())
    if len(both) < _LEAST_ANCHORS:
        return np.zeros(3)
    shifts = np.array([(_centers(after[key]) - _centers(before[key]))[0] for key in both])
    middle: NDArray[np.float64] = np.median(shifts, axis=0)
    return middle


def _place_nats(old: _Side, new: _Side, drift: NDArray[np.float64]) -> Matrix:
    nats = np.zeros((len(old.parts), len(new.parts)))
    centers_old = [_centers(part) + drift for part in old.parts]
    centers_new = [_centers(part) for part in new.parts]
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
    distances = _nearest(few, many) / size
    return float(np.interp(distances, [_AT_PLACE, 0.5], [1.0, 0.0]).sum() / len(many))


def _instancing_changes(
    old: Manifest, new: Manifest, matches: Sequence[Match], decided: set[str], drift: NDArray[np.float64]
) -> list[Match]:
    """Products that were occurrences of one product before, or have become that: same shape, at its places."""
    matched_old, matched_new = {match.old_key for match in matches}, {match.new_key for match in matches}
    found: list[Match] = []
    for part in new.parts:
        if part.part_key in matched_new or part.part_key in decided:
            continue
        for whole in old.parts:
            if whole.part_key in matched_old and _stands_at(part, whole, -drift):
                reason = f"same shape, stands where {whole.part_key} had an occurrence"
                found.append(Match(whole.part_key, part.part_key, _INSTANCING, reason, "split"))
                break
    for part in old.parts:
        if part.part_key in matched_old:
            continue
        for whole in new.parts:
            if whole.part_key in matched_new and _stands_at(part, whole, drift):
                reason = f"same shape, now an occurrence of {whole.part_key}"
                found.append(Match(part.part_key, whole.part_key, _INSTANCING, reason, "merged"))
                break
    return found


def _strayed_copies(old: Manifest, parts: Sequence[Part], matches: Sequence[Match]) -> list[Uncertain]:
    """New products with the shape and base name of a matched one, but at no place of it: a person knows."""
    taken = [old.part(key) for key in sorted({match.old_key for match in matches})]
    found: list[Uncertain] = []
    for part in parts:
        base = _base(part)
        candidates = tuple(
            Candidate(whole.part_key, 0.5, "same shape, same name but for a number, other place")
            for whole in taken
            if base and base == _base(whole) and _same_shape(part, whole)
        )
        if candidates:
            found.append(Uncertain(part.part_key, candidates[:_SHOWN_CANDIDATES]))
    return found


def _base(part: Part) -> str:
    return re.sub(r"[ \d]+$", "", _stem(_name(part)))


def _same_shape(part: Part, other: Part) -> bool:
    difference, mirrored, _ = _shape_differences([part], [other])
    return bool(difference[0, 0] <= _NOISE and not mirrored[0, 0])


def _stands_at(part: Part, whole: Part, shift: NDArray[np.float64]) -> bool:
    """Whether every place of ``part``, shifted, is one of the several places of ``whole``, and both have one shape."""
    if len(whole.occurrences) < 2 or not part.occurrences:
        return False
    if not _same_shape(part, whole):
        return False
    size = max(part.fingerprint.extents) or 1.0
    return bool((_nearest(_centers(part) + shift, _centers(whole)) < _AT_PLACE * size).all())


def _nearest(points: Matrix, others: Matrix) -> NDArray[np.float64]:
    """Distance (mm) of each point to the nearest of the others; shape (points,)."""
    nearest: NDArray[np.float64] = np.sqrt(((points[:, None, :] - others[None, :, :]) ** 2).sum(axis=2)).min(axis=1)
    return nearest
