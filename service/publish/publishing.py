"""Publishing: versions given out under a lock, items taken into the record, entries brought up to date.

Everything that changes what an asset or shot composes happens under the lock of its row, in one transaction; the
entries are written after that commit (:mod:`service.publish.entries`). What is answered are rows that no session holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, TextClause, select
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from service import audit
from service.archiving import check_live
from service.database import commit, current_actor, current_tenant, release
from service.models import CadFile, Part, Publish, Reservation, Task
from service.production.departments import unknown_department
from service.publish import entries, items, statements
from service.publish.entries import TargetType
from service.publish.items import Item, check_report
from shared import paths
from shared.context import Entity, check_file_name
from shared.errors import ConflictError, InputError, NotFoundError, PublishError, RacewayError
from shared.files import make_read_only
from shared.versions import Version

RESERVATION_LIFETIME = timedelta(hours=24)
QUICK_BYTES = 16 << 20
"""Of an item that is read sooner than a connection to the database is given back and taken again."""


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
    current: Session,
    root: Path,
    address: PartAddress,
    *,
    keep_version: bool = False,
    idempotency_key: str | None = None,
) -> Reservation:
    """Give out the next version of a part. The same ``idempotency_key`` again answers the same reservation, as long as
    that has not expired.

    Versions whose item stands already are left out: the database has forgotten those, in a reset or with the backup
    that it was restored from, but others may still refer to them.

    Raises NotFoundError for an unknown task or target, InputError where they do not belong together, ConflictError.
    """
    department = _locked_target(current, address)
    look = statements.look_before_reserving(address.target_type, has_key=idempotency_key is not None)
    found = _part(current, address, department, look, {"key": idempotency_key} if idempotency_key else {})
    if found.known_id:
        if found.known_part_id != found.id:
            raise ConflictError(
                "This idempotency key was used for a reservation of another part.",
                hint="Use a new key for each reservation.",
                code="conflict.idempotency_key",
            )
        known = current.get_one(Reservation, (current_tenant(current), found.known_id))
        if known.state != "expired":
            return known
        known.idempotency_key = None
        current.flush()
    version = _next_version(found, keep_version)
    while paths.absolute(root, item := _item_of(found, version)).exists():
        version = version.next_iteration() if keep_version else version.next_version()
    values: dict[str, Any] = {
        "id": uuid4(),
        "part_id": found.id,
        "task_id": address.task_id,
        "version": version.version,
        "iteration": version.iteration,
        "item_usd_path": item,
        "state": "open",
        "expires_at": datetime.now(UTC) + RESERVATION_LIFETIME,
        "idempotency_key": idempotency_key,
    }
    records = [audit.created(current, Reservation, values)] if current_actor(current) else []
    current.connection().execute(statements.RESERVE, values | audit.recording(current, records))
    reservation = Reservation(**values)
    set_committed_value(reservation, "part", _part_of(found))
    return reservation


def _item_of(found: Row[Any], version: Version) -> str:
    return paths.part_item(found.project_name, Entity.parse(found.entity), found.name, version)


def commit_publish(current: Session, root: Path, wanted: Commit) -> tuple[Publish, bool]:
    """Take a written item into the record and bring the entries up to date; answers also whether it is new.

    Commits the session: what this returns is durable. Raises PublishError (``publish.item_missing``,
    ``publish.item_changed``, ``publish.item_place``, ``publish.not_usd``, ``publish.too_large``, ``publish.invalid``),
    ConflictError, NotFoundError or InputError; then nothing of the publish is visible.
    """
    if items.size_of(root, wanted.item_usd_path) > QUICK_BYTES:
        release(current)
    item = items.measure(root, wanted.item_usd_path, announced=wanted.sha256)
    check_report(wanted.validation, item)
    address = wanted.address
    found = _look(current, wanted, item, _locked_target(current, address))
    if found.known_id:
        _check_is_same(found, item)
        known = current.get_one(Publish, (current_tenant(current), found.known_id))
        # Its entries may still wait to be written, if that is what the client missed the answer to.
        commit(current)
        entries.refresh_after_commit(current, root, address.target_type, address.target_id, None)
        return known, False
    publish, mark = _record(current, wanted, item, found)
    commit(current)
    # Where the item is another user's, its writer does this, and the sweeper where neither could (see items).
    make_read_only(item.place)
    if mark:
        entries.refresh_after_commit(current, root, address.target_type, address.target_id, mark)
    return publish, True


def _locked_target(current: Session, address: PartAddress) -> str:
    """Lock the asset or shot against other publishes until the transaction ends; answers the part's department."""
    values = {"task_id": address.task_id, "target_id": address.target_id, "department": address.department or None}
    locked = current.connection().execute(statements.LOCK[address.target_type], values).one_or_none()
    if locked is None or locked.is_archived:
        raise _refused(current, address)
    if locked.department is None:
        raise unknown_department(current, address.department)
    return str(locked.department)


