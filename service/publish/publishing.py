"""Publishing: versions given out under a lock, items taken into the record, entries brought up to date.

Everything that changes what an asset or shot composes happens under the lock of its row, in one transaction; the
entries are written after that commit (:mod:`service.publish.entries`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from service.archiving import check_live
from service.database import commit, current_actor, current_tenant
from service.models import Asset, CadFile, Composition, Part, Publish, Reservation, Task
from service.publish import entries, items
from service.publish.entries import Target, TargetType
from service.publish.items import Item, check_report
from shared import paths
from shared.errors import ConflictError, InputError, NotFoundError, PublishError, StorageError
from shared.versions import Version

log = logging.getLogger(__name__)

RESERVATION_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True)
class PartAddress:
    """Which part of which asset or shot is published, and for which task."""

    task_id: UUID
    target_type: TargetType
    target_id: UUID
    part_name: str
    department: str = ""


@dataclass(frozen=True)
class Commit:
    """What a client says about its publish."""

    address: PartAddress
    software: str
    item_usd_path: str
    status: str
    metadata: dict[str, Any] = field(default_factory=dict)
    source_version: int | None = None
    source_iteration: int | None = None
    reservation_id: UUID | None = None
    idempotency_key: str | None = None
    sha256: str | None = None
    cad_file_id: UUID | None = None
    keep_version: bool = False
    validation: dict[str, Any] | None = None


def reserve(
    current: Session, address: PartAddress, *, keep_version: bool = False, idempotency_key: str | None = None
) -> Reservation:
    """Give out the next version of a part. The same ``idempotency_key`` again answers the same reservation, as long as
    that has not expired.

    Raises NotFoundError for an unknown task or target, InputError where they do not belong together, ConflictError.
    """
    target, department = _locked_target(current, address)
    if idempotency_key and (known := _reservation_by_key(current, idempotency_key)):
        if known.state != "expired":
            return known
        known.idempotency_key = None
        current.flush()
    part = _part(current, target, address.part_name, department)
    version = _next_version(part, keep_version)
    reservation = Reservation(
        id=uuid4(),
        part_id=part.id,
        task_id=address.task_id,
        version=version.version,
        iteration=version.iteration,
        item_usd_path=paths.part_item(target.project_name, target.entity, part.name, version),
        expires_at=datetime.now(UTC) + RESERVATION_LIFETIME,
        idempotency_key=idempotency_key,
    )
    current.add(reservation)
    current.flush()
    return reservation


def commit_publish(current: Session, root: Path, wanted: Commit) -> tuple[Publish, bool]:
    """Take a written item into the record and bring the entries up to date; answers also whether it is new.

    Commits the session: what this returns is durable. Raises PublishError (``publish.item_missing``,
    ``publish.item_changed``, ``publish.item_place``, ``publish.not_usd``, ``publish.too_large``, ``publish.invalid``),
    ConflictError, NotFoundError or InputError; then nothing of the publish is visible.
    """
    item = items.measure(root, wanted.item_usd_path, announced=wanted.sha256)
    check_report(wanted.validation, item)
    target, department = _locked_target(current, wanted.address)
    known = _publish_by_key(current, wanted, item)
    if known:
        # Its entries may still wait to be written, if that is what the client missed the answer to.
        commit(current)
        _write_entries(current, root, target, None)
        return known, False
    with current.no_autoflush:
        publish, mark = _record(current, root, target, department, wanted, item)
    commit(current)
    if mark:
        _write_entries(current, root, target, mark)
    return publish, True


def compose(current: Session, root: Path, publish: Publish) -> Publish:
    """Let the entries compose this version of its part, older or newer, until another one is published.

    Commits the session.
    """
    target = _lock_target_of(current, publish)
    if publish.part.current_publish_id != publish.id:
        _change_by_hand(current, root, target, publish.part, publish.id)
    return publish


def withdraw(current: Session, root: Path, publish: Publish) -> Publish:
    """Take the contribution of the publish's part out of its asset or shot, until the part is published again.

    The part's own entry keeps composing what it did, for those who refer to it. Commits the session. Raises
    ConflictError where the entries do not compose this publish.
    """
    target = _lock_target_of(current, publish)
    if publish.part.current_publish_id != publish.id:
        raise ConflictError(
            f"{publish.part.name} {Version(publish.version, publish.iteration)} is not what {target.entity} composes.",
            hint="Withdraw the publish that is_latest names.",
            code="conflict.not_composed",
        )
    _change_by_hand(current, root, target, publish.part, None)
    return publish


def _lock_target_of(current: Session, publish: Publish) -> Target:
    target = publish.part.target
    locked = entries.lock_target(current, type(target), target.id)
    assert locked is not None  # the part's foreign key
    current.refresh(publish.part)
    return locked


def _change_by_hand(current: Session, root: Path, target: Target, part: Part, publish_id: UUID | None) -> None:
    part.current_publish_id = publish_id
    mark = _note_change(current, target, part)
    commit(current)
    _write_entries(current, root, target, mark)


def _note_change(current: Session, target: Target, part: Part) -> UUID:
    """Add what the part contributes now to its history; answers the mark for the entries.

    The caller has changed it, under the target's lock.
    """
    change = insert(Composition).values(
        id=func.gen_random_uuid(),
        part_id=part.id,
        publish_id=part.current_publish_id,
        # The clock, not the transaction's begin: whoever waited for the lock came later than its holder.
        created_at=func.clock_timestamp(),
        created_by_id=current_actor(current),
    )
    return entries.mark_stale(current, target, change.cte("change"))


def _write_entries(current: Session, root: Path, target: Target, mark: UUID | None) -> None:
    try:
        entries.refresh(current, root, entries.type_of(target), target.id, mark=mark)
        commit(current)
    except StorageError:
        # The publish stands; its entries follow as soon as the storage takes them.
        current.rollback()
        log.exception("entries of %s %s could not be written", target.__tablename__, target.id)


def _locked_target(current: Session, address: PartAddress) -> tuple[Target, str]:
    task = current.get(Task, (current_tenant(current), address.task_id), options=[lazyload("*")])
    if task is None:
        raise NotFoundError(
            f"There is no task {address.task_id}.", hint="List your tasks: GET /api/tasks/?assignee=me."
        )
    if (task.asset_id if address.target_type == "asset" else task.shot_id) != address.target_id:
        raise InputError(
            f"Task {task.name} is not a task of {address.target_type} {address.target_id}.",
            hint=f"It belongs to {task.target.entity}.",
            code="input.target",
            fields={"target_id": f"the task belongs to {task.target.entity}"},
        )
    target = entries.lock_target(current, entries.MODELS[address.target_type], address.target_id)
    assert target is not None  # the task's foreign key
    check_live(target)
    return target, address.department or task.department


def _part(current: Session, target: Target, name: str, department: str) -> Part:
    """The part of that name, made on its first use. The caller holds the target's lock."""
    column = Part.asset_id if isinstance(target, Asset) else Part.shot_id
    # One look, whatever its case: Windows and macOS would keep Body and body in one folder.
    part = current.scalar(
        select(Part).where(column == target.id, func.lower(Part.name) == name.lower()).options(lazyload("*"))
    )
    if part is None:
        part = Part(id=uuid4(), name=name, department=department, last_version=0, last_iteration=0)
        if isinstance(target, Asset):
            part.asset_id = target.id
        else:
            part.shot_id = target.id
        current.add(part)
        current.flush()
    elif part.name != name:
        raise ConflictError(
            f"{target.entity} has a part {part.name}, which differs from {name} only in its capitals.",
            hint=f"Publish it as {part.name}, or choose another name: some machines do not tell the two apart.",
            code="conflict.part_name",
            fields={"part_name": f"there is {part.name} already"},
        )
    elif part.department != department:
        raise ConflictError(
            f"Part {name} of {target.entity} belongs to the department {part.department}, not {department}.",
            hint="Publish it from that department, or choose another part name.",
            code="conflict.department",
            fields={"department": f"the part belongs to {part.department}"},
        )
    set_committed_value(part, "asset" if isinstance(target, Asset) else "shot", target)
    set_committed_value(part, "shot" if isinstance(target, Asset) else "asset", None)
    return part


