"""Which pairs of an old and a new part are worth weighing.

In a small model that is every pair. In a large one it is those that are near in shape, that share a name, that stand at
one place, or that are one shape at two sizes: whatever could still be a match, in numbers that grow with the parts and
not with their square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dcc.cad.identity import thresholds
from dcc.cad.identity.part_table import PartTable

EVERY_PAIR = 40_000
"""Most pairs that are all weighed."""

_NEAR_SHAPE = 0.25
"""Relative difference of a linear measure beyond which name and place together do not make up for it."""
_NEIGHBOURS = 24
"""Nearest others that are looked at for each part, by shape and by place."""
_NAMESAKES = 4096
"""Most pairs of parts of one name that are all looked at."""

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Row ``rows[i]`` (old parts) with column ``columns[i]`` (new parts), sorted; of ``shape`` (old, new) there are."""

    rows: Indices
    columns: Indices
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_complete(self) -> bool:
        """Whether every old part is paired with every new one."""
        return len(self.rows) == self.shape[0] * self.shape[1]

    def of_parts_in(self, pairs: Mask | Indices) -> tuple[Mask, Mask]:
        """(old,), (new,): the parts that ``pairs`` (a mask of pairs, or their indices) consist of."""
        old, new = (np.zeros(count, bool) for count in self.shape)
        old[self.rows[pairs]] = new[self.columns[pairs]] = True
        return old, new


def pairs_to_weigh(old: PartTable, new: PartTable, every_pair_up_to: int) -> Pairs:
    """Every pair, or those that may be a match where there are more than ``every_pair_up_to``."""
    if len(old.parts) * len(new.parts) <= every_pair_up_to:
        return every_pair(len(old.parts), len(new.parts))
    return _likely_pairs(old, new)


def every_pair(old: int, new: int) -> Pairs:
    """All pairs of so many old and new parts."""
    rows, columns = np.divmod(np.arange(old * new, dtype=np.int64), max(new, 1))
    return Pairs(rows, columns, (old, new))


def _likely_pairs(old: PartTable, new: PartTable) -> Pairs:
    found = [
        _near(old.log_measures, new.log_measures, _NEAR_SHAPE),
        _near(new.log_measures, old.log_measures, _NEAR_SHAPE)[:, ::-1],
        _near(_without_size(old.log_measures), _without_size(new.log_measures), thresholds.SAME_SHAPE),
        _namesakes(old.stems, new.stems),
        _neighbours(old, new),
    ]
    distinct = np.unique(np.concatenate(found), axis=0)
    return Pairs(distinct[:, 0], distinct[:, 1], (len(old.parts), len(new.parts)))


def _without_size(log_measures: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(log_measures - log_measures.mean(axis=1, keepdims=True))


def _near(points: NDArray[np.float64], others: NDArray[np.float64], radius: float) -> Indices:
    """For each point the nearest others within ``radius`` in every coordinate; shape (pairs, 2)."""
    count = min(_NEIGHBOURS, len(others))
    distances, indices = cKDTree(others).query(points, k=[*range(1, count + 1)], p=np.inf, distance_upper_bound=radius)
    rows = np.repeat(np.arange(len(points)), count).reshape(len(points), count)
    near = np.isfinite(distances)
    return np.asarray(np.stack([rows[near], indices[near]], axis=1), np.int64)


def _namesakes(old: Sequence[str], new: Sequence[str]) -> Indices:
    rows: dict[str, list[int]] = {}
    columns: dict[str, list[int]] = {}
    for side, groups in ((old, rows), (new, columns)):
        for index, stem in enumerate(side):
            groups.setdefault(stem, []).append(index)
    found = [
        np.stack(np.meshgrid(rows[stem], columns[stem]), axis=-1).reshape(-1, 2)
        for stem in rows.keys() & columns.keys()
        if stem and len(rows[stem]) * len(columns[stem]) <= _NAMESAKES
    ]
    return np.concatenate([np.empty((0, 2), np.int64), *found])


def _neighbours(old: PartTable, new: PartTable) -> Indices:
    """Pairs of which an occurrence of one stands near an occurrence of the other."""
    if not len(old.centers) or not len(new.centers):
        return np.empty((0, 2), np.int64)
    pairs = _near(old.centers, new.centers, thresholds.OFF_PLACE_RESHAPED * float(old.sizes.max()))
    distances = np.linalg.norm(old.centers[pairs[:, 0]] - new.centers[pairs[:, 1]], axis=1)
    owners = np.stack([old.owners[pairs[:, 0]], new.owners[pairs[:, 1]]], axis=1)
    return np.asarray(owners[distances <= thresholds.OFF_PLACE_RESHAPED * old.sizes[owners[:, 0]]])
