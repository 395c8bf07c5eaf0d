"""Entry layers on the storage: regenerated whole from the database, under a lock on the asset or shot.

The transaction that changes what an entry composes marks its asset or shot stale. A second transaction, after it,
holds the lock, writes the files from what is committed and clears the mark. Killed between the two, the mark remains
and the sweeper does the second part; a file never composes what is not committed.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import current_tenant
from service.models import Asset, Part, Publish, Shot
from shared import paths
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer
from shared.files import atomic_write

log = logging.getLogger(__name__)

Target = Asset | Shot


def lock_target(current: Session, model: type[Asset] | type[Shot], target_id: UUID) -> Target | None:
    """The asset or shot, locked against other publishes until the transaction ends."""
    found = current.get(
        model,
        (current_tenant(current), target_id),
        # NO KEY: tasks and CAD files of the target can still be added meanwhile.
        with_for_update={"key_share": True, "of": model},
        populate_existing=True,
    )
    assert found is None or isinstance(found, Asset | Shot)
    return found


def mark_stale(target: Target) -> None:
    """Say, in the transaction that changes what ``target`` composes, that its entries must be written."""
    if target.entries_stale_since is None:
        target.entries_stale_since = datetime.now(UTC)


def refresh(current: Session, root: Path, model: type[Asset] | type[Shot], target_id: UUID) -> None:
    """Write the entries of an asset or shot if they are stale. The caller commits.

    Raises StorageError where the storage refuses; the mark then stays.
    """
    target = lock_target(current, model, target_id)
    if target is None or target.entries_stale_since is None:
        return
    contributions = contributions_of(current, target)
    for contribution in contributions:
        path = paths.part_entry(target.project_name, target.entity, contribution.part)
        _write(root, path, part_entry_layer(target.name, contribution))
    # Last, so that every part it names stands already.
    path = paths.entity_entry(target.project_name, target.entity)
    _write(root, path, entity_entry_layer(target.name, contributions))
    target.entries_stale_since = None


def contributions_of(current: Session, target: Target) -> list[PartContribution]:
    """What the target's entry composes now."""
    column = Part.asset_id if isinstance(target, Asset) else Part.shot_id
    rows = current.execute(
        select(Part.name, Part.department, Publish.item_usd_path)
        .join(Publish, (Publish.tenant_id == Part.tenant_id) & (Publish.id == Part.current_publish_id))
        .where(column == target.id)
        .order_by(Part.name)
    )
    return [PartContribution(name, department, PurePosixPath(item).name) for name, department, item in rows]


def _write(root: Path, path: str, text: str) -> None:
    place = paths.absolute(root, path)
    try:
        if place.read_text(encoding="utf-8") == text:
            return
    except (FileNotFoundError, UnicodeDecodeError):
        pass  # missing or damaged: written anew
    atomic_write(place, text)
