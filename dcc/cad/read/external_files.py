"""Assemblies whose parts are in STEP files of their own (``DOCUMENT_FILE``, ISO 10303-41).

The kernel opens these files by itself and looks for them beside the file that it reads. Their names are read from the
text before that, to tell which of them are missing, and to put them beside a file that is not read where it stands.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import mmap
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from shared.step_files import GZIP

KEYWORD = b"DOCUMENT_FILE"
"""The entity that names another file: text without it needs none."""

_CHUNK = 1 << 24
_NAME = re.compile(KEYWORD + rb"\s*\(\s*'((?:[^']|'')*)'")
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
    with gzip.open(path) if is_gzip else path.open("rb") as stream:
        end = b""
        while chunk := stream.read(_CHUNK):
            if KEYWORD in chunk or KEYWORD in end + chunk[: len(KEYWORD)]:
                return True
            end = chunk[-len(KEYWORD) :]
    return False


@contextlib.contextmanager
def standing_beside(path: Path, folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """The file at ``path``, where the kernel finds those that it refers to by ``names`` and that stand in ``folder``.

    That is ``path`` itself where it stands in that folder, and otherwise a link in a temporary folder, with links to
    the others beside it. No link leads from outside of that folder: such names are left to the kernel.
    """
    if not names or path.parent == folder:
        yield path
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            source, place = folder / name, root / name
            if source.is_file() and not place.exists() and place.resolve().is_relative_to(root):
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(source, place)
                # It may be an assembly, too.
                waiting += [str(PurePath(name).parent / other) for other in external_files(source.read_bytes())]
        master = root / f"{root.name}.step"
        _link(path, master)
        yield master


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
