"""Tables of tasks: those of a project, and one's own; and what changes one of them, or many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import flash, render_template, request, url_for

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.tasks import (
    ManyTasks,
    TaskChanges,
    TaskQuery,
    change_task,
    change_tasks,
    list_tasks,
)
from service.database import session
from service.models import Department, Project, Task
from service.pages.departments import departments_here
from service.pages.formats import words
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, may, page, page_of_form
from service.pages.making import artists
from service.pages.paging import page_number
from service.pages.tables import table_of
from service.pages.task_statuses import declared_status, meaning, offered_statuses
from service.production.custom_fields import declared
from shared.errors import InputError

_OWN = 100
_NARROWED_BY = ("department", "assignee", "asset_type", "sequence", "status", "status_kind", "late")
_ORDER = ("target", "department", "created_at", "name")
_LABELS = {"tasks": "Tasks", "changes": "Change"}


@dataclass(frozen=True)
class TaskFilters:
    """By what the reader narrows tasks."""

    given: dict[str, str]
    query: str
    people: list[tuple[str, str]]
    departments: Sequence[Department]

    @property
    def narrowed(self) -> bool:
        return bool(self.given or self.query)

    @property
    def by_address(self) -> dict[str, str]:
        """What only the address says, such as that of a count that was followed, in words, by its name there."""
        told: dict[str, Callable[[str], str]] = {
            "asset_type": words,
            "sequence": str,
            "status": lambda name: declared_status(name).label,
            "status_kind": meaning,
            "late": lambda _: "late",
        }
        return {name: told[name](text) for name, text in self.given.items() if name in told}


def filters_of(project: Project | None) -> TaskFilters:
    """What the address asks for of a project's tasks, or of those of all projects; two statements."""
    given = {name: text for name in _NARROWED_BY if (text := request.args.get(name, "")[:100])}
    people = [("me", "me"), ("nobody", "nobody"), *((str(user_id), name) for user_id, name in artists(project))]
    departments = list(departments_here().values())
    return TaskFilters(given, request.args.get("q", "").strip()[:200], people, departments)


@page("/projects/<uuid:project_id>/tasks", Permission.TASK_READ)
def project_tasks(project_id: UUID) -> str:
    """The tasks of a project with their fields, as a table; many are changed at once here."""
    project = row(Project, project_id)
    filters = filters_of(project)
    columns = declared(session(), Task).of(project_id)
    return render_template(
        "pages/project_tasks.html",
        project=project,
        filters=filters,
        table=table_of(columns, TaskQuery, list_tasks, _ORDER, project=project.name, **filters.given),
        statuses=offered_statuses(),
    )


@page("/my-tasks", Permission.TASK_READ)
def my_tasks() -> str:
    """The reader's tasks in all projects, the most urgent first; with ``all``, those that are done, too.

    With ``watched`` those that the reader watches instead.
    """
    number, watched = page_number(), "watched" in request.args
    whose: dict[str, Any] = {"watched": True} if watched else {"assignee": "me"}
    asked = {**whose, "open": not watched and "all" not in request.args, "sort": "due,target,name", "page": number}
    found = list_tasks(TaskQuery.model_validate({**asked, "page_size": _OWN}))
    return render_template(
        "pages/my_tasks.html",
        tasks=found["items"],
        number=number,
        more=number * _OWN < found["total"],
        total=found["total"],
        watched=watched,
        statuses=offered_statuses(),
    )


@action("/tasks/<uuid:task_id>/status", Permission.TASK_WRITE)
def move_task(task_id: UUID) -> str:
    """Give a task another status; ``version`` is what the reader saw."""
    wanted = read_form(TaskChanges, {"status": request.form.get("status", "")}, "The task was not moved.")
    check_seen(row(Task, task_id))
    change_task(task_id, wanted)
    return page_of_form() or url_for("pages.task", task_id=task_id)


@action("/tasks/change", Permission.TASK_WRITE)
def change_many_tasks() -> str:
    """Give the tasks that were chosen another status, or others to do them.

    ``task`` are ids with the revisions that the reader saw, ``people`` says what becomes of ``user``: they do the tasks
    ``too``, ``alone`` or no more (``out``); or ``nobody`` does them.
    """
    form = request.form
    chosen = [dict(zip(("id", "revision"), text.split(":", 1), strict=False)) for text in form.getlist("task")]
    changes: dict[str, Any] = {name: text for name in ("status", "due") if (text := form.get(name, ""))}
    users = [form["user"]] if form.get("user") else []
    match form.get("people", "") if may(Permission.PRODUCTION_WRITE) else "":
        case "too":
            changes["add_assignee_ids"] = users
        case "alone" if users:
            changes["assignee_ids"] = users
        case "out":
            changes["remove_assignee_ids"] = users
        case "nobody":
            changes["assignee_ids"] = []
    if chosen and not any(changes.values()) and "assignee_ids" not in changes:
        raise InputError("No task was changed.", hint="Choose a status, a due day, or who is to do them.")
    body = read_form(ManyTasks, {"tasks": chosen, "changes": changes}, "No task was changed.", _LABELS)
    changed = change_tasks(body)["changed"]
    rest = len(chosen) - changed
    told = f"Changed {changed:,} {'task' if changed == 1 else 'tasks'}"
    flash(f"{told}; {rest:,} {'was' if rest == 1 else 'were'} so already." if rest else f"{told}.", "done")
    return page_of_form() or url_for("pages.my_tasks")