def _refused(current: Session, address: PartAddress) -> RacewayError:
    task = current.get(Task, (current_tenant(current), address.task_id), options=[lazyload("*")])
    if task is None:
        return NotFoundError(
            f"There is no task {address.task_id}.", hint="List your tasks: GET /api/tasks/?assignee=me."
        )
    if task.target.id != address.target_id or entries.type_of(task.target) != address.target_type:
        return InputError(
            f"Task {task.name} is not a task of {address.target_type} {address.target_id}.",
            hint=f"It belongs to {task.target.entity}.",
            code="input.target",
            fields={"target_id": f"the task belongs to {task.target.entity}"},
        )
    check_live(task)
    return ConflictError(f"{task.target.entity} was just changed by somebody else.", hint="Try again.")


def _part(
    current: Session, address: PartAddress, department: str, look: TextClause, values: dict[str, Any]
) -> Row[Any]:
    """What ``look`` finds of the part and beside it; the part is made on its first use.

    The caller holds the target's lock.
    """
    values |= {"target_id": address.target_id, "part_name": address.part_name}
    found = current.connection().execute(look, values).one_or_none()
    if found is None:
        part = Part(id=uuid4(), name=address.part_name, department=department, last_version=0, last_iteration=0)
        setattr(part, f"{address.target_type}_id", address.target_id)
        current.add(part)
        current.flush()
        found = current.connection().execute(look, values).one()
    if found.name != address.part_name:
        raise ConflictError(
            f"{found.entity} has a part {found.name}, which differs from {address.part_name} only in its capitals.",
            hint=f"Publish it as {found.name}, or choose another name: some machines do not tell the two apart.",
            code="conflict.part_name",
            fields={"part_name": f"there is {found.name} already"},
        )
    if found.department != department:
        raise ConflictError(
            f"Part {found.name} of {found.entity} belongs to the department {found.department}, not {department}.",
            hint="Publish it from that department, or choose another part name.",
            code="conflict.department",
            fields={"department": f"the part belongs to {found.department}"},
        )
    return found


def _look(current: Session, wanted: Commit, item: Item, department: str) -> Row[Any]:
    look = statements.look_before_publishing(
        wanted.address.target_type,
        has_reservation=wanted.reservation_id is not None,
        has_key=wanted.idempotency_key is not None,
    )
    values = {
        "item_usd_path": item.path,
        "sha256": item.sha256,
        "reservation_id": wanted.reservation_id,
        "idempotency_key": wanted.idempotency_key,
    }
    return _part(current, wanted.address, department, look, values)


def _next_version(part: Row[Any], keep_version: bool) -> Version:
    """The caller holds the target's lock, and counts the part up."""
    if part.last_version == 0:
        return Version(1)
    last = Version(part.last_version, part.last_iteration)
    return last.next_iteration() if keep_version else last.next_version()


