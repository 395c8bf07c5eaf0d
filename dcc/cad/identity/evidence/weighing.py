"""All evidence for each pair of an old and a new part, and what follows from it together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dcc.cad.identity import thresholds
from dcc.cad.identity.evidence.name import Names, compare_names
from dcc.cad.identity.evidence.place import Places, compare_places
from dcc.cad.identity.evidence.shape import ShapeDifferences, shape_differences, shape_nats
from dcc.cad.identity.pairs import EVERY_PAIR, Mask, Numbers, Pairs, pairs_to_weigh
from dcc.cad.identity.part_table import PartTable
from shared.manifest import Part


@dataclass(frozen=True)
class Evidence:
    """What is seen of each of ``pairs``; ``shape_nats`` is the evidence in ``shapes``, as names and places have theirs.

    All properties have the shape (pairs,).
    """

    old: PartTable
    new: PartTable
    pairs: Pairs
    shapes: ShapeDifferences
    shape_nats: Numbers
    names: Names
    places: Places

    @functools.cached_property
    def total(self) -> Numbers:
        """The sum of all evidence (nats): what a pair weighs as a rival of others."""
        only = thresholds.ONLY_PART_NATS if self.pairs.shape == (1, 1) else 0.0
        return np.asarray(self.shape_nats + self.names.nats + self.places.nats + only)

    @functools.cached_property
    def credit(self) -> Numbers:
        """The evidence by which pairs are matched (nats).

        It is ``total``, less most of what place says where neither name nor shape is the same: a part that has replaced
        another one stands in its place, too.
        """
        other_name = self.names.nats <= thresholds.SAME_NAME_NATS / 2
        place_alone = (self.shapes.largest > thresholds.SAME_SHAPE) & other_name
        excess = np.maximum(self.places.nats - thresholds.PLACE_ALONE_NATS, 0.0)
        return np.asarray(self.total - np.where(place_alone, excess, 0.0))

    @functools.cached_property
    def untouched(self) -> Mask:
        """The same shape at the same place."""
        return self.shapes.same & self.places.all_kept

    @functools.cached_property
    def exactly_untouched(self) -> Mask:
        """The same shape at the very place: of a stack of sheets, each is near the places of others, too."""
        return self.shapes.same & self.places.exactly_kept

    @functools.cached_property
    def renamed(self) -> Mask:
        """At least one has a name, and the names are not alike.

        The only part of a model is that one, whatever it is called.
        """
        return np.asarray(self.names.other & (self.pairs.shape != (1, 1)))

    @functools.cached_property
    def named_in_place(self) -> Mask:
        """A name that no other part has, a similar shape, and the same place."""
        return np.asarray(self.names.sole & self.places.most_kept & (self.shape_nats > 0))

    @functools.cached_property
    def mirrored_in_place(self) -> Mask:
        """The other hand, at the same place."""
        return self.shapes.mirrored & self.places.all_kept

    @functools.cached_property
    def named_and_mirrored_in_place(self) -> Mask:
        """A name that no other part has, and the same place, but the other hand."""
        return self.names.sole & self.mirrored_in_place

    @functools.cached_property
    def worth_a_question(self) -> Mask:
        """Evidence enough to ask a person where it does not decide; the other hand in a part's place counts, too."""
        return np.asarray((self.credit > thresholds.LEAST_NATS) | self.names.sole | self.mirrored_in_place)


def weigh(old_parts: Sequence[Part], new_parts: Sequence[Part], every_pair_up_to: int = EVERY_PAIR) -> Evidence:
    """The evidence for every pair, or for those that may match where there are more than ``every_pair_up_to``."""
    old, new = PartTable.of(old_parts), PartTable.of(new_parts)
    pairs = pairs_to_weigh(old, new, every_pair_up_to)
    shapes = shape_differences(old, new, pairs)
    nats = shape_nats(old, new, pairs, shapes)
    places = compare_places(old, new, pairs, shapes.largest > thresholds.SAME_SHAPE)
    worth = nats + places.nats + thresholds.SIMILAR_NAME_NATS > thresholds.LEAST_NATS
    evidence = Evidence(old, new, pairs, shapes, nats, compare_names(old, new, pairs, worth), places)
    return replace(evidence, names=Names.meaningless(pairs)) if _were_all_renamed(evidence) else evidence


def _were_all_renamed(evidence: Evidence) -> bool:
    """Whether so few of the parts that were not touched kept their names that all must have been given anew.

    Twins of a part that has its name and its shape elsewhere do not count: they may be what has moved into its place.
    """
    untouched = evidence.untouched
    old, new = evidence.pairs.of_parts_in(evidence.names.same & evidence.shapes.same & ~untouched)
    elsewhere = old[evidence.pairs.rows] | new[evidence.pairs.columns]
    kept = evidence.names.nats[untouched & evidence.names.known & ~elsewhere] > 0
    return len(kept) >= thresholds.LEAST_UNTOUCHED and bool(kept.mean() < thresholds.KEPT_NAMES)
