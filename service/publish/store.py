"""The content-addressed store below a tenant's storage root, and uploads into it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared import paths, step_files
from shared.errors import CadError, InputError
from shared.files import TEMPORARY_PREFIX, make_folder, storage_error, sync_folder

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Upload:
    """A received file, still under a temporary name."""

    place: Path
    sha256: str
    size: int

    def keep(self, root: Path, name: str) -> str:
        """Move the file to its place in the store and answer that path; the same content is kept once."""
        folder = make_folder(root / paths.store_folder(self.sha256))
        final = folder / name
        try:
            if final.is_file() and final.stat().st_size == self.size:
                return paths.relative(root, final)
            with self.place.open("rb+") as stream:
                os.fsync(stream.fileno())
            os.replace(self.place, final)
            sync_folder(folder)
        except OSError as error:
            raise storage_error(error, final) from error
        return paths.relative(root, final)


@contextlib.contextmanager
def receive(stream: IO[bytes], root: Path, limit: int) -> Iterator[Upload]:
    """Write ``stream`` to a temporary file, hashing it on the way; the file is removed unless it was kept.

    Raises InputError (``input.too_large``, status 413) beyond ``limit`` bytes, StorageError where the disk refuses.
    """
    folder = make_folder(root / paths.STORE)
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    place = Path(name)
    try:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as target:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise InputError(
                        f"The upload is larger than the limit of {limit // 2**20} MiB.",
                        hint="Raise RACEWAY_MAX_UPLOAD_MB, or send a smaller file.",
                        code="input.too_large",
                        status=413,
                    )
                digest.update(chunk)
                try:
                    target.write(chunk)
                except OSError as error:
                    raise storage_error(error, place) from error
        os.chmod(place, 0o644)
        yield Upload(place, digest.hexdigest(), size)
    finally:
        place.unlink(missing_ok=True)


def check_step(upload: Upload, filename: str) -> None:
    """Raises CadError for what cannot be a STEP file: ``cad.empty``, or what :func:`step_files.check_step` says."""
    if upload.size == 0:
        raise CadError(f"{filename} is empty.", hint="Export it again from the CAD program.", code="cad.empty")
    with upload.place.open("rb") as stream:
        step_files.check_step(stream, filename)
