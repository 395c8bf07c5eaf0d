"""Time spent on tasks, day by day; totals of a task, and of projects by person and month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, Role, allows
from service.api.fields import Day, OneLine, Row
from service.api.listing import ListQuery, Page, equal, missing, page_of, row
from service.api.records import check_version, live_row
from service.api.routing import Reply, Request, Resource
from service.api.tasks import user_meant
from service.archiving import check_live
from service.database import session
from service.models import Task, TimeEntry, User
from service.models.people import DAY_MINUTES
from service.production import time_spent
from shared.errors import ForbiddenError, InputError
from shared.tables import write_table

time_entries = Resource("time_entries", "/time-entries")
task_time = Resource("task_time", "/tasks")
RESOURCES = (time_entries, task_time)

REPORT_COLUMNS = ("project", "person", "month", "hours")
_MOST_DAYS = 3660
Minutes = Annotated[int, Field(ge=0, le=DAY_MINUTES, strict=True, examples=[90])]
_Whose = Annotated[UUID | None, Field(description="whose, by default one's own; others' need time.manage")]


class TimeEntryOut(Row):
    user_id: UUID
    person: str
    task_id: UUID
    day: date
    minutes: int
    revision: int


class NewTimeEntry(Request):
    task_id: UUID
    day: Day
    minutes: Annotated[Minutes, Field(description="in all, or with POST: more than before; 0 in all is no entry")]
    user_id: _Whose = None


class MinutesChange(Request):
    minutes: Annotated[Minutes, Field(ge=1)]


class TimeQuery(ListQuery):
    user: str = Field("", description="`me`, or the id of a user; by default all whose time one may read")
    task_id: UUID | None = None
    first_day: Day | None = None
    last_day: Day | None = None


class ReportQuery(Request):
    first_day: Day
    last_day: Day
    project: Annotated[str, OneLine] = Field("", max_length=100, description="name of the project, default: all")
    user_id: UUID | None = None


class SpentOut(Reply):
    project: str
    user_id: UUID
    person: str
    month: date = Field(description="its first day")
    minutes: int


class PersonTime(Reply):
    user_id: UUID
    person: str
    minutes: int


class TaskTime(Reply):
    minutes: int = Field(description="of all together")
    people: list[PersonTime]


@time_entries.declare("GET", "/", permission=Permission.TIME_WRITE, query=TimeQuery, answer=Page[TimeEntryOut])
def list_time_entries(query: TimeQuery) -> dict[str, Any]:
    """List time entries, the newest day first: artists their own, managers everybody's."""
    whose = user_meant(query.user, "user") if query.user else None if _manages() else auth.current().user_id
    if whose is not None:
        _check_whose(whose)
    statement = select(TimeEntry).join(TimeEntry.user)
    statement = statement.where(*equal((TimeEntry.user_id, whose), (TimeEntry.task_id, query.task_id)))
    if query.first_day:
        statement = statement.where(TimeEntry.day >= query.first_day)
    if query.last_day:
        statement = statement.where(TimeEntry.day <= query.last_day)
    page = page_of(
        statement,
        query,
        key=TimeEntry,
        search=(User,),
        sort={"day": TimeEntry.day, "minutes": TimeEntry.minutes, "person": User.name},
        default_sort="-day,person",
    )
    page["items"] = _described(page["items"])
    return page


@time_entries.declare(
    "PUT",
    "/",
    permission=Permission.TIME_WRITE,
    body=NewTimeEntry,
    answer=TimeEntryOut | None,
    if_match="optional",
)
def set_time(body: NewTimeEntry) -> dict[str, Any] | None:
    """Say how long somebody worked on a task on a day; 0 takes the entry away. Artists say so of themselves.

    ``If-Match`` is of the entry as it was read (GET by its id); with ``"0"`` there must be none yet.
    """
    return _put(body, body.minutes)


@time_entries.declare("POST", "/", permission=Permission.TIME_WRITE, body=NewTimeEntry, answer=TimeEntryOut, status=201)
def add_time(body: NewTimeEntry) -> dict[str, Any]:
    """Add to what somebody worked on a task on a day."""
    if body.minutes == 0:
        raise InputError("No time is nothing to add.", hint="Give minutes.", fields={"minutes": "must be 1 or more"})
    made = _put(body, body.minutes, is_more=True)
    assert made is not None  # there are minutes
    return made


@time_entries.declare("GET", "/report", permission=Permission.TIME_MANAGE, query=ReportQuery, answer=list[SpentOut])
def report_time(query: ReportQuery) -> Sequence[time_spent.Spent]:
    """What was spent by project, person and month, from one day to another, both included."""
    return spent(query)


@time_entries.declare("GET", "/report.csv", permission=Permission.TIME_MANAGE, query=ReportQuery, media_type="text/csv")
def download_time_report(query: ReportQuery) -> Response:
    """The same as a spreadsheet, with hours."""
    rows = [(each.project, each.person, f"{each.month:%Y-%m}", f"{each.minutes / 60:.2f}") for each in spent(query)]
    response = Response(write_table(REPORT_COLUMNS, rows), mimetype="text/csv")
    name = f"time {query.project or 'all projects'} {query.first_day} to {query.last_day}.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@time_entries.declare("GET", "/<uuid:entry_id>", permission=Permission.TIME_WRITE, answer=TimeEntryOut)
