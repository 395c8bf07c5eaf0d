"""An index of the entities in a STEP file (ISO 10303-21): where each stands, its type, what it refers to.

The text is searched with numpy, block by block; there is no Python loop over entities. A file that is not simply
written (with a comment inside the data, two data sections, a dangling reference) gets no index, and is read as a whole.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
T = TypeVar("T")

_BLOCK = 1 << 20
_MOST_DIGITS = 9
_MOST_BLANKS = 8
_QUOTE, _HASH, _OPEN, _SEMICOLON, _EQUALS = b"'#(;="
_MARKS = (_HASH, _SEMICOLON, _OPEN)
_COMMENT = b"/*"
_THREADS = 2
"""To search text is limited by the memory's speed: more threads would wait for it."""
_SAMPLE = 101
_DATA = re.compile(rb"\bDATA\s*;")
_END = re.compile(rb"ENDSEC\s*;")
_TAIL = 4096


@dataclass(frozen=True)
class Index:
    """Entities in the order of the file, numbered from 0. ``E`` entities make ``R`` references."""

    text: mmap.mmap
    header_end: int
    """Offset behind ``DATA;``."""
    starts: Offsets
    """(E + 1,) offset of each statement's ``#``; the last is the offset of ``ENDSEC;``."""
    ends: Offsets
    """(E,) offset behind each statement's ``;``."""
    ids: Indices
    """(E,) the number behind ``#``."""
    types: Indices
    """(E,) index into ``type_names``."""
    type_names: list[str]
    """Keyword of each type; of a complex entity (several keywords in brackets) the first."""
    complex: Mask
    """(E,) whether it is a complex entity."""
    first: Indices
    """(E + 1,) entity ``e`` refers to ``targets[first[e] + 1 : first[e + 1]]``; ``targets[first[e]]`` is ``e``."""
    targets: Indices
    """(E + R,) indices of entities."""

    def of_type(self, names: Iterable[str]) -> Indices:
        """Indices of all simple entities of these types, ascending."""
        wanted = np.isin(np.array(self.type_names), list(names))
        return np.flatnonzero(wanted[self.types] & ~self.complex).astype(np.int32)

    def of_keyword(self, names: Iterable[str]) -> Indices:
        """Indices of all entities of these types, complex ones by their first keyword, ascending."""
        wanted = np.isin(np.array(self.type_names), list(names))
        return np.flatnonzero(wanted[self.types]).astype(np.int32)

    def is_type(self, names: Iterable[str]) -> Mask:
        """(E,) whether each is a simple entity of one of these types."""
        wanted = np.isin(np.array(self.type_names), list(names))
        return np.asarray(wanted[self.types] & ~self.complex)

    def references(self, entities: Indices) -> tuple[Indices, Indices]:
        """All references made by ``entities``: position of the referring entity in ``entities``, and target."""
        counts = self.first[entities + 1] - self.first[entities] - 1
        owners = np.repeat(np.arange(len(entities), dtype=np.int32), counts)
        before = np.cumsum(counts) - counts
        places = np.arange(len(owners), dtype=np.int32) + np.repeat(self.first[entities] + 1 - before, counts)
        return owners, self.targets[places]

    def targets_of(self, entity: int) -> list[int]:
        """What one entity refers to, in the order of its parameters."""
        found: list[int] = self.targets[self.first[entity] + 1 : self.first[entity + 1]].tolist()
        return found

    def closure(self, roots: Indices, within: Mask, cut: Mask | None = None) -> None:
        """Add to ``within`` all that ``roots`` refer to, directly or not; references made by ``cut`` do not count."""
        frontier = np.unique(roots[~within[roots]])
        while len(frontier):
            within[frontier] = True
            if cut is not None:
                frontier = frontier[~cut[frontier]]
            _, reached = self.references(frontier)
            frontier = np.unique(reached[~within[reached]])

    def statement(self, entity: int) -> bytes:
        """Text of one entity, with its semicolon."""
        return self.text[self.starts[entity] : self.ends[entity]]


def index(text: mmap.mmap) -> Index | None:
    """Index a STEP file; None where it is not written plainly enough."""
    begin, end = _DATA.search(text), _last_end(text)
    if begin is None or end is None:
        return None
    data: Bytes = np.frombuffer(text, np.uint8)
    marks = _marks(data, begin.end(), end)
    if marks is None:
        return None
    hashes, semicolons, brackets = marks
    numbers, behind = map(np.concatenate, zip(*_in_threads(lambda part: _numbers(data, part), hashes), strict=True))
    # A statement goes from behind one semicolon to behind the next; its first reference mark is its own number.
    ends = semicolons + 1
    opened = np.concatenate([[begin.end()], ends[:-1]])
    first = np.searchsorted(hashes, opened)
    if first[-1] >= len(hashes) or (np.diff(first) < 1).any():
        return None
    starts = hashes[first]
    keyword = _skip_blanks(data, _skip_blanks(data, behind[first]) + 1)
    opening = np.searchsorted(brackets, keyword)
    if (
        (_skip_blanks(data, opened) != starts).any()
        or (data[_skip_blanks(data, behind[first])] != _EQUALS).any()
        or opening[-1] >= len(brackets)
        or (brackets[opening] >= ends).any()
        or (numbers <= 0).any()
    ):
        return None
    ids = numbers[first]
    lookup = np.full(int(ids.max()) + 1, -1, np.int32)
    lookup[ids] = np.arange(len(ids), dtype=np.int32)
    if int(numbers.max()) >= len(lookup) or (lookup[ids] != np.arange(len(ids))).any():
        return None
    targets = lookup[numbers]
    if (targets < 0).any():
        return None
    complex_ = data[keyword] == _OPEN
    types, names = _types(data, np.where(complex_, _skip_blanks(data, keyword + 1), keyword), brackets)
    return Index(
        text=text,
        header_end=begin.end(),
        starts=np.append(starts, end),
        ends=ends,
        ids=ids,
        types=types,
        type_names=names,
        complex=complex_,
        first=np.append(first, len(hashes)).astype(np.int32),
        targets=targets,
    )


