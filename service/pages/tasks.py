"""One task: whose it is, how it stands, what was published for it, and what people say about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import row_to_change
from service.api.tasks import TaskChanges, change_task
from service.api.watchers import unwatch_task, watch_task
from service.database import session
from service.models import Publish, Task
from service.pages.changing import actions_on
from service.pages.comments import comment_counts, comments_on
from service.pages.field_values import fields_on
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, may, page
from service.pages.making import artists
from service.production.assignees import with_assignees
from service.production.watchers import watchers_of

_PUBLISHES = 50
_LABELS = {"assignee_ids": "Assigned to", "estimate_days": "Estimate"}
_DAYS = ("start", "due", "estimate_days")


@page("/tasks/<uuid:task_id>", Permission.TASK_READ)
def task(task_id: UUID) -> str:
    """Somebody's work on one asset or shot."""
    found = row(Task, task_id)
    with_assignees(session(), [found])
    if "fragment" in request.args:
        return render_template("pages/_said.html", comments=comments_on(found))
    newest = select(Publish).where(Publish.task_id == task_id).order_by(Publish.created_at.desc(), Publish.id)
    publishes = session().scalars(newest.limit(_PUBLISHES)).all()
    return render_template(
        "pages/task.html",
        task=found,
        actions=actions_on(found),
        target=found.target,
        fields=fields_on(found),
        target_fields=fields_on(found.target),
        artists=_offered(found) if may(Permission.PRODUCTION_WRITE) and not found.archived_at else [],
        takeable=not (found.assignee_ids or found.archived_at or may(Permission.PRODUCTION_WRITE)),
        watchers=watchers_of(session(), found),
        publishes=publishes,
        said=comment_counts(publishes),
        comments=comments_on(found),
    )


@action("/tasks/<uuid:task_id>/edit", Permission.PRODUCTION_WRITE)
def edit_task(task_id: UUID) -> str:
    """Change who does a task and when; ``version`` is what the reader saw."""
    found, form = row_to_change(Task, task_id), request.form
    check_seen(found)
    chosen = form.getlist("assignee_ids")
    # Who answers for it stays first.
    stay = [user_id for user_id in found.assignee_ids if user_id in chosen]
    given: dict[str, Any] = {
        "department": form.get("department", ""),
        "assignee_ids": list(dict.fromkeys([*stay, *chosen])),
        **{name: form.get(name, "").strip() or None for name in _DAYS},
    }
    change_task(task_id, read_form(TaskChanges, given, "The task was not changed.", _LABELS))
    return url_for("pages.task", task_id=task_id)


@action("/tasks/<uuid:task_id>/take", Permission.TASK_WRITE)
def take_task(task_id: UUID) -> str:
    """Take a task that nobody has."""
    change_task(task_id, TaskChanges.model_validate({"assignee_ids": [auth.current().user_id]}))
    return url_for("pages.task", task_id=task_id)


@action("/tasks/<uuid:task_id>/<any(watch, unwatch):what>", Permission.TASK_WRITE)
def watch(task_id: UUID, what: str) -> str:
    """Be told of a task that others do, or no more."""
    (watch_task if what == "watch" else unwatch_task)(task_id)
    return url_for("pages.task", task_id=task_id)


def _offered(found: Task) -> list[tuple[str, str]]:
    """Who may do a task: those who do it first, others by their names."""
    theirs = [(str(user.id), user.name) for user in found.assignees]
    people = [(str(user_id), name) for user_id, name in artists(found.target.project)]
    others = [(user_id, name) for user_id, name in people if user_id not in found.assignee_ids]
    return [*theirs, *others]
