"""Tasks: the work on one asset or one shot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import aliased

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.field_values import (
    FieldsOut,
    FieldsQuery,
    FieldValues,
    changes_of,
    new_values,
    page_with_fields,
    with_fields,
)
from service.api.fields import Changes, Day, DepartmentName, Name, NameOf, Number, Status
from service.api.listing import Page, equal, missing, row
from service.api.records import add, change, declare_archive, live_row, same_folder
from service.api.routing import Reply, Request, Resource
from service.api.task_statuses import Kind
from service.archiving import check_live
from service.database import session
from service.models import Asset, Project, Sequence, Shot, Task
from service.production.assignees import (
    MOST_ASSIGNEES,
    check_assignees,
    does_it,
    first_name,
    has_assignee,
    with_assignees,
)
from service.production.custom_fields import declared
from service.production.departments import check_departments
from service.production.order_of_work import department_position
from service.production.statuses import has_status_of, is_late, is_open, status_given, status_position
from service.production.task_changes import changed_values, check_days, check_may_change, gets_it, locked_tasks
from service.production.visibility import check_can_work
from service.production.watchers import is_watched_by
from shared.errors import ConflictError, InputError

tasks = Resource("tasks", "/tasks")
RESOURCES = (tasks,)

MOST_CHANGED = 500
"""Tasks, at once."""
_MOST_TOLD = 5

_AssetProject, _ShotProject = aliased(Project), aliased(Project)
BELOW = (Asset, _AssetProject, Shot, Sequence, _ShotProject)
"""What tasks belong to, in statements of :func:`tasks_of`."""
SEARCHED = (Task, Asset, Shot, Sequence, does_it)
"""By whose words tasks are found, in the same."""

AssigneeIds = Annotated[
    list[UUID],
    Field(max_length=MOST_ASSIGNEES, description="who does it: ids of users; who answers for it comes first"),
]
EstimateDays = Annotated[
    float,
    Field(ge=0, le=10_000, allow_inf_nan=False, examples=[2.5], description="days of work of one person"),
    AfterValidator(lambda days: round(days, 2)),
]


class AssigneeOut(Reply):
    id: UUID
    name: str


class TaskOut(FieldsOut):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    entity: str = Field(description="asset:NAME or shot:SEQUENCE/SHOT")
    project: NameOf
    name: str
    department: str = Field(description="the name of one that is declared: GET /api/departments/")
    assignees: list[AssigneeOut] = Field(description="who does it; who answers for it comes first")
    assignee_id: UUID | None = Field(description="the first of `assignees`, null where nobody does it")
    assignee: NameOf | None = Field(description="the name of the first of `assignees`")
    status: str = Field(description="the name of one that is declared: GET /api/task-statuses/")
    start: date | None
    due: date | None
    estimate_days: float | None = Field(description="days of work of one person")

    @model_validator(mode="before")
    @classmethod
    def _with_target(cls, task: Any) -> Any:
        if not isinstance(task, Task):
            return task
        row_fields = ("id", "created_at", "updated_at", "revision", "archived_at", "shown_fields")
        own_fields = ("name", "department", "assignees", "status", "start", "due", "estimate_days")
        first = task.assignees[0] if task.assignees else None
        return {
            **{name: getattr(task, name) for name in (*row_fields, *own_fields)},
            "assignee_id": first and first.id,
            "assignee": first,
            "target_type": task.target.entity.kind,
            "target_id": task.target.id,
            "entity": str(task.target.entity),
            "project": task.target.project_name,
        }


class _Assigned(Request):
    """What takes ``assignee_id``, as the releases before several assignees did."""

    assignee_ids: AssigneeIds | None = None
    assignee_id: UUID | None = Field(
        None, exclude=True, description="short for `assignee_ids` with one; null for nobody"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if "assignee_id" in self.model_fields_set:
            one = [self.assignee_id] if self.assignee_id else []
            if (self.assignee_ids or one)[:1] != one:
                raise ValueError("assignee_id, where both are given, must be the first of assignee_ids")
            self.assignee_ids = self.assignee_ids or one
        return self


class NewTask(_Assigned):
    target_type: Literal["asset", "shot"]
    target_id: UUID
    name: Name
    department: DepartmentName
    status: Status | None = Field(None, description="without it, what new tasks have")
    start: Day | None = None
    due: Day | None = None
    estimate_days: EstimateDays | None = None
    fields: FieldValues = Field(default_factory=dict)


class TaskChanges(_Assigned, Changes):
    nullable: ClassVar[frozenset[str]] = frozenset({"assignee_id", "start", "due", "estimate_days"})

    status: Status | None = None
    department: DepartmentName | None = None
    start: Day | None = None
    due: Day | None = None
    estimate_days: EstimateDays | None = None
    fields: FieldValues | None = None


class TaskQuery(FieldsQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="name of the shot, or SEQUENCE/SHOT")
    assignee: str = Field("", description="`me`, `nobody`, or the id of a user: alone or with others")
    department: str = ""
    asset_type: str = Field("", description="type of the asset")
    sequence: str = Field("", description="name of the shot's sequence")
    status: str = ""
    status_kind: Kind | None = None
    late: bool = Field(False, description="only what is not done and was due before today, in UTC")
    open: bool = Field(False, description="only what is not done: the kind of its status is another")
    due_before: Day | None = Field(None, description="due on that day or earlier")
    watched: bool = Field(False, description="only what one watches")


@tasks.declare("GET", "/", permission=Permission.TASK_READ, query=TaskQuery, answer=Page[TaskOut])
def list_tasks(query: TaskQuery) -> dict[str, Any]:
    """List tasks; ``assignee=me`` for one's own."""
    page = page_with_fields(
        tasks_wanted(query),
        query,
        key=Task,
        search=SEARCHED,
        sort={
            "name": Task.name,
            "target": target_order(),
            "department": department_position(),
            "status": status_position(),
            "start": Task.start,
            "due": Task.due,
            "estimate_days": Task.estimate_days,
            "assignee": first_name(),
            "created_at": Task.created_at,
            "updated_at": Task.updated_at,
        },
        default_sort="name",
        below=BELOW,
    )
    with_assignees(session(), page["items"])
    return page


