"""The evidence of names: of products, of their bodies, and of what is similar.

With s the share of the other parts of both revisions that have the name, the evidence in nats is::

    same, letter by letter           -ln(s + exp(-5)), and up to 1 more as the counter in it is rarer    0 to 5
    same but for case or suffixes    0.9 of that                                                        0 to 4.5
    one contained in the other       1.5
    same name of the body only       1.5 at most
    similar by r (difflib's ratio)   2 r; 0 where the numbers in them differ; 1 less where r < 0.75
    not alike                        -1
    without a name                   0

A name that nobody else has is no proof: it may have been given anew. So it weighs less than shape, and two parts of
other names are only a little less likely to be one. Wrong values show in tests/dcc/cad/test_matching.py (names swapped,
numbered anew, in another language), test_misleading_evidence.py and in ``python -m tests.benchmarks.identity``.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcc.cad.identity import thresholds
from dcc.cad.identity.pairs import Indices, Mask, Numbers, Pairs
from dcc.cad.identity.part_table import PartTable


@dataclass(frozen=True)
class Names:
    """What the names of each pair say; all of shape (pairs,).

    - ``nats``: the evidence.
    - ``same``: both have the same name; ``sole``: and no other part of either revision has it.
    - ``known``: at least one of the two has a name.
    """

    nats: Numbers
    same: Mask
    sole: Mask
    known: Mask

    @functools.cached_property
    def other(self) -> Mask:
        """At least one has a name, and the names are not alike."""
        return np.asarray(self.known & (self.nats <= 0))

    @classmethod
    def meaningless(cls, pairs: Pairs) -> Names:
        """Names that say nothing."""
        nothing = np.zeros(len(pairs), bool)
        return cls(np.zeros(len(pairs)), nothing, nothing, nothing)


def compare_names(old: PartTable, new: PartTable, pairs: Pairs, worth: Mask) -> Names:
    """What the names of each pair say.

    ``worth``: the pairs for which it would make a difference if names are similar, which is slow to find out.
    """
    same, others = _equal_words(old.stems, new.stems, pairs)
    either, both = _with_words(old.stems, new.stems, pairs)
    nats = np.where(same, _same_name_nats(old, new, pairs), thresholds.OTHER_NAME_NATS)
    nats[~both] = 0.0
    for pair in np.flatnonzero(worth & ~same & both).tolist():
        nats[pair] = similar_name_nats(old.stems[pairs.rows[pair]], new.stems[pairs.columns[pair]])
    nats = np.where(same, nats, np.maximum(nats, _body_nats(old, new, pairs)))
    named = same & both
    return Names(nats, named, named & (others == 0), either)


def _same_name_nats(old: PartTable, new: PartTable, pairs: Pairs) -> Numbers:
    """The evidence in a name that is the same, where it is."""
    _, nats = _rarity_nats(old.stems, new.stems, pairs)
    # Exporters count anew: that the counter is the same, too, says a little.
    to_the_letter, letters_nats = _rarity_nats(old.names, new.names, pairs)
    counter = np.clip(letters_nats - nats, 0.0, thresholds.SAME_COUNTER_NATS)
    return np.asarray(nats + np.where(to_the_letter, counter, (thresholds.RESPELLED_SHARE - 1.0) * nats))


def _body_nats(old: PartTable, new: PartTable, pairs: Pairs) -> Numbers:
    """The evidence in bodies of one name, whose products were renamed; minus infinity where they have not one name."""
    same, nats = _rarity_nats(old.bodies, new.bodies, pairs)
    _, both = _with_words(old.bodies, new.bodies, pairs)
    return np.where(same & both, np.minimum(nats, thresholds.CONTAINED_NAME_NATS), -np.inf)


def _rarity_nats(old: Sequence[str], new: Sequence[str], pairs: Pairs) -> tuple[Mask, Numbers]:
    """Of each pair whether both have the same word, and the evidence in it: less, the more parts have that word."""
    same, others = _equal_words(old, new, pairs)
    share = np.maximum(others, 0) / max(len(old) + len(new) - 2, 1)
    return same, -np.log(share + math.exp(-thresholds.SAME_NAME_NATS))


def _equal_words(old: Sequence[str], new: Sequence[str], pairs: Pairs) -> tuple[Mask, Indices]:
    """Of each pair whether both have the same word, and how many other parts of both revisions have it."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys([*old, *new]))}
    left, right = (np.array([numbers[word] for word in words]) for words in (old, new))
    count = np.bincount(left, minlength=len(numbers))[left][pairs.rows]
    count = count + np.bincount(right, minlength=len(numbers))[right][pairs.columns]
    return left[pairs.rows] == right[pairs.columns], np.asarray(count - 2)


def _with_words(old: Sequence[str], new: Sequence[str], pairs: Pairs) -> tuple[Mask, Mask]:
    """Of each pair whether one at least has a word that is not empty, and whether both have."""
    left, right = (np.array([bool(word) for word in words], bool) for words in (old, new))
    return left[pairs.rows] | right[pairs.columns], left[pairs.rows] & right[pairs.columns]


@functools.lru_cache(maxsize=1 << 16)
def similar_name_nats(stem: str, other: str) -> float:
    """The evidence in two names that are not the same."""
    # Exporters put the names of bodies and products together, and apart again.
    shorter, longer = sorted((stem, other), key=len)
    rest = f" {longer} ".replace(f" {shorter} ", " ")
    # What differs by a number only is often another part.
    if len(shorter) >= thresholds.CONTAINED_LETTERS and len(rest) < len(longer) and re.search(r"[^\W\d]", rest):
        return thresholds.CONTAINED_NAME_NATS
    similarity = _similarity(stem, other)
    if similarity < thresholds.SIMILAR_NAME:
        return thresholds.OTHER_NAME_NATS
    # "M6x12" and "M6x16" look alike and are different parts.
    same_numbers = re.findall(r"\d+", stem) == re.findall(r"\d+", other)
    nats = thresholds.SIMILAR_NAME_NATS * similarity if same_numbers else 0.0
    return nats + (thresholds.OTHER_NAME_NATS if similarity < thresholds.CLOSE_NAME else 0.0)


def _similarity(stem: str, other: str) -> float:
    """difflib's ratio of two names, 0 to 1; an upper bound of it where that is below ``SIMILAR_NAME``."""
    matcher = difflib.SequenceMatcher(None, stem, other, autojunk=False)
    # Cheap upper bounds first: most names are not alike at all.
    for bound in (matcher.real_quick_ratio, matcher.quick_ratio):
        if (ratio := bound()) < thresholds.SIMILAR_NAME:
            return ratio
    return matcher.ratio()
