"""A lock between processes of one machine, which the system takes back when its holder dies, however it died."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from shared.files import make_folder, storage_error

_POLL_SECONDS = 0.1


@contextlib.contextmanager
def file_lock(path: Path, *, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the lock on the file ``path`` inside the block; yields whether we got it within ``wait_seconds``.

    The file stays: removing it would let two processes lock two files of one name. Raises StorageError where it
    cannot be made.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise storage_error(error, path) from error
    deadline = time.monotonic() + wait_seconds
    try:
        while not (held := _try_lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        yield held
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        except OSError:
            return False

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
