"""Rewrite STEP files that are valid, or nearly so, in ways that the kernel's parser does not understand.

ISO 10303-21 allows more than the kernel reads: parameters of the data section, blanks before a semicolon, entity
numbers of more than 31 bits; and since its third edition several data sections, and an anchor and a reference section
before them. Two more things are not in the standard but frequent: a byte order mark, which editors on Windows put in
front, and references to an entity 2^64 - 1, which SolidWorks 2026 writes in AP203 for persons and organizations that
have no name.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from dcc.cad.read.part21.write import text_file

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MOST_HEADER = 1 << 20
_TAIL = 1 << 16
_CHUNK = 1 << 24
_MOST_SECTIONS = 100
_SOLIDWORKS = b"SwSTEP"
_NOTHING = b"#%d" % (2**64 - 1)
# Atomic groups and possessive quantifiers, so that damaged text cannot make a search take exponential time.
_STRING = rb"(?>'(?:[^']|'')*+')"
_COMMENT = rb"(?>/\*.*?(?:\*/|\Z))"
_BLANK = rb"(?:\s|" + _COMMENT + rb")*+"
_HEADER_END = re.compile(_STRING + rb"|" + _COMMENT + rb"|\b(ENDSEC)\b" + _BLANK + rb";", re.DOTALL)
_SECTION = (
    rb"(?>" + _BLANK + rb"(?:ANCHOR|REFERENCE)" + _BLANK + rb";"
    # No possessive *+ here: before Python 3.11.5 it goes wrong around a group that looks ahead (gh-106052).
    rb"(?>(?:" + _STRING + rb"|" + _COMMENT + rb"|(?!\bENDSEC\b)[^'])*)ENDSEC" + _BLANK + rb";)"
)  # fmt: skip
_BEFORE_DATA = re.compile(
    rb"(?P<sections>" + _SECTION + rb"*+)" + _BLANK
    + rb"DATA(?P<rest>" + _BLANK + rb"(?:\((?:" + _STRING + rb"|[^';)])*+\)(?:[^';]|" + _STRING + rb")*+)?+);",
    re.DOTALL,
)  # fmt: skip
_NEXT_DATA = re.compile(rb"ENDSEC" + _BLANK + rb";" + _BEFORE_DATA.pattern, re.DOTALL)
_LARGEST_NUMBER = 2**31 - 1
_NUMBERED = re.compile(rb"#(\d{10,18})\s*=")
_NUMBER = re.compile(_STRING + rb"|" + _COMMENT + rb"|#(\d+)", re.DOTALL)
_END = re.compile(rb"END-ISO-10303-21" + _BLANK + rb";", re.DOTALL)


@contextlib.contextmanager
def plainly_written(path: Path) -> Iterator[Path]:
    """The STEP file at ``path``, or a copy of the same meaning that the kernel can read.

    Raises StorageError where the disk refuses.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        changes = _changes(text)
        if _has_large_numbers(text):
            with text_file([_renumbered(text, changes)]) as plain:
                yield plain
            return
        if not changes:
            yield path
            return
        with memoryview(text) as content, contextlib.ExitStack() as views:
            pieces: list[bytes | memoryview] = []
            place = 0
            for start, end, instead in [*changes, (len(text), len(text), b"")]:
                pieces += [views.enter_context(content[place:start]), instead]
                place = end
            with text_file(pieces) as plain:
                yield plain


def _changes(text: mmap.mmap) -> list[tuple[int, int, bytes]]:
    """Replacements in the text (from offset, to offset, new text) in their order; for most files there are none."""
    changes = []
    if text[: len(_BYTE_ORDER_MARK)] == _BYTE_ORDER_MARK:
        changes.append((0, len(_BYTE_ORDER_MARK), b""))
    head = text[:_MOST_HEADER]
    header_end = next((found.end() for found in _HEADER_END.finditer(head) if found[1]), None)
    data = _BEFORE_DATA.match(head, header_end) if header_end is not None else None
    if data and (data["sections"] or data["rest"]):
        changes.append((data.start(), data.end(), b"\nDATA;"))
    if _SOLIDWORKS in head[:header_end]:
        changes += [(place, place + len(_NOTHING), b"$") for place in _places_of(_NOTHING, text)]
    if data:
        places = (place for place in _places_of(b"ENDSEC", text) if place >= data.end())
        following = (_NEXT_DATA.match(text, place) for place in itertools.islice(places, _MOST_SECTIONS))
        changes += [(*found.span(), b"") for found in following if found]
    changes.sort()
    tail = max(0, len(text) - _TAIL)
    end = _END.search(text, tail)
    if end and end[0] != b"END-ISO-10303-21;":
        changes.append((*end.span(), b"END-ISO-10303-21;"))
    return changes


def _has_large_numbers(text: mmap.mmap) -> bool:
    """Whether entities are numbered beyond what the kernel takes.

    Only the beginning and the end of the text are looked at: CAD systems number entities in sequence.
    """
    return any(
        int(number) > _LARGEST_NUMBER
        for part in (text[:_TAIL], text[max(0, len(text) - _TAIL) :])
        for number in _NUMBERED.findall(part)
    )


def _renumbered(text: mmap.mmap, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The text with these changes and with its entities numbered from 1."""
    content = bytearray(text)
    for start, end, instead in reversed(changes):
        content[start:end] = instead
    numbers: dict[bytes, bytes] = {}
    return _NUMBER.sub(
        lambda found: numbers.setdefault(found[1], b"#%d" % (len(numbers) + 1)) if found[1] else found[0],
        bytes(content),
    )


def _places_of(word: bytes, text: mmap.mmap) -> Iterator[int]:
    for start in range(0, len(text), _CHUNK):
        # Bytes are searched several times faster than the mapped file itself.
        chunk = text[start : start + _CHUNK + len(word) - 1]
        place = chunk.find(word)
        while place >= 0:
            yield start + place
            place = chunk.find(word, place + 1)
