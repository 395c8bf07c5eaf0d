"""Evidence that an old and a new part are the same: shape, name and place, each as a log-likelihood ratio in nats.

How much more likely is what is seen for one part in two revisions than for two different parts? What many parts share
(a name, a shape) tells little, and weighs little.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dcc.cad.identity.candidates import EVERY_PAIR, Pairs, every_pair, likely_pairs
from dcc.cad.identity.likeness import AT_PLACE, EXACT, NOISE, Likeness, Matrix
from shared.manifest import Part

# Evidence in nats (e**nats is how many times likelier). Calibrated on edited assemblies (see
# tests/dcc/cad/test_matching.py) and on published revisions of real models.
_SAME_SHAPE = 8.0
_ROUNDED = 2.0
"""How much less the same shape says where measures differ by as much as ``NOISE``, not in the last digit only."""
_SAME_NAME = 5.0
_RESPELLED = 0.9
"""Share of the evidence that is left where the same name is in other letters, or has suffixes of an exporter."""
_SAME_COUNTER = 1.0
_SIMILAR_NAME = 2.0
_CONTAINED_NAME = 1.5
_OTHER_NAME = -1.0
_SAME_PLACE = 3.5
_BOTH_PLACES = 4.5
_PLACE_ALONE = 1.0
_OTHER_PLACE = -0.5
_OTHER_SHAPE = -8.0
_MIRRORED = -8.0
_SCALED = 1.0
_ONLY_PART = 3.0

# Where less than this share of the parts that are unchanged and in their old place kept their name, all names are taken
# to be new, and say nothing. At least so many such parts are needed to judge that.
_NAMES_KEPT = 0.5
_LEAST_WITNESSES = 3

# Relative differences of linear measures, from equal but for rounding to quite another shape.
_TO_THE_DIGIT = 1e-9
_CHANGED = 0.15
_REPLACED = 0.3
_DIFFERENT = 0.7
# Chirality (0 to 1) from which a shape has a clear hand, and the share of it that another mesh or a small change
# leaves; and the same for a slight one.
_HANDED = 0.05
_KEPT_HAND = 0.5
_LEAST_HANDED = 1e-5
_KEPT_SLIGHT_HAND = 0.95
# How far a part is off its old place, as a share of its size, and how much of "the same place" that still is (0 to 1);
# between these points the value is interpolated.
_OFF_PLACE = ((1e-4, AT_PLACE, 0.1), (1.0, 0.8, 0.0))
_OFF_PLACE_CHANGED = ((1e-4, AT_PLACE, 0.5), (1.0, 0.8, 0.0))
"""The same where the part was reshaped, which moves its centre."""
_STANDS = _OFF_PLACE[1][1]
"""Share of its places that a part must have kept to count as not moved."""
_NEARLY_STANDS = 0.5
"""The same for a part that was reshaped, which moves its centre."""
_LEAST_LETTERS = 5
"""Letters that a name must have to say something where it is contained in another name."""

LEAST = -2.0
"""Evidence (nats) below which a pair is not considered at all."""

Numbers = NDArray[np.float64]
"""One number for each pair; shape (pairs,)."""


@dataclass(frozen=True)
class Evidence:
    """The evidence for each of ``pairs``; ``shape``, ``name`` and ``place`` are in nats.

    - ``shapes``: how the two shapes differ. ``shared_places``: share of its places that the part has kept, 0 to 1.
    - ``same_name``: both have the same name; ``sole_name``: and no other part of either revision has it.
    - ``renamed``: at least one has a name, and the names are not alike. Where all names of the model are new, no pair
      is renamed, and ``name`` is 0.
    """

    old: Likeness
    new: Likeness
    pairs: Pairs
    shapes: ShapeDifferences
    shape: Numbers
    name: Numbers
    place: Numbers
    shared_places: Numbers
    same_name: NDArray[np.bool_]
    sole_name: NDArray[np.bool_]
    renamed: NDArray[np.bool_]

    @property
    def claim(self) -> Numbers:
        """The sum of all evidence for each pair (nats)."""
        both = _ONLY_PART if self.pairs.shape == (1, 1) else 0.0
        return np.asarray(self.shape + self.name + self.place + both)

    @property
    def total(self) -> Numbers:
        """The evidence by which pairs are matched (nats).

        It is ``claim``, less most of what place says where neither name nor shape is the same: a part that has replaced
        another one stands in its place, too. As a claim that rivals others, such a pair counts in full.
        """
        alone = (self.shapes.largest > NOISE) & (self.name <= _SAME_NAME / 2)
        return np.asarray(self.claim - np.where(alone, np.maximum(self.place - _PLACE_ALONE, 0.0), 0.0))

    @property
    def same_shape(self) -> NDArray[np.bool_]:
        return np.asarray((self.shapes.largest <= NOISE) & ~self.shapes.mirrored)

    @property
    def exact_shape(self) -> NDArray[np.bool_]:
        return np.asarray((self.shapes.largest <= EXACT) & ~self.shapes.mirrored)

    @property
    def untouched(self) -> NDArray[np.bool_]:
        """Pairs of one shape at the same place."""
        return self.same_shape & (self.shared_places >= _STANDS)

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """Pairs that may be two hands, or so different that one may have replaced the other under its name."""
        return self.shapes.other_hand | ((self.shapes.largest >= _REPLACED) & ~self.shapes.scaled)

    @property
    def named_in_place(self) -> NDArray[np.bool_]:
        """Pairs of a name that no other part has, of similar shape, at the same place."""
        return np.asarray(self.sole_name & (self.shared_places >= _NEARLY_STANDS) & (self.shape > 0))

    @property
    def mirrored_in_place(self) -> NDArray[np.bool_]:
        return self.shapes.mirrored & (self.shared_places >= _STANDS)

    def reason(self, pair: int) -> str:
        """The evidence for one pair, in words."""
        return ", ".join(
            (
                self.shapes.words(pair),
                _name_words(float(self.name[pair]), bool(self.same_name[pair])),
                _place_words(float(self.place[pair]), float(self.shared_places[pair])),
            )
        )


def _name_words(nats: float, same: bool) -> str:
    if same:
        return "same name"
    return "similar name" if nats > 0 else "other name" if nats < 0 else "name says nothing"


def _place_words(nats: float, shared: float) -> str:
    if shared > 0.5:
        return "same place"
    if shared > 0:
        return "partly the same places"
    return "elsewhere in its assembly" if nats > _OTHER_PLACE else "other place"


def weigh(old_parts: Sequence[Part], new_parts: Sequence[Part], every_pair_up_to: int = EVERY_PAIR) -> Evidence:
    """The evidence for every pair, or for those that may match where there are more than ``every_pair_up_to``."""
    old, new = Likeness.of(old_parts), Likeness.of(new_parts)
    count = len(old_parts) * len(new_parts)
    pairs = every_pair(len(old_parts), len(new_parts)) if count <= every_pair_up_to else likely_pairs(old, new)
    shapes = shape_differences(old, new, pairs)
    shape = _shape_nats(old, new, pairs, shapes)
    shared = _shared_places(old, new, pairs, shapes.largest <= NOISE)
    place = _place_nats(old, new, pairs, shared)
    same_name, others = _equal_words(old.stems, new.stems, pairs)
    same_name &= np.array([bool(stem) for stem in old.stems])[pairs.rows]
    name, named = _name_nats(old, new, pairs, shape + place + _SIMILAR_NAME > LEAST)
    witnesses = name[(shapes.largest <= NOISE) & ~shapes.mirrored & (shared >= _STANDS) & named]
    if len(witnesses) >= _LEAST_WITNESSES and (witnesses > 0).mean() < _NAMES_KEPT:
        name, named, same_name = np.zeros(len(pairs)), np.zeros(len(pairs), bool), np.zeros(len(pairs), bool)
    sole_name = same_name & (others == 0)
    # The only part of a model is that one, whatever it is called.
    renamed = named & (name <= 0) & (count > 1)
    return Evidence(old, new, pairs, shapes, shape, name, place, shared, same_name, sole_name, renamed)


@dataclass(frozen=True)
class ShapeDifferences:
    """How the shapes of each pair differ.

    - ``largest``: largest relative difference of a linear measure (of its logarithm).
    - ``scaled``: the same shape at another size. ``mirrored``: its mirror image, at whatever size.
    - ``other_hand``: changed, and perhaps mirrored, too.
    """

    largest: Numbers
    scaled: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]
    other_hand: NDArray[np.bool_]

    def words(self, pair: int) -> str:
        difference = float(self.largest[pair])
        if self.mirrored[pair]:
            return "mirror image"
        if difference <= NOISE:
            return "same shape"
        if self.scaled[pair] and difference >= _CHANGED:
            return "scaled"
        if difference < _REPLACED:
            hand = " and perhaps mirrored" if self.other_hand[pair] else ""
            return f"shape changed by {difference:.1%}{hand}"
        return "different shape"


def shape_differences(old: Likeness, new: Likeness, pairs: Pairs) -> ShapeDifferences:
    """How the shapes of each pair differ."""
    a, b = old.measures[pairs.rows], new.measures[pairs.columns]
    # A flat part has no thickness: measures below a millionth of its size are rounding.
    floor = 1e-6 * np.maximum(a.max(axis=1), b.max(axis=1))[:, None] + 1e-12
    ratios = np.log(np.maximum(b, floor) / np.maximum(a, floor))
    difference = np.abs(ratios).max(axis=1)
    spread = ratios.max(axis=1) - ratios.min(axis=1)
    topology = (old.topology[pairs.rows] == new.topology[pairs.columns]).all(axis=1)
    scaled = (spread < NOISE) & (difference > NOISE) & topology
    left, right = old.chirality[pairs.rows], new.chirality[pairs.columns]
    larger, smaller = np.maximum(np.abs(left), np.abs(right)), np.minimum(np.abs(left), np.abs(right))
    # The mesh adds noise to the handedness of a nearly symmetric shape, but not by chance the exact opposite; and a
    # small change of shape may turn the sign, but seldom into something like the opposite.
    handed = smaller > _HANDED
    kept = smaller > np.where(handed, _KEPT_HAND, _KEPT_SLIGHT_HAND) * larger
    opposite = kept & (smaller > _LEAST_HANDED) & (left * right < 0)
    mirrored = opposite & ((difference < NOISE) | scaled)
    return ShapeDifferences(difference, scaled, mirrored, opposite & handed & ~mirrored & (spread < _CHANGED))


def _shape_nats(old: Likeness, new: Likeness, pairs: Pairs, shapes: ShapeDifferences) -> Numbers:
    difference = shapes.largest
    same = (difference <= NOISE) & ~shapes.mirrored
    # A shape that many parts share says little about which of them this is.
    rows, columns = pairs.shape
    if len(pairs) == rows * columns:
        alike_new, alike_old = np.bincount(pairs.rows[same], minlength=rows), np.bincount(pairs.columns[same])
        alike_old = np.pad(alike_old, (0, columns - len(alike_old)))
    else:
        alike_new, alike_old = _alike(old.log_measures, new.log_measures), _alike(new.log_measures, old.log_measures)
    others = (alike_new[pairs.rows] - 1).clip(min=0) + (alike_old[pairs.columns] - 1).clip(min=0)
    chance = others / max(rows + columns - 2, 1)
    exact = -np.log(chance + math.exp(-_SAME_SHAPE))
    slope = np.interp(
        np.log(np.maximum(difference, NOISE)),
        np.log([NOISE, _CHANGED, _DIFFERENT]),
        [_SAME_SHAPE - _ROUNDED, 0.0, _OTHER_SHAPE],
    )
    # Most exports give the very numbers again: of near twins, the one that agrees to the last digit is the one.
    rounding = np.interp(np.log(np.maximum(difference, _TO_THE_DIGIT)), np.log([_TO_THE_DIGIT, NOISE]), [0.0, _ROUNDED])
    nats = np.where(same, exact - rounding, slope)
    nats = np.where(shapes.scaled & (nats < _SCALED), _SCALED, nats)
    return np.where(shapes.mirrored, _MIRRORED, nats)


def _alike(points: Matrix, others: Matrix) -> NDArray[np.int64]:
    """How many of ``others`` have the shape of each point."""
    return np.asarray(cKDTree(others).query_ball_point(points, NOISE, p=np.inf, return_length=True))


def _name_nats(
    old: Likeness, new: Likeness, pairs: Pairs, compared: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.bool_]]:
    """What names say for each pair (nats), and whether either part has a name at all.

    ``compared``: the pairs for which it would make a difference if names are similar, which is slow to find out.
    """
    same, full = _said_by(old.stems, new.stems, pairs)
    exact, full_exact = _said_by(old.names, new.names, pairs)
    # Exporters count anew: that the counter is the same, too, says a little.
    spelling = np.where(exact, np.clip(full_exact - full, 0.0, _SAME_COUNTER), (_RESPELLED - 1.0) * full)
    nats = np.where(same, full + spelling, _OTHER_NAME)
    named_old, named_new = (np.array([bool(stem) for stem in side.stems]) for side in (old, new))
    named = named_old[pairs.rows] & named_new[pairs.columns]
    either = named_old[pairs.rows] | named_new[pairs.columns]
    nats[~named] = 0.0
    for pair in np.flatnonzero(compared & ~same & named).tolist():
        nats[pair] = _similar_name(old.stems[pairs.rows[pair]], new.stems[pairs.columns[pair]])
    # A product was renamed, its bodies were not.
    same_body, full_body = _said_by(old.bodies, new.bodies, pairs)
    same_body &= ~same & np.array([bool(body) for body in old.bodies])[pairs.rows]
    return np.where(same_body, np.maximum(nats, np.minimum(full_body, _CONTAINED_NAME)), nats), either


def _said_by(old: Sequence[str], new: Sequence[str], pairs: Pairs) -> tuple[NDArray[np.bool_], Numbers]:
    """Of each pair whether both have the same name, and the evidence in it: less, the more parts have that name."""
    same, others = _equal_words(old, new, pairs)
    return same, -np.log(np.maximum(others, 0) / max(len(old) + len(new) - 2, 1) + math.exp(-_SAME_NAME))


def _equal_words(old: Sequence[str], new: Sequence[str], pairs: Pairs) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Of each pair whether both have the same name, and how many other parts of both revisions have it."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*old, *new]))}
    left, right = (np.array([numbers[word] for word in words]) for words in (old, new))
    count = np.bincount(left, minlength=len(numbers))[left][pairs.rows]
    count = count + np.bincount(right, minlength=len(numbers))[right][pairs.columns]
    return left[pairs.rows] == right[pairs.columns], np.asarray(count - 2)


@functools.lru_cache(maxsize=1 << 16)
def _similar_name(stem: str, other: str) -> float:
    # Exporters put the names of bodies and products together, and apart again.
    shorter, longer = sorted((stem, other), key=len)
    rest = f" {longer} ".replace(f" {shorter} ", " ")
    # What differs by a number only is often another part.
    if len(shorter) >= _LEAST_LETTERS and len(rest) < len(longer) and re.search(r"[^\W\d]", rest):
        return _CONTAINED_NAME
    matcher = difflib.SequenceMatcher(None, stem, other, autojunk=False)
    # Cheap upper bounds first: most names are not alike at all.
    if matcher.real_quick_ratio() < 0.6 or matcher.quick_ratio() < 0.6 or (similarity := matcher.ratio()) < 0.6:
        return _OTHER_NAME
    numbers = re.findall(r"\d+", stem) == re.findall(r"\d+", other)
    # "M6x12" and "M6x16" look alike and are different parts.
    return (_SIMILAR_NAME * similarity if numbers else 0.0) + (_OTHER_NAME if similarity < 0.75 else 0.0)


def _place_nats(old: Likeness, new: Likeness, pairs: Pairs, share: Numbers) -> Numbers:
    same_path = np.array(
        [
            not old.paths[row].isdisjoint(new.paths[column])
            for row, column in zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True)
        ],
        bool,
    )
    nats = _OTHER_PLACE + share * (_SAME_PLACE - _OTHER_PLACE)
    bonus = np.where(share > 0.5, _BOTH_PLACES - _SAME_PLACE, (_SAME_PLACE - _OTHER_PLACE) / 4)
    return np.asarray(nats + np.where(same_path, bonus, 0.0))


def _shared_places(old: Likeness, new: Likeness, pairs: Pairs, same: NDArray[np.bool_]) -> Numbers:
    """Share of places that both of each pair have, 0 to 1.

    Of near neighbours of one shape (``same``), the one that stands at the very place is the one.
    """
    counts_old, counts_new = np.diff(old.starts)[pairs.rows], np.diff(new.starts)[pairs.columns]
    shares = np.zeros(len(pairs))
    single = (counts_old == 1) & (counts_new == 1)
    rows, columns = pairs.rows[single], pairs.columns[single]
    distances = np.linalg.norm(old.centers[old.starts[rows]] - new.centers[new.starts[columns]], axis=1)
    reach = distances / old.sizes[rows]
    shares[single] = np.where(same[single], np.interp(reach, *_OFF_PLACE), np.interp(reach, *_OFF_PLACE_CHANGED))
    for pair in np.flatnonzero((counts_old > 0) & (counts_new > 0) & ~single).tolist():
        row, column = int(pairs.rows[pair]), int(pairs.columns[pair])
        if counts_old[pair] <= counts_new[pair]:
            distances, most = new.distances_to(column, old.places(row)), counts_new[pair]
        else:
            distances, most = old.distances_to(row, new.places(column)), counts_old[pair]
        kept = np.interp(distances / old.sizes[row], *(_OFF_PLACE if same[pair] else _OFF_PLACE_CHANGED))
        shares[pair] = float(kept.sum() / most)
    return shares


def same_shape(part: Part, other: Part) -> bool:
    """Whether two parts differ by no more than a re-export does."""
    areas = part.fingerprint.area, other.fingerprint.area
    # Most pairs differ in area already, which is quicker to see.
    if min(areas) > 0 and abs(math.log(areas[0] / areas[1])) > 2 * NOISE:
        return False
    one, two = (Likeness.of([replace(each, occurrences=())]) for each in (part, other))
    shapes = shape_differences(one, two, every_pair(1, 1))
    return bool(shapes.largest[0] <= NOISE and not shapes.mirrored[0])
