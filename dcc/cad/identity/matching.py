"""Which part of a new revision is which part of the last one.

What was done to the whole model is set aside first (:mod:`~dcc.cad.identity.alignment`). Then every pair of an old and
a new part is weighed by its evidence (:mod:`~dcc.cad.identity.evidence`): shape, name and place in the assembly. The
pairing that is best as a whole is found as one linear assignment problem.

The confidence of a match is the probability that follows from its evidence, from its lead over the next best claim to
either part, and from how many other parts would have come as near by chance (:mod:`~dcc.cad.identity.coincidence`):
something has to single the part out, its place, a name that it alone has, or its very shape. Of shape alone, a copy
may have been added under another name, and the original removed: that counts only where names say nothing, because all
of them were given anew. Below :data:`ACCEPT` nothing is assigned: the part is listed as uncertain with its candidates,
and a person decides.

What nothing in the files can tell: whether the only part of a name moved and changed a little, or went and left its
name to a similar one elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dcc.cad.identity.alignment import align
from dcc.cad.identity.candidates import EVERY_PAIR, Indices, Pairs
from dcc.cad.identity.coincidence import crowd_around
from dcc.cad.identity.evidence import LEAST, Evidence, Numbers, same_shape, weigh
from dcc.cad.identity.instancing import divided, instancing_changes, strayed_copies
from shared.errors import CadError
from shared.manifest import Manifest, Part
from shared.part_keys import key_name, slug
from shared.revision_report import SHOWN_CANDIDATES, Candidate, Match, RevisionReport, Uncertain

ACCEPT = 0.95
"""Least confidence of a match that is made without asking."""
_DISPUTED = 0.5
"""Factor on the confidence in a pair that another pair disputes, or that is doubtful by itself (``Evidence``)."""
_WORTH_ASKING = 0.1
"""Least probability of a candidate that a person is shown, unless its name speaks for it."""


def match_revisions(
    old: Manifest,
    new: Manifest,
    confirmed: Mapping[str, str | None] | None = None,
    *,
    every_pair_up_to: int = EVERY_PAIR,
) -> RevisionReport:
    """Match the parts of two revisions of one model: what was decided, then the pairing, then split and merged parts.

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
    matches += divided(left, right, uncertain)
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
    matches += instancing_changes(old, new, matches, plain, closed_new)
    placed = {match.new_key for match in matches}
    settled = placed | closed_new
    open_ = [item for item in uncertain if item.new_key not in settled]
    asked = {item.new_key for item in open_}
    settled |= asked
    unsettled = [part for part in new.parts if part.part_key not in settled]
    open_ += strayed_copies(old, unsettled, matches)
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
    confidence[evidence.doubtful] *= _DISPUTED
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
        if len(found) < SHOWN_CANDIDATES:
            found.append(pair)
    asked = (
        Uncertain(right[column].part_key, _candidates(evidence, confidence, found))
        for column, found in likeliest.items()
    )
    return matches, [item for item in asked if item.candidates]


def _disputed(evidence: Evidence, chosen: Indices) -> Indices:
    """Those of the ``chosen`` pairs that changed in shape, while one part of them has its very shape in another.

    Name and place against shape: two parts of a family may have been altered, or have changed places and names. Where
    they differ by no more than a re-export may bring about, a shape that agrees exactly is the very one. And the other
    way round: those that have not the name that another part has, which stands there, too, and has a similar shape.
    """
    same = (evidence.same_shape, evidence.exact_shape, evidence.named_in_place)
    return np.asarray(np.unique(np.concatenate([_claimed_elsewhere(evidence.pairs, each, chosen) for each in same])))


def _claimed_elsewhere(pairs: Pairs, same: NDArray[np.bool_], chosen: Indices) -> Indices:
    """Those of the ``chosen`` that are not the ``same``, while one part of them is the same as a third that is free."""
    rows, columns = (np.zeros(count, bool) for count in pairs.shape)
    settled = chosen[same[chosen]]
    rows[pairs.rows[settled]] = columns[pairs.columns[settled]] = True
    elsewhere = np.flatnonzero(same & ~rows[pairs.rows] & ~columns[pairs.columns])
    claimed_old, claimed_new = (np.zeros(count, bool) for count in pairs.shape)
    claimed_old[pairs.rows[elsewhere]] = claimed_new[pairs.columns[elsewhere]] = True
    claimed = claimed_old[pairs.rows[chosen]] | claimed_new[pairs.columns[chosen]]
    return np.asarray(chosen[claimed & ~same[chosen]])


def _candidates(evidence: Evidence, confidence: Numbers, found: Sequence[int]) -> tuple[Candidate, ...]:
    """The candidates that a person is asked about: pairs that are more than chance would bring about."""
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
    """The pairing with the most evidence in all: each part in one pair at most, and no pair below ``LEAST``."""
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
    """The probability of each pair, from its evidence and from its lead over the best other claim to either part.

    It is computed twice: parts that are found unchanged in their old place at first are no rivals the second time.
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


def _key_of_before(part: Part, retired: Collection[str]) -> str:
    """The one of the ``retired`` keys that this part, or one of its name, had; empty where there is none."""
    name = key_name(part.source_name)
    return next((key for key in (part.part_key, slug(name) if name else "") if key in retired), "")


def _returned(part: Part, key: str) -> Uncertain:
    """A part that was gone (suppressed, perhaps) and has come back, or another one of its name: a person knows."""
    reason = "same name as a part that is gone since an earlier revision"
    return Uncertain(part.part_key, (Candidate(key, 0.5, reason),))
