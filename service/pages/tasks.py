"""One task: whose it is, how it stands, what was published for it, and what people say about it."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.database import session
from service.models import Publish, Task
from service.pages.comments import comment_counts, comments_on
from service.pages.field_values import fields_on
from service.pages.frame import page
from service.production.assignees import with_assignees
from shared.departments import department

_PUBLISHES = 50


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
        target=found.target,
        fields=fields_on(found),
        target_fields=fields_on(found.target),
        department=department(found.department).label,
        publishes=publishes,
        said=comment_counts(publishes),
        comments=comments_on(found),
    )
