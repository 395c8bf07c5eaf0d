"""The schedule: who works on what and when, as bars over weeks, for one project or for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import Select, func, select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.tasks import BELOW, SEARCHED, TaskChanges, TaskQuery, change_task, target_order, tasks_wanted
from service.database import session
from service.models import Project, Task
from service.pages.departments import departments_here
from service.pages.field_values import page_of_row
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page, page_of_form
from service.pages.task_lists import TaskFilters, filters_of
from service.pages.task_statuses import declared_status, is_late, today
from service.production.assignees import with_assignees
from service.production.order_of_work import in_order_of_work
from service.production.schedule import WEEK, Days, days_of, has_days, monday_of, takes_days_in, work_in
from service.production.statuses import is_open
from service.search import matching
from service.titles import titled
from shared.errors import InputError
from shared.natural_order import natural_order

MOST_BARS = 500
"""On one page; filters find the others."""
MOST_UNPLANNED = 50
SPANS: Mapping[int, str] = {4: "4 weeks", 8: "8 weeks", 13: "3 months", 26: "6 months"}
GROUPINGS: Mapping[str, str] = {"person": "People", "target": "Assets and shots", "department": "Departments"}
_YEARS = (1900, 9000)
"""In which a period may begin: calendars end."""
_FULL_WEEK = 5.0
_NOT_WORKED_ON = frozenset({"done", "on_hold"})
_DAYS = ("start", "due", "estimate_days")
_LABELS = {"estimate_days": "Estimate"}


@dataclass(frozen=True)
class Period:
    """The weeks that are shown."""

    first: date
    weeks: int

    @property
    def days(self) -> Days:
        return Days(self.first, self.first + self.weeks * WEEK - timedelta(days=1))

    @property
    def mondays(self) -> list[date]:
        return [self.first + number * WEEK for number in range(self.weeks)]

    def share(self, days: float) -> float:
        """What part of the width so many days take, in percent."""
        return round(100 * days / (7 * self.weeks), 4)

    def place(self, day: date) -> float:
        """Where a day begins, in percent of the width."""
        return self.share((day - self.first).days)

    @property
    def today(self) -> float | None:
        """The middle of this day, None where it is not shown."""
        return self.place(today()) + self.share(0.5) if self.days.first <= today() <= self.days.last else None

    def moved(self, by: int) -> date:
        """The first day of the period before (-1) or after (1)."""
        return self.first + by * max(1, self.weeks // 2) * WEEK


@dataclass(frozen=True)
class Bar:
    """A task in its days; ``x`` and ``width`` are in percent of the period's width."""

    task: Task
    days: Days
    x: float
    width: float
    late: bool


@dataclass
class Group:
    """The bars of a person, a department, or an asset or shot. ``loads``: days of work by week, where they are told."""

    label: str
    bars: list[Bar] = field(default_factory=list)
    address: str = ""
    loads: Sequence[tuple[float, float]] = ()

    def is_too_much(self, load: float) -> bool:
        return load > _FULL_WEEK + 0.05


@page("/schedule", Permission.TASK_READ)
def schedule() -> str:
    """Who works on what in all projects."""
    return _schedule(None)


@page("/projects/<uuid:project_id>/schedule", Permission.TASK_READ)
def project_schedule(project_id: UUID) -> str:
    """Who works on what in a project."""
    return _schedule(row(Project, project_id))


@action("/tasks/<uuid:task_id>/days", Permission.PRODUCTION_WRITE)
def plan_task(task_id: UUID) -> str:
    """Give a task other days; ``version`` is what the reader saw."""
    given: dict[str, Any] = {name: request.form[name].strip() or None for name in _DAYS if name in request.form}
    wanted = read_form(TaskChanges, given, "The task was not planned.", _LABELS)
    check_seen(row(Task, task_id))
    change_task(task_id, wanted)
    return page_of_form() or url_for("pages.task", task_id=task_id)


