"""Templates of tasks: sets of them that assets or shots begin with, or get all at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from sqlalchemy import or_, select

from service.accounts.permissions import Permission
from service.api.fields import Changes, DepartmentName, EditableOut, Name, NameOf, OneLine, Status
from service.api.listing import EditableQuery, Page, equal, missing, page_of, row
from service.api.records import add, change, declare_archive, live_row, row_to_change
from service.api.routing import Reply, Request, Resource
from service.archiving import check_live
from service.database import current_tenant, hold, session
from service.models import Asset, Project, Sequence, Shot, Task, TaskTemplate
from service.production.departments import check_departments
from service.production.statuses import status_given, statuses_given
from service.production.task_templates import Target, default_template, follow, targets_of
from shared.errors import InputError

task_templates = Resource("task_templates", "/task-templates")
RESOURCES = (task_templates,)

_MOST_TARGETS = 5000
"""At once."""
_MOST_NAMED = 500

TargetType = Annotated[Literal["asset", "shot"], Field(description="what its tasks are on")]
TemplateName = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), OneLine]
AssetType = Annotated[Status | Literal[""], Field(description="the assets for which it is meant; empty for all")]
IsDefault = Annotated[
    bool,
    Field(
        description="new assets or shots begin with it. One template of its project (or of all) and type of asset does;"
        " declaring another changes that. A project's goes before one of all, a type's before one of all types"
    ),
]


class TemplateTask(Request):
    name: Name
    department: DepartmentName
    status: Status | None = Field(None, description="without it, what new tasks have")


def _each_once(tasks: list[TemplateTask]) -> list[TemplateTask]:
    if len({task.name.lower() for task in tasks}) < len(tasks):
        raise ValueError("two tasks are called alike")
    return tasks


TemplateTasks = Annotated[list[TemplateTask], Field(min_length=1, max_length=50), AfterValidator(_each_once)]
TemplateChoice = Annotated[
    UUID | Literal["default", "none"],
    Field(description="the template whose tasks it begins with, the one for such by `default`; or `none`"),
]
"""What requests take that make an asset or a shot."""


class TaskTemplateOut(EditableOut):
    name: str
    target_type: str
    asset_type: str
    project_id: UUID | None = Field(description="null for a template of all projects")
    project: NameOf | None
    is_default: bool
    tasks: list[dict[str, str | None]] = Field(description="`name`, `department` and `status` of each, in their order")


class NewTaskTemplate(Request):
    name: TemplateName
    target_type: TargetType
    asset_type: AssetType = ""
    project_id: UUID | None = Field(None, description="the one project in which it is offered; all without")
    is_default: IsDefault = False
    tasks: TemplateTasks

    @model_validator(mode="after")
    def _of_assets(self) -> Self:
        if self.target_type == "shot" and self.asset_type:
            raise ValueError("asset_type is of templates for assets")
        return self


class TaskTemplateChanges(Changes):
    name: TemplateName | None = None
    is_default: IsDefault | None = None
    tasks: TemplateTasks | None = None


class TaskTemplateQuery(EditableQuery):
    project: str = Field("", description="name of the project: its own templates, and those of all projects")
    target_type: Literal["asset", "shot", ""] = ""


class Follow(Request):
    """To what a template is applied."""

    target_ids: list[UUID] = Field(default_factory=list, max_length=_MOST_NAMED, description="assets, or shots")
    project_id: UUID | None = Field(None, description="all for which it is meant in this project")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.target_ids or self.project_id):
            raise ValueError("give target_ids or project_id")
        return self


class AddedTask(Reply):
    id: UUID
    name: str
    entity: str


class FollowedOut(Reply):
    targets: int = Field(description="to how many assets or shots it was applied")
    added: list[AddedTask] = Field(description="the tasks that were missing")


@task_templates.declare(
    "GET", "/", permission=Permission.TASK_READ, query=TaskTemplateQuery, answer=Page[TaskTemplateOut]
)
def list_task_templates(query: TaskTemplateQuery) -> dict[str, Any]:
    """List templates of tasks."""
    wanted = equal((TaskTemplate.target_type, query.target_type))
    if query.project:
        wanted.append(or_(Project.name == query.project, TaskTemplate.project_id.is_(None)))
    return page_of(
        select(TaskTemplate).outerjoin(TaskTemplate.project).where(*wanted),
        query,
        key=TaskTemplate,
        search=(TaskTemplate.name, TaskTemplate.asset_type),
        sort={
            "name": TaskTemplate.name,
            "target_type": TaskTemplate.target_type,
            "asset_type": TaskTemplate.asset_type,
            "project": Project.name,
            "created_at": TaskTemplate.created_at,
            "updated_at": TaskTemplate.updated_at,
        },
        default_sort="target_type,name",
    )


@task_templates.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewTaskTemplate, answer=TaskTemplateOut, status=201
)
def create_task_template(body: NewTaskTemplate) -> TaskTemplate:
    """Make a template of tasks."""
    if body.project_id is not None:
        live_row(Project, body.project_id)
    _check_statuses(body.tasks)
    check_departments(session(), {task.department for task in body.tasks})
    new = TaskTemplate(**body.model_dump())
    if body.is_default:
        _no_other_default(new)
    same_scope = TaskTemplate.project_id.is_not_distinct_from(body.project_id)
    return add(new, TaskTemplate.name == body.name, same_scope)


@task_templates.declare("GET", "/<uuid:template_id>", permission=Permission.TASK_READ, answer=TaskTemplateOut)
def get_task_template(template_id: UUID) -> TaskTemplate:
    """A template of tasks."""
    return row(TaskTemplate, template_id)


@task_templates.declare(
    "PATCH",
    "/<uuid:template_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=TaskTemplateChanges,
    answer=TaskTemplateOut,
    if_match="optional",
)
def change_task_template(template_id: UUID, body: TaskTemplateChanges) -> TaskTemplate:
    """Change a template's name, tasks, or whether new assets or shots begin with it. Tasks that there are stay."""
    if body.tasks is not None:
        _check_statuses(body.tasks)
    found, changes = row_to_change(TaskTemplate, template_id), body.given()
    if body.tasks is not None:
        # What was put away since may stay: it is left out where the template is followed.
        there = {task["department"] for task in found.tasks}
        check_departments(session(), {task.department for task in body.tasks} - there)
        # Whole, where ``given`` leaves out what the request did.
        changes["tasks"] = [task.model_dump() for task in body.tasks]
    if changes.get("is_default") and not found.is_default:
        _no_other_default(found)
    return change(found, changes)


