"""What became of rows since a spreadsheet was exported, so that an old one does not put newer work back.

A spreadsheet says of each row at which revision it was exported. What its cells say is then compared three ways: with
the row as it is now, and with what the audit log says the row was from that revision on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.sql.elements import ColumnElement

from service.models import AuditRecord

_FORMERLY = {"assignee_ids": "assignee_id"}
"""What columns of several values are called in the log where they had one."""
History = Mapping[UUID, Sequence[AuditRecord]]
"""The changes of rows, by their ids, the oldest first."""


def one_of(column: Any, ids: Collection[UUID]) -> ColumnElement[bool]:
    """Condition for the rows with these ids, of which there may be more than a statement has parameters."""
    condition: ColumnElement[bool] = column == any_(literal(list(ids), ARRAY(Uuid)))
    return condition


def changes_since(current: Session, revisions: Mapping[UUID, int]) -> History:
    """What was changed of rows after the revisions, by their ids. One statement, none where nothing is asked."""
    found: dict[UUID, list[AuditRecord]] = {}
    if not revisions:
        return found
    newer = (one_of(AuditRecord.row_id, revisions), AuditRecord.revision > min(revisions.values()))
    statement = select(AuditRecord).options(joinedload(AuditRecord.actor)).where(*newer)
    for record in current.scalars(statement.order_by(AuditRecord.revision)):
        found.setdefault(record.row_id, []).append(record)
    return found


def changes_of(history: History, row_id: UUID, revision: int, column: str) -> list[AuditRecord]:
    """The changes of one value of a row after a revision."""
    return [
        record
        for record in history.get(row_id, ())
        if (record.revision or 0) > revision and {column, _FORMERLY.get(column)} & set(record.before or ())
    ]


def was(changes: Sequence[AuditRecord], column: str, value: Any) -> bool:
    """Whether a column had a value before one of its ``changes``."""
    recorded = str(value) if isinstance(value, date | UUID) else value
    return any(_before(change, column) == recorded for change in changes)


def _before(change: AuditRecord, column: str) -> Any:
    before = change.before or {}
    if column in before:
        return before[column]
    former = before[_FORMERLY[column]]
    return [former] if former else []
