"""partKeys: readable, unique, stable names for the parts of a CAD model, valid as USD identifiers.

A key follows from a part's own name alone wherever that is enough. Parts that share a name are told apart by content,
first by their shape and then by where they stand, never by their order in the file; identical twins, which no content
can tell apart, are numbered.

What one file by itself can promise, whatever was exported before:

* While no other part has its name, a part's key changes with nothing but that name.
* While a name is shared, the key of a part that has it changes with nothing but what tells it apart from the others:
  its shape, or its shape and place where there are several of that shape too. More parts of the name may come and go.
* Where a name begins or ceases to be shared, the keys of its parts change: of two that have a name, the file does not
  tell which was there first. Then the plain name is nobody's key. A key that is found before and after parts were
  added or removed means the same part, and none is ever passed on to a newcomer.

In a lineage, keys are given once and kept by matching each revision with the one before
(:mod:`dcc.cad.identity.revision`): there the first part keeps its plain key, too.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

MAX_LENGTH = 64
"""Longest key; longer names are cut and end in a digest of the whole name."""

UNNAMED = "Part"
"""Base of the key of a part without a usable name."""

_SUFFIX_DIGITS = 6
_RELATIVE_STEP = 1e-3
_PLACEMENT_STEP = 1e-2
# CAD numbers are round numbers; a grid that starts at zero would have them sit exactly on its borders, where the
# last bit decides. An irrational offset moves the borders away.
_GRID_OFFSET = 1 / math.pi

_NOT_A_NAME = re.compile(
    r"^(|none|null|unnamed|noname|untitled|open cascade step translator.*|open cascade shape model|=>\[.*\]|[\W_]+)$",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"\.(prt|sldprt|sldasm|ipt|iam|par|psm|asm|catpart|catproduct|stp|step|f3d|fcstd|x_t|jt|3dm)(\.\d+)?$",
    re.IGNORECASE,
)
_OCCURRENCE_NUMBER = re.compile(r":\d+$")
_SAVE_NUMBER = re.compile(r"\s+v\d+$", re.IGNORECASE)


def _table(letters: str, spellings: str) -> dict[str, str]:
    """Pairs each letter with its spelling; ``-`` stands for nothing."""
    return dict(zip(letters, spellings.replace("-", "").split(" "), strict=True))


_LETTERS = {
    **_table("ßæøđðłþœıħµ°×⌀", "ss ae o d d l th oe i h u deg x d"),
    **_table("абвгдежзийклмнопрст", "a b v g d e zh z i y k l m n o p r s t"),
    **_table("уфхцчшщъыьэюя", "u f kh ts ch sh shch - y - e yu ya"),
    **_table("αβγδεζηθικλμνξοπρσςτυφχψω", "a b g d e z i th i k l m n x o p r s s t y f ch ps o"),
}


@dataclass(frozen=True)
class PartIdentity:
    """What a key is made from.

    ``name``: product name, with the body's name where a product holds several. ``shape``: measures that do not
    depend on placement (volume in mm3, area in mm2, ...). ``placement``: the centres of all occurrences (mm),
    flattened, in sorted order.
    """

    name: str
    shape: tuple[float, ...] = ()
    placement: tuple[float, ...] = ()


def assign_part_keys(parts: Sequence[PartIdentity], reserved: Collection[str] = ()) -> list[str]:
    """One key per part, in the order given; all different, none in ``reserved``.

    The order of ``parts`` decides nothing, except between twins that are equal in name, shape and placement.
    """
    slugs = [slug(key_name(part.name)) for part in parts]
    levels: list[Callable[[int], Hashable]] = [
        lambda index: (slugs[index], parts[index].name),
        lambda index: (slugs[index], parts[index].name, _relative(parts[index].shape)),
        lambda index: (
            slugs[index],
            parts[index].name,
            _relative(parts[index].shape),
            _absolute(parts[index].placement),
        ),
    ]
    keys = [""] * len(parts)
    taken = set(reserved)
    for group in _groups(range(len(parts)), lambda index: slugs[index]):
        if len(group) == 1 and slugs[group[0]] not in taken:
            keys[group[0]] = slugs[group[0]]
            continue
        pending = list(group)
        for level in levels:
            tied: list[int] = []
            for members in _groups(pending, level):
                # A shared name says nothing about which is which: go on to the next level.
                if len(members) == 1 and (level is not levels[0] or len({parts[i].name for i in group}) > 1):
                    keys[members[0]] = _with_suffix(slugs[members[0]], _digest(level(members[0])))
                else:
                    tied += members
            pending = tied
        for members in _groups(pending, levels[-1]):
            stem = _with_suffix(slugs[members[0]], _digest(levels[-1](members[0])))
            # The digest rounds; what differs by less than its grid still has an order of its own.
            ranked = sorted(members, key=lambda index: (parts[index].shape, parts[index].placement))
            for number, index in enumerate(ranked, 1):
                keys[index] = stem if number == 1 else _with_suffix(stem, str(number))
    return _all_different(keys, taken, [(part.name, part.shape, part.placement) for part in parts])


def number_siblings(
    names: Sequence[str], placements: Sequence[tuple[float, ...]], reserved: Collection[str] = ()
) -> list[str]:
    """Identifiers for the children of one assembly, in the order given; all different, none in ``reserved``.

    Siblings of one name are numbered by where they stand (``placements``: any tuple of coordinates in mm), not by
    their order in the file.
    """
    slugs = [slug(key_name(name)) for name in names]
    result = list(slugs)
    for group in _groups(range(len(names)), lambda index: slugs[index]):
        if len(group) > 1:
            ranked = sorted(group, key=lambda index: (_absolute(placements[index]), placements[index]))
            for rank, index in enumerate(ranked, 1):
                result[index] = _with_suffix(slugs[index], str(rank))
    return _all_different(result, set(reserved), list(zip(names, placements, strict=True)))


def key_name(name: str) -> str:
    """``name`` without what a CAD system adds for its own use: ``Pin.prt`` and ``Pin:3`` and ``Pin v12`` are ``Pin``.

    A number such as the one in ``Washer_2`` stays: it often tells one product from another. Placeholders that are
    no names at all give an empty string.
    """
    text = unicodedata.normalize("NFC", name).strip()
    for pattern in (_OCCURRENCE_NUMBER, _EXTENSION, _SAVE_NUMBER):
        shorter = pattern.sub("", text).strip()
        text = shorter or text
    return "" if _NOT_A_NAME.match(text) else text


def slug(name: str) -> str:
    """``name`` as an ASCII identifier (letters, digits, single underscores; starts with a letter).

    Latin with accents, Cyrillic and Greek are transliterated; letters of other scripts become their code points, so
    that different names stay different.
    """
    text = "".join(_ascii(letter) for letter in unicodedata.normalize("NFKC", name))
    text = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    if not text:
        return UNNAMED
    if text[0].isdigit():
        text = f"P_{text}"
    if len(text) > MAX_LENGTH:
        text = _with_suffix(text, _digest(name))
    return text


def is_key(text: str) -> bool:
    """Whether ``text`` may be a partKey."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text)) and len(text) <= MAX_LENGTH


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    lower = letter.lower()
    if lower in _LETTERS:
        found = _LETTERS[lower]
        return found.capitalize() if letter != lower else found
    plain = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    if plain.isascii():
        return plain
    if plain != letter:
        return "".join(_ascii(c) for c in plain)
    return f"u{ord(letter):x}" if letter.isalnum() else "_"


