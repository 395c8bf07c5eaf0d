"""Entry layers on the storage: regenerated whole from the database.

The transaction that changes what an asset or shot composes adds a :class:`StaleEntry` for it. A second transaction
takes the mark away, writes the files from what is committed, and commits once they stand. Killed in between, it
leaves the mark, and the sweeper does the second part; a file never composes what is not committed. A mark has the id of
the change that it is for, so that only the entries of changed parts are written.

One transaction at a time writes the entries of an asset or shot. Those that wait for it mostly find their mark gone
when it is their turn, because what they changed was committed before it read the database: a hundred publishes at
once cost a few writes, and yet none is acknowledged before an entry composes it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, TextClause
from sqlalchemy.orm import Session

from service.database import commit, current_tenant
from service.models import Asset, Shot
from service.prepared import prepared
from shared import paths
from shared.departments import Arc
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer
from shared.errors import StorageError
from shared.files import atomic_write, storage_error

log = logging.getLogger(__name__)

Target = Asset | Shot
TargetType = Literal["asset", "shot"]

# That entries are no longer stale need not be durable: after a crash of PostgreSQL they are written once more.
_LOCK = prepared("SELECT pg_advisory_xact_lock(:key), set_config('synchronous_commit', 'off', true)")


@functools.cache
def _reading(target_type: TargetType) -> TextClause:
    """The parts of a target and what they contribute."""
    return prepared(_parts(target_type, changed="true"))


@functools.cache
def _taking(target_type: TargetType, *, has_mark: bool) -> TextClause:
    """Take the marks of a target away, answering its parts if there were any, and which of them they were for.

    One statement: it reads at least what was committed with the marks that it takes. A mark that is no change's, as
    older releases made them, is for all parts.
    """
    condition = "AND EXISTS (SELECT FROM stale_entries WHERE id = :mark)" if has_mark else ""
    changed = "EXISTS (SELECT FROM changes WHERE part_id = p.id OR part_id IS NULL)"
    return prepared(
        f"""
        WITH taken AS (
            DELETE FROM stale_entries WHERE target_id = :target_id {condition} RETURNING id
        ), changes AS (
            SELECT c.part_id FROM taken LEFT JOIN compositions c ON c.id = taken.id
        )
        {_parts(target_type, changed=changed, condition="AND EXISTS (SELECT FROM taken)")}
        """
    )


def _parts(target_type: TargetType, *, changed: str, condition: str = "") -> str:
    return f"""
        SELECT p.name, d.rank, d.arc, p.usd_path, p.entity_usd_path, b.item_usd_path, {changed} AS is_changed
        FROM parts p JOIN departments d ON d.tenant_id = p.tenant_id AND d.name = p.department
        LEFT JOIN publishes b ON b.tenant_id = p.tenant_id AND b.id = p.current_publish_id
        WHERE p.{target_type}_id = :target_id {condition} ORDER BY p.name
    """


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


def refresh(
    current: Session, root: Path, target_type: TargetType, target_id: UUID, *, mark: UUID | None = None
) -> list[str]:
    """Write the entries of an asset or shot if they are stale; answers the paths of those that changed.

    With ``mark``, only if that mark is still there: else somebody else has written them meanwhile. The caller commits.
    Raises StorageError where the storage refuses; roll back then, and the marks stay.
    """
    _lock_entries(current, target_id)
    taking = _taking(target_type, has_mark=mark is not None)
    values = {"target_id": target_id, "mark": mark}
    return _write_changed(root, current.connection().execute(taking, values).all())


def repair(current: Session, root: Path, target_type: TargetType, target_id: UUID) -> list[str]:
    """Write the entries of an asset or shot that are missing or not what the database says; answers their paths.

    For entries that somebody deleted or damaged, or that a writer cut off from its database wrote too late.
    """
    _lock_entries(current, target_id)
    values = {"target_id": target_id}
    return _write_changed(root, current.connection().execute(_reading(target_type), values).all())


def refresh_after_commit(
    current: Session, root: Path, target_type: TargetType, target_id: UUID, mark: UUID | None
) -> None:
    """:func:`refresh` for what has just been committed, and commit. It stands whatever the storage says: its entries
    follow as soon as that takes them."""
    try:
        refresh(current, root, target_type, target_id, mark=mark)
        commit(current)
    except StorageError:
        current.rollback()
        log.exception("entries of %s %s could not be written", target_type, target_id)


def type_of(target: Target) -> TargetType:
    return "asset" if isinstance(target, Asset) else "shot"


def _lock_entries(current: Session, target_id: UUID) -> None:
    # Not the row's lock: publishes of this target go on meanwhile.
    current.connection().execute(_LOCK, {"key": target_id.int & 0x7FFF_FFFF_FFFF_FFFF})


def _write_changed(root: Path, parts: Sequence[Row[Any]]) -> list[str]:
    """Write the entries of the changed ones of a target's ``parts`` and its own, where they differ from what stands."""
    if not parts:
        return []
    entity_entry = parts[0].entity_usd_path
    root_prim = PurePosixPath(entity_entry).stem
    contributions = {
        part.usd_path: PartContribution(part.name, PurePosixPath(part.item_usd_path).name, part.rank, Arc(part.arc))
        for part in parts
        if part.item_usd_path
    }
    layers = {
        part.usd_path: part_entry_layer(root_prim, made.item, made.arc)
        for part in parts
        if part.is_changed and (made := contributions.get(part.usd_path))
    }
    # Its own comes last, so that every part it names stands already.
    layers[entity_entry] = entity_entry_layer(root_prim, contributions.values())
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
