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

from dcc.cad.identity.likeness import NOISE, Likeness

EVERY_PAIR = 40_000
"""Most pairs that are all weighed."""

_NEAR_SHAPE = 0.25
"""Relative difference of a linear measure beyond which name and place together do not make up for it."""
_NEIGHBOURS = 24
"""Nearest others that are looked at for each part, by shape and by place."""
_NAMESAKES = 4096
"""Most pairs of parts of one name that are all looked at."""
_NEAR_PLACE = 0.5
"""Share of a part's size."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Row ``rows[i]`` (old parts) with column ``columns[i]`` (new parts), sorted; of ``shape`` (old, new) there are."""

    rows: Indices
    columns: Indices
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.rows)


def every_pair(old: int, new: int) -> Pairs:
    rows, columns = np.divmod(np.arange(old * new, dtype=np.int64), max(new, 1))
    return Pairs(rows, columns, (old, new))


def likely_pairs(old: Likeness, new: Likeness) -> Pairs:
    """The pairs of a large model that may be a match."""
    found = [
        _near(old.log_measures, new.log_measures, _NEAR_SHAPE),
        _near(new.log_measures, old.log_measures, _NEAR_SHAPE)[:, ::-1],
        _near(_without_size(old.log_measures), _without_size(new.log_measures), NOISE),
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


def _neighbours(old: Likeness, new: Likeness) -> Indices:
    """Pairs of which an occurrence of one stands near an occurrence of the other."""
    if not len(old.centers) or not len(new.centers):
        return np.empty((0, 2), np.int64)
    pairs = _near(old.centers, new.centers, _NEAR_PLACE * float(old.sizes.max()))
    distances = np.linalg.norm(old.centers[pairs[:, 0]] - new.centers[pairs[:, 1]], axis=1)
    owners = np.stack([old.owners[pairs[:, 0]], new.owners[pairs[:, 1]]], axis=1)
    return np.asarray(owners[distances <= _NEAR_PLACE * old.sizes[owners[:, 0]]])
