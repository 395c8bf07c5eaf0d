"""Templates of tasks: made, changed, applied to what a project has, and put away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import flash, render_template, request, url_for
from sqlalchemy import or_, select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import change, row_to_change
from service.api.task_templates import (
    Follow,
    NewTaskTemplate,
    TaskTemplateChanges,
    apply_task_template,
    change_task_template,
    create_task_template,
    only_default,
)
from service.database import session
from service.models import Project, TaskTemplate
from service.pages.departments import departments_here
from service.pages.forms import check_seen, key_of, read_form
from service.pages.frame import action, page, page_of_form
from service.production.statuses import statuses_of
from shared.errors import InputError

_ADDRESS = "/task-templates"
_REFUSED = "There cannot be such a template."
_LABELS = {"tasks": "Tasks", "asset_type": "Type", "project_id": "Project"}


@page(_ADDRESS, Permission.PRODUCTION_WRITE)
def task_templates() -> str:
    """The templates of the studio."""
    order = (TaskTemplate.target_type, TaskTemplate.name, TaskTemplate.id)
    found = session().scalars(select(TaskTemplate).order_by(*order)).unique().all()
    in_use = select(Project).where(Project.archived_at.is_(None)).order_by(Project.name_order)
    return render_template(
        "pages/task_templates.html",
        templates=[each for each in found if not each.archived_at],
        archived=[each for each in found if each.archived_at],
        projects=session().scalars(in_use).all(),
        statuses=statuses_of(session()),
        as_lines=as_lines,
    )


def as_lines(template: TaskTemplate) -> str:
    """The tasks of a template as people write them: ``modelling, model, todo``, one a line."""
    return "\n".join(
        ", ".join(filter(None, [each["name"], each["department"], each["status"]])) for each in template.tasks
    )


def offered_templates(kind: str, project: Project) -> list[TaskTemplate]:
    """Those that can be applied to an asset or a shot of a project; one statement."""
    here = or_(TaskTemplate.project_id.is_(None), TaskTemplate.project_id == project.id)
    meant = select(TaskTemplate).where(TaskTemplate.target_type == kind, TaskTemplate.archived_at.is_(None), here)
    return list(session().scalars(meant.order_by(TaskTemplate.name)).unique())


@action(_ADDRESS, Permission.PRODUCTION_WRITE)
def make_template() -> str:
    """Make the template that the form describes."""
    form = request.form
    given = {
        **_given(),
        "target_type": form.get("target_type", ""),
        "asset_type": key_of(form.get("asset_type", "")) if form.get("target_type") == "asset" else "",
        "project_id": form.get("project_id") or None,
    }
    create_task_template(read_form(NewTaskTemplate, given, _REFUSED, _LABELS))
    return url_for("pages.task_templates")


@action(f"{_ADDRESS}/<uuid:template_id>/change", Permission.PRODUCTION_WRITE)
def change_template(template_id: UUID) -> str:
    """Change what a template is called and which tasks it has; ``version`` is what the reader saw."""
    check_seen(row_to_change(TaskTemplate, template_id))
    change_task_template(template_id, read_form(TaskTemplateChanges, _given(), _REFUSED, _LABELS))
    return url_for("pages.task_templates")


@action(f"{_ADDRESS}/<uuid:template_id>/<any(archive, restore):what>", Permission.PRODUCTION_WRITE)
def archive_template(template_id: UUID, what: str) -> str:
    """Put a template away, or take it out again."""
    found = row_to_change(TaskTemplate, template_id, archived=True)
    if what == "restore" and found.archived_at is not None:
        only_default(found)
        change(found, {"archived_at": None})
    elif what == "archive" and found.archived_at is None:
        change(found, {"archived_at": datetime.now(UTC)})
    return url_for("pages.task_templates")


@action(f"{_ADDRESS}/apply", Permission.PRODUCTION_WRITE)
def apply_template() -> str:
    """Add the tasks of the ``template`` to one asset or shot, or to all of a project for which it is meant."""
    form = request.form
    target, project = form.get("target_id"), form.get("project_id")
    given = {"target_ids": [target]} if target else {"project_id": project}
    template_id = form.get("template", type=UUID)
    if template_id is None:
        raise InputError("No template was chosen.", hint="Choose one.")
    template = row(TaskTemplate, template_id)
    done = apply_task_template(template.id, read_form(Follow, given, "No task was added.", _LABELS))
    tasks, on = len(done["added"]), len({each["entity"] for each in done["added"]})
    kind = f"{template.target_type}{'' if on == 1 else 's'}"
    added = f"Added {tasks:,} {'task' if tasks == 1 else 'tasks'} to {on:,} {kind}."
    flash(added if tasks else f"No task of {template.name} was missing.", "done")
    return page_of_form() or url_for("pages.task_templates")


def _given() -> dict[str, Any]:
    lines = [line for line in request.form.get("tasks", "").splitlines() if line.strip()]
    return {
        "name": request.form.get("name", ""),
        "is_default": "is_default" in request.form,
        "tasks": [_task(line) for line in lines],
    }


def _task(line: str) -> dict[str, str]:
    """``modelling, model, todo``; the department may be left out where the task is called like one."""
    name, *more = [cell.strip() for cell in line.split(",")]
    department = more[0] if more and more[0] else name
    if not more and name not in departments_here():
        department = ""
    return {"name": name, "department": department, **({"status": more[1]} if more[1:] and more[1] else {})}
