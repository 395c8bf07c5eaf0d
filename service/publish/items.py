"""Items as the service takes them in: whatever a client says of its file, this is measured on the storage.

The service cannot open USD (it never loads ``pxr``), so it does not repeat the client's checks: it insists that a
report of them is about this very file and names no error, and keeps the report with the publish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from shared import items, paths
from shared.errors import PublishError
from shared.files import sha256_of, storage_error

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""Of an item's file: what stands between the ``@`` of a USD layer as it is, on every system."""


@dataclass(frozen=True)
class Item:
    """An item as it was at ``place`` when its digest was taken. ``identity`` changes whenever the file does."""

    path: str
    sha256: str
    size: int
    place: Path
    identity: tuple[int, int, int]

    def check_unchanged(self) -> None:
        """Raises PublishError where the file has been removed or written since."""
        if _identity(self.place, self.path) != self.identity:
            raise _changed(self.path, "was changed while it was published", self.sha256)


def size_of(root: Path, path: str) -> int:
    """Bytes of the file at ``path`` below ``root``. Raises as :func:`measure` does."""
    return _identity(paths.absolute(root, path), path)[1]


def measure(root: Path, path: str, *, announced: str | None) -> Item:
    """Look at the file at ``path`` below ``root``; ``announced`` is the SHA-256 that the client gave.

    Raises PublishError (``publish.item_missing``, ``publish.not_usd``, ``publish.too_large``,
    ``publish.item_changed``), InputError for a path out of the root, StorageError where it cannot be read.
    """
    place = paths.absolute(root, path)
    identity = _identity(place, path)
    size = identity[1]
    if PurePosixPath(path).suffix not in items.SUFFIXES or not items.is_usd(_head(place)):
        raise PublishError(
            f"The item {path} is not a USD file.",
            hint=f"Publish a file that a USD application has written, named {', '.join(items.SUFFIXES)}.",
            code="publish.not_usd",
            fields={"item_usd_path": "is not USD"},
        )
    if size > items.MAX_BYTES:
        raise PublishError(
            f"The item {path} has {size / 1e6:.0f} MB, more than the {items.MAX_BYTES / 1e6:.0f} MB of an item.",
            hint="Convert with a coarser deflection, or publish it in several parts.",
            code="publish.too_large",
            fields={"item_usd_path": "is too large"},
        )
    digest = sha256_of(place)
    if announced and announced != digest:
        raise _changed(path, f"is not the file that was announced: its SHA-256 is {digest}", digest)
    return Item(path, digest, size, place, identity)


def check_kept(root: Path, path: str, digest: str) -> None:
    """Raises PublishError where the file at ``path`` is gone, or not the one with ``digest`` that was published."""
    place = paths.absolute(root, path)
    _identity(place, path)
    if sha256_of(place) != digest:
        raise PublishError(
            f"The item {path} was changed on the storage since it was published.",
            hint="Restore that file from a backup, or compose another version.",
            code="publish.item_changed",
            fields={"sha256": f"was {digest} when it was published"},
        )


def check_report(report: dict[str, Any] | None, item: Item) -> None:
    """Raises PublishError (``publish.invalid``) for a report of the client's checks that is not a good one of this
    very file."""
    if report is None:
        return
    if report["sha256"] != item.sha256:
        raise PublishError(
            f"The validation report is about another file than {item.path}.",
            hint="Check the item as it is published, then commit with that report.",
            code="publish.invalid",
            fields={"validation.sha256": f"the item's is {item.sha256}"},
        )
    errors = [finding for finding in report["findings"] if finding["severity"] == "error"]
    if errors:
        raise PublishError(
            f"It cannot be published: {errors[0]['message']}",
            hint=errors[0]["hint"],
            code="publish.invalid",
            fields={f"{finding['check']} {finding['prim']}".strip(): finding["message"] for finding in errors},
        )


def _identity(place: Path, path: str) -> tuple[int, int, int]:
    try:
        found = place.stat() if place.is_file() else None
    except OSError as error:
        raise storage_error(error, place, "read") from error
    if found is None:
        raise PublishError(
            f"The item {path} does not exist on the storage.",
            hint="Write the file below PM_ROOT first, then commit the publish.",
            code="publish.item_missing",
            fields={"item_usd_path": "no such file below the storage root"},
        )
    return found.st_ino, found.st_size, found.st_mtime_ns


def _head(place: Path) -> bytes:
    try:
        with place.open("rb") as stream:
            return stream.read(items.HEAD_BYTES)
    except OSError as error:
        raise storage_error(error, place, "read") from error


def _changed(path: str, how: str, digest: str) -> PublishError:
    return PublishError(
        f"The item {path} {how}.",
        hint="Write it again and commit with the digest of what stands there.",
        code="publish.item_changed",
        fields={"sha256": f"is {digest} on the storage"},
    )
