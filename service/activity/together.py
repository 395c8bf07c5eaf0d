"""Tasks that were changed together: somebody who is given a hundred by one spreadsheet is told of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.models import Event, Task

_NAMED = 3


@dataclass(frozen=True)
class Together:
    """How many tasks were changed, and the first of them."""

    count: int
    first: Sequence[Task]


def assigned_together(current: Session, event: Event, task: Task) -> Together | None:
    """The tasks that were given to one person with this one, itself among them.

    None where an earlier event of the same transaction tells of them.
    """
    return _together(current, event, task, _was_assigned())


def moved_together(current: Session, event: Event, task: Task) -> Together | None:
    """The tasks of one person whose status was changed with this one's, as :func:`assigned_together`."""
    return _together(current, event, task, Event.payload["changes"].has_key("status") & ~_was_assigned())


def _was_assigned() -> ColumnElement[bool]:
    # What a payload lacks is null, which is neither true nor false.
    given = (Event.payload[part].has_key("assignee_id") for part in ("changes", "refers"))
    changed, made = (func.coalesce(each, False) for each in given)
    return changed | made


def _together(current: Session, event: Event, task: Task, happened: ColumnElement[bool]) -> Together | None:
    theirs = (
        Event.transaction == event.transaction,
        # Another database, into which this one was restored, counts its transactions anew.
        Event.created_at == event.created_at,
        Event.kind.in_(["task.created", "task.changed"]),
        Task.assignee_id == task.assignee_id,
        happened,
    )
    to_task = (Task.tenant_id == Event.tenant_id) & (Task.id == Event.subject_id)
    # The nearest before is looked for from here: with thousands of them that is one step, not thousands.
    before = select(Event.id).join(Task, to_task).where(*theirs, Event.number < event.number)
    if current.scalar(before.order_by(Event.number.desc()).limit(1)) is not None:
        return None
    count = current.scalar(select(func.count(Task.id.distinct())).select_from(Event).join(Task, to_task).where(*theirs))
    first = select(Task).join(Event, to_task).where(*theirs).order_by(Event.number).limit(_NAMED)
    return Together(count or 1, current.scalars(first).unique().all())