def _next_version(part: Part, keep_version: bool) -> Version:
    """Count the part's version up. The caller holds the target's lock."""
    if part.last_version == 0:
        version = Version(1)
    else:
        last = Version(part.last_version, part.last_iteration)
        version = last.next_iteration() if keep_version else last.next_version()
    part.last_version, part.last_iteration = version.version, version.iteration
    return version


def _record(
    current: Session, root: Path, target: Target, department: str, wanted: Commit, item: Item
) -> tuple[Publish, UUID | None]:
    """Add the publish; answers also the mark for its entries, None where they go on composing a newer version."""
    part = _part(current, target, wanted.address.part_name, department)
    version = _redeem(current, part, wanted) if wanted.reservation_id else _next_version(part, wanted.keep_version)
    _check_place(current, root, target, part, item)
    if wanted.cad_file_id and current.get(CadFile, (current_tenant(current), wanted.cad_file_id)) is None:
        raise NotFoundError(f"There is no CAD file {wanted.cad_file_id}.", hint="Check metadata.cad_file_id.")
    publish = Publish(
        id=uuid4(),
        part_id=part.id,
        task_id=wanted.address.task_id,
        cad_file_id=wanted.cad_file_id,
        version=version.version,
        iteration=version.iteration,
        software=wanted.software,
        source_version=wanted.source_version,
        source_iteration=wanted.source_iteration,
        item_usd_path=item.path,
        sha256=item.sha256,
        size=item.size,
        status=wanted.status,
        details=wanted.metadata,
        validation=wanted.validation,
        idempotency_key=wanted.idempotency_key,
        created_by_id=current_actor(current),
    )
    # Known here: no need to ask the database for them when the publish is described.
    set_committed_value(publish, "part", part)
    is_newest = _is_newest(current, part, version)
    if is_newest:
        part.current_publish_id = publish.id
    current.add(publish)
    current.flush()
    return publish, _note_change(current, target, part) if is_newest else None


