"""Tasks: somebody's work on one asset or one shot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from service.accounts import auth
from service.accounts.permissions import Permission, Role, allows
from service.api.field_values import (
    FieldsOut,
    FieldsQuery,
    FieldValues,
    changes_of,
    new_values,
    page_with_fields,
    with_fields,
)
from service.api.fields import Changes, Day, DepartmentName, Name, NameOf, Status
from service.api.listing import Page, equal, row
from service.api.records import add, change, declare_archive, live_row, same_folder
from service.api.routing import Request, Resource
from service.models import Asset, Project, Sequence, Shot, Task, User
from shared.errors import ConflictError, ForbiddenError, InputError

tasks = Resource("tasks", "/tasks")
RESOURCES = (tasks,)

_AssetProject, _ShotProject = aliased(Project), aliased(Project)


class TaskOut(FieldsOut):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    entity: str = Field(description="asset:NAME or shot:SEQUENCE/SHOT")
    project: NameOf
    name: str
    department: str
    assignee_id: UUID | None
    assignee: NameOf | None
    status: str
    due: date | None

    @model_validator(mode="before")
    @classmethod
    def _with_target(cls, task: Any) -> Any:
        if not isinstance(task, Task):
            return task
        row_fields = ("id", "created_at", "updated_at", "revision", "archived_at")
        own_fields = ("name", "department", "assignee_id", "assignee", "status", "due", "shown_fields")
        return {
            **{name: getattr(task, name) for name in (*row_fields, *own_fields)},
            "target_type": task.target.entity.kind,
            "target_id": task.target.id,
            "entity": str(task.target.entity),
            "project": task.target.project_name,
        }


class NewTask(Request):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    name: Name
    department: DepartmentName
    assignee_id: UUID | None = None
    status: Status = "todo"
    due: Day | None = None
    fields: FieldValues = Field(default_factory=dict)


class TaskChanges(Changes):
    nullable: ClassVar[frozenset[str]] = frozenset({"assignee_id", "due"})

    status: Status | None = None
    department: DepartmentName | None = None
    assignee_id: UUID | None = None
    due: Day | None = None
    fields: FieldValues | None = None


class TaskQuery(FieldsQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="name of the shot, or SEQUENCE/SHOT")
    assignee: str = Field("", description="`me`, `nobody`, or the id of a user")
    department: str = ""
    status: str = ""
    due_before: Day | None = Field(None, description="due on that day or earlier")


@tasks.declare("GET", "/", permission=Permission.TASK_READ, query=TaskQuery, answer=Page[TaskOut])
def list_tasks(query: TaskQuery) -> dict[str, Any]:
    """List tasks; ``assignee=me`` for one's own."""
    statement = (
        tasks_of(query.project, query.asset, query.shot)
        .outerjoin(Task.assignee)
        .where(*equal((Task.department, query.department), (Task.status, query.status)))
    )
    if query.assignee:
        statement = statement.where(Task.assignee_id.is_not_distinct_from(user_or_nobody(query.assignee, "assignee")))
    if query.due_before:
        statement = statement.where(Task.due <= query.due_before)
    return page_with_fields(
        statement,
        query,
        key=Task,
        search=(Task, Asset, Shot, Sequence, User),
        sort={
            "name": Task.name,
            "department": Task.department,
            "status": Task.status,
            "due": Task.due,
            "assignee": User.name,
            "created_at": Task.created_at,
            "updated_at": Task.updated_at,
        },
        default_sort="name",
        below=(Asset, _AssetProject, Shot, Sequence, _ShotProject),
    )


@tasks.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewTask, answer=TaskOut, status=201)
def create_task(body: NewTask) -> Task:
    """Create a task on an asset or a shot."""
    is_asset = body.target_type == "asset"
    target = live_row(Asset, body.target_id) if is_asset else live_row(Shot, body.target_id)
    _check_assignee(body.assignee_id)
    values = new_values(Task, target.project.id, body.model_dump(exclude={"target_type", "target_id"}))
    column = Task.asset_id if isinstance(target, Asset) else Task.shot_id
    values[column.key] = target.id
    return with_fields(add(Task(**values), column == target.id, same_folder(Task.name, body.name)))