def get_time_entry(entry_id: UUID) -> dict[str, Any]:
    """A time entry."""
    return _described([_readable(entry_id)])[0]


@time_entries.declare(
    "PATCH",
    "/<uuid:entry_id>",
    permission=Permission.TIME_WRITE,
    body=MinutesChange,
    answer=TimeEntryOut,
    if_match="optional",
)
def change_time_entry(entry_id: UUID, body: MinutesChange) -> dict[str, Any]:
    """Change how long it was."""
    entry = _to_change(entry_id)
    _check_can_work(entry.user_id, row(Task, entry.task_id))
    changed = time_spent.set_minutes(session(), entry.user_id, entry.task_id, entry.day, body.minutes)
    assert changed is not None  # there are minutes
    return _described([changed])[0]


@time_entries.declare("DELETE", "/<uuid:entry_id>", permission=Permission.TIME_WRITE, answer=None, if_match="optional")
def delete_time_entry(entry_id: UUID) -> None:
    """Take a time entry away."""
    session().delete(_to_change(entry_id))


@task_time.declare("GET", "/<uuid:task_id>/time-spent", permission=Permission.TASK_READ, answer=TaskTime)
def get_task_time(task_id: UUID) -> dict[str, Any]:
    """How long was worked on a task; by whom, is for those who may read others' time (``time.manage``) and each one."""
    row(Task, task_id)
    return task_time_of(task_id)


def task_time_of(task_id: UUID) -> dict[str, Any]:
    """The minutes of all on a task, and those of the people whose time the caller may read; one statement."""
    everybody, reader = time_spent.spent_on(session(), task_id), auth.current().user_id
    readable = everybody if _manages() else [each for each in everybody if each[0] == reader]
    return {
        "minutes": sum(minutes for _, _, minutes in everybody),
        "people": [{"user_id": who, "person": name, "minutes": minutes} for who, name, minutes in readable],
    }


def spent(query: ReportQuery) -> Sequence[time_spent.Spent]:
    """What the report has. Raises InputError for days that are none, or too many."""
    days = (query.last_day - query.first_day).days
    if not 0 <= days <= _MOST_DAYS:
        raise InputError(
            "The report cannot be of these days.",
            hint="Let the last day be after the first, and within ten years of it.",
            fields={"last_day": "must come after first_day, within ten years"},
        )
    return time_spent.report(session(), query.first_day, query.last_day, project=query.project, user_id=query.user_id)


def _put(body: NewTimeEntry, minutes: int, *, is_more: bool = False) -> dict[str, Any] | None:
    current, whose = session(), body.user_id or auth.current().user_id
    _check_whose(whose)
    task = row(Task, body.task_id)
    time_spent.hold_day(current, whose, body.day)
    known = time_spent.entry_of(current, whose, task.id, body.day)
    _check_version(known)
    if minutes:
        _check_can_work(whose, task)
    total = minutes + (known.minutes if known and is_more else 0)
    entry = time_spent.set_minutes(current, whose, task.id, body.day, total)
    return _described([entry])[0] if entry else None


def _to_change(entry_id: UUID) -> TimeEntry:
    entry = _readable(entry_id)
    time_spent.hold_day(session(), entry.user_id, entry.day)
    entry = row(TimeEntry, entry_id, lock=True)
    _check_version(entry)
    return entry


def _check_version(entry: TimeEntry | None) -> None:
    """If-Match, where there is one, names this entry as it is; ``"0"`` that there is none."""
    now = {"minutes": entry.minutes if entry else 0}
    check_version(str(entry.revision if entry else 0), "what was spent on that day", now)


def _readable(entry_id: UUID) -> TimeEntry:
    entry = row(TimeEntry, entry_id)
    if entry.user_id != auth.current().user_id and not _manages():
        raise missing(TimeEntry, entry_id)
    return entry


def _manages() -> bool:
    who = auth.current()
    return allows(who.role, Permission.TIME_MANAGE, who.scopes)


def _check_whose(user_id: UUID) -> None:
    if user_id != auth.current().user_id and not _manages():
        raise ForbiddenError(
            "The time of others is read and written by project managers.", hint="Leave the user out: it is yours then."
        )


def _check_can_work(user_id: UUID, task: Task) -> None:
    """Raises ConflictError where the person, the task or what it belongs to was put away, InputError for a client."""
    check_live(task)
    if live_row(User, user_id).role == Role.CLIENT:
        raise InputError(
            "Clients look at a project, and do not work on it.",
            hint="Name somebody of the studio.",
            fields={"user_id": "is a client"},
        )


def _described(entries: Sequence[TimeEntry]) -> list[dict[str, Any]]:
    people = {entry.user_id for entry in entries}
    found = session().execute(select(User.id, User.name).where(User.id.in_(people))) if people else None
    names: dict[UUID, str] = dict(found.all()) if found else {}
    own = TimeEntryOut.model_fields.keys() - {"person"}
    return [{**{name: getattr(entry, name) for name in own}, "person": names[entry.user_id]} for entry in entries]
