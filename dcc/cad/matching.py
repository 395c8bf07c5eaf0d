"""Which part of a new revision is which part of the last one.

Every pair of an old and a new part is weighed by its evidence (:mod:`dcc.cad.evidence`): shape, name and place in the
assembly. The pairing that is best as a whole is found as one linear assignment problem.

The confidence of a match is the probability that follows from its evidence and from its lead over the next best
pairing of either part. Below :data:`ACCEPT` nothing is assigned: the part is listed as uncertain with its candidates,
and a person decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from dcc.cad.evidence import (
    AT_PLACE,
    Matrix,
    Vector,
    centers_of,
    drift_between,
    name_of,
    nearest,
    same_shape,
    stem_of,
    weigh,
)
from shared.errors import CadError
from shared.manifest import Manifest, Part

ACCEPT = 0.95
"""Least confidence of a match that is made without asking."""
_CANDIDATE_NATS = -2.0
"""Least evidence of a pair that is shown to a person."""
_SHOWN_CANDIDATES = 3
_INSTANCING = 0.99
"""Confidence that a product of the same shape at an occurrence's place is that occurrence."""


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

    drift = drift_between(old.parts, new.parts)
    matches, uncertain = _assign(left, right, drift)
    matches = [*decided, *matches]
    # Where a person says that a part is one of another shape, shapes do not tell whose occurrences became whose.
    redrawn = [match for match in decided if not same_shape(old.part(match.old_key), new.part(match.new_key))]
    plain = [match for match in matches if match not in redrawn]
    matches += _instancing_changes(old, new, matches, plain, closed_new, drift)
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


def _assign(left: Sequence[Part], right: Sequence[Part], drift: Vector) -> tuple[list[Match], list[Uncertain]]:
    if not left or not right:
        return [], []
    evidence = weigh(left, right, drift)
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


def _instancing_changes(
    old: Manifest, new: Manifest, matches: Sequence[Match], plain: Sequence[Match], decided: set[str], drift: Vector
) -> list[Match]:
    """Products that were occurrences of one product before, or have become that: same shape, at its places.

    ``plain`` are those of ``matches`` whose parts others may be occurrences of.
    """
    matched_old, matched_new = {match.old_key for match in matches}, {match.new_key for match in matches}
    whole_old, whole_new = {match.old_key for match in plain}, {match.new_key for match in plain}
    found: list[Match] = []
    for part in new.parts:
        if part.part_key in matched_new or part.part_key in decided:
            continue
        for whole in old.parts:
            if whole.part_key in whole_old and _stands_at(part, whole, -drift):
                reason = f"same shape, stands where {whole.part_key} had an occurrence"
                found.append(Match(whole.part_key, part.part_key, _INSTANCING, reason, "split"))
                break
    for part in old.parts:
        if part.part_key in matched_old:
            continue
        for whole in new.parts:
            if whole.part_key in whole_new and _stands_at(part, whole, drift):
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
            if base and base == _base(whole) and same_shape(part, whole)
        )
        if candidates:
            found.append(Uncertain(part.part_key, candidates[:_SHOWN_CANDIDATES]))
    return found


def _base(part: Part) -> str:
    return re.sub(r"[ \d]+$", "", stem_of(name_of(part)))


def _stands_at(part: Part, whole: Part, shift: Vector) -> bool:
    """Whether every place of ``part``, shifted, is one of the several places of ``whole``, and both have one shape."""
    if len(whole.occurrences) < 2 or not part.occurrences:
        return False
    if not same_shape(part, whole):
        return False
    size = max(part.fingerprint.extents) or 1.0
    return bool((nearest(centers_of(part) + shift, centers_of(whole)) < AT_PLACE * size).all())