def _record(current: Session, wanted: Commit, item: Item, found: Row[Any]) -> tuple[Publish, UUID | None]:
    """Add the publish; answers also the mark for its entries, None where they go on composing a newer version."""
    version = _redeemed(found, wanted) if wanted.reservation_id else _next_version(found, wanted.keep_version)
    _check_place(found, item)
    if wanted.cad_file_id and current.get(CadFile, (current_tenant(current), wanted.cad_file_id)) is None:
        raise NotFoundError(f"There is no CAD file {wanted.cad_file_id}.", hint="Check metadata.cad_file_id.")
    values: dict[str, Any] = {
        "id": uuid4(),
        "part_id": found.id,
        "task_id": wanted.address.task_id,
        "cad_file_id": wanted.cad_file_id,
        "version": version.version,
        "iteration": version.iteration,
        "software": wanted.software,
        "source_version": wanted.source_version,
        "source_iteration": wanted.source_iteration,
        "item_usd_path": item.path,
        "sha256": item.sha256,
        "size": item.size,
        "status": wanted.status,
        "details": wanted.metadata,
        "validation": wanted.validation,
        "idempotency_key": wanted.idempotency_key,
        "created_by_id": current_actor(current),
        "revision": 1,
    }
    publish, part = Publish(**values), _part_of(found)
    set_committed_value(publish, "part", part)
    is_newest = _is_newest(current, found, version)
    records = [audit.created(current, Publish, values)]
    if is_newest:
        composed = (found.current_publish_id, values["id"])
        records.append(audit.changed(current, Part, found.id, current_publish_id=composed))
    if wanted.reservation_id and current_actor(current):
        records.append(audit.changed(current, Reservation, wanted.reservation_id, state=("open", "committed")))
    mark = uuid4() if is_newest else None
    statement = statements.publish(has_reservation=wanted.reservation_id is not None, is_composed=is_newest)
    more = {
        "details": json.dumps(wanted.metadata),
        "validation": json.dumps(wanted.validation) if wanted.validation else None,
        "mark": mark,
        "target_type": wanted.address.target_type,
        "target_id": wanted.address.target_id,
        "reservation_id": wanted.reservation_id,
    }
    recording = audit.recording(current, records, [publish, part])
    times = current.connection().execute(statement, values | more | recording).one()
    publish.created_at, publish.updated_at = times.created_at, times.updated_at
    if is_newest:
        part.current_publish_id = publish.id
    return publish, mark


def _is_newest(current: Session, part: Row[Any], version: Version) -> bool:
    """Whether ``version`` is newer than what the part contributes now.

    Versions may be committed in another order than they were reserved in: the newest is composed.
    """
    newest_given = (part.last_version, part.last_iteration)
    if part.current_publish_id is None or (version.version, version.iteration) >= newest_given:
        return True
    shown = current.execute(
        select(Publish.version, Publish.iteration).where(Publish.id == part.current_publish_id)
    ).one()
    return Version(*shown) < version


def _redeemed(found: Row[Any], wanted: Commit) -> Version:
    """The version that the reservation gives."""
    if found.reserved_id is None:
        raise NotFoundError(
            f"Part {found.name} has no reservation {wanted.reservation_id}.",
            hint="Reserve a version first: POST /api/publishes/reserve.",
        )
    version = Version(found.reserved_version, found.reserved_iteration)
    if found.reserved_state != "open":
        raise ConflictError(
            f"The reservation of {found.name} {version} is {found.reserved_state}.",
            hint="Reserve another version. To repeat a commit, send the idempotency key of the first try.",
            code="conflict.reservation",
        )
    if found.reserved_item_usd_path != wanted.item_usd_path:
        raise InputError(
            f"The reservation is for {found.reserved_item_usd_path}, not for {wanted.item_usd_path}.",
            hint="Write the item where the reservation says.",
            fields={"item_usd_path": f"must be {found.reserved_item_usd_path}"},
        )
    return version


def _check_place(found: Row[Any], item: Item) -> None:
    folder = f"{found.usd_path.rpartition('/')[0]}/{paths.ITEMS}"
    if item.path.rpartition("/")[0] != folder:
        raise PublishError(
            f"The item {item.path} is not in the part's folder {folder}.",
            hint="Write the item there: the part's entry composes it by its file name.",
            code="publish.item_place",
            fields={"item_usd_path": f"must stand in {folder}"},
        )
    name = check_file_name(PurePosixPath(item.path).name, "item")
    if not items.NAME.fullmatch(name):
        raise PublishError(
            f"The item {item.path} has a name that an entry cannot hold, or a temporary one.",
            hint="Use letters, digits, '_', '-' and '.', not beginning with a dot: such files are cleared away.",
            code="publish.item_place",
            fields={"item_usd_path": "letters, digits, '_', '-' and '.', not beginning with a dot"},
        )
    if found.is_taken:
        raise PublishError(
            f"The item {item.path} was published before with other content, and publishes never change.",
            hint="Write the new content under the name of a new version.",
            code="publish.item_changed",
        )
    # The sweeper removes what nobody publishes, under the same lock; and a client may write once more.
    item.check_unchanged()


def _check_is_same(found: Row[Any], item: Item) -> None:
    if (found.known_item_usd_path, found.known_sha256) != (item.path, item.sha256):
        raise ConflictError(
            "This idempotency key was used for another publish.",
            hint="Use a new key for each publish.",
            code="conflict.idempotency_key",
        )


def _part_of(found: Row[Any]) -> Part:
    """The part that was found, as a row that no session holds."""
    return Part(**{name: getattr(found, name) for name in statements.PART})