def _with_suffix(stem: str, suffix: str) -> str:
    return f"{stem[: MAX_LENGTH - len(suffix) - 1].rstrip('_')}_{suffix}"


def _groups(indices: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    found: dict[Hashable, list[int]] = {}
    for index in indices:
        found.setdefault(key(index), []).append(index)
    return list(found.values())


def _digest(content: Hashable) -> str:
    return hashlib.sha256(repr(content).encode("utf-8")).hexdigest()[:_SUFFIX_DIGITS]


def _relative(values: Iterable[float]) -> tuple[int, ...]:
    return tuple(
        0
        if abs(value) < 1e-9
        else int(math.copysign(1 << 20, value)) + math.floor(math.log(abs(value)) / _RELATIVE_STEP + _GRID_OFFSET)
        for value in values
    )


def _absolute(values: Iterable[float]) -> tuple[int, ...]:
    return tuple(math.floor(value / _PLACEMENT_STEP + _GRID_OFFSET) for value in values)


def _all_different(keys: list[str], taken: set[str], contents: Sequence[tuple[object, ...]]) -> list[str]:
    """Resolve what is left: a suffixed key that equals another part's plain one, or a reserved name."""
    result = [""] * len(keys)
    # By content, not by the order in the file; who is equal in both is interchangeable.
    for index in sorted(range(len(keys)), key=lambda i: (keys[i], *contents[i])):
        candidate, number = keys[index], 2
        while candidate in taken:
            candidate, number = _with_suffix(keys[index], str(number)), number + 1
        taken.add(candidate)
        result[index] = candidate
    return result
