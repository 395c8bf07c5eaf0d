"""The audit log: every change of an audited table is recorded in the transaction that makes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, UOWTransaction

from service.database import current_actor
from service.models import AuditRecord, TenantRow

_LEFT_OUT = frozenset(
    {"tenant_id", "created_at", "updated_at", "entries_stale_since", "password_hash", "digest", "last_used_at"}
)
"""Columns that change by themselves, and secrets."""


def install() -> None:
    """Record the changes of all sessions from now on. May be called more than once."""
    if not event.contains(Session, "after_flush", _record):
        event.listen(Session, "after_flush", _record)


def _record(current: Session, context: UOWTransaction) -> None:
    records = [
        *(_record_of(current, row, "create") for row in current.new),
        *(_record_of(current, row, "change") for row in current.dirty if current.is_modified(row)),
        *(_record_of(current, row, "delete") for row in current.deleted),
    ]
    current.add_all(record for record in records if record)


def _record_of(current: Session, row: object, action: str) -> AuditRecord | None:
    if not isinstance(row, TenantRow) or not row.audited:
        return None
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    state = inspect(row)
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if attribute.key in _LEFT_OUT or (action == "change" and not history.has_changes()):
            continue
        if action != "create":
            old = history.deleted or history.unchanged
            before[attribute.key] = _plain(old[0]) if old else None
        if action != "delete":
            after[attribute.key] = _plain(state.dict.get(attribute.key))
    if action == "change" and not after:
        return None
    return AuditRecord(
        actor_id=current_actor(current),
        action=action,
        table_name=str(getattr(row, "__tablename__", "")),
        row_id=row.id,
        before=before or None,
        after=after or None,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
