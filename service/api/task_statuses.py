"""What tasks can be: the statuses that a studio declares."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import func, select

from service.accounts.permissions import Permission
from service.api.fields import Changes, EditableOut, Status, Title
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import add, change, declare_archive, row_to_change, written
from service.api.routing import Request, Resource
from service.api.validation import Matches
from service.database import current_tenant, hold, session
from service.models import Task, TaskStatus
from service.production.statuses import KINDS, status_given, tasks_with
from service.production.task_changes import locked_tasks
from shared.errors import ConflictError, InputError

task_statuses = Resource("task_statuses", "/task-statuses")
RESOURCES = (task_statuses,)

MOST_STATUSES = 50
"""In use: each is a column of the board."""

Kind = Annotated[
    Literal["todo", "in_progress", "review", "retake", "done", "on_hold"],
    Field(
        description="what it means to the pipeline: " + "; ".join(f"`{name}` {text}" for name, text in KINDS.items())
    ),
]
Color = Annotated[
    str,
    Matches(r"^#[0-9a-fA-F]{6}$", "must be a colour in six hexadecimal digits", "#5aa9e6"),
    AfterValidator(str.lower),
]
Position = Annotated[int, Field(ge=0, le=10_000, strict=True, description="shown in this order, then by name")]
IsDefault = Annotated[bool, Field(description="new tasks have it; one status is, and declaring another changes that")]
ForArtists = Annotated[bool, Field(description="artists may give it to a task; project managers may in any case")]


class TaskStatusOut(EditableOut):
    name: str = Field(description="what tasks have as their `status`")
    title: str
    label: str = Field(description="what people call it: the title, or the name where there is none")
    kind: str
    color: str
    position: int
    is_default: bool
    for_artists: bool


class NewTaskStatus(Request):
    name: Annotated[Status, Field(description="what tasks have as their `status`; never changes")]
    title: Title = ""
    kind: Kind
    color: Color = "#9aa3ad"
    position: Position | None = Field(None, description="without it, after the others")
    is_default: IsDefault = False
    for_artists: ForArtists = True


class TaskStatusChanges(Changes):
    title: Title | None = None
    kind: Kind | None = None
    color: Color | None = None
    position: Position | None = None
    is_default: IsDefault | None = None
    for_artists: ForArtists | None = None


class Replacement(Request):
    by: Annotated[Status, Field(examples=["in_progress"], description="the status that the tasks get instead")]


class TaskStatusQuery(EditableQuery):
    kind: str = ""


@task_statuses.declare("GET", "/", permission=Permission.TASK_READ, query=TaskStatusQuery, answer=Page[TaskStatusOut])
def list_task_statuses(query: TaskStatusQuery) -> dict[str, Any]:
    """List the statuses that tasks can have, in their order."""
    return page_of(
        select(TaskStatus).where(*equal((TaskStatus.kind, query.kind))),
        query,
        key=TaskStatus,
        search=(TaskStatus.name, TaskStatus.title),
        sort={
            "position": TaskStatus.position,
            "name": TaskStatus.name,
            "title": TaskStatus.title,
            "kind": TaskStatus.kind,
            "created_at": TaskStatus.created_at,
            "updated_at": TaskStatus.updated_at,
        },
        default_sort="position,name",
    )


@task_statuses.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewTaskStatus, answer=TaskStatusOut, status=201
)
def create_task_status(body: NewTaskStatus) -> TaskStatus:
    """Declare a status."""
    one_at_a_time()
    check_room()
    given = body.model_dump()
    if body.position is None:
        last = func.coalesce(func.max(TaskStatus.position), -1)
        given["position"] = session().scalars(select(last + 1)).one()
    if body.is_default:
        _no_other_default()
    return add(TaskStatus(**given), TaskStatus.name == body.name)


@task_statuses.declare("GET", "/<uuid:status_id>", permission=Permission.TASK_READ, answer=TaskStatusOut)
def get_task_status(status_id: UUID) -> TaskStatus:
    """A status of tasks."""
    return row(TaskStatus, status_id)


@task_statuses.declare(
    "PATCH",
    "/<uuid:status_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=TaskStatusChanges,
    answer=TaskStatusOut,
    if_match="optional",
)
def change_task_status(status_id: UUID, body: TaskStatusChanges) -> TaskStatus:
    """Change what a status is called, how it looks, where it stands, what it means, or who may give it.

    Tasks keep it. With `is_default` true, new tasks have it, and not what they had before.
    """
    one_at_a_time()
    found, changes = row_to_change(TaskStatus, status_id), body.given()
    if changes.get("is_default") is False and found.is_default:
        raise InputError(
            f"New tasks have the status {found.name}, and they need one.",
            hint="Make another the default instead: PATCH it with is_default true.",
            fields={"is_default": "is taken away by making another the default"},
        )
    if changes.get("is_default") and not found.is_default:
        _no_other_default()
    return change(found, changes)


@task_statuses.declare(
    "POST",
    "/<uuid:status_id>/replace",
    permission=Permission.PRODUCTION_WRITE,
    body=Replacement,
    answer=TaskStatusOut,
    if_match="optional",
)
def replace_task_status(status_id: UUID, body: Replacement) -> TaskStatus:
    """Give all tasks that have a status another one, so that it can be archived."""
    one_at_a_time()
    found = row_to_change(TaskStatus, status_id, archived=True)
    if body.by == found.name:
        raise InputError("It is the status itself.", hint="Choose another.", fields={"by": "is the status itself"})
    by = status_given(session(), body.by)
    having = select(Task).where(Task.status == found.name, Task.archived_at.is_(None))
    for task in locked_tasks(having):
        task.status = by
    return written(found)


def check_unused(found: TaskStatus) -> None:
    """Raises ConflictError for a status that new tasks have, or that tasks in use have."""
    if found.is_default:
        raise ConflictError(
            f"New tasks have the status {found.name}.",
            hint="Make another the default first.",
            code="conflict.in_use",
        )
    if number := tasks_with(session(), found):
        raise ConflictError(
            f"{number:,} {'tasks have' if number > 1 else 'task has'} the status {found.name}.",
            hint="Choose which other they get, on the page Task statuses, or by POST "
            f"/api/task-statuses/{found.id}/replace.",
            code="conflict.in_use",
            fields={"tasks": str(number)},
        )


def check_room(*_: TaskStatus) -> None:
    """Raises ConflictError where as many statuses are in use as there may be."""
    number = session().scalars(select(func.count()).where(TaskStatus.archived_at.is_(None))).one()
    if number >= MOST_STATUSES:
        raise ConflictError(
            f"There are {number} statuses in use already.",
            hint="Archive one that nobody needs.",
            code="conflict.too_many",
        )


declare_archive(
    task_statuses,
    TaskStatus,
    Permission.PRODUCTION_WRITE,
    TaskStatusOut,
    before=check_unused,
    before_restore=check_room,
)


def one_at_a_time() -> None:
    """Let one transaction at a time order statuses, or say which is the default."""
    hold(session(), current_tenant(session()), TaskStatus.__tablename__)


def _no_other_default() -> None:
    """Take the default from the status that is it; PostgreSQL allows one only, at each moment."""
    former = select(TaskStatus).where(TaskStatus.is_default).with_for_update(key_share=True)
    for each in session().scalars(former.execution_options(populate_existing=True)):
        each.is_default = False
    session().flush()
