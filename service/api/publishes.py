"""Publishes: reserve, commit, look up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.fields import (
    Changes,
    DepartmentName,
    Digest,
    EditableOut,
    IdempotencyKey,
    Name,
    Number,
    Row,
    Status,
    StoragePath,
)
from service.api.json_rows import Written
from service.api.listing import EditableQuery, ListQuery, Page, missing, page_of, row
from service.api.publish_rows import described, described_new, page_of_publishes, tagged
from service.api.records import change, declare_archive, row_to_change
from service.api.routing import Answer, Reply, Request, Resource
from service.api.tasks import user_meant
from service.api.validation import Matches
from service.database import session
from service.models import Publish, Reservation, Sweep
from service.publish import composing, publishing
from service.publish.entries import TargetType
from service.publish.publishing import Commit, PartAddress
from shared.errors import ConflictError, InputError

publishes = Resource("publishes", "/publishes")
RESOURCES = (publishes,)

CheckName = Annotated[
    str,
    Matches(
        r"^[a-z][a-z0-9_]{0,59}$",
        "must have small letters, digits and underscores only, at most 60, and begin with a letter",
        "default_prim",
    ),
]


class Reserve(Request):
    task_id: UUID
    target_type: TargetType
    target_id: UUID
    part_name: Name
    department: DepartmentName | None = Field(None, description="default: the task's")
    keep_version: bool = Field(False, description="a new iteration of the last version instead of a new version")
    idempotency_key: IdempotencyKey | None = None


class ReservationOut(Reply):
    reservation_id: UUID
    version: int
    iteration: int
    item_usd_path: str
    part_usd_path: str
    asset_usd_path: str
    expires_at: Any


class PublishMetadata(BaseModel):
    """What the client tells of the publish; further fields are kept as they are."""

    model_config = ConfigDict(extra="allow")

    asset_name: str = ""
    part_name: Name
    department: DepartmentName | None = None
    cad_file_id: UUID | None = None


class CheckFinding(Request):
    check: CheckName
    severity: Literal["error", "warning"]
    prim: Annotated[str, StringConstraints(max_length=1000)] = ""
    message: Annotated[str, StringConstraints(max_length=2000)]
    hint: Annotated[str, StringConstraints(max_length=2000)] = ""


class ValidationReport(Request):
    """What the client's checks said of the item; see ``raceway publish --list-checks``."""

    sha256: Digest = Field(description="of the file that was checked; must be the item's")
    tool: Annotated[str, StringConstraints(max_length=100)] = Field("", description="what checked it, with its version")
    checks: list[CheckName] = Field([], max_length=200, description="names of the checks that were run")
    findings: list[CheckFinding] = Field([], max_length=1000, description="an error refuses the publish")


class NewPublish(Request):
    task_id: UUID
    target_type: TargetType
    target_id: UUID
    software: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    source_version: Number | None = Field(None, description="of the scene it was published from")
    source_iteration: Number | None = None
    item_usd_path: StoragePath
    asset_usd_path: StoragePath | None = Field(None, description="the service owns this path and answers the right one")
    status: Status = "published"
    metadata: PublishMetadata
    reservation_id: UUID | None = None
    idempotency_key: IdempotencyKey | None = None
    sha256: Digest | None = Field(None, description="checked against the item where given")
    validation: ValidationReport | None = Field(None, description="kept with the publish")


class PublishOut(EditableOut):
    publish_id: UUID
    task_id: UUID
    target_type: TargetType
    target_id: UUID
    project: str
    entity: str
    part_name: str
    department: str
    version: int
    iteration: int
    source_version: int | None
    source_iteration: int | None
    software: str
    status: str
    for_client: bool = Field(
        description="marked for clients, who see it where a project shows them only what was shared"
    )
    is_latest: bool
    part_usd_path: str
    item_usd_path: str
    asset_usd_path: str
    entity_usd_path: str
    sha256: str
    size: int
    cad_file_id: UUID | None
    created_by: str | None
    metadata: dict[str, Any]
    validation: dict[str, Any] | None = Field(description="the report of the checks on the item, null for none")


class PublishChanges(Changes):
    status: Status | None = None
    for_client: bool | None = Field(None, strict=True, description="needs publish.share")


class PublishQuery(EditableQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="name of the shot, or SEQUENCE/SHOT")
    part: str = Field("", description="name of the part")
    department: str = ""
    task_id: UUID | None = None
    created_by: str = Field("", description="`me`, or the id of a user")
    status: str = ""
    software: str = ""
    for_client: bool = Field(False, description="only those that are marked for clients")
    latest_per_part: bool = Field(False, description="only what each part composes now")


class SweepOut(Row):
    report: dict[str, list[str]]


def describe(publish: Publish) -> Written:
    """What the API answers for a publish."""
    return get_publish(publish.id)


@publishes.declare(
    "POST", "/reserve", permission=Permission.PUBLISH_WRITE, body=Reserve, answer=ReservationOut, status=201
)
def reserve_version(body: Reserve) -> dict[str, Any]:
    """Reserve the next version of a part: write the item at ``item_usd_path``, then commit the publish."""
    address = PartAddress(body.task_id, body.target_type, body.target_id, body.part_name, body.department or "")
    reservation = publishing.reserve(
        session(), _root(), address, keep_version=body.keep_version, idempotency_key=body.idempotency_key
    )
    return _described_reservation(reservation)


