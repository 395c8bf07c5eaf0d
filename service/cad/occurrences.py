"""Which occurrence of a revision of a CAD file is which of the revision before.

Paths do not tell: exporters number occurrences anew when one goes or comes. So the occurrence that stands at the place
is the one; what has moved is known by its path, or because nothing else comes near, and never taken for an occurrence
whose place was another's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.manifest import Manifest, Part, Vector
from shared.material_layers import occurrence_target, part_of

_AT_PLACE = 1e-3
"""Distance within which two occurrences stand at one place, as a share of their part's size."""
UNMOVED = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class _Standing:
    """An occurrence and where its part's centre of mass stands in the new model, mm."""

    target: str
    path: str
    place: Vector
    size: float
    """Diagonal of its part's bounding box, mm."""


class Occurrences:
    """The occurrences of ``old`` and ``new``; ``heirs`` are the parts of ``new`` that each part of ``old`` became.

    ``alignment`` (4x4, row vectors) takes places in the old model to places in the new one.
    """

    def __init__(
        self, old: Manifest, new: Manifest, heirs: Mapping[str, Sequence[str]], alignment: Sequence[float] = UNMOVED
    ) -> None:
        self._old = {part.part_key: part for part in old.parts}
        self._new = {part.part_key: part for part in new.parts}
        self._heirs = heirs
        self._alignment = alignment
        self._found: dict[frozenset[str], _Family] = {}

    def place(self, target: str) -> Vector | None:
        """Where an occurrence of ``old`` stood, as the new model is aligned; None where there is none."""
        part = self._old.get(part_of(target))
        found = (item for item in self._standing(part, aligned=True) if item.target == target) if part else ()
        return next((item.place for item in found), None)

    def aligned(self, place: Vector) -> Vector:
        """A place in the old model, as the new one is aligned."""
        return _moved(place, self._alignment)

    def follow(self, target: str) -> str | None:
        """The target in ``new`` of the occurrence that ``target`` was in ``old``; None where it has gone."""
        family = self._family(part_of(target))
        item = next((each for each in family.old if each.target == target), None)
        return family.follow(item) if item else None

    def standing_at(self, place: Vector, key: str) -> str | None:
        """The one occurrence in ``new`` of what the part ``key`` became that stands at ``place``."""
        found = self._family(key).new_places.near(place)
        return found[0].target if len(found) == 1 else None

    def names(self, target: str) -> bool:
        """Whether ``new`` has an occurrence of this very target."""
        part = self._new.get(part_of(target))
        return part is not None and any(occurrence_target(part.part_key, o.path) == target for o in part.occurrences)

    def _family(self, key: str) -> _Family:
        """What a part became, and all parts that became the same."""
        became = frozenset(self._heirs.get(key, ()))
        origins = frozenset({key} | {other for other, heirs in self._heirs.items() if became.intersection(heirs)})
        if origins not in self._found:
            old = [item for each in origins if each in self._old for item in self._standing(self._old[each], True)]
            became = became.union(*(self._heirs.get(each, ()) for each in origins))
            new = [item for each in became if each in self._new for item in self._standing(self._new[each])]
            self._found[origins] = _Family(old, new)
        return self._found[origins]

    def _standing(self, part: Part, aligned: bool = False) -> Iterator[_Standing]:
        size = math.dist(part.bounding_box.min, part.bounding_box.max) or 1.0
        size *= math.hypot(*self._alignment[:3]) if aligned else 1.0
        for item in part.occurrences:
            place = _moved(part.center, item.transform)
            place = self.aligned(place) if aligned else place
            yield _Standing(occurrence_target(part.part_key, item.path), item.path, place, size)


class _Family:
    """Occurrences of parts that became one another."""

    def __init__(self, old: Sequence[_Standing], new: Sequence[_Standing]) -> None:
        self.old, self.new = old, new

    @cached_property
    def new_places(self) -> _Grid:
        return _Grid(self.new)

    @cached_property
    def _moved(self) -> tuple[list[_Standing], list[_Standing]]:
        """Those of ``old`` whose place is empty, and those of ``new`` whose place was."""
        before = _Grid(self.old)
        left = [item for item in self.old if not self.new_places.near(item.place)]
        return left, [item for item in self.new if not before.near(item.place)]

    def follow(self, item: _Standing) -> str | None:
        at_place = self.new_places.near(item.place)
        same_path = [each for each in at_place if each.path == item.path]
        if at_place:
            found = same_path or at_place
            return found[0].target if len(found) == 1 else None
        left, come = self._moved
        for each in come:
            if each.path == item.path:
                return each.target
        within_reach = _within_reach(item, come)
        if len(within_reach) == 1 and _within_reach(within_reach[0], left) == [item]:
            return within_reach[0].target
        return None


def _within_reach(item: _Standing, others: Iterable[_Standing]) -> list[_Standing]:
    """Those of ``others`` that stand no farther from ``item`` than it is large."""
    return [each for each in others if math.dist(each.place, item.place) <= item.size]


class _Grid:
    """Occurrences by where they stand."""

    def __init__(self, items: Sequence[_Standing]) -> None:
        self._near = _AT_PLACE * max((item.size for item in items), default=1.0)
        self._cells: dict[tuple[int, int, int], list[_Standing]] = defaultdict(list)
        for item in items:
            self._cells[self._cell(item.place)].append(item)

    def near(self, place: Vector) -> list[_Standing]:
        """Those that stand at ``place``."""
        x, y, z = self._cell(place)
        steps = (-1, 0, 1)
        around = ((x + dx, y + dy, z + dz) for dx in steps for dy in steps for dz in steps)
        return [
            item
            for cell in around
            for item in self._cells.get(cell, ())
            if math.dist(item.place, place) <= _AT_PLACE * item.size
        ]

    def _cell(self, place: Vector) -> tuple[int, int, int]:
        x, y, z = (math.floor(value / self._near) for value in place)
        return x, y, z


def _moved(place: Vector, matrix: Sequence[float]) -> Vector:
    """``place`` through a 4x4 matrix of row vectors."""
    x, y, z = place
    m = matrix
    return (
        x * m[0] + y * m[4] + z * m[8] + m[12],
        x * m[1] + y * m[5] + z * m[9] + m[13],
        x * m[2] + y * m[6] + z * m[10] + m[14],
    )
