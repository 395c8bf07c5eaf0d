"""Publishing: versions given out under a lock, items taken into the record, entries brought up to date."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import entries
from service.database import commit, current_actor, current_tenant
from service.entries import Target
from service.models import Asset, CadFile, Part, Publish, Reservation, Shot, Task
from shared import paths
from shared.errors import ConflictError, InputError, NotFoundError, PublishError, StorageError
from shared.files import sha256_of
from shared.versions import Version

log = logging.getLogger(__name__)

RESERVATION_LIFETIME = timedelta(hours=24)
_TARGETS: dict[str, type[Asset] | type[Shot]] = {"asset": Asset, "shot": Shot}


@dataclass(frozen=True)
class PartAddress:
    """Which part of which asset or shot is published, and for which task."""

    task_id: UUID
    target_type: str
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


def reserve(
    current: Session, address: PartAddress, *, keep_version: bool = False, idempotency_key: str | None = None
) -> Reservation:
    """Give out the next version of a part. The same ``idempotency_key`` again answers the same reservation.

    Raises NotFoundError for an unknown task or target, InputError where they do not belong together.
    """
    target, department = _locked_target(current, address)
    if idempotency_key and (known := _reservation_by_key(current, idempotency_key)):
        return known
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
    current.refresh(reservation)
    return reservation


def commit_publish(current: Session, root: Path, wanted: Commit) -> tuple[Publish, bool]:
    """Take a written item into the record and bring the entries up to date; answers also whether it is new.

    Commits the session: what this returns is durable. Raises PublishError (``publish.item_missing``,
    ``publish.item_changed``, ``publish.item_place``), ConflictError, NotFoundError or InputError; then nothing of the
    publish is visible.
    """
    item = _measured_item(root, wanted)
    target, department = _locked_target(current, wanted.address)
    known = _publish_by_key(current, wanted)
    publish = known or _record(current, target, department, wanted, item)
    _commit_and_write_entries(current, root, target)
    return publish, known is None


def compose(current: Session, root: Path, publish: Publish) -> Publish:
    """Let the entries compose this version of its part, older or newer, until another one is published.

    Commits the session.
    """
    target = _lock_target_of(current, publish)
    publish.part.current_publish_id = publish.id
    entries.mark_stale(target)
    _commit_and_write_entries(current, root, target)
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
    publish.part.current_publish_id = None
    entries.mark_stale(target)
    _commit_and_write_entries(current, root, target)
    return publish


def _lock_target_of(current: Session, publish: Publish) -> Target:
    target = publish.part.target
    locked = entries.lock_target(current, type(target), target.id)
    assert locked is not None  # the part's foreign key
    current.refresh(publish.part)
    return locked


def _commit_and_write_entries(current: Session, root: Path, target: Target) -> None:
    model, target_id = type(target), target.id
    commit(current)
    try:
        entries.refresh(current, root, model, target_id)
        commit(current)
    except StorageError:
        # The publish stands; its entries follow as soon as the storage takes them.
        current.rollback()
        log.exception("entries of %s %s could not be written", model.__tablename__, target_id)


@dataclass(frozen=True)
class _Item:
    path: str
    sha256: str
    size: int


def _measured_item(root: Path, wanted: Commit) -> _Item:
    place = paths.absolute(root, wanted.item_usd_path)
    if not place.is_file():
        raise PublishError(
            f"The item {wanted.item_usd_path} does not exist on the storage.",
            hint="Write the file below PM_ROOT first, then commit the publish.",
            code="publish.item_missing",
            fields={"item_usd_path": "no such file below the storage root"},
        )
    digest, size = sha256_of(place), place.stat().st_size
    if wanted.sha256 and wanted.sha256 != digest:
        raise PublishError(
            f"The item {wanted.item_usd_path} is not the file that was announced: its SHA-256 is {digest}.",
            hint="Write it again and commit with the digest of what stands there.",
            code="publish.item_changed",
            fields={"sha256": f"is {digest} on the storage"},
        )
    return _Item(wanted.item_usd_path, digest, size)


def _locked_target(current: Session, address: PartAddress) -> tuple[Target, str]:
    task = current.get(Task, (current_tenant(current), address.task_id))
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
    target = entries.lock_target(current, _TARGETS[address.target_type], address.target_id)
    assert target is not None  # the task's foreign key
    return target, address.department or task.department


def _part(current: Session, target: Target, name: str, department: str) -> Part:
    """The part of that name, made on its first use. The caller holds the target's lock."""
    column = Part.asset_id if isinstance(target, Asset) else Part.shot_id
    part = current.scalar(select(Part).where(column == target.id, Part.name == name))
    if part is None:
        part = Part(id=uuid4(), name=name, department=department, last_version=0, last_iteration=0)
        if isinstance(target, Asset):
            part.asset_id = target.id
        else:
            part.shot_id = target.id
        current.add(part)
        current.flush()
        current.refresh(part)
    elif part.department != department:
        raise ConflictError(
            f"Part {name} of {target.entity} belongs to the department {part.department}, not {department}.",
            hint="Publish it from that department, or choose another part name.",
            code="conflict.department",
            fields={"department": f"the part belongs to {part.department}"},
        )
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


def _record(current: Session, target: Target, department: str, wanted: Commit, item: _Item) -> Publish:
    part = _part(current, target, wanted.address.part_name, department)
    version = _redeem(current, part, wanted) if wanted.reservation_id else _next_version(part, wanted.keep_version)
    _check_place(current, target, part, item)
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
        idempotency_key=wanted.idempotency_key,
        created_by_id=current_actor(current),
    )
    current.add(publish)
    current.flush()
    current.refresh(publish)
    shown = current.get(Publish, (publish.tenant_id, part.current_publish_id)) if part.current_publish_id else None
    # Versions may be committed in another order than they were reserved in: the newest is composed.
    if shown is None or (shown.version, shown.iteration) < (publish.version, publish.iteration):
        part.current_publish_id = publish.id
        entries.mark_stale(target)
    return publish


def _redeem(current: Session, part: Part, wanted: Commit) -> Version:
    reservation = current.scalar(
        select(Reservation).where(Reservation.id == wanted.reservation_id, Reservation.part_id == part.id)
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


def _check_place(current: Session, target: Target, part: Part, item: _Item) -> None:
    folder = paths.part_item(target.project_name, target.entity, part.name, Version(1)).rpartition("/")[0]
    if item.path.rpartition("/")[0] != folder:
        raise PublishError(
            f"The item {item.path} is not in the part's folder {folder}.",
            hint="Write the item there: the part's entry composes it by its file name.",
            code="publish.item_place",
            fields={"item_usd_path": f"must stand in {folder}"},
        )
    other = current.scalar(
        select(func.count())
        .select_from(Publish)
        .where(Publish.part_id == part.id, Publish.item_usd_path == item.path, Publish.sha256 != item.sha256)
    )
    if other:
        raise PublishError(
            f"The item {item.path} was published before with other content, and publishes never change.",
            hint="Write the new content under the name of a new version.",
            code="publish.item_changed",
        )


def _reservation_by_key(current: Session, key: str) -> Reservation | None:
    return current.scalar(select(Reservation).where(Reservation.idempotency_key == key))


def _publish_by_key(current: Session, wanted: Commit) -> Publish | None:
    if not wanted.idempotency_key:
        return None
    known = current.scalar(select(Publish).where(Publish.idempotency_key == wanted.idempotency_key))
    if known and known.item_usd_path != wanted.item_usd_path:
        raise ConflictError(
            "This idempotency key was used for another publish.",
            hint="Use a new key for each publish.",
            code="conflict.idempotency_key",
        )
    return known
