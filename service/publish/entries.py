"""Entry layers on the storage: regenerated whole from the database.

The transaction that changes what an asset or shot composes adds a :class:`StaleEntry` for it. A second transaction
takes the mark away, writes the files from what is committed, and commits once they stand. Killed in between, it
leaves the mark, and the sweeper does the second part; a file never composes what is not committed.

One transaction at a time writes the entries of an asset or shot. Those that wait for it mostly find their mark gone
when it is their turn, because what they changed was committed before it read the database: a hundred publishes at
once cost a few writes, and yet none is acknowledged before an entry composes it.
"""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import CTE, delete, exists, func, insert, select
from sqlalchemy.orm import Session, aliased

from service.database import current_tenant
from service.models import Asset, Part, Publish, Shot, StaleEntry
from shared import paths
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer
from shared.files import atomic_write, storage_error

log = logging.getLogger(__name__)

Target = Asset | Shot
TargetType = Literal["asset", "shot"]

MODELS: dict[TargetType, type[Asset] | type[Shot]] = {"asset": Asset, "shot": Shot}


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


def find(current: Session, target_type: TargetType, target_id: UUID) -> Target | None:
    """The asset or shot of that id."""
    found = current.get(MODELS[target_type], (current_tenant(current), target_id))
    assert found is None or isinstance(found, Asset | Shot)
    return found


def mark_stale(current: Session, target: Target, change: CTE) -> UUID:
    """Make a ``change`` of what ``target`` composes, and say with it that its entries must be written.

    Answers the mark, for :func:`refresh` to know whether somebody else has written them meanwhile.
    """
    mark = uuid4()
    stale = insert(StaleEntry).values(id=mark, target_type=type_of(target), target_id=target.id)
    current.execute(stale.add_cte(change))
    return mark


def refresh(
    current: Session, root: Path, target_type: TargetType, target_id: UUID, *, mark: UUID | None = None
) -> list[str]:
    """Write the entries of an asset or shot if they are stale; answers the paths of those that changed.

    With ``mark``, only if that mark is still there. The caller commits. Raises StorageError where the storage refuses;
    roll back then, and the marks stay.
    """
    # Not the row's lock: publishes of this target go on meanwhile.
    current.execute(select(func.pg_advisory_xact_lock(target_id.int & 0x7FFF_FFFF_FFFF_FFFF)))
    marks = delete(StaleEntry).where(StaleEntry.target_id == target_id)
    if mark is not None:
        mine = aliased(StaleEntry)
        marks = marks.where(exists().where(mine.id == mark))
    # What is committed until here is seen by the statements that follow, so these marks are dealt with.
    deleted: Any = current.execute(marks.execution_options(synchronize_session=False))
    if not deleted.rowcount:
        return []
    target = find(current, target_type, target_id)
    return _write_changed(root, _layers(current, target)) if target else []


def repair(current: Session, root: Path, target: Target) -> list[str]:
    """Write the entries of ``target`` that are missing or not what the database says; answers their paths.

    For entries that somebody deleted or damaged, or that a writer cut off from its database wrote too late.
    """
    current.execute(select(func.pg_advisory_xact_lock(target.id.int & 0x7FFF_FFFF_FFFF_FFFF)))
    return _write_changed(root, _layers(current, target))


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


def type_of(target: Target) -> TargetType:
    return "asset" if isinstance(target, Asset) else "shot"


def _layers(current: Session, target: Target) -> dict[str, str]:
    """Text of every entry of ``target`` by path; its own comes last, so that every part it names stands already."""
    contributions = contributions_of(current, target)
    project, entity = target.project_name, target.entity
    layers = {
        paths.part_entry(project, entity, contribution.part): part_entry_layer(target.name, contribution)
        for contribution in contributions
    }
    layers[paths.entity_entry(project, entity)] = entity_entry_layer(target.name, contributions)
    return layers


def _write_changed(root: Path, layers: dict[str, str]) -> list[str]:
    return [path for path, text in layers.items() if _write(paths.absolute(root, path), text)]


def _write(place: Path, text: str) -> bool:
    try:
        if place.read_text(encoding="utf-8") == text:
            return False
    except (FileNotFoundError, UnicodeDecodeError):
        pass  # missing or damaged: written anew
    except OSError as error:
        raise storage_error(error, place, "read") from error
    atomic_write(place, text)
    return True
