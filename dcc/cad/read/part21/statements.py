"""Single statements of a STEP file (ISO 10303-21), found in its text by their keywords, without an index."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable

_STRING = re.compile(r"'(?:[^']|'')*'")
_REFERENCE = re.compile(r"#(\d{1,18})")

Statements = dict[int, tuple[str, str]]
"""Keyword and parameters, without their outer brackets, of entities by their numbers."""


def statements(text: mmap.mmap | bytes, keywords: Iterable[str]) -> Statements:
    """The simple entities of these types, in the order of the file; malformed statements are left out."""
    kinds = "|".join(keywords).encode()
    # Possessive (++, *+): a damaged statement is given up at once, instead of being read in every other way.
    pattern = re.compile(rb"#(\d{1,18})\s*=\s*(" + kinds + rb")\s*\(((?:'(?:[^']|'')*+'|[^';]++)*+);")
    found: Statements = {}
    for number, keyword, rest in pattern.findall(text):
        parameters, bracket, behind = rest.rpartition(b")")
        if bracket and not behind.strip():
            found[int(number)] = keyword.decode(), parameters.decode("latin-1")
    return found


def references(parameters: str) -> list[int]:
    """The numbers of the entities that parameters name, in their order."""
    return [int(number) for number in _REFERENCE.findall(_STRING.sub("", parameters))]
