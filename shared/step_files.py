"""Recognise STEP files, also those that come compressed, and say what else a file is."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

from shared.errors import CadError

MAGIC = b"ISO-10303-21"
GZIP, ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
"""How compressed files begin; a ZIP archive that holds nothing begins in a way of its own."""
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


def check_step(stream: IO[bytes], name: str) -> None:
    """Refuse a file that does not begin like a STEP file, like a compressed one, or like an archive with one in it.

    ``name``: what its owner calls it. Raises CadError: ``cad.not_step``, ``cad.no_step_inside``,
    ``cad.damaged_archive``.
    """
    head = stream.read(_HEAD)
    try:
        if head.startswith(ZIP):
            with zipfile.ZipFile(stream) as archive:
                if not zip_members(archive):
                    raise no_step_inside(archive, name)
            return
        if head.startswith(GZIP):
            head = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except (zlib.error, zipfile.BadZipFile) as error:
        raise damaged_archive(name, error) from error
    if MAGIC not in head:
        raise CadError(
            f"{name} is not a STEP file: it does not begin with {MAGIC.decode()}.",
            code="cad.not_step",
            hint="Export the model as STEP (AP203, AP214 or AP242), not as another format under this name.",
        )


def no_step_inside(archive: zipfile.ZipFile, name: str) -> CadError:
    """The error for an archive without a STEP file."""
    files = [member.filename for member in archive.infolist() if not member.is_dir()]
    if not files:
        what, hint = "an empty ZIP archive", "Pack the STEP file into it, or give that file itself."
    else:
        held = ", ".join(files[:3]) + (", ..." if len(files) > 3 else "")
        what = f"a ZIP archive without a STEP file; it holds {held}"
        hint = f"Export the model from the CAD system as STEP; its name must end with {', '.join(_SUFFIXES)}."
    return CadError(f"{name} is {what}.", code="cad.no_step_inside", hint=hint)


def damaged_archive(name: str, error: Exception) -> CadError:
    """The error for a compressed file that cannot be unpacked."""
    return CadError(
        f"{name} is compressed and cannot be unpacked: {str(error) or type(error).__name__}.",
        code="cad.damaged_archive",
        hint="Copy or export it again.",
    )
