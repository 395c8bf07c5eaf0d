"""Statuses of tasks: which a studio declares, what they mean, and who may give them.

What a task has stays, also where the status was put away since; only what is given is looked at.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, allows
from service.models import Task, TaskStatus
from shared.errors import ForbiddenError, InputError

KINDS: Mapping[str, str] = {
    "todo": "not begun",
    "in_progress": "somebody works on it",
    "review": "waits for somebody to look at it",
    "retake": "was looked at and is to be done again",
    "done": "finished: not late any more, and not among one's open tasks",
    "on_hold": "is not to be worked on for now",
}
"""What a status means to the pipeline."""

_DEFAULTS = (
    ("todo", "To do", "todo", "#9aa3ad"),
    ("in_progress", "In progress", "in_progress", "#5aa9e6"),
    ("review", "For review", "review", "#c58af9"),
    ("retake", "Retake", "retake", "#ff7a66"),
    ("approved", "Approved", "done", "#5fc27e"),
    ("done", "Done", "done", "#3f9d63"),
    ("on_hold", "On hold", "on_hold", "#d3a53c"),
)
"""Name, title, kind and colour of what a new tenant begins with; the first is what new tasks have."""


def statuses_of(current: Session) -> list[TaskStatus]:
    """The statuses in use, in their order: one statement."""
    in_use = select(TaskStatus).where(TaskStatus.archived_at.is_(None))
    return list(current.scalars(in_use.order_by(TaskStatus.position, TaskStatus.name)))


def named_statuses(current: Session) -> dict[str, str]:
    """The names of the statuses in use by what people call them, in small letters: the name, or the title where one
    status alone has it; one statement."""
    in_use = statuses_of(current)
    titles = [status.label.casefold() for status in in_use]
    titled = {title: status.name for title, status in zip(titles, in_use, strict=True) if titles.count(title) == 1}
    return titled | {status.name: status.name for status in in_use}


def status_given(current: Session, name: str | None, role: Role = Role.PROJECT_MANAGER) -> str:
    """The status that a user of that role gives to a task, the one of new tasks for None; one statement.

    To be asked for before the tasks are locked: who puts a status away waits for who gives it. Raises InputError where
    no task can be given that one, ForbiddenError where that role may not.
    """
    wanted = TaskStatus.is_default.is_(True) if name is None else TaskStatus.name == name
    found = _held(current, wanted)
    status = next(iter(found.values()), None)
    if status is None or status.archived_at is not None:
        raise _unknown_status(current, str(name), found)
    if name is not None and not may_give(role, status):
        theirs = ", ".join(each.name for each in statuses_of(current) if may_give(role, each))
        raise ForbiddenError(
            f"Only a project manager may give a task the status {name}.",
            hint=f"Ask one, or give it one of {theirs}.",
            fields={"status": "may be given by a project manager"},
        )
    return status.name


def statuses_given(current: Session, names: Iterable[str]) -> tuple[str, set[str]]:
    """The status of new tasks, and those of ``names`` that tasks can be given; as :func:`status_given`."""
    found = _held(current, TaskStatus.is_default | TaskStatus.name.in_(set(names)))
    default = next(status.name for status in found.values() if status.is_default)
    return default, {name for name, status in found.items() if status.archived_at is None}


def may_give(role: Role, status: TaskStatus) -> bool:
    """Whether a user of that role may give tasks that status."""
    return status.for_artists or allows(role, Permission.PRODUCTION_WRITE)


def first_of(statuses: Iterable[TaskStatus], kind: str) -> TaskStatus | None:
    """The first status of a kind, which an answer like *approve* gives; None where there is none."""
    return next((status for status in statuses if status.kind == kind), None)


def tasks_with(current: Session, status: TaskStatus) -> int:
    """How many tasks in use have a status."""
    having = select(func.count(Task.id)).where(Task.status == status.name, Task.archived_at.is_(None))
    return current.scalars(having).one()


def _unknown_status(current: Session, name: str, archived: Container[str]) -> InputError:
    """The error for a status that no task can be given, because it is not declared, or archived."""
    there = ", ".join(each.name for each in statuses_of(current))
    what = "is archived" if name in archived else "is not declared"
    return InputError(
        f"No task can be given the status {name}, which {what}.",
        hint=f"There are {there}. A project manager declares and restores them under Task statuses, or by POST "
        "/api/task-statuses/.",
        code="input.unknown_status",
        fields={"status": f"of {there}"},
    )


def _held(current: Session, condition: ColumnElement[bool]) -> dict[str, TaskStatus]:
    """Statuses by their names, which stay as they are until the transaction ends."""
    locked = select(TaskStatus).where(condition).order_by(TaskStatus.name).with_for_update(read=True)
    return {each.name: each for each in current.scalars(locked.execution_options(populate_existing=True))}


def declare_statuses(current: Session) -> None:
    """What a new tenant begins with."""
    for position, (name, title, kind, color) in enumerate(_DEFAULTS):
        current.add(
            TaskStatus(
                id=uuid4(), name=name, title=title, kind=kind, color=color, position=position, is_default=not position
            )
        )
    current.flush()


_DONE = select(TaskStatus.name).where(TaskStatus.kind == "done")


def is_open() -> ColumnElement[bool]:
    """Condition for tasks that are not done."""
    return Task.status.not_in(_DONE)


def is_late(today: date) -> ColumnElement[bool]:
    """Condition for tasks that are not done and were due before ``today``."""
    return and_(Task.due < today, is_open())


def has_status_of(kind: str) -> ColumnElement[bool]:
    """Condition for tasks whose status is of a kind, archived statuses too."""
    return Task.status.in_(select(TaskStatus.name).where(TaskStatus.kind == kind))


def done_statuses(current: Session) -> frozenset[str]:
    """The names of the statuses of tasks that are done; one statement."""
    return frozenset(current.scalars(_DONE))


def status_position() -> ColumnElement[int]:
    """Where a task's status stands among the others, to sort by."""
    own = (TaskStatus.tenant_id == Task.tenant_id, TaskStatus.name == Task.status)
    return select(TaskStatus.position).where(*own).scalar_subquery()
