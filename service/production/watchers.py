"""Who watches tasks: they hear of them like those who do them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service.models import Task, TaskWatcher, User


def watch(current: Session, task: Task, user_id: UUID) -> None:
    """Let somebody watch a task, which is locked, if they do not yet."""
    if _watching(current, task, user_id) is None:
        current.add(TaskWatcher(id=uuid4(), task_id=task.id, user_id=user_id))
        current.flush()


def unwatch(current: Session, task: Task, user_id: UUID) -> None:
    """Let somebody watch a task, which is locked, no more."""
    watching = _watching(current, task, user_id)
    if watching is not None:
        current.delete(watching)
        current.flush()


def watchers_of(current: Session, task: Task) -> list[User]:
    """Who watches a task, by name, without those who were archived."""
    theirs = select(TaskWatcher.user_id).where(TaskWatcher.task_id == task.id)
    found = select(User).where(User.id.in_(theirs), User.archived_at.is_(None)).order_by(User.name_order, User.id)
    return list(current.scalars(found))


def watchers_of_any(current: Session, task_ids: Iterable[UUID]) -> set[str]:
    """The ids of those who watch at least one of the tasks, as tasks have those of who does them."""
    found = select(TaskWatcher.user_id).where(TaskWatcher.task_id.in_(task_ids))
    return set(map(str, current.scalars(found)))


def is_watched_by(user_id: UUID) -> ColumnElement[bool]:
    """Condition for the tasks that somebody watches."""
    return Task.id.in_(select(TaskWatcher.task_id).where(TaskWatcher.user_id == user_id))


def _watching(current: Session, task: Task, user_id: UUID) -> TaskWatcher | None:
    theirs = select(TaskWatcher).where(TaskWatcher.task_id == task.id, TaskWatcher.user_id == user_id)
    return current.scalars(theirs).one_or_none()
