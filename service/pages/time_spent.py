"""Time spent: one's own week, to be filled in, and what managers read of everybody's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from flask import Response, jsonify, make_response, render_template, request, url_for
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api import time_entries as api
from service.api.tasks import target_order, tasks_of
from service.database import commit, session
from service.models import Project, Task, TimeEntry
from service.models.people import DAY_MINUTES
from service.pages.forms import read_form
from service.pages.frame import action, finish, page, pages, refuse_other_sites
from service.pages.hints import on_page
from service.production import time_spent
from service.production.assignees import has_assignee
from service.production.statuses import is_open
from shared.errors import ConflictError, InputError, RacewayError

_WEEK = timedelta(days=7)
_MOST_TASKS = 60
_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])")
_HOURS = re.compile(r"[0-9]{1,2}(?:[.,][0-9]{1,4})?|[.,][0-9]{1,4}")
_PARTS = re.compile(r"(?:([0-9]{1,3}(?:[.,][0-9]{1,4})?)\s*h)?\s*(?:([0-9]{1,4})\s*m(?:in)?)?", re.IGNORECASE)
_HOURS_AND_MINUTES = re.compile(r"([0-9]{1,2})\s*h\s*([0-5]?[0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class WeekView:
    """A week of somebody: minutes by task and day."""

    days: Sequence[date]
    today: date
    tasks: Sequence[Task]
    minutes: Mapping[tuple[UUID, date], int]
    more: bool
    """Whether there are tasks of theirs that are not shown."""

    def of_task(self, task: Task) -> int:
        return sum(self.minutes.get((task.id, day), 0) for day in self.days)

    def of_day(self, day: date) -> int:
        return sum(minutes for (_, each), minutes in self.minutes.items() if each == day)

    @property
    def total(self) -> int:
        return sum(self.minutes.values())


@page("/time", Permission.TIME_WRITE)
def my_time() -> str:
    """One's week: the tasks that one has, and those on which one worked; ``week`` is a day of it, ``task`` one more."""
    today = _today()
    monday = _monday(_day(request.args.get("week", ""), today))
    week = _week(auth.current().user_id, monday, request.args.get("task", type=UUID))
    return render_template(
        "pages/time.html", week=week, before=monday - _WEEK, after=monday + _WEEK, this_week=_monday(today)
    )


@action("/time", Permission.TIME_WRITE)
def save_time() -> str:
    """Save the days that were filled in: of a form without scripts all at once."""
    _save(request.form)
    return url_for("pages.my_time", week=request.form.get("week") or None, task=request.form.get("task") or None)


@pages.post("/time/cell")
def save_cell() -> Response:
    """Save a day of a task as it is typed; answers how it is written, or why not."""
    refuse_other_sites()
    auth.authorise(Permission.TIME_WRITE)
    try:
        [minutes] = _save(request.form).values()
        commit(session())
    except RacewayError as error:
        session().rollback()
        refused = jsonify(message=f"{error.message} {on_page(error.hint)}".strip())
        refused.status_code = error.status
        return finish(refused)
    except ValueError:
        return finish(make_response(jsonify(message="One day of one task is saved at a time."), 422))
    return finish(jsonify(text=hours(minutes), minutes=minutes))


@page("/time/report", Permission.TIME_MANAGE)
def time_report() -> str:
    """What was spent by project, person and month; ``first_day``, ``last_day`` and ``project`` narrow it."""
    today = _today()
    asked = {
        "first_day": _day(request.args.get("first_day", ""), today.replace(day=1)),
        "last_day": _day(request.args.get("last_day", ""), today),
        "project": request.args.get("project", "")[:100],
    }
    rows = api.spent(read_form(api.ReportQuery, asked, "There is no such report."))
    names = select(Project.name).where(Project.archived_at.is_(None)).order_by(Project.name_order)
    return render_template(
        "pages/time_report.html",
        rows=rows,
        asked=asked,
        total=sum(each.minutes for each in rows),
        projects=session().scalars(names).all(),
    )