@publishes.declare(
    "POST", "/", permission=Permission.PUBLISH_WRITE, body=NewPublish, answer=PublishOut, status=201, status_again=200
)
def create_publish(body: NewPublish) -> Answer:
    """Commit a publish whose item stands on the storage.

    The item's SHA-256 is recorded, and the entries of its part and of its asset or shot compose it from then on.
    The same ``idempotency_key`` (or header ``Idempotency-Key``) again answers the same publish with status 200.
    """
    details = body.metadata
    publish, is_new = publishing.commit_publish(
        session(),
        _root(),
        Commit(
            address=PartAddress(
                body.task_id, body.target_type, body.target_id, details.part_name, details.department or ""
            ),
            software=body.software,
            item_usd_path=body.item_usd_path,
            status=body.status,
            metadata=details.model_dump(mode="json", exclude_none=True),
            source_version=body.source_version,
            source_iteration=body.source_iteration,
            reservation_id=body.reservation_id,
            idempotency_key=body.idempotency_key or _key_of_header(),
            sha256=body.sha256,
            cad_file_id=details.cad_file_id,
            validation=body.validation.model_dump(mode="json") if body.validation else None,
        ),
    )
    if is_new:
        made = PublishOut.model_validate(described_new(publish, auth.current().user_name))
        return Answer(tagged(made.model_dump_json().encode(), publish.revision), 201)
    return Answer(describe(publish))


@publishes.declare(
    "PATCH",
    "/<uuid:publish_id>",
    permission=Permission.PUBLISH_WRITE,
    body=PublishChanges,
    answer=PublishOut,
    if_match="optional",
)
def change_publish(publish_id: UUID, body: PublishChanges) -> Written:
    """Change a publish's status, such as ``approved``, or show it to clients; its files and versions never change.

    Where a project shows clients only what was shared with them (``clients_see``), they see a publish that is marked
    ``for_client``, or of which a playlist for clients or an order of theirs shows a picture.
    """
    changes = body.given()
    if "for_client" in changes:
        auth.require(Permission.PUBLISH_SHARE)
    return describe(change(row_to_change(Publish, publish_id), changes))


def _not_composed(publish: Publish) -> None:
    # As it is now: whoever composed this publish while its row was waited for has changed the part, not the row.
    session().refresh(publish.part)
    if publish.part.current_publish_id == publish.id:
        raise ConflictError(
            f"Part {publish.part.name} of {publish.part.target.entity} is composed by this publish.",
            hint="Compose another version first, or withdraw this one.",
            code="conflict.composed",
        )


declare_archive(publishes, Publish, Permission.PUBLISH_MANAGE, PublishOut, describe=describe, before=_not_composed)


@publishes.declare("GET", "/", permission=Permission.PUBLISH_READ, query=PublishQuery, answer=Page[PublishOut])
def list_publishes(query: PublishQuery) -> Written:
    """List publishes, the newest first; ``latest_per_part=1`` for what each part composes now."""
    sequence, _, shot = query.shot.rpartition("/")
    filters = {
        "project": query.project,
        "asset": query.asset,
        "sequence": sequence,
        "shot": shot,
        "part": query.part,
        "department": query.department,
        "task_id": query.task_id,
        "status": query.status,
        "software": query.software,
        "for_client": query.for_client,
        "created_by": query.created_by and user_meant(query.created_by, "created_by"),
    }
    given = {name: value for name, value in filters.items() if value}
    return page_of_publishes(query, given, latest=query.latest_per_part)


@publishes.declare("GET", "/<uuid:publish_id>", permission=Permission.PUBLISH_READ, answer=PublishOut)
def get_publish(publish_id: UUID) -> Written:
    """A publish."""
    found = described(publish_id)
    if found is None:
        raise missing(Publish, publish_id)
    return found


@publishes.declare("POST", "/<uuid:publish_id>/compose", permission=Permission.PUBLISH_MANAGE, answer=PublishOut)
def compose_publish(publish_id: UUID) -> Written:
    """Roll back (or forward): the entries compose this version of its part until another one is published.

    Its item must still be, to the byte, what was published.
    """
    return describe(composing.compose(session(), _root(), row(Publish, publish_id)))


@publishes.declare("POST", "/<uuid:publish_id>/withdraw", permission=Permission.PUBLISH_MANAGE, answer=PublishOut)
def withdraw_publish(publish_id: UUID) -> Written:
    """Take the part's contribution out of its asset or shot until the part is published again."""
    return describe(composing.withdraw(session(), _root(), row(Publish, publish_id)))


@publishes.declare("GET", "/sweeps", permission=Permission.PUBLISH_MANAGE, query=ListQuery, answer=Page[SweepOut])
def list_sweeps(query: ListQuery) -> dict[str, Any]:
    """What the sweeper cleared away or finished after crashes, the latest first."""
    sort: dict[str, Any] = {"created_at": Sweep.created_at}
    return page_of(select(Sweep), query, key=Sweep, search=(), sort=sort, default_sort="-created_at")


def _root() -> Path:
    return auth.config().tenant_root(auth.current().storage)


def _key_of_header() -> str | None:
    key = request.headers.get("Idempotency-Key", "").strip() or None
    if key and (len(key) > 200 or not key.isascii() or not key.isprintable()):
        raise InputError(
            "The header Idempotency-Key must be up to 200 printable ASCII characters.",
            hint="Use a UUID.",
            fields={"Idempotency-Key": "up to 200 printable ASCII characters"},
        )
    return key


def _described_reservation(reservation: Reservation) -> dict[str, Any]:
    entry = reservation.part.usd_path
    return {
        "reservation_id": reservation.id,
        "version": reservation.version,
        "iteration": reservation.iteration,
        "item_usd_path": reservation.item_usd_path,
        "part_usd_path": entry,
        "asset_usd_path": entry,
        "expires_at": reservation.expires_at,
    }
