"""Which part of a new revision is which part of the last one.

What was done to the whole model is set aside first (:mod:`~dcc.cad.identity.alignment`). Then every pair of an old and
a new part is weighed by its evidence (:mod:`~dcc.cad.identity.evidence`): shape, name and place in the assembly. The
pairing that is best as a whole is found as one linear assignment problem.

The confidence of a match is the probability that follows from its evidence, from its lead over the next best claim to
either part, and from how many other parts would have come as near by chance (:mod:`~dcc.cad.identity.coincidence`):
something has to single the part out, its place, its very shape, or a name that it alone has. Below :data:`ACCEPT`
nothing is assigned: the part is listed as uncertain with its candidates, and a person decides.

What nothing in the files can tell: whether the only part of a name moved and changed a little, or went and left its
name to a similar one elsewhere; whether a part was renamed and moved, or went while a copy of it was added.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from dcc.cad.identity.alignment import align
from dcc.cad.identity.candidates import EVERY_PAIR, Indices, Pairs
from dcc.cad.identity.coincidence import crowd_around
from dcc.cad.identity.evidence import LEAST, Evidence, Numbers, nearest, same_shape, weigh
from dcc.cad.identity.likeness import AT_PLACE, NOISE, Likeness, centers_of, name_of, stem_of
from shared.errors import CadError
from shared.manifest import Manifest, Part
from shared.part_keys import key_name, slug

ACCEPT = 0.95
"""Least confidence of a match that is made without asking."""
_SHOWN_CANDIDATES = 3
_DISPUTED = 0.5
"""What is left of the confidence in a pair of which one part has its very shape in a third, or that are two hands."""
_WORTH_ASKING = 0.1
"""Least chance that a part is meant rather than one of the many that look as near to it."""
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


def match_revisions(
    old: Manifest,
    new: Manifest,
    confirmed: Mapping[str, str | None] | None = None,
    *,
    every_pair_up_to: int = EVERY_PAIR,
) -> RevisionReport:
    """Match the parts of two revisions of one model.

    ``confirmed`` holds a person's decisions: a new part's key and the old key it is, or None for "it is new". An old
    key may also be a retired one: a part that was gone has come back. ``every_pair_up_to``: see ``evidence.weigh``.

    Raises CadError (``cad.unknown_part``, ``cad.match_conflict``) where a decision names a part that does not exist,
    or gives two parts one identity.
    """
    decided = _decisions(old, new, confirmed or {})
    taken_old = {match.old_key for match in decided}
    closed_new = set(confirmed or {})
    alignment = align(old.parts, new.parts)
    old = replace(old, parts=tuple(alignment.carry(old.parts)))
    left = [part for part in old.parts if part.part_key not in taken_old]
    right = [part for part in new.parts if part.part_key not in closed_new]

    matches, uncertain = _assign(left, right, every_pair_up_to)
    matches += _divided(left, right, uncertain)
    if alignment.is_scaled:
        matches = [
            replace(match, reason=f"{match.reason}, {alignment.scale:.4g} times as large, as all is")
            for match in matches
        ]
    matches = [*decided, *matches]
    # Where a person says that a part is one of another shape, shapes do not tell whose occurrences became whose.
    shapes = {part.part_key: part for part in old.parts}
    plain = [
        match
        for match in matches
        if match not in decided
        or (match.old_key in shapes and same_shape(shapes[match.old_key], new.part(match.new_key)))
    ]
    matches += _instancing_changes(old, new, matches, plain, closed_new)
    placed = {match.new_key for match in matches}
    settled = placed | closed_new
    open_ = [item for item in uncertain if item.new_key not in settled]
    asked = {item.new_key for item in open_}
    settled |= asked
    unsettled = [part for part in new.parts if part.part_key not in settled]
    open_ += _strayed_copies(old, unsettled, matches)
    named_old = {match.old_key for match in matches}
    retired = set(old.retired_keys) - named_old - {item.new_key for item in open_}
    open_ += [_returned(part, key) for part in unsettled if (key := _key_of_before(part, retired))]
    asked = {item.new_key for item in open_}
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
        retired = old_key in old.retired_keys
        if not retired:
            old.part(old_key)
        if any(match.old_key == old_key for match in matches):
            raise CadError(
                f"Two parts of the new revision are confirmed to be {old_key!r}.",
                hint="Take one of the two confirmations back.",
                code="cad.match_conflict",
            )
        reason = "confirmed by a person" + (", after its key had been retired" if retired else "")
        matches.append(Match(old_key, new_key, 1.0, reason))
    return matches


def _assign(left: Sequence[Part], right: Sequence[Part], every_pair_up_to: int) -> tuple[list[Match], list[Uncertain]]:
    if not left or not right:
        return [], []
    evidence = weigh(left, right, every_pair_up_to)
    pairs, total = evidence.pairs, evidence.total
    confidence = _confidence(evidence)
    matches: list[Match] = []
    settled_old, settled_new = np.zeros(len(left), bool), np.zeros(len(right), bool)
    chosen = _best_pairing(pairs, total)
    confidence[_disputed(evidence, chosen)] *= _DISPUTED
    confidence[evidence.shapes.other_hand] *= _DISPUTED
    for pair in chosen.tolist():
        if confidence[pair] < ACCEPT:
            continue
        sure = min(float(confidence[pair]), crowd_around(evidence, pair).confidence)
        if sure >= ACCEPT:
            row, column = pairs.rows[pair], pairs.columns[pair]
            settled_old[row] = settled_new[column] = True
            matches.append(Match(left[row].part_key, right[column].part_key, round(sure, 4), evidence.reason(pair)))
    speaks = (total > LEAST) | evidence.sole_name | evidence.mirrored_in_place
    open_ = np.flatnonzero(speaks & ~settled_old[pairs.rows] & ~settled_new[pairs.columns])
    open_ = open_[np.lexsort((pairs.rows[open_], -total[open_], pairs.columns[open_]))]
    likeliest: dict[int, list[int]] = {}
    for pair in open_.tolist():
        found = likeliest.setdefault(int(pairs.columns[pair]), [])
        if len(found) < _SHOWN_CANDIDATES:
            found.append(pair)
    asked = (
        Uncertain(right[column].part_key, _candidates(evidence, confidence, found))
        for column, found in likeliest.items()
    )
    return matches, [item for item in asked if item.candidates]


def _disputed(evidence: Evidence, chosen: Indices) -> Indices:
    """Those of the ``chosen`` pairs that changed in shape, while one part of them has its very shape in another.

    Name and place against shape: two parts of a family may have been altered, or have changed places and names. Where
    they differ by no more than a re-export may bring about, a shape that agrees exactly is the very one.
    """
    return np.union1d(
        _claimed_elsewhere(evidence.pairs, evidence.same_shape, chosen),
        _claimed_elsewhere(evidence.pairs, evidence.exact_shape, chosen),
    )


def _claimed_elsewhere(pairs: Pairs, same: NDArray[np.bool_], chosen: Indices) -> Indices:
    rows, columns = (np.zeros(count, bool) for count in pairs.shape)
    settled = chosen[same[chosen]]
    rows[pairs.rows[settled]] = columns[pairs.columns[settled]] = True
    elsewhere = np.flatnonzero(same & ~rows[pairs.rows] & ~columns[pairs.columns])
    claimed_old, claimed_new = (np.zeros(count, bool) for count in pairs.shape)
    claimed_old[pairs.rows[elsewhere]] = claimed_new[pairs.columns[elsewhere]] = True
    claimed = claimed_old[pairs.rows[chosen]] | claimed_new[pairs.columns[chosen]]
    return np.asarray(chosen[claimed & ~same[chosen]])


def _candidates(evidence: Evidence, confidence: Numbers, found: Sequence[int]) -> tuple[Candidate, ...]:
    """What a person is asked about: pairs that are more than what chance brings about."""
    candidates = []
    for pair in found:
        crowd = crowd_around(evidence, pair)
        # That a namesake is not the same part is for a person to say.
        if crowd.confidence < _WORTH_ASKING and evidence.name[pair] <= 0:
            continue
        sure = min(float(confidence[pair]), crowd.confidence)
        reason = evidence.reason(pair) + (f"; {crowd.words}" if crowd.confidence < ACCEPT else "")
        key = evidence.old.parts[evidence.pairs.rows[pair]].part_key
        candidates.append(Candidate(key, round(sure, 4), reason))
    return tuple(candidates)


def _best_pairing(pairs: Pairs, total: Numbers) -> Indices:
    """The pairs that together have the most evidence, each part at most once; pairs below ``LEAST`` do not count."""
    worth = np.flatnonzero(total > LEAST)
    rows, columns = pairs.shape
    # Each old part may also stay alone; that is what the further columns are for. No weight may be zero.
    alone = np.arange(rows)
    weights = csr_array(
        (
            np.concatenate([total[worth] - LEAST + 1.0, np.ones(rows)]),
            (np.concatenate([pairs.rows[worth], alone]), np.concatenate([pairs.columns[worth], columns + alone])),
        ),
        shape=(rows, columns + rows),
    )
    row_of, column_of = min_weight_full_bipartite_matching(weights, maximize=True)
    chosen = np.full(rows, -1)
    chosen[row_of] = column_of
    return np.asarray(worth[chosen[pairs.rows[worth]] == pairs.columns[worth]])


def _confidence(evidence: Evidence) -> Numbers:
    """Probability of each pair, from its evidence and its lead over the best other claim to either part.

    What is sure to be where it was, as it was, is out of the game: it is no rival of other pairs any more.
    """
    pairs, claim = evidence.pairs, evidence.claim
    confidence = _by_lead(pairs, evidence.total, claim)
    settled = evidence.untouched & (confidence >= ACCEPT)
    rows, columns = (np.zeros(count, bool) for count in pairs.shape)
    rows[pairs.rows[settled]] = columns[pairs.columns[settled]] = True
    out = (rows[pairs.rows] | columns[pairs.columns]) & ~settled
    return _by_lead(pairs, evidence.total, np.where(out, -np.inf, claim))


def _by_lead(pairs: Pairs, total: Numbers, claim: Numbers) -> Numbers:
    rival = np.full(len(pairs), -np.inf)
    for owners in (pairs.rows, pairs.columns):
        order = np.lexsort((-claim, owners))
        first = np.append(True, np.diff(owners[order]) != 0)
        start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        best = claim[order][start]
        has_second = np.append(~first[1:], False)[start]
        second = np.where(has_second, claim[order][np.minimum(start + 1, len(order) - 1)], -np.inf)
        rival[order] = np.maximum(rival[order], np.where(np.arange(len(order)) == start, second, best))
    return np.asarray(1.0 / (1.0 + np.exp(-np.minimum(total, total - rival))))


def _instancing_changes(
    old: Manifest, new: Manifest, matches: Sequence[Match], plain: Sequence[Match], decided: set[str]
) -> list[Match]:
    """Products that were occurrences of one product before, or have become that: same shape, at its places.

    ``plain`` are those of ``matches`` whose parts others may be occurrences of.
    """
    matched_old, matched_new = {match.old_key for match in matches}, {match.new_key for match in matches}
    whole_old, whole_new = {match.old_key for match in plain}, {match.new_key for match in plain}
    found: list[Match] = []
    parts = [part for part in new.parts if part.part_key not in matched_new and part.part_key not in decided]
    wholes = [whole for whole in old.parts if whole.part_key in whole_old]
    for part, whole in _standing_in(parts, wholes):
        reason = f"same shape, stands where {whole.part_key} had an occurrence"
        found.append(Match(whole.part_key, part.part_key, _INSTANCING, reason, "split"))
    parts = [part for part in old.parts if part.part_key not in matched_old]
    wholes = [whole for whole in new.parts if whole.part_key in whole_new]
    for part, whole in _standing_in(parts, wholes):
        reason = f"same shape, now an occurrence of {whole.part_key}"
        found.append(Match(part.part_key, whole.part_key, _INSTANCING, reason, "merged"))
    return found


def _standing_in(parts: Sequence[Part], wholes: Sequence[Part]) -> Iterator[tuple[Part, Part]]:
    """Each part whose places are all among the several places of a whole of its shape; with that whole."""
    repeated = [whole for whole in wholes if len(whole.occurrences) > 1]
    if not parts or not repeated:
        return
    alike = cKDTree(Likeness.of(repeated).log_measures).query_ball_point(
        Likeness.of(parts).log_measures, NOISE, p=np.inf, return_sorted=True
    )
    for part, indices in zip(parts, alike, strict=True):
        for whole in (repeated[index] for index in indices):
            if _stands_at(part, whole):
                yield part, whole
                break


def _divided(left: Sequence[Part], right: Sequence[Part], uncertain: Sequence[Uncertain]) -> list[Match]:
    """Of several parts that stand at the places of one, the one that is it: which of them does not matter.

    That is a product whose occurrences became products of one name but for a counter, or the other way round.
    The others are seen to be its occurrences (``_instancing_changes``). Where one of them may be yet another part of
    that shape, nothing is decided.
    """
    old, new = ({part.part_key: part for part in parts} for parts in (left, right))
    claims = [
        (old[candidate.old_key], new[item.new_key], candidate)
        for item in uncertain
        for candidate in item.candidates
        if same_shape(old[candidate.old_key], new[item.new_key])
    ]
    by_old: dict[str, list[tuple[Part, Part, Candidate]]] = {}
    by_new: dict[str, list[tuple[Part, Part, Candidate]]] = {}
    for claim in claims:
        by_old.setdefault(claim[0].part_key, []).append(claim)
        by_new.setdefault(claim[1].part_key, []).append(claim)
    split = [
        group
        for group in by_old.values()
        if all(len(by_new[part.part_key]) == 1 and _stands_at(part, whole) for whole, part, _ in group)
        and len({_base(part) for _, part, _ in group}) == 1
    ]
    merged = [
        group
        for group in by_new.values()
        if all(len(by_old[part.part_key]) == 1 and _stands_at(part, whole) for part, whole, _ in group)
        and len({_base(part) for part, _, _ in group}) == 1
    ]
    return [
        Match(part.part_key, successor.part_key, _INSTANCING, candidate.reason)
        for part, successor, candidate in (
            # The likeliest; of equals the first by name.
            min(group, key=lambda claim: (-claim[2].confidence, claim[0].source_name, claim[1].source_name))
            for group in (*split, *merged)
            if len(group) > 1
        )
    ]


def _strayed_copies(old: Manifest, parts: Sequence[Part], matches: Sequence[Match]) -> list[Uncertain]:
    """New products with the shape and base name of a matched one, but at no place of it: a person knows."""
    taken = {match.old_key for match in matches}
    namesakes: dict[str, list[Part]] = {}
    for whole in sorted(old.parts, key=lambda whole: whole.part_key):
        if whole.part_key in taken:
            namesakes.setdefault(_base(whole), []).append(whole)
    found: list[Uncertain] = []
    for part in parts:
        base = _base(part)
        candidates = tuple(
            Candidate(whole.part_key, 0.5, "same shape, same name but for a number, other place")
            for whole in (namesakes.get(base, []) if base else [])
            if same_shape(part, whole)
        )
        if candidates:
            found.append(Uncertain(part.part_key, candidates[:_SHOWN_CANDIDATES]))
    return found


def _key_of_before(part: Part, retired: Collection[str]) -> str:
    """The key among those ``retired`` that this part had, or one of its name; empty where there is none."""
    name = key_name(part.source_name)
    return next((key for key in (part.part_key, slug(name) if name else "") if key in retired), "")


def _returned(part: Part, key: str) -> Uncertain:
    """A part that was gone (suppressed, perhaps) and has come back, or another one of its name: a person knows."""
    reason = "same name as a part that is gone since an earlier revision"
    return Uncertain(part.part_key, (Candidate(key, 0.5, reason),))


def _base(part: Part) -> str:
    return re.sub(r"[ \d]+$", "", stem_of(name_of(part)))


def _stands_at(part: Part, whole: Part) -> bool:
    """Whether every place of ``part`` is one of the places of ``whole``, and both have one shape."""
    if not part.occurrences or not same_shape(part, whole):
        return False
    size = max(part.fingerprint.extents) or 1.0
    return bool((nearest(centers_of(part), centers_of(whole)) < AT_PLACE * size).all())