@pages.app_context_processor
def _shared_values() -> dict[str, object]:
    return {"time_spent_on": lambda task: api.task_time_of(task.id)}


@pages.app_template_filter()
def hours(minutes: int) -> str:
    """``1:30`` for 90 minutes, empty for none."""
    return f"{minutes // 60}:{minutes % 60:02}" if minutes else ""


def minutes_of(text: str) -> int:
    """Minutes, from ``1:30``, ``1.5``, ``1,5``, ``1h 30m``, ``1h 30``, ``90m``; 0 for no text. Raises InputError."""
    plain = text.strip()
    minutes: float | None = None if plain else 0
    if found := _CLOCK.fullmatch(plain) or _HOURS_AND_MINUTES.fullmatch(plain):
        minutes = int(found[1]) * 60 + int(found[2])
    elif _HOURS.fullmatch(plain):
        minutes = float(plain.replace(",", ".")) * 60
    elif plain and (found := _PARTS.fullmatch(plain)):
        minutes = float((found[1] or "0").replace(",", ".")) * 60 + int(found[2] or 0)
    if minutes is None:
        hint = "Write hours: 1.5, 1:30, 1h 30m or 90m."
        raise InputError(f"{plain[:20]!r} is no time.", hint=hint, fields={"time": "is no time"})
    if minutes > DAY_MINUTES:
        raise InputError(f"{plain} is more than a day has.", hint="A day has 24 hours.", fields={"time": "too much"})
    return round(minutes)


def _week(user_id: UUID, monday: date, task_id: UUID | None) -> WeekView:
    current, days = session(), [monday + timedelta(days=number) for number in range(7)]
    entries = current.scalars(
        select(TimeEntry).where(TimeEntry.user_id == user_id, TimeEntry.day.between(days[0], days[-1]))
    ).all()
    worked_on = {entry.task_id for entry in entries} | ({task_id} if task_id else set())
    mine = has_assignee(user_id) & Task.archived_at.is_(None) & is_open()
    # What was worked on comes first: of a long list, no row is left out that has time in it.
    wanted = tasks_of("", "", "").where(Task.id.in_(worked_on) | mine)
    order = (Task.due.nulls_last(), target_order(), Task.name_order, Task.id)
    wanted = wanted.order_by(Task.id.in_(worked_on).desc(), *order)
    most = max(_MOST_TASKS, len(worked_on))
    tasks = current.scalars(wanted.limit(most + 1)).unique().all()
    minutes = {(entry.task_id, entry.day): entry.minutes for entry in entries}
    return WeekView(days, _today(), tasks[:most], minutes, more=len(tasks) > most)


def _save(form: Mapping[str, str]) -> dict[str, int]:
    """Save each ``TASK DAY`` of a form that says something else than it ``was``; answers the minutes of each.

    Raises ConflictError where somebody else changed it since.
    """
    saved: dict[str, int] = {}
    whose = auth.current().user_id
    # By days, which are held one after the other: of two forms that hold the same, one waits for the other.
    for name, text in sorted(form.items(), key=lambda cell: cell[0].rpartition(" ")[2]):
        task, _, day = name.partition(" ")
        if not day or name.startswith("was "):
            continue
        minutes, was = minutes_of(text), minutes_of(form.get(f"was {name}", ""))
        saved[name] = minutes
        if minutes == was:
            continue
        given = {"task_id": task, "day": day, "minutes": minutes}
        body = read_form(api.NewTimeEntry, given, "The time was not saved.")
        time_spent.hold_day(session(), whose, body.day)
        known = time_spent.entry_of(session(), whose, body.task_id, body.day)
        if (known.minutes if known else 0) not in (was, minutes):
            raise ConflictError(
                f"Another time was written there meanwhile: {hours(known.minutes) if known else 'none'}.",
                hint="Load the page again.",
                code="conflict.stale",
                status=412,
            )
        api.set_time(body)
    return saved


def _today() -> date:
    return datetime.now(UTC).date()


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _day(text: str, otherwise: date) -> date:
    """The day that an address names; another one for a text that is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if 1970 <= found.year <= 2200 else otherwise
