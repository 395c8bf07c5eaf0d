"""Recognise STEP files, also those that come compressed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

MAGIC = b"ISO-10303-21"
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
_SUFFIXES = (".step", ".stp", ".ste", ".p21", ".stpnc")
_HEAD = 4096


def zip_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The STEP files in an archive, by the suffixes of their names."""
    return [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(_SUFFIXES) and not _is_of_macos(PurePosixPath(member.filename))
    ]


def _is_of_macos(path: PurePosixPath) -> bool:
    """Whether macOS has put the file into the archive: beside each NAME a ._NAME with its icon and the like."""
    return path.name.startswith("._") or "__MACOSX" in path.parts


def is_step(stream: IO[bytes]) -> bool:
    """Whether a file begins like a STEP file, a compressed one, or an archive with one in it."""
    head = stream.read(_HEAD)
    try:
        if head.startswith(GZIP):
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        elif head.startswith(ZIP):
            with zipfile.ZipFile(stream) as archive:
                return bool(zip_members(archive))
    except (zlib.error, zipfile.BadZipFile):
        return False
    return MAGIC in head
