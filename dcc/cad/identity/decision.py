"""The decision about each pair: certain, a question for a person, or nothing.

The probability that a pair is a match follows from its evidence: 1 / (1 + e**-n), n being its own nats or its lead
over the best rival that either of its parts has, whichever is less. It is halved where another pair disputes it, and
is at most that of standing out from lookalikes. From ``ACCEPTED`` on, a pair of the best pairing is certain. What is
left over is asked about, where there is evidence enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcc.cad.identity import reasons, thresholds
from dcc.cad.identity.assignment import best_pairing
from dcc.cad.identity.evidence.weighing import Evidence
from dcc.cad.identity.lookalikes import lookalikes_of
from dcc.cad.identity.pairs import Indices, Mask, Numbers, Pairs
from shared.revision_report import SHOWN_CANDIDATES, Candidate, Match, Uncertain


def decide(evidence: Evidence) -> tuple[list[Match], list[Uncertain]]:
    """The certain matches, and the questions about new parts that are in none."""
    chosen = best_pairing(evidence.pairs, evidence.credit, thresholds.LEAST_NATS)
    probability = _probability(evidence)
    probability[_disputed(evidence, chosen)] *= thresholds.DISPUTED
    probability[evidence.shapes.doubtful] *= thresholds.DISPUTED
    certain: list[int] = []
    matches: list[Match] = []
    for pair in chosen[probability[chosen] >= thresholds.ACCEPTED].tolist():
        sure = min(float(probability[pair]), lookalikes_of(evidence, pair).probability)
        if sure >= thresholds.ACCEPTED:
            certain.append(pair)
            matches.append(Match(*_keys(evidence, pair), round(sure, 4), reasons.of_pair(evidence, pair)))
    return matches, _questions(evidence, probability, np.array(certain, np.int64))


def _keys(evidence: Evidence, pair: int) -> tuple[str, str]:
    """The keys of the old and of the new part of a pair."""
    row, column = evidence.pairs.rows[pair], evidence.pairs.columns[pair]
    return evidence.old.parts[row].part_key, evidence.new.parts[column].part_key


def _probability(evidence: Evidence) -> Numbers:
    """The probability of each pair by its evidence and its lead.

    It is computed twice: parts that are found unchanged in their old place at first are no rivals the second time.
    """
    pairs = evidence.pairs
    first = _by_lead(pairs, evidence.credit, evidence.total)
    settled = evidence.untouched & (first >= thresholds.ACCEPTED)
    old, new = pairs.of_parts_in(settled)
    no_rivals = (old[pairs.rows] | new[pairs.columns]) & ~settled
    return _by_lead(pairs, evidence.credit, np.where(no_rivals, -np.inf, evidence.total))


def _by_lead(pairs: Pairs, credit: Numbers, total: Numbers) -> Numbers:
    rival = np.maximum(_best_other(pairs.rows, total), _best_other(pairs.columns, total))
    return np.asarray(1.0 / (1.0 + np.exp(-np.minimum(credit, credit - rival))))


def _best_other(parts: Indices, nats: Numbers) -> Numbers:
    """For each pair the most that another pair of the same part has: ``parts`` are the parts of one side, (pairs,)."""
    # Pairs in groups of one part each, the best first: it looks to the second, all others look to it.
    order = np.lexsort((-nats, parts))
    is_best = np.append(True, np.diff(parts[order]) != 0)
    best = np.maximum.accumulate(np.where(is_best, np.arange(len(order)), 0))
    ranked = nats[order]
    following = np.where(np.append(is_best[1:], True), -np.inf, np.append(ranked[1:], -np.inf))
    found = np.empty(len(nats))
    found[order] = np.where(is_best, following, ranked[best])
    return found


def _disputed(evidence: Evidence, chosen: Indices) -> Indices:
    """Those of the ``chosen`` pairs that changed in shape, while one part of them has its very shape in another.

    Name and place against shape: two parts of a family may have been altered, or have changed places and names. Where
    they differ by no more than a re-export may bring about, a shape that agrees exactly is the very one. And the other
    ways round: those that have not the name that another part has, which stands there, too, and has a similar shape,
    or is its other hand: somebody may have corrected which of the two is the left one; and those that stand only near
    the place at which another part of that shape stands exactly.
    """
    alike = (
        evidence.shapes.same,
        evidence.shapes.exact,
        evidence.named_in_place,
        evidence.named_and_mirrored_in_place,
        evidence.exactly_untouched,
    )
    return np.asarray(np.unique(np.concatenate([_claimed_elsewhere(evidence.pairs, each, chosen) for each in alike])))


def _claimed_elsewhere(pairs: Pairs, alike: Mask, chosen: Indices) -> Indices:
    """Those of the ``chosen`` that are not ``alike``, while one part of them is alike to a third that is free."""
    old, new = pairs.of_parts_in(chosen[alike[chosen]])
    elsewhere = alike & ~old[pairs.rows] & ~new[pairs.columns]
    claimed_old, claimed_new = pairs.of_parts_in(elsewhere)
    claimed = claimed_old[pairs.rows[chosen]] | claimed_new[pairs.columns[chosen]]
    return np.asarray(chosen[claimed & ~alike[chosen]])


def _questions(evidence: Evidence, probability: Numbers, certain: Indices) -> list[Uncertain]:
    """What a person is asked: for each new part that is not certain the likeliest old ones, where there are any."""
    pairs = evidence.pairs
    settled_old, settled_new = pairs.of_parts_in(certain)
    open_ = np.flatnonzero(evidence.worth_a_question & ~settled_old[pairs.rows] & ~settled_new[pairs.columns])
    likeliest_first = open_[np.lexsort((pairs.rows[open_], -evidence.credit[open_], pairs.columns[open_]))]
    candidates: dict[str, list[int]] = {}
    for pair in likeliest_first.tolist():
        candidates.setdefault(_keys(evidence, pair)[1], []).append(pair)
    asked = (
        Uncertain(new_key, _candidates(evidence, probability, found[:SHOWN_CANDIDATES]))
        for new_key, found in candidates.items()
    )
    return [item for item in asked if item.candidates]


def _candidates(evidence: Evidence, probability: Numbers, found: Sequence[int]) -> tuple[Candidate, ...]:
    """Those of the pairs ``found`` that are more than chance would bring about."""
    candidates = []
    for pair in found:
        lookalikes = lookalikes_of(evidence, pair)
        # That a namesake is not the same part is for a person to say.
        if lookalikes.probability < thresholds.WORTH_ASKING and evidence.names.nats[pair] <= 0:
            continue
        sure = min(float(probability[pair]), lookalikes.probability)
        stands_out = lookalikes.probability >= thresholds.ACCEPTED
        reason = reasons.of_pair(evidence, pair) if stands_out else reasons.of_doubt(evidence, pair, lookalikes)
        candidates.append(Candidate(_keys(evidence, pair)[0], round(sure, 4), reason))
    return tuple(candidates)