def _is_newest(current: Session, part: Part, version: Version) -> bool:
    """Whether ``version`` is newer than what the part contributes now.

    Versions may be committed in another order than they were reserved in: the newest is composed.
    """
    if part.current_publish_id is None or version == Version(part.last_version, part.last_iteration):
        return True
    shown = current.execute(
        select(Publish.version, Publish.iteration).where(Publish.id == part.current_publish_id)
    ).one()
    return Version(*shown) < version


def _redeem(current: Session, part: Part, wanted: Commit) -> Version:
    reservation = current.scalar(
        select(Reservation)
        .where(Reservation.id == wanted.reservation_id, Reservation.part_id == part.id)
        .options(lazyload("*"))
    )
    if reservation is None:
        raise NotFoundError(
            f"Part {part.name} has no reservation {wanted.reservation_id}.",
            hint="Reserve a version first: POST /api/publishes/reserve.",
        )
    if reservation.state != "open":
        raise ConflictError(
            f"The reservation of {part.name} {Version(reservation.version, reservation.iteration)} is "
            f"{reservation.state}.",
            hint="Reserve another version. To repeat a commit, send the idempotency key of the first try.",
            code="conflict.reservation",
        )
    if reservation.item_usd_path != wanted.item_usd_path:
        raise InputError(
            f"The reservation is for {reservation.item_usd_path}, not for {wanted.item_usd_path}.",
            hint="Write the item where the reservation says.",
            fields={"item_usd_path": f"must be {reservation.item_usd_path}"},
        )
    reservation.state = "committed"
    return Version(reservation.version, reservation.iteration)


def _check_place(current: Session, root: Path, target: Target, part: Part, item: Item) -> None:
    folder = paths.part_item(target.project_name, target.entity, part.name, Version(1)).rpartition("/")[0]
    if item.path.rpartition("/")[0] != folder:
        raise PublishError(
            f"The item {item.path} is not in the part's folder {folder}.",
            hint="Write the item there: the part's entry composes it by its file name.",
            code="publish.item_place",
            fields={"item_usd_path": f"must stand in {folder}"},
        )
    if not items.NAME.fullmatch(PurePosixPath(item.path).name):
        raise PublishError(
            f"The item {item.path} has a name that an entry cannot hold, or a temporary one.",
            hint="Use letters, digits, '_', '-' and '.', not beginning with a dot: such files are cleared away.",
            code="publish.item_place",
            fields={"item_usd_path": "letters, digits, '_', '-' and '.', not beginning with a dot"},
        )
    other = current.scalar(
        select(Publish.id).where(Publish.item_usd_path == item.path, Publish.sha256 != item.sha256).limit(1)
    )
    if other:
        raise PublishError(
            f"The item {item.path} was published before with other content, and publishes never change.",
            hint="Write the new content under the name of a new version.",
            code="publish.item_changed",
        )
    # The sweeper removes what nobody publishes, under the same lock; and a client may write once more.
    item.check_unchanged(root)


def _reservation_by_key(current: Session, key: str) -> Reservation | None:
    return current.scalar(select(Reservation).where(Reservation.idempotency_key == key))


def _publish_by_key(current: Session, wanted: Commit, item: Item) -> Publish | None:
    if not wanted.idempotency_key:
        return None
    known = current.scalar(select(Publish).where(Publish.idempotency_key == wanted.idempotency_key))
    if known and (known.item_usd_path, known.sha256) != (item.path, item.sha256):
        raise ConflictError(
            "This idempotency key was used for another publish.",
            hint="Use a new key for each publish.",
            code="conflict.idempotency_key",
        )
    return known
