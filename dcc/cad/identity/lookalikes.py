"""How likely it is that two parts look alike by mere coincidence.

A part is recognised by its place, by a name that no other part has, or by its exact shape, unless it has another name
now. Where it is neither at its place nor of exactly its shape, only the name is left: among two hundred spacers, one
that is 2 % larger and stands elsewhere may be any of them, or none. How similar different parts are is measured within
each revision: of these others, *lookalikes* are as near as the pair itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dcc.cad.identity import thresholds
from dcc.cad.identity.evidence.shape import shape_differences
from dcc.cad.identity.evidence.weighing import Evidence
from dcc.cad.identity.pairs import Pairs
from dcc.cad.identity.part_table import PartTable

_SAMPLE = 500
"""Most other parts that are compared; what more there are is estimated from these."""


@dataclass(frozen=True)
class Lookalikes:
    """Other parts that might be meant: ``expected`` is how many of ``others`` are as near as the pair itself.

    ``namesakes``: the others are all parts with its name, not all parts. ``shape_alone``: nothing but the shape speaks
    for the pair.
    """

    expected: float = 0.0
    others: int = 0
    namesakes: bool = False
    shape_alone: bool = False

    @property
    def probability(self) -> float:
        """That the pair is a match, and the new part not one more lookalike."""
        return 1.0 / (1.0 + self.expected)


def lookalikes_of(evidence: Evidence, pair: int) -> Lookalikes:
    """The lookalikes that a pair has to stand out from; none, where its place or its very shape singles it out.

    A name that several parts have says of none of them which it is, and to a part of quite another shape it may have
    been given anew. Where the name does not speak for the pair at all, nearness of shape is left.
    """
    difference = float(evidence.shapes.largest[pair])
    if evidence.places.most_kept[pair]:
        return Lookalikes()
    if difference <= thresholds.EXACT_SHAPE:
        # One shape beyond doubt; who else has it is seen in the next best pairing. But a copy may have come elsewhere
        # under a name of its own, and the original gone.
        renamed = evidence.renamed[pair]
        return Lookalikes(thresholds.LONE_LOOKALIKE, shape_alone=True) if renamed else Lookalikes()
    sides = (
        (evidence.old, int(evidence.pairs.rows[pair])),
        (evidence.new, int(evidence.pairs.columns[pair])),
    )
    if len({side.stems[part] for side, part in sides}) == 1:
        others = max(side.namesakes(part) for side, part in sides) - 1
        return Lookalikes(others + (evidence.shape_nats[pair] < 0), others, namesakes=True)
    found = [Lookalikes(_expected(side, part, difference), len(side.parts) - 1) for side, part in sides]
    most = max(found, key=lambda lookalikes: lookalikes.expected)
    if evidence.names.nats[pair] <= 0:
        # Not even the name is alike: in a model of few parts, nobody comes near, and yet it may be a new one.
        return replace(most, expected=max(most.expected, thresholds.LONE_LOOKALIKE), shape_alone=True)
    return most


def _expected(side: PartTable, part: int, difference: float) -> float:
    """How many other parts of its revision are expected to come as near to a part as ``difference``.

    CAD parts are much alike but for one measure (the lengths of a profile), so that of those that differ by D, d / D
    are expected to differ by no more than d.
    """
    others = np.delete(np.arange(len(side.parts)), part)
    if not len(others):
        return 0.0
    seen = others[:: -(-len(others) // _SAMPLE)]
    pairs = Pairs(np.full(len(seen), part), seen, (len(side.parts), len(side.parts)))
    shapes = shape_differences(side, side, pairs)
    near = np.where(shapes.mirrored, 0.0, difference / np.maximum(shapes.largest, difference))
    return float(near.mean()) * len(others)