@tasks.declare("GET", "/<uuid:task_id>", permission=Permission.TASK_READ, answer=TaskOut)
def get_task(task_id: UUID) -> Task:
    """A task."""
    return with_fields(row(Task, task_id))


@tasks.declare(
    "PATCH",
    "/<uuid:task_id>",
    permission=Permission.TASK_WRITE,
    body=TaskChanges,
    answer=TaskOut,
    if_match="optional",
)
def change_task(task_id: UUID, body: TaskChanges) -> Task:
    """Change a task's status, department, assignee, due date or custom fields.

    An artist may change the status, and take a task that nobody has; all else is a project manager's.
    """
    _check_assignee(body.assignee_id)
    task, given = changes_of(Task, task_id, body)
    changes = {name: value for name, value in given.items() if value != getattr(task, name)}
    _check_may_change(task, changes)
    return with_fields(change(task, changes))


declare_archive(tasks, Task, Permission.PRODUCTION_WRITE, TaskOut, describe=with_fields)


def _check_may_change(task: Task, changes: Mapping[str, Any]) -> None:
    """Raises ForbiddenError where the caller may change less, ConflictError where somebody else has the task that they
    take. The task is locked: of two who take it, one is told."""
    who = auth.current()
    if allows(who.role, Permission.PRODUCTION_WRITE):
        return
    own = {"status"}
    if task.assignee_id is None and changes.get("assignee_id") == who.user_id:
        own.add("assignee_id")
    if beyond := sorted(changes.keys() - own):
        # Not task.assignee: that was joined before the lock, and may be who had it then.
        has_it = row(User, task.assignee_id).name if task.assignee_id else "nobody"
        if beyond == ["assignee_id"] and changes["assignee_id"] == who.user_id:
            raise ConflictError(
                f"{has_it} has the task {task.name} already.",
                hint="An artist may take a task that nobody has. Ask a project manager to give it to you.",
                code="conflict.task_taken",
                fields={"assignee_id": f"is {has_it}"},
            )
        raise ForbiddenError(
            f"Only a project manager may change {' and '.join(beyond)} of the task {task.name}, which {has_it} has.",
            hint="Ask a project manager. An artist changes the status, and may take a task that nobody has.",
            fields=dict.fromkeys(beyond, "may be changed by a project manager"),
        )


def _check_assignee(user_id: UUID | None) -> None:
    if user_id is not None and live_row(User, user_id).role == Role.CLIENT:
        raise InputError(
            "A client cannot be given a task.",
            hint="Give it to an artist, or change the user's role first.",
            fields={"assignee_id": "is a client"},
        )


def tasks_of(project: str, asset: str, shot: str) -> Select[Task]:
    """The tasks on what bears these names, empty ones for any; a shot may be written SEQUENCE/SHOT."""
    statement = (
        select(Task)
        .outerjoin(Task.asset)
        .outerjoin(_AssetProject, Asset.project)
        .outerjoin(Task.shot)
        .outerjoin(Shot.sequence)
        .outerjoin(_ShotProject, Sequence.project)
        .where(*equal((Asset.name, asset)))
    )
    if project:
        statement = statement.where((_AssetProject.name == project) | (_ShotProject.name == project))
    if shot:
        sequence, _, name = shot.rpartition("/")
        statement = statement.where(Shot.name == name, *equal((Sequence.name, sequence)))
    return statement


def user_or_nobody(text: str, field: str) -> UUID | None:
    """The id of who is meant by the filter ``field``: ``me``, ``nobody`` (None), or an id."""
    return None if text == "nobody" else user_meant(text, field, "me, nobody, or a user id")


def user_meant(text: str, field: str, allowed: str = "me, or a user id") -> UUID:
    """The id of who is meant by the filter ``field``: ``me``, or an id. Raises InputError."""
    if text == "me":
        return auth.current().user_id
    try:
        return UUID(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no user id.",
            hint=f"Give {allowed}.",
            fields={field: allowed},
        ) from None