def _schedule(project: Project | None) -> str:
    """``by``, ``from`` and ``weeks`` of the address say what is shown how, and the filters of tasks narrow it."""
    filters, period = filters_of(project), _period()
    grouping = request.args.get("by", "")
    grouping = grouping if grouping in GROUPINGS else "person"
    wanted = _wanted(project, filters)
    order = (func.coalesce(Task.start, Task.due), target_order(), *in_order_of_work())
    found = session().scalars(wanted.where(takes_days_in(period.days)).order_by(*order).limit(MOST_BARS + 1)).all()
    bars = [bar for task in with_assignees(session(), found[:MOST_BARS]) if (bar := _bar_of(task, period))]
    # Where something is left out, sums would be wrong, and whoever has nothing to do might have something.
    is_whole = not filters.narrowed and len(found) <= MOST_BARS
    people = filters.people[2:] if is_whole else None
    unplanned = wanted.where(~has_days(), is_open())
    rest = session().scalars(unplanned.order_by(*order[1:]).limit(MOST_UNPLANNED)).all()
    return render_template(
        "pages/_schedule.html" if "fragment" in request.args else "pages/schedule.html",
        project=project,
        filters=filters,
        period=period,
        spans=SPANS,
        grouping=grouping,
        groupings=GROUPINGS,
        groups=_grouped(bars, grouping, people, period),
        too_many=len(found) > MOST_BARS,
        most=MOST_BARS,
        unplanned=with_assignees(session(), rest),
        unplanned_number=_number(unplanned),
        kept={**filters.given, **({"q": filters.query} if filters.query else {})},
    )


def _period() -> Period:
    weeks, given = request.args.get("weeks", ""), request.args.get("from", "")
    try:
        first = date.fromisoformat(given) if given else today()
    except ValueError:
        first = date.min
    if not _YEARS[0] <= first.year <= _YEARS[1]:
        raise InputError(
            f"{given[:40]!r} is no day to begin with.",
            hint=f"Write it as 2027-01-31, in the years {_YEARS[0]} to {_YEARS[1]}.",
            fields={"from": "must be a day"},
        )
    return Period(monday_of(first), int(weeks) if weeks in map(str, SPANS) else 8)


def _wanted(project: Project | None, filters: TaskFilters) -> Select[Task]:
    wanted = tasks_wanted(TaskQuery.model_validate({**filters.given, "project": project.name if project else ""}))
    wanted = wanted.where(*(model.archived_at.is_(None) for model in (Task, *BELOW)))
    return wanted.where(*matching(filters.query, *SEARCHED)) if filters.query else wanted


def _number(wanted: Select[Task]) -> int:
    return session().scalar(select(func.count()).select_from(wanted.with_only_columns(Task.id).subquery())) or 0


def _bar_of(task: Task, period: Period) -> Bar | None:
    """None where the task takes no day of the period."""
    days = days_of(task)
    shown = days and days.within(period.days)
    if not days or not shown:
        return None
    return Bar(task, days, period.place(shown.first), period.share(shown.number), is_late(task))


def _grouped(
    bars: Sequence[Bar], grouping: str, people: Sequence[tuple[str, str]] | None, period: Period
) -> list[Group]:
    """``people`` are all who could do something, None where not all bars are shown."""
    if grouping == "target":
        return _by_target(bars)
    if grouping == "department":
        groups = {each.name: Group(each.label) for each in departments_here().values()}
        for bar in bars:
            groups[bar.task.department].bars.append(bar)
        return [group for group in groups.values() if group.bars]
    return _by_person(bars, people, period)


def _by_target(bars: Iterable[Bar]) -> list[Group]:
    groups: dict[UUID, Group] = {}
    for bar in bars:
        target = bar.task.target
        if target.id not in groups:
            groups[target.id] = Group(titled(target), address=page_of_row(target))
        groups[target.id].bars.append(bar)
    return sorted(groups.values(), key=lambda group: natural_order(group.label))


def _by_person(bars: Sequence[Bar], people: Sequence[tuple[str, str]] | None, period: Period) -> list[Group]:
    """Everybody who has a bar and those ``people``; nobody last."""
    groups = {user_id: Group(name) for user_id, name in people or ()}
    nobody = Group("Nobody yet")
    for bar in bars:
        for user in bar.task.assignees:
            groups.setdefault(str(user.id), Group(user.name)).bars.append(bar)
        if not bar.task.assignees:
            nobody.bars.append(bar)
    if people is not None:
        for group in groups.values():
            group.loads = _loads(group.bars, period)
    return [*groups.values(), *([nobody] if nobody.bars else [])]


def _loads(bars: Iterable[Bar], period: Period) -> list[tuple[float, float]]:
    """Where each week with work begins, in percent, and how many days of work it has."""
    work = [(bar.task, bar.days) for bar in bars if declared_status(bar.task.status).kind not in _NOT_WORKED_ON]
    loads = ((monday, work_in(Days(monday, monday + timedelta(days=6)), work)) for monday in period.mondays)
    return [(period.place(monday), round(load, 1)) for monday, load in loads if load >= 0.05]
