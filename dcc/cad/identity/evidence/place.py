"""The evidence of place: where a part stands, and in which assembly.

With the share k of its places that a part has kept (:attr:`Places.kept`), the evidence in nats is::

    -0.5 + 4 k, and 1 more where one of its assemblies has the same path of names        -0.5 to 4.5

A part that moved is almost as likely as one that did not: revisions move parts. So nothing but the same place says
much, and that only together with shape or name, as a replacement stands there, too (``Evidence.credit``). Wrong values
show in tests/dcc/cad/test_matching.py (parts and assemblies moved, exchanged, re-parented, replaced in place),
test_misleading_evidence.py (rows and stacks of twins) and in ``python -m tests.benchmarks.identity``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dcc.cad.identity import thresholds
from dcc.cad.identity.pairs import Mask, Numbers, Pairs
from dcc.cad.identity.part_table import PartTable


@dataclass(frozen=True)
class Places:
    """What the places of each pair say; all of shape (pairs,).

    - ``nats``: the evidence. ``kept``: share of its places that the part has kept, 0 to 1.
    """

    nats: Numbers
    kept: Numbers

    @functools.cached_property
    def exactly_kept(self) -> Mask:
        """The part stands at its very places."""
        return np.asarray(self.kept >= 1.0)

    @functools.cached_property
    def all_kept(self) -> Mask:
        """The part has not moved."""
        return np.asarray(self.kept >= thresholds.AT_PLACE_SHARE)

    @functools.cached_property
    def most_kept(self) -> Mask:
        """It stands where it stood, as far as one can tell after a change of shape, which moves its centre."""
        return np.asarray(self.kept >= thresholds.MOST_PLACES)


def compare_places(old: PartTable, new: PartTable, pairs: Pairs, reshaped: Mask) -> Places:
    """What the places of each pair say. ``reshaped``: pairs of different shape."""
    kept = _share_kept(old, new, pairs, reshaped)
    nats = thresholds.OTHER_PLACE_NATS + kept * (thresholds.SAME_PLACE_NATS - thresholds.OTHER_PLACE_NATS)
    same_assembly = np.array(
        [
            not old.paths[row].isdisjoint(new.paths[column])
            for row, column in zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True)
        ],
        bool,
    )
    return Places(nats + np.where(same_assembly, thresholds.SAME_ASSEMBLY_NATS, 0.0), kept)


def _share_kept(old: PartTable, new: PartTable, pairs: Pairs, reshaped: Mask) -> Numbers:
    """Share of places that both of each pair have, 0 to 1, of those of the one that has more."""
    counts_old, counts_new = np.diff(old.starts)[pairs.rows], np.diff(new.starts)[pairs.columns]
    kept = np.zeros(len(pairs))
    single = (counts_old == 1) & (counts_new == 1)
    rows, columns = pairs.rows[single], pairs.columns[single]
    distances = np.linalg.norm(old.centers[old.starts[rows]] - new.centers[new.starts[columns]], axis=1)
    off = distances / old.sizes[rows]
    kept[single] = np.where(reshaped[single], _at_place(off, reshaped=True), _at_place(off, reshaped=False))
    for pair in np.flatnonzero((counts_old > 0) & (counts_new > 0) & ~single).tolist():
        row, column = int(pairs.rows[pair]), int(pairs.columns[pair])
        if counts_old[pair] <= counts_new[pair]:
            distances, most = new.distances_to(column, old.places(row)), counts_new[pair]
        else:
            distances, most = old.distances_to(row, new.places(column)), counts_old[pair]
        kept[pair] = _at_place(distances / old.sizes[row], reshaped=bool(reshaped[pair])).sum() / most
    return kept


def _at_place(off: Numbers, *, reshaped: bool) -> Numbers:
    """How much of "the same place" it is to be so far ``off`` (shares of the part's size): 1 to 0, linear between.

    Of near neighbours of one shape, the one that stands at the very place is the one.
    """
    end = thresholds.OFF_PLACE_RESHAPED if reshaped else thresholds.OFF_PLACE
    return np.asarray(
        np.interp(off, [thresholds.EXACT_PLACE, thresholds.AT_PLACE, end], [1.0, thresholds.AT_PLACE_SHARE, 0.0])
    )
