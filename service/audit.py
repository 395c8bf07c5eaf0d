"""The audit log: every change of an audited table is recorded in the transaction that makes it.

What is no change of a row, or is refused and rolled back (a wrong password, an expired token), is recorded by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import g, has_request_context
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, UOWTransaction

from service.database import current_actor, tenant_session
from service.models import AuditRecord, EditableRow, Tenant, TenantRow

_LEFT_OUT = frozenset(
    {
        *("tenant_id", "created_at", "updated_at", "revision", "search", "digest", "family", "last_used_at"),
        *("last_version", "last_iteration", "last_order", "document", "rung_at", "lease_until", "worker_id"),
    }
)
"""Columns that change by themselves, and what is nobody's business."""
_SECRETS = {"password_hash": "password"}
"""Columns of which only that they changed is recorded, and under which name."""
_HIDDEN = "(hidden)"

_Changes = dict[str, tuple[Any, Any]]
"""Value before and after, by column."""


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
    current.add(
        AuditRecord(
            id=uuid4(),
            actor_id=actor_id or current_actor(current),
            action=action,
            table_name=table_name,
            row_id=row_id,
            request_id=_request_id(),
            after=dict(after) if after else None,
        )
    )


def note_refused(
    tenant_id: UUID, action: str, table_name: str, row_id: UUID, *, after: Mapping[str, Any] | None = None
) -> None:
    """Record what is being refused, so that it stays although the request is rolled back."""
    with tenant_session(tenant_id) as own:
        note(own, action, table_name, row_id, after=after)


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
    current.add_all(record for record in records if record)


def _record_of(current: Session, row: object, action: str) -> AuditRecord | None:
    if not isinstance(row, TenantRow | Tenant) or not row.audited:
        return None
    if row.kept_by_machines and current_actor(current) is None:
        return None
    changes = _changes_of(row, everything=action != "change")
    if action == "change" and not changes:
        return None
    return AuditRecord(
        id=uuid4(),
        actor_id=current_actor(current),
        action=_word_for(action, changes),
        table_name=str(row.__tablename__),
        row_id=row.id,
        revision=getattr(row, "revision", None),
        request_id=_request_id(),
        before=None if action == "create" else {name: before for name, (before, _) in changes.items()},
        after=None if action == "delete" else {name: after for name, (_, after) in changes.items()},
    )


def _changes_of(row: object, *, everything: bool = False) -> _Changes:
    """The columns of ``row`` that were changed since it was loaded; ``everything`` takes in the others too."""
    changes: _Changes = {}
    state = inspect(row)
    assert state is not None  # only mapped rows come here
    for attribute in state.mapper.column_attrs:
        name = attribute.key
        if name in _LEFT_OUT or (name not in state.dict and not everything):
            continue
        history = state.attrs[name].history
        if not history.has_changes() and not everything:
            continue
        old = history.deleted or history.unchanged
        before, after = _plain(old[0]) if old else None, _plain(state.dict.get(name))
        if name in _SECRETS:
            before, after = before and _HIDDEN, after and _HIDDEN
        changes[_SECRETS.get(name, name)] = (before, after)
    return changes


def _word_for(action: str, changes: _Changes) -> str:
    """Putting away and taking out again have words of their own."""
    if action == "change" and "archived_at" in changes:
        return "archive" if changes["archived_at"][1] else "restore"
    return action


def _request_id() -> str | None:
    return g.get("request_id") if has_request_context() else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
