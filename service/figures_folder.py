"""The folder in which the processes of one running service count together (see :mod:`service.metrics`)."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from service.embedded.locks import ProcessLock
from shared.process_tree import exists

_PREFIX = "raceway-figures-"
_NAME = re.compile(rf"{_PREFIX}(\d+)(-\w+)?")
_LOCK = "lock"


def make_folder() -> Path:
    """A new folder among the temporary files, this process's until its end and that of its children.

    What services that were killed left there is cleared away first.
    """
    parent = Path(tempfile.gettempdir())
    clear_left(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    # Held until the kernel closes the file: nothing releases it.
    ProcessLock(folder / _LOCK).acquire()
    return folder


def clear_left(parent: Path) -> None:
    """Remove the folders in ``parent`` that are our user's, and whose service is gone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # gone meanwhile, or not ours to read


def _is_left(folder: Path) -> bool:
    named = _NAME.fullmatch(folder.name)
    if not named or folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.geteuid():
        return False
    # A container starts each service with the same number, and two may share this folder: then the lock decides.
    pid = int(named[1])
    if pid != os.getpid() and exists(pid):
        return False
    lock = ProcessLock(folder / _LOCK)
    if not lock.acquire():
        return False
    lock.release()
    return True
