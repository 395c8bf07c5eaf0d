"""Guess which encoding the names in a STEP file are written in.

The standard (ISO 10303-21) allows ASCII with escapes, and UTF-8 since its third edition. Many CAD systems write the
encoding of the machine they run on instead, without saying so, and such names would be garbled when read as UTF-8.
"""

from __future__ import annotations

import mmap
import re

_CHUNK = 1 << 24
_SAMPLE = 4096
"""Most strings that are looked at."""
_STRING = re.compile(rb"'((?:[^']|'')*)'")
_COMMON_HANZI = range(0xB0, 0xD8)
"""First bytes of GB 2312's 3,755 most common characters."""
_COMMON_JAPANESE = range(0x82, 0x99)
"""First bytes of Shift JIS's kana and of the 2,965 most common kanji."""
_MOSTLY = 0.7
"""Share of common characters from which text is taken for Chinese or Japanese; chance gives about a third."""

UTF8, GB2312, SHIFT_JIS, WESTERN = "UTF8", "GB", "SJIS", "CP1252"
"""As the kernel names them."""


def encoding_of(text: mmap.mmap) -> str:
    """The encoding of a STEP file's text, as the kernel names it: UTF-8 unless the text is no valid UTF-8."""
    foreign = b"\n".join(_foreign_strings(text))
    if not foreign or _decodes(foreign, "utf-8"):
        return UTF8
    if _decodes(foreign, "gb2312") and _is_chinese(foreign):
        return GB2312
    if _decodes(foreign, "shift_jis") and _is_japanese(foreign.decode("shift_jis")):
        return SHIFT_JIS
    return WESTERN


def _foreign_strings(text: mmap.mmap) -> list[bytes]:
    """Strings of the file with bytes that are not ASCII, up to ``_SAMPLE``; usually there are none."""
    found: list[bytes] = []
    start = 0
    while start < len(text) and len(found) < _SAMPLE:
        # A string that is cut by the end of a chunk must not look like broken UTF-8.
        end = text.find(b"\n", min(start + _CHUNK, len(text))) + 1 or len(text)
        chunk = text[start:end]
        if not chunk.isascii():
            found += [string for string in _STRING.findall(chunk) if not string.isascii()]
        start = end
    return found[:_SAMPLE]


def _decodes(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(text: bytes) -> bool:
    """Whether the two-byte characters of ``text`` are mostly common ones: pairs of Western accents are not."""
    first_bytes = [pair[0] for pair in re.findall(rb"[\x80-\xff]{2}", text)]
    return sum(byte in _COMMON_HANZI for byte in first_bytes) >= _MOSTLY * len(first_bytes)


def _is_japanese(text: str) -> bool:
    """Whether the foreign letters are mostly kana and common kanji: accents with what follows them are not."""
    letters = [letter for letter in text if not letter.isascii()]
    common = [letter for letter in letters if letter.encode("shift_jis")[0] in _COMMON_JAPANESE]
    return len(common) >= _MOSTLY * len(letters)
