"""What may be changed of tasks, and by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from service.accounts import auth
from service.accounts.permissions import Permission, allows
from service.database import session
from service.models import Task
from service.production.assignees import with_assignees
from shared.errors import ConflictError, ForbiddenError, InputError


def locked_tasks(statement: Select[Task]) -> list[Task]:
    """The tasks of a statement, locked until the transaction ends; one statement."""
    locked = statement.order_by(Task.id).with_for_update(key_share=True, of=Task)
    return list(session().scalars(locked.execution_options(populate_existing=True)).unique())


def changed_values(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``given`` a task does not have yet. Raises InputError where it would be due before it starts."""
    changes = {name: value for name, value in given.items() if value != getattr(task, name)}
    if changes.keys() & {"start", "due"}:
        check_days(changes.get("start", task.start), changes.get("due", task.due))
    return changes


def gets_it(task: Task, user_ids: Iterable[str]) -> list[UUID]:
    """Those of the people to do a task who do not do it yet."""
    return [UUID(user_id) for user_id in user_ids if user_id not in task.assignee_ids]


def check_may_change(task: Task, changes: Mapping[str, Any]) -> None:
    """Raises ForbiddenError where the caller may change less, ConflictError where somebody else has the task that they
    take. The task is locked: of two who take it, one is told."""
    who = auth.current()
    if allows(who.role, Permission.PRODUCTION_WRITE):
        return
    own, takes = {"status"}, changes.get("assignee_ids") == [str(who.user_id)]
    if takes and not task.assignee_ids:
        own.add("assignee_ids")
    if beyond := sorted(changes.keys() - own):
        with_assignees(session(), [task])
        have = " and ".join(user.name for user in task.assignees) or "nobody"
        if beyond == ["assignee_ids"] and takes:
            raise ConflictError(
                f"The task {task.name} is taken already, by {have}.",
                hint="An artist may take a task that nobody has. Ask a project manager to give it to you.",
                code="conflict.task_taken",
                fields={"assignee_ids": f"is {have}"},
            )
        raise ForbiddenError(
            f"Only a project manager may change {' and '.join(beyond)} of the task {task.name}, which {have} "
            f"{'have' if len(task.assignees) > 1 else 'has'}.",
            hint="Ask a project manager. An artist changes the status, and may take a task that nobody has.",
            fields=dict.fromkeys(beyond, "may be changed by a project manager"),
        )


def check_days(start: date | None, due: date | None) -> None:
    """Raises InputError where a task would be due before it starts."""
    if start and due and due < start:
        raise InputError(
            f"The task would be due on {due}, before it starts on {start}.",
            hint="Give it a later due day, or an earlier start.",
            fields={"due": f"is before {start}", "start": f"is after {due}"},
        )
