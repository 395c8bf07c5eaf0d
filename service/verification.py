"""Whether what the database tells of stands on the storage, to the byte: published items, pictures and films with the
small pictures that stand for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text

from service.config import Config
from service.database import db, tenant_session
from service.models import MediaAsset, Publish
from shared import paths
from shared.errors import InputError, StorageError
from shared.files import is_read_only, make_read_only, sha256_of

_AT_ONCE = 500
_RECORDED: dict[str, tuple[Any, Any, Any]] = {
    "publish": (Publish.id, Publish.item_usd_path, Publish.sha256),
    "medium": (MediaAsset.id, MediaAsset.path, MediaAsset.sha256),
    # Its folder in the store is called by its digest.
    "poster": (MediaAsset.id, MediaAsset.poster_path, func.split_part(MediaAsset.poster_path, "/", -2)),
}
"""Key, path and digest of the rows that tell of a file, by what it is; those without a path tell of none."""

State = Literal["unchanged", "missing", "changed", "unreadable"]


@dataclass(frozen=True)
class Looked:
    """A file that a row tells of, and what was found at its ``path`` below the tenant's storage."""

    tenant: str
    kind: str
    row_id: UUID
    path: str
    state: State
    writable: bool = False
    """Whether it is a published item that may still be written, see :func:`shared.files.make_read_only`."""


def number_of_files() -> int:
    """How many rows of all tenants tell of a file. Wants an application context, as :func:`verify` does."""
    number = 0
    for tenant_id, _ in _tenants():
        with tenant_session(tenant_id) as current:
            number += sum(current.scalar(select(func.count(path))) or 0 for _, path, _ in _RECORDED.values())
    return number


def verify(config: Config, *, protect: bool = False) -> Iterator[Looked]:
    """Look at every file, of one tenant after the other; of archived rows, too, since they can be restored.

    With ``protect``, published items that are as they were published are made read-only.
    """
    for tenant_id, storage in _tenants():
        root = config.tenant_root(storage)
        for kind in _RECORDED:
            # No transaction is open while files are read: that may take hours.
            for row_id, path, digest in _rows(tenant_id, kind):
                state = _state_of(root, path, digest)
                is_item = kind == "publish" and state == "unchanged"
                yield Looked(storage, kind, row_id, path, state, is_item and not _is_kept(root, path, protect))


def _is_kept(root: Path, path: str, protect: bool) -> bool:
    place = paths.absolute(root, path)
    return make_read_only(place) if protect else is_read_only(place)


def _tenants() -> Sequence[Any]:
    with db.engine.connect() as connection:
        return connection.execute(text("SELECT tenant_id, storage FROM list_tenants() ORDER BY storage")).all()


def _rows(tenant_id: UUID, kind: str) -> Iterator[tuple[UUID, str, str]]:
    key, path, digest = _RECORDED[kind]
    page = select(key, path, digest).where(path.is_not(None)).order_by(key).limit(_AT_ONCE)
    found: Sequence[Any] = ()
    while True:
        after = page.where(key > found[-1][0]) if found else page
        with tenant_session(tenant_id) as current:
            found = current.execute(after).all()
        if not found:
            return
        yield from found


def _state_of(root: Path, path: str, digest: str) -> State:
    try:
        place = paths.absolute(root, path)
        if not place.is_file():
            return "missing"
        return "unchanged" if sha256_of(place) == digest else "changed"
    except InputError:
        return "missing"  # a link leads out of the storage
    except (OSError, StorageError):
        return "unreadable"
