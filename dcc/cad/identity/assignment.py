"""The assignment problem: which pairs, each part in one at most, have the most evidence in all."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from dcc.cad.identity.pairs import Indices, Numbers, Pairs


def best_pairing(pairs: Pairs, nats: Numbers, least: float) -> Indices:
    """The indices of the pairs that have most of ``nats`` (pairs,) in all: each part in one, and none below ``least``.

    Solved as one linear assignment problem (a minimum weight full matching of the sparse bipartite graph of pairs).
    """
    worth = np.flatnonzero(nats > least)
    rows, columns = pairs.shape
    # Each old part may also stay alone; that is what the further columns are for. No weight may be zero.
    alone = np.arange(rows)
    weights = csr_array(
        (
            np.concatenate([nats[worth] - least + 1.0, np.ones(rows)]),
            (np.concatenate([pairs.rows[worth], alone]), np.concatenate([pairs.columns[worth], columns + alone])),
        ),
        shape=(rows, columns + rows),
    )
    row_of, column_of = min_weight_full_bipartite_matching(weights, maximize=True)
    chosen = np.full(rows, -1)
    chosen[row_of] = column_of
    return np.asarray(worth[chosen[pairs.rows[worth]] == pairs.columns[worth]])
