"""Items: the immutable versioned files of a publish.

An item of a geometry department *is* the USD master of its CAD file: the same bytes, shared on disk where the file
system can do that. Items of other departments are layers written for the occasion, or files that an artist's
application has exported.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pxr import Usd

from dcc.usd.stage import default_prim, open_stage, write_stage
from shared.errors import StorageError
from shared.files import atomic_path, sha256_of


def place_item(source: str | Path, item: str | Path, *, sha256: str = "") -> str:
    """Make ``item`` a file with the content of ``source``, whole or not at all, and return its SHA-256.

    The two share their bytes (a hard link) where the file system allows it, so that publishing costs no space. The
    content must open as USD and have a default prim, and match ``sha256`` where that is given.

    Raises UsdError for content that nothing could reference; StorageError: ``storage.exists`` where the item is
    there already, ``storage.digest`` for other content than expected, or what the disk says.
    """
    default_prim(open_stage(source, load=False))
    with atomic_path(item, overwrite=False) as temporary:
        _link_or_copy(Path(source), temporary)
        digest = sha256_of(temporary)
        if sha256 and digest != sha256:
            raise StorageError(
                f"{source} is not the content that was asked for: its SHA-256 is {digest}, not {sha256}.",
                hint="It was damaged or replaced: convert the CAD file again.",
                code="storage.digest",
            )
    return digest


def write_item(stage: Usd.Stage, item: str | Path) -> str:
    """Write a stage's root layer as a new item and return its SHA-256.

    Raises StorageError (``storage.exists``) where the item is there already.
    """
    return sha256_of(write_stage(stage, item, overwrite=False))


def _is_own(source: Path) -> bool:
    """Whether a file is this user's, such as one that is read-only because it is published already."""
    return os.name != "nt" and source.stat().st_uid == os.geteuid()


def _link_or_copy(source: Path, temporary: Path) -> None:
    # A file that is somebody else's is not ours to share: its owner could change it under the item.
    if os.access(source, os.W_OK) or _is_own(source):
        temporary.unlink()
        try:
            os.link(source.resolve(), temporary)
            return
        except OSError:
            pass  # another disk, a file system without links, or too many of them
    shutil.copyfile(source, temporary)