@task_templates.declare(
    "POST",
    "/<uuid:template_id>/apply",
    permission=Permission.PRODUCTION_WRITE,
    body=Follow,
    answer=FollowedOut,
    errors=(404, 409),
)
def apply_task_template(template_id: UUID, body: Follow) -> dict[str, Any]:
    """Add the tasks of a template to assets or shots that lack them. What is there stays, so that it can be repeated.

    With `project_id`, to all in the project for which it is meant: those of its type of asset, where it has one.
    """
    template = live_row(TaskTemplate, template_id)
    targets = _targets(template, body)
    added = follow(session(), template, targets)
    by_id = {target.id: str(target.entity) for target in targets}
    # As they were added: target by target.
    told = [{"id": task.id, "name": task.name, "entity": by_id[_target_id(task)]} for task in added]
    return {"targets": len(targets), "added": told}


def begin_with(choice: UUID | Literal["default", "none"], target: Target) -> None:
    """Give a new asset or shot the tasks that were chosen for it. Raises InputError for a template of others."""
    if choice == "none":
        return
    current = session()
    template = default_template(current, target) if choice == "default" else live_row(TaskTemplate, choice)
    if template is None:
        return
    _check_meant(template, target.entity.kind, target.project)
    follow(current, template, [target])


def _targets(template: TaskTemplate, body: Follow) -> list[Target]:
    """What was named, and what the project has, each once."""
    named = _named(template, body.target_ids) if body.target_ids else []
    of_project = _of_project(template, live_row(Project, body.project_id)) if body.project_id else []
    return list({target.id: target for target in (*named, *of_project)}.values())


def _of_project(template: TaskTemplate, project: Project) -> list[Target]:
    """All in use in a project for which a template is meant. Raises InputError where they are too many."""
    _check_meant(template, template.target_type, project)
    condition: Any = Asset.project_id == project.id
    if template.target_type == "shot":
        in_use = select(Sequence.id).where(Sequence.project_id == project.id, Sequence.archived_at.is_(None))
        condition = Shot.sequence_id.in_(in_use)
    elif template.asset_type:
        condition &= Asset.asset_type == template.asset_type
    found = list(targets_of(session(), template, condition, _MOST_TARGETS + 1))
    if len(found) > _MOST_TARGETS:
        raise InputError(
            f"{project.name} has more than {_MOST_TARGETS:,} such {template.target_type}s.",
            hint="Name them in target_ids, some at a time.",
            code="input.too_many",
            fields={"project_id": "has too many"},
        )
    return found


def _named(template: TaskTemplate, target_ids: list[UUID]) -> list[Target]:
    """Those that were named. Raises NotFoundError and ConflictError where one is not there, or not in use."""
    model: Any = Asset if template.target_type == "asset" else Shot
    found = list(targets_of(session(), template, model.id.in_(target_ids), _MOST_NAMED))
    if unknown := set(target_ids) - {target.id for target in found}:
        # Archived, or none of these.
        check_live(row(model, min(unknown)))
        raise missing(model, min(unknown))
    for target in found:
        check_live(target)
        _check_meant(template, target.entity.kind, target.project)
    return found


def _check_meant(template: TaskTemplate, kind: str, project: Project) -> None:
    if template.target_type != kind or template.project_id not in (None, project.id):
        of = f" of {template.project.name}" if template.project else ""
        raise InputError(
            f"The template {template.name} is for {template.target_type}s{of}.",
            hint="Choose another: GET /api/task-templates/.",
            fields={"task_template": f"is for {template.target_type}s{of}"},
        )


def _check_statuses(tasks: list[TemplateTask]) -> None:
    wanted = {task.status for task in tasks if task.status}
    if refused := wanted - statuses_given(session(), wanted)[1]:
        status_given(session(), min(refused))  # which says what is wrong with it


def _no_other_default(template: TaskTemplate) -> None:
    """Take the default from the template that has it for the same; PostgreSQL allows one only, at each moment."""
    hold(session(), current_tenant(session()), TaskTemplate.__tablename__, "default")
    former = select(TaskTemplate).where(
        TaskTemplate.is_default,
        TaskTemplate.archived_at.is_(None),
        TaskTemplate.target_type == template.target_type,
        TaskTemplate.asset_type == template.asset_type,
        TaskTemplate.project_id.is_not_distinct_from(template.project_id),
    )
    locked = former.with_for_update(key_share=True, of=TaskTemplate)
    for each in session().scalars(locked.execution_options(populate_existing=True)).unique():
        each.is_default = False
    session().flush()


def only_default(template: TaskTemplate) -> None:
    """Make room for a template that is the default again when it is taken out of the archive."""
    if template.is_default:
        _no_other_default(template)


def _target_id(task: Task) -> UUID:
    target_id = task.asset_id or task.shot_id
    assert target_id is not None  # the table's check
    return target_id


declare_archive(task_templates, TaskTemplate, Permission.PRODUCTION_WRITE, TaskTemplateOut, before_restore=only_default)
