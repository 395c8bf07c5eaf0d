"""Assemblies whose parts are in STEP files of their own (``DOCUMENT_FILE``, ISO 10303-41).

The kernel opens these files by itself, wherever the text says that they are: ``/etc``, the storage of another tenant.
So it is given copies that name nothing but files beside them, and these are files of the assembly's own folder.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import mmap
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from shared.errors import CadError
from shared.step_files import GZIP

KEYWORDS = (b"DOCUMENT_FILE", b"DCMFL")
"""The entity that stands for another file, in full and as the kernel knows it for short: text without needs none."""

_CHUNK = 1 << 24
# The quantifiers give nothing back: what looks like a name and is none takes no more time than what is one.
_STRING = rb"'([^']*+(?:''[^']*+)*+)'"
_NAME = re.compile(KEYWORDS[0] + rb"\s*\(\s*" + _STRING)
# Where a file is, is also said of its entity by two others, of which the kernel takes the first that says something.
_NAMING = b"|".join(
    (*KEYWORDS, b"APPLIED_EXTERNAL_IDENTIFICATION_ASSIGNMENT", b"AEIA", b"EXTERNAL_SOURCE", b"EXTSRC"),
)
_GAP = rb"(?>\s|/\*.{0,200}?\*/)*+"
_NAMED = re.compile(
    rb"\b(?:(" + _NAMING + rb")" + _GAP + rb"\(" + _GAP + rb"(IDENTIFIER" + _GAP + rb"\(" + _GAP + rb")?+" + _STRING
    + rb"|(?:" + _NAMING + rb")\b)",
    re.DOTALL,
)  # fmt: skip
"""Everything that may name a file: keyword, the type before the name, if any, and the name. Where it is written
otherwise than any CAD system does, only a keyword is found, without these."""
_DEEPEST = 100
"""Files, one named by another: more than in any assembly, and less than the kernel's stack takes."""
_MISSING = b"missing"
"""Instead of the name of a file that is not there, or not within the folder."""
_ESCAPE = re.compile(
    r"\\X2\\((?:[0-9A-F]{4})+)\\X0\\|\\X4\\((?:[0-9A-F]{8})+)\\X0\\|\\X\\([0-9A-F]{2})|\\S\\(.)|\\(\\)|'(')"
)


def external_files(text: mmap.mmap | bytes) -> tuple[str, ...]:
    """The names of the files that STEP text refers to, sorted; relative to the folder of the file that says so."""
    return tuple(sorted({_decoded(name) for name in _NAME.findall(text)} - {""}))


def refers_to_files(path: Path) -> bool:
    """Whether the STEP file at ``path``, perhaps compressed with gzip, needs files beside it; an archive has them all.

    Raises OSError where it cannot be read.
    """
    with path.open("rb") as plain:
        is_gzip = plain.read(len(GZIP)) == GZIP
    longest = max(map(len, KEYWORDS))
    with gzip.open(path) if is_gzip else path.open("rb") as stream:
        end = b""
        while chunk := stream.read(_CHUNK):
            if any(keyword in chunk or keyword in end + chunk[:longest] for keyword in KEYWORDS):
                return True
            end = chunk[-longest:]
    return False


def located(name: str, beside: Path, folder: Path) -> Path | None:
    """The file that one in the folder ``beside`` calls ``name``; None where there is none within ``folder``.

    Whoever sends an assembly seldom keeps the folders of the machine it was made on: where the file is not where its
    name says, one of that name beside the other is meant.
    """
    for candidate in (name, PureWindowsPath(name).name):
        place = Path(os.path.normpath(beside / candidate))
        # A name that is too long for any file is an error of its own.
        with contextlib.suppress(OSError):
            if place.is_relative_to(os.path.normpath(folder)) and place.is_file():
                return place
    return None


@contextlib.contextmanager
def with_external_files(path: Path, folder: Path) -> Iterator[Path]:
    """The STEP file at ``path`` as the kernel may read it, whatever files of ``folder`` it refers to.

    In a temporary folder stand copies of the file, and of those that it leads to that refer to others as well, with
    names that lead nowhere else; and links to all the others.

    Raises CadError (``cad.nested_files``) where one leads to another more often than in any assembly.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = _Gathering(folder, Path(temporary)).bring(path, folder)
        assert place is not None  # nothing has led to it yet
        yield place


class _Gathering:
    """The files of an assembly on their way into a folder ``into``; of no other than ``folder``."""

    def __init__(self, folder: Path, into: Path) -> None:
        self._folder = folder
        self._into = into
        self._places: dict[Path, Path | None] = {}
        self._depth = 0

    def bring(self, source: Path, beside: Path) -> Path | None:
        """The place of ``source``, whose text names files relative to ``beside``; None if it leads to itself."""
        if source not in self._places:
            if self._depth == _DEEPEST:
                raise CadError(
                    f"The assembly's files lead from one to the next {_DEEPEST} times, at last to {source.name}.",
                    code="cad.nested_files",
                    hint="Export the assembly with its parts in one file.",
                )
            self._depth += 1
            place = self._into / f"{len(self._places)}.step"
            # The kernel would go round and round until it crashes.
            self._places[source] = None
            text = source.read_bytes()
            if any(keyword in text for keyword in KEYWORDS):
                place.write_bytes(_NAMED.sub(lambda found: self._renamed(found, beside), text))
            else:
                _link(source, place)
            self._places[source] = place
            self._depth -= 1
        return self._places[source]

    def _renamed(self, found: re.Match[bytes], beside: Path) -> bytes:
        keyword, typed, name = found.groups()
        if keyword is None:
            # No entity of this name is known, so that the kernel passes it over.
            return b"X" + found[0]
        source = located(_decoded(name), beside, self._folder)
        place = self.bring(source, source.parent) if source else None
        otherwise = _MISSING if keyword in KEYWORDS else b""
        before = b"(IDENTIFIER(" if typed else b"("
        # Nothing that stood between them is kept: what is a comment here may be none to the kernel, where the keyword
        # stands in a string, and name a file.
        return bytes(keyword + before + b"'" + (place.name.encode() if place else otherwise) + b"'")


def _link(source: Path, place: Path) -> None:
    try:
        place.symlink_to(source.absolute())
    except OSError:  # Windows lets few users make links
        shutil.copyfile(source, place)


def _decoded(name: bytes) -> str:
    """The text that a string of a STEP file stands for (ISO 10303-21:2016, 6.4.3)."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("cp1252", "replace")
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    utf16, utf32, latin1, shifted, backslash, quote = found.groups()
    if utf16:
        return codecs.decode(bytes.fromhex(utf16), "utf-16-be", "replace")
    if utf32:
        return codecs.decode(bytes.fromhex(utf32), "utf-32-be", "replace")
    if latin1:
        return chr(int(latin1, 16))
    return chr(ord(shifted) + 128) if shifted else backslash or quote
