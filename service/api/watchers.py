"""Watching tasks that others do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.routing import Reply, Resource
from service.archiving import check_live
from service.database import session
from service.models import Task
from service.production import watchers

resource = Resource("watchers", "/tasks")
RESOURCES = (resource,)


class WatcherOut(Reply):
    user_id: UUID
    name: str


@resource.declare("GET", "/<uuid:task_id>/watchers", permission=Permission.TASK_READ, answer=list[WatcherOut])
def list_watchers(task_id: UUID) -> list[dict[str, Any]]:
    """Who watches a task, by name. Who was archived is left out."""
    return _described(row(Task, task_id))


@resource.declare("POST", "/<uuid:task_id>/watch", permission=Permission.TASK_WRITE, answer=list[WatcherOut])
def watch_task(task_id: UUID) -> list[dict[str, Any]]:
    """Watch a task: be told of its status, its comments and what is published, as those are who do it."""
    task = row(Task, task_id, lock=True)
    check_live(task)
    watchers.watch(session(), task, auth.current().user_id)
    return _described(task)


@resource.declare("POST", "/<uuid:task_id>/unwatch", permission=Permission.TASK_WRITE, answer=list[WatcherOut])
def unwatch_task(task_id: UUID) -> list[dict[str, Any]]:
    """Watch a task no more."""
    task = row(Task, task_id, lock=True)
    watchers.unwatch(session(), task, auth.current().user_id)
    return _described(task)


def _described(task: Task) -> list[dict[str, Any]]:
    return [{"user_id": user.id, "name": user.name} for user in watchers.watchers_of(session(), task)]
