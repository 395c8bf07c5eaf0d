"""mimalloc for the warm converter: the CAD kernel makes millions of small objects, which glibc is slower at.

See https://microsoft.github.io/mimalloc/. The library comes from the package ``cmeel-mimalloc``; where that is not
installed, everything works without.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution

_PRELOAD = "LD_PRELOAD"
_OPENED = "/proc/self/fd/"
_PURGE = ("MIMALLOC_PURGE_DELAY", "100")
"""Milliseconds until memory that is free goes back to the system: by default so late that a sixth more is held."""


def restart_with_mimalloc() -> None:
    """Replace this process by the same program with mimalloc in place of malloc.

    Returns, doing nothing, where the program runs with mimalloc already, where mimalloc is not installed, and where
    the user preloads something else. To be called before anything heavy is imported, which would be done twice.
    """
    preloaded = os.environ.get(_PRELOAD, "")
    if preloaded.startswith(_OPENED):
        # It is in place. What this process starts itself need not have it.
        os.close(int(preloaded.removeprefix(_OPENED)))
        del os.environ[_PRELOAD]
    elif not preloaded and (path := library()):
        # As an open file: a path with a space in it would be taken for two.
        opened = os.open(path, os.O_RDONLY)
        os.set_inheritable(opened, True)
        os.environ[_PRELOAD] = f"{_OPENED}{opened}"
        os.environ.setdefault(*_PURGE)
        os.execv(sys.executable, sys.orig_argv)


def library() -> str | None:
    """Path of mimalloc, None where it is not installed or lacks a library of the system (``libatomic1`` of Debian)."""
    if sys.platform != "linux":
        return None
    try:
        path = str(distribution("cmeel-mimalloc").locate_file("cmeel.prefix/lib/libmimalloc.so"))
        # A program started with what cannot be loaded does not start at all.
        ctypes.CDLL(path)
    except (PackageNotFoundError, OSError):
        return None
    return path
