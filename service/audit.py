"""The audit log: every change of an audited table is recorded in the transaction that makes it, and told as an event.

What is no change of a row, or is refused and rolled back (a wrong password, an expired token), is recorded by hand;
and so is what a statement of our own changes, past the session (:func:`created`, :func:`changed`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeGuard
from uuid import UUID

from flask import g, has_request_context
from sqlalchemy import event, inspect
from sqlalchemy.orm import Mapper, Session, UOWTransaction

from service.activity import events
from service.database import current_actor, tenant_session
from service.models import AuditRecord, EditableRow, MediaAsset, Tenant, TenantRow
from service.prepared import prepared

_LEFT_OUT = frozenset(
    {
        *(
            "tenant_id",
            "created_at",
            "updated_at",
            "revision",
            "search",
            "name_order",
            "digest",
            "family",
            "last_used_at",
            "last_seen_at",
            "times_opened",
            "two_factor_step",
        ),
        *("last_version", "last_iteration", "last_order", "document", "rung_at", "lease_until", "worker_id"),
        *("failing_since", "busy_until"),
    }
)
"""Columns that change by themselves, and what is nobody's business."""
_SECRETS = {
    "password_hash": "password",
    "salt": "secret",
    "two_factor_salt": "two_factor_secret",
    "recovery_digests": "recovery_codes",
}
"""Columns of which only that they changed is recorded, and under which name."""
_HIDDEN = "(hidden)"
_ENTRIES = "fields"
"""The column of which each entry is recorded by itself, as ``fields.NAME``."""

_Changes = dict[str, tuple[Any, Any]]
"""Value before and after, by column."""

RECORDING = f"""
    recorded AS (
        INSERT INTO audit_records (id, actor_id, action, table_name, row_id, revision, request_id, before, after)
        SELECT gen_random_uuid(), * FROM jsonb_to_recordset(CAST(:records AS jsonb)) AS record (
            actor_id uuid, action text, table_name text, row_id uuid, revision int, request_id text,
            before jsonb, after jsonb
        )
    ), {events.TELLING}
"""
"""Parts of a WITH that record changes and tell of them, whatever their number; values: :func:`recording`."""
_RECORD = prepared(f"WITH {RECORDING} SELECT")


def install() -> None:
    """Record the changes of all sessions from now on. May be called more than once."""
    for name, listener in (("before_flush", _count_revisions), ("after_flush", _record)):
        if not event.contains(Session, name, listener):
            event.listen(Session, name, listener)


