"""STEP files that come compressed: gzip, which PLM systems write as ``.stpZ``, and ZIP archives.

A ZIP archive may hold an assembly together with the files of its parts; what is converted is the file that no other
one refers to.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from dcc.cad.read.external_files import external_files
from dcc.cad.read.part21.write import text_file
from shared.errors import CadError
from shared.files import storage_error
from shared.step_files import GZIP, ZIP, damaged_archive, no_step_inside, zip_members

_CHUNK = 1 << 20


@contextlib.contextmanager
def unpacked(path: Path, name: str, limit: int) -> Iterator[tuple[Path, Path]]:
    """The STEP file in ``path`` (``path`` itself where it is not compressed), and the folder of files it refers to.

    ``name``: what its owner calls it; ``limit``: bytes that may come out of it.

    Raises CadError: ``cad.damaged_archive``, ``cad.no_step_inside``, ``cad.several_inside``, ``cad.too_large``;
    StorageError where the disk refuses.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(ZIP[0]))
    except OSError:
        # What is the matter with it is told by the check that every file gets.
        magic = b""
    if magic.startswith(GZIP):
        with gzip.open(path) as content, text_file(_chunks(content, name, limit)) as plain:
            yield plain, path.parent
    elif magic.startswith(ZIP):
        with tempfile.TemporaryDirectory() as folder:
            yield _from_zip(path, name, limit, Path(folder)), Path(folder)
    else:
        yield path, path.parent


def _from_zip(path: Path, name: str, limit: int, folder: Path) -> Path:
    """Unpack the STEP files of an archive into ``folder``; the path of the one to convert."""
    left = limit
    try:
        with zipfile.ZipFile(path) as archive:
            members = zip_members(archive)
            if not members:
                raise no_step_inside(archive, name)
            for member in members:
                # Never where the archive wants it: files refer to one another by their bare names.
                target = folder / PurePosixPath(member.filename.replace("\\", "/")).name
                if target.exists():
                    raise CadError(
                        f"{name} is a ZIP archive with two files called {target.name}.",
                        code="cad.several_inside",
                        hint="Pack only one of them, or give them names of their own.",
                    )
                with archive.open(member) as content, target.open("wb") as out:
                    for chunk in _chunks(content, name, left):
                        left -= out.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise damaged_archive(name, error) from error
    except RuntimeError as error:
        raise CadError(
            f"{name} is a ZIP archive with a password.", code="cad.damaged_archive", hint="Unpack it before."
        ) from error
    except OSError as error:
        raise storage_error(error, folder, "write") from error
    return _root(sorted(folder.iterdir()), name)


def _root(files: list[Path], name: str) -> Path:
    """The one file that no other refers to."""
    referred = {PurePosixPath(external).name for file in files for external in external_files(file.read_bytes())}
    roots = [file for file in files if file.name not in referred]
    if len(roots) == 1:
        return roots[0]
    # Where each is referred to by another, any of them may be meant.
    roots = roots or files
    names = ", ".join(file.name for file in roots[:5]) + (", ..." if len(roots) > 5 else "")
    raise CadError(
        f"{name} is a ZIP archive with several STEP files, and none that holds the others: {names}.",
        code="cad.several_inside",
        hint="Unpack it and convert each file, or add the assembly that they belong to.",
    )


def _chunks(content: IO[bytes] | io.BufferedIOBase, name: str, limit: int) -> Iterator[bytes]:
    """What is in a compressed file, piece by piece."""
    left = limit
    try:
        while chunk := content.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise CadError(
                    f"More than {limit >> 20:,} MiB come out of {name}; no more is unpacked.",
                    code="cad.too_large",
                    hint="Unpack it and convert the STEP file itself.",
                )
            yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise damaged_archive(name, error) from error