def _last_end(text: mmap.mmap) -> int | None:
    tail = max(0, len(text) - _TAIL)
    found = list(_END.finditer(text, tail))
    return found[-1].start() if found else None


def _marks(data: Bytes, begin: int, end: int) -> list[Offsets] | None:
    """Offsets of ``#``, ``;`` and ``(`` outside of strings; None where there are none, or there are comments."""
    blocks = [data[start : min(start + _BLOCK, end)] for start in range(begin, end, _BLOCK)]
    with ThreadPoolExecutor(_THREADS) as threads:
        # After each quote a string begins or ends; a doubled quote inside one does both.
        odd = np.array(list(threads.map(lambda block: np.count_nonzero(block == _QUOTE) & 1, blocks)), np.uint8)
        found = list(threads.map(_marks_of, blocks, np.bitwise_xor.accumulate(odd) ^ odd))
    for start, (places, has_comment) in zip(range(begin, end, _BLOCK), found, strict=True):
        if has_comment or data[start - 1 : start + 1].tobytes() == _COMMENT:
            return None
        for offsets in places:
            offsets += start
    marks = [np.concatenate(places) for places in zip(*(places for places, _ in found), strict=True)]
    return marks if marks and all(map(len, marks)) else None


def _marks_of(block: Bytes, inside: np.uint8) -> tuple[list[Offsets], bool]:
    """Offsets in one block, at whose beginning a string is open or not; whether there is a comment in it."""
    quoted = np.bitwise_xor.accumulate((block == _QUOTE).view(np.uint8))
    outside = quoted == inside
    return [np.flatnonzero((block == mark) & outside) for mark in _MARKS], _COMMENT in block.tobytes()


def _numbers(data: Bytes, hashes: Offsets) -> tuple[Indices, Offsets]:
    """The number behind each ``#`` (0 where there is none, or one too long), and the offset behind it."""
    numbers = np.zeros(len(hashes), np.int32)
    place = hashes + 1
    going = np.arange(len(hashes))
    for _ in range(_MOST_DIGITS + 1):
        digits = data[place[going]] - np.uint8(48)
        still = digits <= 9
        going = going[still]
        if not len(going):
            break
        numbers[going] = numbers[going] * 10 + digits[still]
        place[going] += 1
    numbers[going] = 0
    return numbers, place


def _skip_blanks(data: Bytes, places: Offsets) -> Offsets:
    """The next offset that is not blank, of each; one among many blanks where they are too many."""
    places = places.copy()
    going = np.arange(len(places))
    for _ in range(_MOST_BLANKS):
        going = going[data[places[going]] <= 32]
        if not len(going):
            break
        places[going] += 1
    return places


def _types(data: Bytes, keyword: Offsets, brackets: Offsets) -> tuple[Indices, list[str]]:
    """Type of each entity by its keyword."""
    opening = brackets[np.searchsorted(brackets, keyword)]
    key = np.concatenate(_in_threads(lambda *ends: _hashes(data, *ends), keyword, opening))
    # A file has few types: most of them show in a sample, and to look up is faster than to sort.
    known = np.unique(key[::_SAMPLE])
    known = np.union1d(known, np.unique(key[known[_places_in(known, key)] != key]))
    types = _places_in(known, key).astype(np.int32)
    example = np.zeros(len(known), np.int64)
    example[types[::-1]] = np.arange(len(key))[::-1]
    names = [bytes(data[keyword[e] : opening[e]]).decode("latin-1").strip() for e in example]
    return types, names


def _places_in(known: npt.NDArray[np.uint64], key: npt.NDArray[np.uint64]) -> Offsets:
    return np.minimum(np.searchsorted(known, key), len(known) - 1)


def _hashes(data: Bytes, begin: Offsets, end: Offsets) -> npt.NDArray[np.uint64]:
    """A hash of 64 bits of each word, of which eight bytes at a time are mixed into it."""
    words: npt.NDArray[np.uint64] = np.ndarray((len(data) - 7,), np.dtype("<u8"), data, strides=(1,))
    key = np.zeros(len(begin), np.uint64)
    left = end - begin
    going = np.arange(len(begin))
    place = begin
    while len(going):
        bits = np.minimum(left[going], 8).astype(np.uint64) * np.uint64(8)
        mask = np.where(bits == 64, np.uint64(2**64 - 1), (np.uint64(1) << bits % np.uint64(64)) - np.uint64(1))
        mixed = (key[going] ^ (words[place[going]] & mask)) * np.uint64(0x9E3779B97F4A7C15)
        key[going] = mixed ^ (mixed >> np.uint64(29))
        place = place + 8
        left = left - 8
        going = going[left[going] > 0]
    return key


def _in_threads(work: Callable[..., T], *arrays: Offsets) -> list[T]:
    """What ``work`` makes of the first and of the second half of ``arrays``, both at once: numpy needs no lock."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(work, *(np.array_split(array, _THREADS) for array in arrays)))
