"""What parts are compared by: measures of their shapes, names and places, as arrays."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from shared.manifest import Part
from shared.part_keys import key_name

_FEW = 1_000
"""Pairs of points up to which it is quicker to compare all than to build a search tree."""

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PartTable:
    """The parts of one revision as arrays, all in the order of ``parts``.

    - ``names``: product and body; ``stems``: the same without counters and suffixes (:func:`stem_of`); ``bodies``.
    - ``measures`` (parts, 5): linear measures of the shape, mm: cube root of the volume, square root of the area, and
      roots of the principal moments.
    - ``topology`` (parts, 2): how many faces and edges. ``chirality`` (parts,). ``sizes`` (parts,): longest extent, mm.
    - ``centers`` (occurrences, 3): centres of mass in the space of the root, mm. Those of one part stand in a row, from
      ``starts[part]`` to ``starts[part + 1]``; ``owners`` (occurrences,) are the indices of their parts.
    """

    parts: Sequence[Part]
    names: list[str]
    stems: list[str]
    bodies: list[str]
    measures: Matrix
    topology: NDArray[np.int64]
    chirality: Vector
    sizes: Vector
    centers: Matrix
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> PartTable:
        prints = [part.fingerprint for part in parts]
        names = [name_of(part) for part in parts]
        centers = [centers_of(part) for part in parts]
        counts = np.array([len(places) for places in centers], np.int64)
        return cls(
            parts,
            names,
            [stem_of(name) for name in names],
            [key_name(part.body_name) for part in parts],
            _measures(parts),
            np.array([(shape.faces, shape.edges) for shape in prints], np.int64).reshape(-1, 2),
            np.array([shape.chirality for shape in prints]),
            np.array([max(shape.extents) or 1.0 for shape in prints]),
            np.concatenate([np.empty((0, 3)), *centers]),
            np.concatenate([[0], np.cumsum(counts)]),
            np.repeat(np.arange(len(parts)), counts),
        )

    @functools.cached_property
    def log_measures(self) -> Matrix:
        """Logarithms of ``measures`` (parts, 5): their differences are relative differences of the measures.

        A measure that a shape does not have, as a surface has no volume, becomes a millionth of its largest one.
        """
        floor = 1e-6 * self.measures.max(axis=1, keepdims=True) + 1e-12
        return np.asarray(np.log(np.maximum(self.measures, floor)))

    @functools.cached_property
    def paths(self) -> list[frozenset[str]]:
        """Of each part the assemblies in which it occurs, each as the path of stems from the root down."""
        return [frozenset(_assemblies(occurrence.path) for occurrence in part.occurrences) for part in self.parts]

    @functools.cached_property
    def _holders(self) -> Counter[str]:
        return Counter(self.stems)

    def namesakes(self, part: int) -> int:
        """How many parts have the name of this one, itself included."""
        return self._holders[self.stems[part]]

    def places(self, part: int) -> Matrix:
        """Centres of mass of all occurrences of a part, mm; shape (occurrences, 3)."""
        return np.asarray(self.centers[self.starts[part] : self.starts[part + 1]])

    def distances_to(self, part: int, points: Matrix) -> Vector:
        """Distance (mm) of each of ``points`` (points, 3) to the nearest place of a part; shape (points,)."""
        places = self.places(part)
        if len(points) * len(places) <= _FEW:
            return np.asarray(np.sqrt(((points[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)).min(axis=1))
        if part not in self._trees:
            self._trees[part] = cKDTree(places)
        return np.asarray(self._trees[part].query(points)[0])

    @functools.cached_property
    def _trees(self) -> dict[int, cKDTree]:
        return {}


def _measures(parts: Sequence[Part]) -> Matrix:
    """See ``PartTable.measures``. Extents are not among them: they depend on the part's axes and on the mesh."""
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


def name_of(part: Part) -> str:
    """What a part is called, with its body where its product holds several."""
    name = key_name(part.source_name)
    body = key_name(part.body_name)
    return f"{name}/{body}" if body else name


def stem_of(name: str) -> str:
    """A name without the counters and suffixes that a re-export adds: ``Pin_ASM`` and ``PIN (2)`` are ``pin``."""
    text = name.casefold()
    text = re.sub(r"([ _-]*(asm|assembly|copy|kopie|default|\(\d+\)))+$", "", text)
    return re.sub(r"[\W_]+", " ", text).strip()


def _assemblies(path: str) -> str:
    """An occurrence's assemblies, without itself: siblings are numbered anew in each revision."""
    return _stems_of(path.rpartition("/")[0])


@functools.lru_cache(maxsize=1 << 12)
def _stems_of(path: str) -> str:
    return "/".join(stem_of(name) for name in path.split("/"))


def centers_of(part: Part) -> Matrix:
    """Centre of mass of each occurrence in the root's space, mm; shape (occurrences, 3)."""
    if not part.occurrences:
        return np.zeros((0, 3))
    transforms = np.array([occurrence.transform for occurrence in part.occurrences]).reshape(-1, 4, 4)
    center = np.array([*part.center, 1.0])
    centers: Matrix = (center @ transforms)[:, :3]
    return centers