@tasks.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewTask, answer=TaskOut, status=201)
def create_task(body: NewTask) -> Task:
    """Create a task on an asset or a shot."""
    is_asset = body.target_type == "asset"
    target = live_row(Asset, body.target_id) if is_asset else live_row(Shot, body.target_id)
    check_days(body.start, body.due)
    values = new_values(Task, target.project.id, body.model_dump(exclude={"target_type", "target_id"}))
    values["status"] = status_given(session(), body.status)
    check_departments(session(), [body.department])
    values["assignee_ids"] = check_assignees(session(), body.assignee_ids or [])
    check_can_work(session(), target.project, body.assignee_ids or [])
    column = Task.asset_id if isinstance(target, Asset) else Task.shot_id
    values[column.key] = target.id
    return answered(add(Task(**values), column == target.id, same_folder(Task.name, body.name)))


@tasks.declare("GET", "/<uuid:task_id>", permission=Permission.TASK_READ, answer=TaskOut)
def get_task(task_id: UUID) -> Task:
    """A task."""
    return answered(row(Task, task_id))


@tasks.declare(
    "PATCH",
    "/<uuid:task_id>",
    permission=Permission.TASK_WRITE,
    body=TaskChanges,
    answer=TaskOut,
    if_match="optional",
)
def change_task(task_id: UUID, body: TaskChanges) -> Task:
    """Change a task's status, department, assignees, days, estimate or custom fields.

    An artist may change the status, and take a task that nobody has; all else is a project manager's.
    """
    checked = checked_changes(body)
    task, given = changes_of(Task, task_id, body)
    check_can_work(session(), task.target.project, gets_it(task, checked.get("assignee_ids", ())))
    changes = changed_values(task, {**given, **checked})
    check_may_change(task, changes)
    check_departments(session(), [changes["department"]] if "department" in changes else [])
    return answered(change(task, changes))


class TaskChosen(Request):
    id: UUID
    revision: Number | None = Field(None, description="as it was read; a task that was changed since is refused")


class ChangesOfMany(Request):
    """What many tasks can be given at once."""

    status: Status | None = None
    assignee_ids: AssigneeIds | None = None
    add_assignee_ids: AssigneeIds = Field(default_factory=list, description="who does them as well from now on")
    remove_assignee_ids: AssigneeIds = Field(default_factory=list, description="who does them no more")
    department: DepartmentName | None = None
    start: Day | None = None
    due: Day | None = None
    estimate_days: EstimateDays | None = None


class ManyTasks(Request):
    tasks: list[TaskChosen] = Field(min_length=1, max_length=MOST_CHANGED)
    changes: ChangesOfMany


class ChangedOut(Reply):
    changed: int = Field(description="how many of them were not so already")
    tasks: list[TaskOut]


