"""When tasks are worked on: the days that each takes, and what that makes for a person in a week.

Working days are Monday to Friday.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Integer, and_, case, cast, func

from service.models import Task

WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_WORKING = 5
_MOST_GUESSED = 52 * _WORKING
"""Working days, a year: whatever the estimate says, what is not planned is not guessed further away."""
_FURTHEST = 53 * WEEK


@dataclass(frozen=True)
class Days:
    """The first and the last of the days that something takes.

    ``guessed``: one of them is not planned, but follows from the other one and the estimate.
    """

    first: date
    last: date
    guessed: bool = False

    @property
    def number(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def working(self) -> int:
        """How many of them are working days."""
        weeks, rest = divmod(self.number, 7)
        return weeks * _WORKING + sum((self.first + day * _DAY).weekday() < _WORKING for day in range(rest))

    def within(self, others: Days) -> Days | None:
        """Those that are among the others, too; None where there is none."""
        first, last = max(self.first, others.first), min(self.last, others.last)
        return Days(first, last, self.guessed) if first <= last else None


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - day.weekday() * _DAY


def days_of(task: Task) -> Days | None:
    """The days that a task takes, None where nobody has said any.

    Where only the first or the last is planned, the other is as far from it as the estimate says.
    """
    count = min(max(1, math.ceil(task.estimate_days or 1)), _MOST_GUESSED)
    if task.start and task.due:
        return Days(task.start, task.due)
    # The calendar ends with the year 9999, and begins with 1.
    if task.start:
        last = _working_day(task.start, count) if task.start < date.max - _FURTHEST else task.start
        return Days(task.start, last, guessed=True)
    if task.due:
        first = _working_day(task.due, count, -1) if task.due > date.min + _FURTHEST else task.due
        return Days(first, task.due, guessed=True)
    return None


def takes_days_in(days: Days) -> ColumnElement[bool]:
    """Condition for the tasks that may take some of these days; :func:`days_of` tells exactly."""
    one_is_guessed = Task.start.is_(None) | Task.due.is_(None)
    # With the weekends before and behind.
    estimate = cast(func.least(func.ceil(func.coalesce(Task.estimate_days, 1) * 7 / _WORKING), _FURTHEST.days), Integer)
    room = case((one_is_guessed, estimate + 4), else_=0)
    return and_(
        func.coalesce(Task.start, Task.due) - days.last <= room,
        days.first - func.coalesce(Task.due, Task.start) <= room,
    )


def has_days() -> ColumnElement[bool]:
    """Condition for the tasks of which a day is planned."""
    return Task.start.is_not(None) | Task.due.is_not(None)


def work_in(days: Days, tasks: Iterable[tuple[Task, Days]]) -> float:
    """Days of work of one person that tasks make in some days.

    A task's estimate is spread over its working days and shared by those who do it; without one, they work on nothing
    else in its days.
    """
    return sum(_work_of(task, taken, days) for task, taken in tasks)


def _work_of(task: Task, taken: Days, days: Days) -> float:
    part = taken.within(days)
    if part is None:
        return 0.0
    work = taken.working if task.estimate_days is None else task.estimate_days / max(1, len(task.assignee_ids))
    # Who works on a weekend only works then.
    return work * (part.working / taken.working if taken.working else part.number / taken.number)


def _working_day(day: date, count: int, step: int = 1) -> date:
    """The working day with that number (from 1) from a day on, forwards or, with ``step`` -1, backwards."""
    weeks, rest = divmod(count - 1, _WORKING)
    while day.weekday() >= _WORKING:
        day += step * _DAY
    day += step * weeks * WEEK
    for _ in range(rest):
        day += step * _DAY
        while day.weekday() >= _WORKING:
            day += step * _DAY
    return day
