"""Time spent: how long people worked on tasks, day by day, and what that is together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.database import current_tenant, hold
from service.models import Asset, Project, Shot, Task, TimeEntry, User
from service.models import Sequence as SequenceRow
from service.models.people import DAY_MINUTES
from shared.errors import InputError

_EARLIEST_ZONE = timedelta(hours=14)
"""Where on earth a day begins first."""


@dataclass(frozen=True)
class Spent:
    """How long somebody worked on a project in a month."""

    project: str
    user_id: UUID
    person: str
    month: date
    """Its first day."""
    minutes: int


def entry_of(current: Session, user_id: UUID, task_id: UUID, day: date) -> TimeEntry | None:
    """What somebody spent on a task on a day, if anything."""
    wanted = select(TimeEntry).where(TimeEntry.user_id == user_id, TimeEntry.task_id == task_id, TimeEntry.day == day)
    return current.scalars(wanted).one_or_none()


def hold_day(current: Session, user_id: UUID, day: date) -> None:
    """Let one transaction at a time change somebody's day."""
    hold(current, current_tenant(current), TimeEntry.__tablename__, user_id, day)


def set_minutes(current: Session, user_id: UUID, task_id: UUID, day: date, minutes: int) -> TimeEntry | None:
    """Let this be what somebody spent on a task on a day, which is held; 0 is nothing.

    Raises InputError for a day to come, and for more than a day has.
    """
    known = entry_of(current, user_id, task_id, day)
    if minutes == 0:
        if known is not None:
            current.delete(known)
            current.flush()
        return None
    if day > (datetime.now(UTC) + _EARLIEST_ZONE).date():
        raise InputError(
            f"{day} is still to come: nobody has worked then yet.",
            hint="Give today or a day before.",
            fields={"day": "is in the future"},
        )
    others = select(func.coalesce(func.sum(TimeEntry.minutes), 0)).where(
        TimeEntry.user_id == user_id, TimeEntry.day == day, TimeEntry.task_id != task_id
    )
    total = int(current.scalar(others) or 0) + minutes
    if total > DAY_MINUTES:
        raise InputError(
            f"{day} would have {total / 60:g} hours.",
            hint=f"A day has 24; {max(0, DAY_MINUTES - total + minutes) / 60:g} of them are left for this task.",
            fields={"minutes": "more than the day has left"},
        )
    if known is None:
        known = TimeEntry(id=uuid4(), user_id=user_id, task_id=task_id, day=day, minutes=minutes)
        current.add(known)
    elif known.minutes != minutes:
        known.minutes = minutes
        known.revision += 1
    current.flush()
    current.refresh(known)
    return known


def spent_on(current: Session, task_id: UUID) -> list[tuple[UUID, str, int]]:
    """Who worked on a task, and how many minutes in all; who worked most comes first. One statement."""
    minutes = func.sum(TimeEntry.minutes)
    found = (
        select(User.id, User.name, minutes)
        .join(User, (User.tenant_id == TimeEntry.tenant_id) & (User.id == TimeEntry.user_id))
        .where(TimeEntry.task_id == task_id)
        .group_by(User.id, User.name)
        .order_by(minutes.desc(), User.name)
    )
    return [(user_id, name, int(total)) for user_id, name, total in current.execute(found)]


def report(
    current: Session,
    first_day: date,
    last_day: date,
    *,
    project: str = "",
    user_id: UUID | None = None,
) -> Sequence[Spent]:
    """What was spent from one day to another, both included, by project, person and month; one statement."""
    month = func.date_trunc("month", TimeEntry.day).label("month")
    statement: Select[str, UUID, str, datetime, int] = (
        select(Project.name, User.id, User.name, month, func.sum(TimeEntry.minutes))
        .select_from(TimeEntry)
        .join(Task, (Task.tenant_id == TimeEntry.tenant_id) & (Task.id == TimeEntry.task_id))
        .join(User, (User.tenant_id == TimeEntry.tenant_id) & (User.id == TimeEntry.user_id))
        .outerjoin(Asset, (Asset.tenant_id == Task.tenant_id) & (Asset.id == Task.asset_id))
        .outerjoin(Shot, (Shot.tenant_id == Task.tenant_id) & (Shot.id == Task.shot_id))
        .outerjoin(SequenceRow, (SequenceRow.tenant_id == Shot.tenant_id) & (SequenceRow.id == Shot.sequence_id))
        .join(
            Project,
            (Project.tenant_id == Task.tenant_id)
            & (Project.id == func.coalesce(Asset.project_id, SequenceRow.project_id)),
        )
        .where(TimeEntry.day.between(first_day, last_day))
        .group_by(Project.name, User.id, User.name, month)
        .order_by(Project.name, month, User.name, User.id)
    )
    if project:
        statement = statement.where(Project.name == project)
    if user_id is not None:
        statement = statement.where(User.id == user_id)
    return [
        Spent(name, person_id, person, first.date(), int(minutes))
        for name, person_id, person, first, minutes in current.execute(statement)
    ]
