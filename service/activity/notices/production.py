"""Tasks and publishes. Tasks that are changed together (by a spreadsheet) are one message to each person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.accounts.permissions import Permission, Role, allows
from service.activity.notices.kinds import NOTIFICATION, Notice
from service.activity.notices.review import key_of_comment, written_with
from service.activity.notices.words import link_of, named
from service.activity.together import Together, assigned_together, given_to, moved_together
from service.models import Comment, Event, Part, Publish, Task, TaskStatus, User
from service.production.watchers import watchers_of_any


def task_changed(current: Session, event: Event) -> list[Notice]:
    """To each who does it or watches it: that the task was given to them, or that somebody else changed its status."""
    task = current.scalars(select(Task).where(Task.id == event.subject_id)).unique().one_or_none()
    if task is None:
        return []
    changes: dict[str, Any] = event.payload.get("changes") or {}
    new = given_to(event)
    concerned = list(dict.fromkeys([*task.assignee_ids, *sorted(watchers_of_any(current, [task.id]))]))
    readers = _readers(current, concerned)
    theirs = [user_id for user_id in map(UUID, concerned) if user_id in readers and user_id != event.actor_id]
    told = [_assigned(current, event, task, user_id) for user_id in theirs if user_id in new]
    if "status" in changes:
        status = _label_of(current, str(changes["status"][1]))
        told += [_moved(current, event, task, user_id, status) for user_id in theirs if user_id not in new]
    return [notice for notice in told if notice]


def _readers(current: Session, user_ids: Collection[str]) -> frozenset[UUID]:
    """Those of the people whom a task concerns who may see it: not who has become a client since."""
    roles = [role for role in Role if allows(role, Permission.TASK_READ)]
    found = select(User.id).where(User.id.in_(map(UUID, user_ids)), User.role.in_(roles))
    return frozenset(current.scalars(found)) if user_ids else frozenset()


def _assigned(current: Session, event: Event, task: Task, user_id: UUID) -> Notice | None:
    together = assigned_together(current, event, user_id)
    if together is None:
        return None  # the first of them tells of all
    title, body, link = _of_tasks(task, together, f"A task for you: {named(task)}", "{} tasks for you")
    key = f"task:{task.id}:assigned:{user_id}:{event.id}"
    return Notice(NOTIFICATION, "task.assigned", key, title, frozenset({user_id}), body=body, link=link)


def _moved(current: Session, event: Event, task: Task, user_id: UUID, status: str) -> Notice | None:
    together = moved_together(current, event, user_id)
    if together is None:
        return None
    title = f"{named(task)} is now {status}"
    title, body, link = _of_tasks(task, together, title, "{} tasks have another status")
    key = f"task:{task.id}:status:{event.id}"
    # A status that was given with a comment is told of with it.
    if together.count == 1 and (comment := written_with(current, event, Comment.task_id == task.id)):
        body, key = comment.text, key_of_comment(comment)
    return Notice(NOTIFICATION, "task.status", key, title, frozenset({user_id}), body=body, link=link)


def _of_tasks(task: Task, together: Together, of_one: str, of_several: str) -> tuple[str, str, str]:
    """Title, body and link of a message about ``task``, or about those that were changed together with it."""
    if together.count == 1:
        return of_one, "", link_of("task", task.id)
    more = together.count - len(together.first)
    body = "; ".join([*map(named, together.first), *([f"and {more:,} more"] if more else [])])
    return of_several.format(f"{together.count:,}"), body, link_of("project", task.target.project.id)


def _label_of(current: Session, status: str) -> str:
    """What people call a status of tasks."""
    declared = current.scalar(select(TaskStatus).where(TaskStatus.name == status))
    return declared.label if declared else status


def published(current: Session, event: Event) -> Notice | None:
    publish = current.scalars(select(Publish).where(Publish.id == event.subject_id)).unique().one_or_none()
    if publish is None:
        return None
    part: Part = publish.part
    beside = select(Task.id, Task.assignee_ids).where(Task.asset_id.is_not_distinct_from(part.asset_id))
    tasks = dict(current.execute(beside.where(Task.shot_id.is_not_distinct_from(part.shot_id))).all())
    concerned = watchers_of_any(current, tasks).union(*tasks.values())
    audience = _readers(current, concerned) - {event.actor_id}
    title = f"{named(publish)} was published"
    return Notice(
        NOTIFICATION,
        "publish.created",
        f"publish:{publish.id}",
        title,
        audience,
        link=link_of("publish", publish.id),
    )