def note(
    current: Session,
    action: str,
    table_name: str,
    row_id: UUID,
    *,
    after: Mapping[str, Any] | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Record what is no change of a row."""
    after = dict(after) if after else None
    _write(current, [_made(current, action, table_name, row_id, after=after, actor_id=actor_id)])


def note_change(current: Session, row: EditableRow, **belongings: tuple[Any, Any]) -> None:
    """Record as a change of ``row`` that what belongs to it changed: by its name, from one value to the other."""
    row.revision += 1
    record = changed(current, type(row), row.id, **belongings)
    record.revision = row.revision
    _write(current, [record])


def note_refused(
    tenant_id: UUID, action: str, table_name: str, row_id: UUID, *, after: Mapping[str, Any] | None = None
) -> None:
    """Record what is being refused, so that it stays although the request is rolled back."""
    with tenant_session(tenant_id) as own:
        note(own, action, table_name, row_id, after=after)


def created(current: Session, model: type[TenantRow], values: Mapping[str, Any]) -> AuditRecord:
    """The record of a new row, for :func:`recording`."""
    after = {_SECRETS.get(name, name): _shown(name, values.get(name)) for name in _recorded_columns(inspect(model))}
    return _made(current, "create", model.__tablename__, values["id"], after=after, revision=values.get("revision"))


def changed(current: Session, model: type[TenantRow], row_id: UUID, **columns: tuple[Any, Any]) -> AuditRecord:
    """The record of a row some of whose ``columns`` were changed, from one value to the other."""
    before, after = ({name: _shown(name, pair[side]) for name, pair in columns.items()} for side in (0, 1))
    return _made(current, "change", model.__tablename__, row_id, before=before, after=after)


def recording(
    current: Session,
    records: Iterable[AuditRecord],
    rows: Iterable[TenantRow | Tenant] = (),
    made: Iterable[AuditRecord] = (),
) -> dict[str, str]:
    """Values for a statement with :data:`RECORDING`. ``rows`` are those that the session does not hold; what ``made``
    says is told, but not recorded.

    To be called once for each statement: who watches the rows is woken after the commit.
    """
    records, known = list(records), {row.id: events.told_of(row) for row in rows}
    told = [each for record in [*records, *made] if (each := events.of_record(current, record, known))]
    return {"records": json.dumps([_columns_of(record) for record in records]), **events.telling(told)}


def _write(current: Session, records: Iterable[AuditRecord], *more: Any) -> None:
    current.connection().execute(_RECORD, recording(current, records, *more))


def _made(current: Session, action: str, table_name: Any, row_id: UUID, **more: Any) -> AuditRecord:
    actor_id = more.pop("actor_id", None) or current_actor(current)
    return AuditRecord(
        actor_id=actor_id,
        action=action,
        table_name=str(table_name),
        row_id=row_id,
        request_id=g.get("request_id") if has_request_context() else None,
        **more,
    )


def _columns_of(record: AuditRecord) -> dict[str, Any]:
    return {
        "actor_id": _plain(record.actor_id),
        "action": record.action,
        "table_name": record.table_name,
        "row_id": str(record.row_id),
        "revision": record.revision,
        "request_id": record.request_id,
        "before": record.before,
        "after": record.after,
    }


def _count_revisions(current: Session, context: UOWTransaction, instances: object) -> None:
    for row in current.dirty:
        if isinstance(row, EditableRow | Tenant) and _changes_of(row):
            row.revision += 1


def _record(current: Session, context: UOWTransaction) -> None:
    records = [
        *(_record_of(current, row, "create") for row in current.new),
        *(_record_of(current, row, "change") for row in current.dirty),
        *(_record_of(current, row, "delete") for row in current.deleted),
    ]
    made = [_change_of(current, row, "create") for row in current.new if _is_told_when_made(row, current)]
    recorded, told = ([record for record in each if record] for each in (records, made))
    if recorded or told:
        # Rows that are just being added are not yet found by their ids.
        _write(current, recorded, list(current.new), told)


def _is_told_when_made(row: object, current: Session) -> TypeGuard[MediaAsset]:
    """Whether this is what workers make for people to see."""
    return isinstance(row, MediaAsset) and current_actor(current) is None and row.asset_type not in events.NOT_TOLD


def _record_of(current: Session, row: object, action: str) -> AuditRecord | None:
    if not isinstance(row, TenantRow | Tenant) or not row.audited:
        return None
    if row.kept_by_machines and current_actor(current) is None:
        return None
    return _change_of(current, row, action)


def _change_of(current: Session, row: TenantRow | Tenant, action: str) -> AuditRecord | None:
    changes = _changes_of(row, everything=action != "change")
    if action == "change" and not changes:
        return None
    return _made(
        current,
        _word_for(action, changes),
        row.__tablename__,
        row.id,
        revision=getattr(row, "revision", None),
        before=None if action == "create" else {name: before for name, (before, _) in changes.items()},
        after=None if action == "delete" else {name: after for name, (_, after) in changes.items()},
    )


@functools.cache
def _recorded_columns(mapper: Mapper[Any]) -> tuple[str, ...]:
    return tuple(attribute.key for attribute in mapper.column_attrs if attribute.key not in _LEFT_OUT)


def _changes_of(row: object, *, everything: bool = False) -> _Changes:
    """The columns of ``row`` that were changed since it was loaded; ``everything`` takes in the others too."""
    changes: _Changes = {}
    state = inspect(row)
    assert state is not None  # only mapped rows come here
    for name in _recorded_columns(state.mapper):
        if name not in state.dict and not everything:
            continue
        history = state.attrs[name].history
        if not history.has_changes() and not everything:
            continue
        old = history.deleted or history.unchanged
        before, after = _shown(name, old[0]) if old else None, _shown(name, state.dict.get(name))
        if name == _ENTRIES:
            changes |= _entries(before or {}, after or {}, everything=everything)
        else:
            changes[_SECRETS.get(name, name)] = (before, after)
    return changes


def _entries(before: Mapping[str, Any], after: Mapping[str, Any], *, everything: bool) -> _Changes:
    return {
        f"{_ENTRIES}.{name}": (before.get(name), after.get(name))
        for name in sorted({**before, **after})
        if everything or before.get(name) != after.get(name)
    }


def _word_for(action: str, changes: _Changes) -> str:
    """Putting away and taking out again have words of their own."""
    if action == "change" and "archived_at" in changes:
        return "archive" if changes["archived_at"][1] else "restore"
    return action


def _shown(name: str, value: Any) -> Any:
    return (value and _HIDDEN) if name in _SECRETS else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