@tasks.declare(
    "POST", "/change", permission=Permission.TASK_WRITE, body=ManyTasks, answer=ChangedOut, errors=(404, 409, 412)
)
def change_tasks(body: ManyTasks) -> dict[str, Any]:
    """Change many tasks alike, all of them or none.

    As for one, an artist may change their status only, and take those that nobody has. What is left out, or null,
    stays.
    """
    chosen = {each.id: each.revision for each in body.tasks}
    wanted, current = body.changes, session()
    given = wanted.model_dump(exclude_none=True, exclude={"add_assignee_ids", "remove_assignee_ids"})
    given |= checked_changes(TaskChanges.model_validate(given))
    more = check_assignees(current, wanted.add_assignee_ids)
    fewer = set(map(str, wanted.remove_assignee_ids))
    found = locked_tasks(select(Task).where(Task.id.in_(chosen)))
    _check_chosen(found, chosen)
    alike: dict[frozenset[str], list[tuple[Task, dict[str, Any]]]] = {}
    new: dict[UUID, tuple[Project, set[UUID]]] = {}
    departments: set[str] = set()
    for task in found:
        people = [*given.get("assignee_ids", task.assignee_ids), *more]
        people = [user_id for user_id in dict.fromkeys(people) if user_id not in fewer]
        if len(people) > MOST_ASSIGNEES:
            raise InputError(
                f"{len(people)} people would do the task {task.name}, and there may be {MOST_ASSIGNEES}.",
                hint="Take somebody out first.",
                fields={"changes.add_assignee_ids": "are too many"},
            )
        project = task.target.project
        new.setdefault(project.id, (project, set()))[1].update(gets_it(task, people))
        changes = changed_values(task, {**given, "assignee_ids": people})
        check_may_change(task, changes)
        if "department" in changes:
            departments.add(changes["department"])
        if changes:
            alike.setdefault(frozenset(changes), []).append((task, changes))
    for project, given_to in new.values():
        check_can_work(current, project, given_to)
    check_departments(current, departments)
    # Rows of which the same columns change are one statement.
    for each in alike.values():
        for task, changes in each:
            for name, value in changes.items():
                setattr(task, name, value)
        current.flush()
    found = with_assignees(current, locked_tasks(select(Task).where(Task.id.in_(chosen))))
    known, order = declared(current, Task), list(chosen)
    for task in found:
        task.shown_fields = known.values(task)
    return {"changed": sum(map(len, alike.values())), "tasks": sorted(found, key=lambda task: order.index(task.id))}


def _check_chosen(found: list[Task], chosen: Mapping[UUID, int | None]) -> None:
    """Raises NotFoundError or ConflictError where not all tasks are there as they were read, and in use."""
    if unknown := chosen.keys() - {task.id for task in found}:
        raise missing(Task, min(unknown))
    for task in found:
        check_live(task)
    if stale := [task for task in found if chosen[task.id] not in (None, task.revision)]:
        names = ", ".join(f"{task.name} of {task.target.entity}" for task in stale[:_MOST_TOLD])
        raise ConflictError(
            f"Somebody else changed {names}{' and others' if len(stale) > _MOST_TOLD else ''} since you read them; "
            "nothing was changed.",
            hint="Read them again, then repeat your change.",
            code="conflict.stale",
            fields={str(task.id): f"is at revision {task.revision}" for task in stale},
            status=412,
        )


declare_archive(tasks, Task, Permission.PRODUCTION_WRITE, TaskOut, describe=lambda task: answered(task))


def answered(task: Task) -> Task:
    """The task, with its fields and assignees as they are answered: two statements."""
    with_assignees(session(), [with_fields(task)])
    return task


def checked_changes(body: TaskChanges) -> dict[str, Any]:
    """What of a change stands by itself, checked before the task is locked: its status, and who is to do it."""
    checked: dict[str, Any] = {}
    if body.status is not None:
        checked["status"] = status_given(session(), body.status, auth.current().role)
    if body.assignee_ids is not None:
        checked["assignee_ids"] = check_assignees(session(), body.assignee_ids)
    return checked


def tasks_wanted(query: TaskQuery) -> Select[Task]:
    """The tasks that the filters of a list ask for, archived ones too."""
    statement = tasks_of(query.project, query.asset, query.shot).where(
        *equal(
            (Task.department, query.department),
            (Task.status, query.status),
            (Asset.asset_type, query.asset_type),
            (Sequence.name, query.sequence),
        )
    )
    if query.status_kind:
        statement = statement.where(has_status_of(query.status_kind))
    if query.late:
        statement = statement.where(is_late(datetime.now(UTC).date()))
    if query.assignee:
        statement = statement.where(has_assignee(user_or_nobody(query.assignee, "assignee")))
    if query.open:
        statement = statement.where(is_open())
    if query.due_before:
        statement = statement.where(Task.due <= query.due_before)
    if query.watched:
        statement = statement.where(is_watched_by(auth.current().user_id))
    return statement


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


def target_order() -> ColumnElement[str]:
    """What the tasks of :func:`tasks_of` are on, as people sort it: the asset, or the sequence and then the shot."""
    shot = Sequence.name_order.concat(" ").concat(Shot.name_order)
    return func.coalesce(Asset.name_order, shot)


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
