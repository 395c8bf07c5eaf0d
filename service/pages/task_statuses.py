"""Statuses of tasks: how pages show them, and where managers declare, order, change and put them away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

from flask import g, render_template, request, url_for
from sqlalchemy import func, select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import change
from service.api.task_statuses import (
    NewTaskStatus,
    Replacement,
    TaskStatusChanges,
    change_task_status,
    check_room,
    check_unused,
    create_task_status,
    one_at_a_time,
    replace_task_status,
)
from service.database import session
from service.models import Task, TaskStatus
from service.pages.formats import words
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page, pages
from service.production.statuses import KINDS, may_give, statuses_of

_REFUSED = "There cannot be such a status."
_LABELS = {"kind": "Means", "color": "Colour", "by": "The other status"}
_ADDRESS = "/task-statuses"


def declared_status(name: str) -> TaskStatus:
    """What is declared of a status that a task has, or had; one statement a page."""
    if "task_statuses" not in g:
        g.task_statuses = {status.name: status for status in session().scalars(select(TaskStatus))}
    known: TaskStatus | None = g.task_statuses.get(name)
    # Comments tell what was, also before statuses were declared.
    return known or TaskStatus(name=name, title="", kind="todo", color="#9aa3ad")


@pages.app_template_filter()
def meaning(kind: str) -> str:
    """What people call a kind of status: ``to do`` of ``todo``, ``in progress`` of ``in_progress``."""
    return "to do" if kind == "todo" else words(kind)


def offered_statuses() -> list[TaskStatus]:
    """Those that the reader may give to a task, in their order."""
    return [status for status in statuses_of(session()) if may_give(auth.current().role, status)]


def is_late(task: Task) -> bool:
    """Whether a task that is not done was due before today."""
    return task.due is not None and task.due < today() and declared_status(task.status).kind != "done"


def today() -> date:
    """The day that it is now in UTC, by which tasks are late."""
    return datetime.now(UTC).date()


@pages.app_context_processor
def _statuses() -> dict[str, Callable[..., object]]:
    return {"declared_status": declared_status, "is_late": is_late}


@page(_ADDRESS, Permission.PRODUCTION_WRITE)
def task_statuses() -> str:
    """The statuses of the studio, in their order, with how many tasks have each."""
    found = session().scalars(select(TaskStatus).order_by(TaskStatus.position, TaskStatus.name)).all()
    counted = select(Task.status, func.count()).where(Task.archived_at.is_(None)).group_by(Task.status)
    return render_template(
        "pages/task_statuses.html",
        statuses=[each for each in found if not each.archived_at],
        archived=[each for each in found if each.archived_at],
        counts=dict(session().execute(counted).all()),
        kinds=KINDS,
    )


@action(_ADDRESS, Permission.PRODUCTION_WRITE)
def declare_status() -> str:
    """Declare the status that the form describes."""
    given = {"name": request.form.get("name", "").strip(), **_given()}
    create_task_status(read_form(NewTaskStatus, given, _REFUSED, _LABELS))
    return url_for("pages.task_statuses")


@action(f"{_ADDRESS}/<uuid:status_id>/change", Permission.PRODUCTION_WRITE)
def change_status(status_id: UUID) -> str:
    """Change what a status is called, how it looks, what it means and who may give it."""
    one_at_a_time()
    check_seen(row(TaskStatus, status_id, lock=True))
    change_task_status(status_id, read_form(TaskStatusChanges, _given(), _REFUSED, _LABELS))
    return url_for("pages.task_statuses")


@action(f"{_ADDRESS}/<uuid:status_id>/<any(up, down, archive, restore):what>", Permission.PRODUCTION_WRITE)
def order_status(status_id: UUID, what: str) -> str:
    """Show a status before or after its neighbour, put it away, or take it out again.

    Of one that is put away, the tasks that have it get the one called ``by``, where the form names one.
    """
    if what in ("up", "down"):
        _move(status_id, -1 if what == "up" else 1)
        return url_for("pages.task_statuses")
    if what == "archive" and (by := request.form.get("by")):
        replace_task_status(status_id, read_form(Replacement, {"by": by}, _REFUSED, _LABELS))
    found = row(TaskStatus, status_id, lock=True)
    if what == "archive" and found.archived_at is None:
        check_unused(found)
        change(found, {"archived_at": datetime.now(UTC)})
    elif what == "restore" and found.archived_at is not None:
        check_room()
        change(found, {"archived_at": None})
    return url_for("pages.task_statuses")


def _given() -> dict[str, object]:
    form = request.form
    given: dict[str, object] = {name: form.get(name, "") for name in ("title", "kind", "color")}
    given["for_artists"] = "for_artists" in form
    return given | ({"is_default": True} if "is_default" in form else {})


def _move(status_id: UUID, steps: int) -> None:
    one_at_a_time()
    in_use = statuses_of(session())
    place = next((number for number, each in enumerate(in_use) if each.id == status_id), None)
    if place is None or not 0 <= place + steps < len(in_use):
        return
    in_use.insert(place + steps, in_use.pop(place))
    for position, each in enumerate(in_use):
        change(each, {"position": position})
