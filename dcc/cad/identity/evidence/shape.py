"""The evidence of shape: how much the measures of two parts differ, and whether they are of one hand.

With the difference d of two shapes (:attr:`ShapeDifferences.largest`), the evidence in nats is::

    d <= SAME_SHAPE      -ln(c + exp(-8)) - r    0 to 8; c: share of the other parts of both revisions with that shape;
                                                 r: 0 to 2, linear in ln d: most exports give the very numbers again
    SAME_SHAPE .. 0.15   6 to 0                  linear in ln d
    0.15 .. 0.7          0 to -8                 linear in ln d, and no less beyond
    scaled               1 at least              the same shape at another size
    mirrored             -8                      the other hand is another part

``SAME_SHAPE`` is the largest noise that was seen in re-exports of real files. Wrong values show in
tests/dcc/cad/test_matching.py (edits that reshape), test_misleading_evidence.py (families and hands) and in
``python -m tests.benchmarks.identity``.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from dcc.cad.identity import thresholds
from dcc.cad.identity.pairs import Indices, Mask, Numbers, Pairs, every_pair
from dcc.cad.identity.part_table import Matrix, PartTable
from shared.manifest import Part


@dataclass(frozen=True)
class ShapeDifferences:
    """How the shapes of each pair differ; all of shape (pairs,).

    - ``largest``: largest difference of a linear measure.
    - ``scaled``: the same shape at another size. ``mirrored``: its mirror image, at whatever size.
    - ``perhaps_mirrored``: changed, and perhaps mirrored, too.
    """

    largest: Numbers
    scaled: Mask
    mirrored: Mask
    perhaps_mirrored: Mask

    @functools.cached_property
    def same(self) -> Mask:
        """No more difference than a re-export makes."""
        return np.asarray((self.largest <= thresholds.SAME_SHAPE) & ~self.mirrored)

    @functools.cached_property
    def exact(self) -> Mask:
        """The same shape beyond doubt."""
        return np.asarray((self.largest <= thresholds.EXACT_SHAPE) & ~self.mirrored)

    @functools.cached_property
    def doubtful(self) -> Mask:
        """So different that one may have replaced the other under its name, or perhaps two hands."""
        return self.perhaps_mirrored | ((self.largest >= thresholds.REPLACED_SHAPE) & ~self.scaled)


def shape_differences(old: PartTable, new: PartTable, pairs: Pairs) -> ShapeDifferences:
    """How the shapes of each pair differ."""
    ratios = _log_ratios(old.measures[pairs.rows], new.measures[pairs.columns])
    largest = np.abs(ratios).max(axis=1)
    spread = ratios.max(axis=1) - ratios.min(axis=1)
    topology = (old.topology[pairs.rows] == new.topology[pairs.columns]).all(axis=1)
    scaled = (spread < thresholds.SAME_SHAPE) & (largest > thresholds.SAME_SHAPE) & topology
    opposite, clear = _opposite_hands(old.chirality[pairs.rows], new.chirality[pairs.columns])
    mirrored = opposite & ((largest < thresholds.SAME_SHAPE) | scaled)
    perhaps = opposite & clear & ~mirrored & (spread < thresholds.NEUTRAL_SHAPE)
    return ShapeDifferences(largest, scaled, mirrored, perhaps)


def _log_ratios(old: Matrix, new: Matrix) -> Matrix:
    """ln(new / old) of each measure; shape (pairs, measures)."""
    # A flat part has no thickness: measures below a millionth of its size are rounding.
    floor = 1e-6 * np.maximum(old.max(axis=1), new.max(axis=1))[:, None] + 1e-12
    return np.asarray(np.log(np.maximum(new, floor) / np.maximum(old, floor)))


def _opposite_hands(old: Numbers, new: Numbers) -> tuple[Mask, Mask]:
    """By the chirality of each pair: whether they are of opposite hand, and whether both clearly have one.

    The mesh adds noise to the chirality of a nearly symmetric shape, but not by chance the exact opposite; and a small
    change of shape may turn the sign, but seldom into something like the opposite.
    """
    larger, smaller = np.maximum(np.abs(old), np.abs(new)), np.minimum(np.abs(old), np.abs(new))
    clear = smaller > thresholds.CLEARLY_HANDED
    kept = smaller > np.where(clear, thresholds.KEPT_CLEAR_HAND, thresholds.KEPT_SLIGHT_HAND) * larger
    return kept & (smaller > thresholds.SLIGHTLY_HANDED) & (old * new < 0), clear


def shape_nats(old: PartTable, new: PartTable, pairs: Pairs, shapes: ShapeDifferences) -> Numbers:
    """The evidence of shape for each pair, as the module says."""
    difference, same = shapes.largest, shapes.same
    rounding = np.interp(
        np.log(np.maximum(difference, thresholds.IDENTICAL_SHAPE)),
        np.log([thresholds.IDENTICAL_SHAPE, thresholds.SAME_SHAPE]),
        [0.0, thresholds.ROUNDING_NATS],
    )
    coincidence = _share_of_others(old, new, pairs, same)
    unchanged = -np.log(coincidence + math.exp(-thresholds.SAME_SHAPE_NATS)) - rounding
    changed = np.interp(
        np.log(np.maximum(difference, thresholds.SAME_SHAPE)),
        np.log([thresholds.SAME_SHAPE, thresholds.NEUTRAL_SHAPE, thresholds.UNRELATED_SHAPE]),
        [thresholds.SAME_SHAPE_NATS - thresholds.ROUNDING_NATS, 0.0, thresholds.UNRELATED_SHAPE_NATS],
    )
    nats = np.where(same, unchanged, changed)
    nats = np.where(shapes.scaled, np.maximum(nats, thresholds.SCALED_NATS), nats)
    return np.where(shapes.mirrored, thresholds.UNRELATED_SHAPE_NATS, nats)


def _share_of_others(old: PartTable, new: PartTable, pairs: Pairs, same: Mask) -> Numbers:
    """Share of all other parts that have the shape of each pair, 0 to 1."""
    rows, columns = pairs.shape
    if pairs.is_complete:
        alike_new = np.bincount(pairs.rows[same], minlength=rows)
        alike_old = np.bincount(pairs.columns[same], minlength=columns)
    else:
        alike_new, alike_old = _alike(old.log_measures, new.log_measures), _alike(new.log_measures, old.log_measures)
    others = (alike_new[pairs.rows] - 1).clip(min=0) + (alike_old[pairs.columns] - 1).clip(min=0)
    return np.asarray(others / max(rows + columns - 2, 1))


def _alike(points: Matrix, others: Matrix) -> Indices:
    """How many of ``others`` have the shape of each point."""
    return np.asarray(cKDTree(others).query_ball_point(points, thresholds.SAME_SHAPE, p=np.inf, return_length=True))


def same_shape(part: Part, other: Part) -> bool:
    """Whether two parts differ by no more than a re-export does."""
    areas = part.fingerprint.area, other.fingerprint.area
    # Most pairs differ in area already, which is quicker to see.
    if min(areas) > 0 and abs(math.log(areas[0] / areas[1])) > 2 * thresholds.SAME_SHAPE:
        return False
    one, two = (PartTable.of([replace(each, occurrences=())]) for each in (part, other))
    return bool(shape_differences(one, two, every_pair(1, 1)).same[0])
