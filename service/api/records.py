"""What rows have in common that people add, change, put away and take out again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from flask import request
from sqlalchemy import BindParameter, ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.visitors import iterate

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.routing import Resource, matches, version_of
from service.archiving import check_live, kind_of, label_of, one_of
from service.database import current_tenant, hold, session
from service.models import AuditRecord, EditableRow, Tenant, User
from shared.errors import ConflictError

EditableType = TypeVar("EditableType", bound=EditableRow)
_MOST_CHANGES_TOLD = 20


def live_row(model: type[EditableType], row_id: UUID) -> EditableType:
    """The row with that id, to which something shall be added.

    Raises NotFoundError where there is none, ConflictError where it, or what it belongs to, was put away.
    """
    found = row(model, row_id)
    check_live(found)
    return found


def add(new: EditableType, *same: Any) -> EditableType:
    """Add a row. Raises ConflictError where ``same``, conditions on its table, are met by one that is there.

    Of two that are added at once and meet the same conditions, one comes after the other, and is refused.
    """
    current, model = session(), type(new)
    known = None
    if same:
        hold(current, current_tenant(current), model.__tablename__, *_values(same))
        known = current.scalars(select(model).where(*same)).unique().first()
    if known is not None:
        put_away = " It is archived." if known.archived_at else ""
        raise ConflictError(
            f"There is already {one_of(new)} {label_of(known)} here.{put_away}",
            hint="Restore that one, or choose another name." if put_away else "Use that one, or choose another name.",
            code="conflict.exists",
            fields={"name": "is taken", "id": str(known.id)},
        )
    new.id = uuid4()
    current.add(new)
    return written(new)


def _values(conditions: Iterable[ColumnElement[bool]]) -> list[Any]:
    """What columns are compared with."""
    return [part.value for each in conditions for part in iterate(each) if isinstance(part, BindParameter)]


def same_folder(column: InstrumentedAttribute[str], name: str) -> ColumnElement[bool]:
    """Condition for rows whose files would lie among those of ``name``: Windows and macOS tell no capitals apart."""
    return func.lower(column) == name.lower()


def row_to_change(model: type[EditableType], row_id: UUID, *, archived: bool = False) -> EditableType:
    """The row with that id, locked, and as the request's If-Match says that it is.

    Raises NotFoundError where there is none, ConflictError where somebody changed it since (``conflict.stale``,
    status 412) and, unless ``archived`` rows may be changed, where it, or what it belongs to, was put away
    (``conflict.archived``).
    """
    found = row(model, row_id, lock=True)
    check_unchanged(found)
    if not archived:
        check_live(found)
    return found


def change(found: EditableType, changes: Mapping[str, Any]) -> EditableType:
    """Set the fields of a row."""
    for name, value in changes.items():
        setattr(found, name, value)
    return written(found)


def written(found: EditableType) -> EditableType:
    """The row as PostgreSQL has it now, with what it fills in by itself."""
    session().flush()
    session().refresh(found)
    return found


def check_unchanged(found: EditableRow | Tenant) -> None:
    """Raises ConflictError (``conflict.stale``, status 412) where If-Match names another state of the row."""
    if matches(version_of(found.revision, found.updated_at)):
        return
    known = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"').partition("-")[0]
    changes = changes_since(found, int(known[:9]) if known.isdecimal() else 0)
    told = "; ".join(f"{field} {text}" for field, text in changes.items()) or "see the audit log"
    raise ConflictError(
        f"Somebody else changed the {kind_of(found)} {label_of(found)} since you read it: {told}.",
        hint="Read it again, then repeat your change.",
        code="conflict.stale",
        fields=changes,
        status=412,
    )


def check_version(version: str, what: str, now: Mapping[str, Any] | None = None) -> None:
    """Raises ConflictError (``conflict.stale``, status 412) where If-Match names another version of ``what``.

    For what has no revision of its own, such as a part of a row; its answers give ``version`` in their ETag. ``now``
    are the fields that may have changed, with their values.
    """
    if matches(version):
        return
    fields = {field: f"is now {value!r}" for field, value in (now or {}).items()}
    told = "".join(f" {field} {text};" for field, text in fields.items()).rstrip(";")
    raise ConflictError(
        f"Somebody else changed {what} meanwhile{':' if told else '.'}{told}",
        hint="Read it again, then repeat your change.",
        code="conflict.stale",
        fields=fields,
        status=412,
    )


def digest_of(content: Any) -> str:
    """A version of ``content``, of JSON, that changes with it."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True, default=str).encode(), digest_size=6).hexdigest()


def changes_since(found: EditableRow | Tenant, revision: int) -> dict[str, str]:
    """Of each field that changed since ``revision``: its value now, and who gave it."""
    statement = (
        select(AuditRecord, User.name)
        .outerjoin(User, (User.tenant_id == AuditRecord.tenant_id) & (User.id == AuditRecord.actor_id))
        .where(AuditRecord.row_id == found.id, AuditRecord.revision > revision)
        .order_by(AuditRecord.revision.desc())
        .limit(_MOST_CHANGES_TOLD)
    )
    changes: dict[str, str] = {}
    for record, who in session().execute(statement):
        for field, value in (record.after or {}).items():
            changes.setdefault(field, f"is now {value!r}, changed by {who or 'the service'}")
    return changes


def set_archived(found: EditableType, archived: bool) -> EditableType:
    """Put a row away, or take it out again; nothing happens to one that is so already."""
    if (found.archived_at is not None) == archived:
        return found
    return change(found, {"archived_at": datetime.now(UTC) if archived else None})


def declare_archive(
    resource: Resource,
    model: type[EditableType],
    permission: Permission,
    answer: Any,
    *,
    describe: Callable[[EditableType], Any] = lambda found: found,
    check: Callable[[EditableType], None] = lambda found: None,
    before: Callable[[EditableType], None] = lambda found: None,
    before_restore: Callable[[EditableType], None] = lambda found: None,
    what: str = "",
    path: str = "",
) -> None:
    """Declare the routes that put a row away and take it out again.

    ``check`` may refuse both, ``before`` to put a row away, ``before_restore`` to take it out again. Nothing else
    happens to it: its files, and what refers to it, stay.
    """
    kind = what or kind_of(model)
    word = kind.replace(" ", "_")

    def archive(row_id: UUID) -> Any:
        found = row_to_change(model, row_id, archived=True)
        check(found)
        if found.archived_at is None:
            before(found)
            found.archived_at = datetime.now(UTC)
        return describe(written(found))

    def restore(row_id: UUID) -> Any:
        found = row_to_change(model, row_id, archived=True)
        check(found)
        if found.archived_at is not None:
            before_restore(found)
            found.archived_at = None
        return describe(written(found))

    archive.__name__, restore.__name__ = f"archive_{word}", f"restore_{word}"
    one = f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
    archive.__doc__ = (
        f"Put {one} away: lists leave it out and it takes no changes. It stays to be read, with all its files."
    )
    restore.__doc__ = f"Take {one} out of the archive again."
    for view in (archive, restore):
        address = f"{path}/<uuid:row_id>/{view.__name__.partition('_')[0]}"
        resource.declare("POST", address, permission=permission, answer=answer, if_match="optional")(view)
