"""Tasks that were changed together: somebody who is given a hundred by one spreadsheet is told of them once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, not_, select
from sqlalchemy.orm import Session

from service.models import Event, Task
from service.production.visibility import is_hidden_from
from service.production.watchers import is_watched_by

_NAMED = 3


@dataclass(frozen=True)
class Together:
    """How many tasks were changed, and the first of them."""

    count: int
    first: Sequence[Task]


def assigned_together(current: Session, event: Event, user_id: UUID) -> Together | None:
    """The tasks that were given to one person with the one of the event, itself among them.

    None where an earlier event of the same transaction tells of them.
    """
    return _together(current, event, user_id, _was_given_to(user_id))


def moved_together(current: Session, event: Event, user_id: UUID) -> Together | None:
    """The tasks of one person, or that they watch, whose status was changed with this one's, as
    :func:`assigned_together`."""
    return _together(current, event, user_id, Event.payload["changes"].has_key("status") & not_(_was_given_to(user_id)))


def given_to(event: Event) -> list[UUID]:
    """To whom a task was given: who does it since the event, and did not before."""
    before, after = (event.payload.get("changes") or {}).get("assignee_ids") or (None, None)
    now = after or event.payload.get("refers", {}).get("assignee_ids") or []
    return [UUID(user_id) for user_id in now if user_id not in (before or [])]


def _was_given_to(user_id: UUID) -> ColumnElement[bool]:
    # What a payload lacks is null, which is neither true nor false.
    before, after = (Event.payload[("changes", "assignee_ids", side)].has_key(str(user_id)) for side in ("0", "1"))
    made = Event.payload[("refers", "assignee_ids")].has_key(str(user_id))
    return (func.coalesce(after, False) & not_(func.coalesce(before, False))) | func.coalesce(made, False)


def _together(current: Session, event: Event, user_id: UUID, happened: ColumnElement[bool]) -> Together | None:
    theirs = (
        Event.transaction == event.transaction,
        # Another database, into which this one was restored, counts its transactions anew.
        Event.created_at == event.created_at,
        Event.kind.in_(["task.created", "task.changed"]),
        Task.assignee_ids.contains([str(user_id)]) | is_watched_by(user_id),
        ~is_hidden_from(user_id, Event.project_id),
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
