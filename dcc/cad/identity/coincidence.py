"""How likely it is that two parts look alike by mere coincidence.

A part is recognised by its place, by a name that no other part has, or by its exact shape, unless it has another name
now. Where it is neither at its place nor of exactly its shape, only the name is left: among two hundred spacers, one
that is 2 % larger and stands elsewhere may be any of them, or none. How similar different parts are is measured within
each revision: these others are the *crowd* that a pair has to stand out from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dcc.cad.identity.candidates import Pairs
from dcc.cad.identity.evidence import Evidence, shape_differences
from dcc.cad.identity.likeness import EXACT, Likeness

_KEPT_PLACES = 0.5
"""Share of its places by which a part is known again."""
_STRANGER = 0.5
"""How many unknown new parts are assumed to come as near, where nothing but its shape speaks for a pair."""
_SAMPLE = 500
"""Most other parts that are compared; what more there are is estimated from these."""


@dataclass(frozen=True)
class Crowd:
    """Other parts that might be meant: ``expected`` is how many of ``others`` are as near as the pair itself.

    ``namesakes``: the others are all parts with its name, not all parts. ``shape_alone``: nothing but the shape speaks
    for the pair.
    """

    expected: float = 0.0
    others: int = 0
    namesakes: bool = False
    shape_alone: bool = False

    @property
    def confidence(self) -> float:
        """Probability that the pair is a match, and the new part not one more of the crowd."""
        return 1.0 / (1.0 + self.expected)

    @property
    def words(self) -> str:
        if self.namesakes and not self.others:
            return "nothing but the name speaks for it"
        if self.namesakes:
            return f"{self.others} other {'part has' if self.others == 1 else 'parts have'} that name"
        if self.shape_alone and self.expected <= _STRANGER:
            return "nothing but its shape speaks for it"
        return f"about {max(1, round(self.expected))} of {self.others} other parts would come as near"


def crowd_around(evidence: Evidence, pair: int) -> Crowd:
    """The crowd that ``pair`` has to stand out from; nobody, where its place or its very shape singles it out.

    A name that several parts have says of none of them which it is, and to a part of quite another shape it may have
    been given anew. Where the name does not speak for the pair at all, nearness of shape is left: CAD parts are much
    alike but for one measure (the lengths of a profile), so that of those that differ by D, d / D are expected to
    differ by no more than d.
    """
    difference = float(evidence.shapes.largest[pair])
    if evidence.shared_places[pair] >= _KEPT_PLACES:
        return Crowd()
    if difference <= EXACT:
        # One shape beyond doubt; who else has it is seen in the next best pairing. But a copy may have come elsewhere
        # under a name of its own, and the original gone.
        return Crowd(_STRANGER, shape_alone=True) if evidence.renamed[pair] else Crowd()
    sides = (
        (evidence.old, int(evidence.pairs.rows[pair])),
        (evidence.new, int(evidence.pairs.columns[pair])),
    )
    if len({side.stems[part] for side, part in sides}) == 1:
        others = max(side.namesakes(part) for side, part in sides) - 1
        return Crowd(others + (evidence.shape[pair] < 0), others, namesakes=True)
    crowds = [Crowd(_expected(side, part, difference), len(side.parts) - 1) for side, part in sides]
    crowd = max(crowds, key=lambda crowd: crowd.expected)
    if evidence.name[pair] <= 0:
        # Not even the name is alike: in a model of few parts, nobody comes near, and yet it may be a new one.
        return replace(crowd, expected=max(crowd.expected, _STRANGER), shape_alone=True)
    return crowd


def _expected(side: Likeness, part: int, difference: float) -> float:
    others = np.delete(np.arange(len(side.parts)), part)
    if not len(others):
        return 0.0
    seen = others[:: -(-len(others) // _SAMPLE)]
    pairs = Pairs(np.full(len(seen), part), seen, (len(side.parts), len(side.parts)))
    shapes = shape_differences(side, side, pairs)
    near = np.where(shapes.mirrored, 0.0, difference / np.maximum(shapes.largest, difference))
    return float(near.mean()) * len(others)
