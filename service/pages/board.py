"""The board of a project's tasks: a column for each status, and cards that are moved between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import render_template, request
from sqlalchemy import func, select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.tasks import BELOW, SEARCHED, TaskQuery, target_order, tasks_wanted
from service.database import session
from service.models import MediaAsset, Project, Task, TaskStatus
from service.pages.frame import page
from service.pages.pictures import latest_thumbnails
from service.pages.task_lists import TaskFilters, filters_of
from service.pages.task_statuses import declared_status, offered_statuses
from service.production.assignees import with_assignees
from service.production.order_of_work import in_order_of_work
from service.production.statuses import statuses_of
from service.search import matching

MOST_CARDS = 50
"""In a column; the table of tasks has the others."""


@dataclass(frozen=True)
class Column:
    """The tasks that have a status: the first of them by the day when they are due, and how many there are."""

    status: TaskStatus
    tasks: Sequence[Task]
    number: int

    @property
    def more(self) -> int:
        return self.number - len(self.tasks)


@page("/projects/<uuid:project_id>/board", Permission.TASK_READ)
def board(project_id: UUID) -> str:
    """A project's tasks by their statuses; ``department``, ``assignee`` and ``q`` narrow them."""
    project = row(Project, project_id)
    filters = filters_of(project)
    columns = _columns(project, filters)
    shown = [task for column in columns for task in column.tasks]
    template = "pages/_board.html" if "fragment" in request.args else "pages/board.html"
    return render_template(
        template,
        project=project,
        filters=filters,
        columns=columns,
        chosen=shown,
        pictures=_pictures(shown),
        statuses=offered_statuses(),
    )


def _columns(project: Project, filters: TaskFilters) -> list[Column]:
    """The columns in their order: one for each status in use, and for one that was put away where tasks have it."""
    wanted = tasks_wanted(TaskQuery.model_validate({**filters.given, "project": project.name}))
    # A column is a status already.
    wanted = wanted.where(*(model.archived_at.is_(None) for model in (Task, *BELOW)))
    if filters.query:
        wanted = wanted.where(*matching(filters.query, *SEARCHED))
    order = (Task.due.nulls_last(), target_order(), *in_order_of_work())
    ranked = wanted.with_only_columns(
        Task.id,
        func.row_number().over(partition_by=Task.status, order_by=order).label("place"),
        func.count().over(partition_by=Task.status).label("number"),
    ).subquery()
    first = select(Task, ranked.c.number).join(ranked, ranked.c.id == Task.id).where(ranked.c.place <= MOST_CARDS)
    tasks: dict[str, list[Task]] = {}
    numbers: dict[str, int] = {}
    for task, number in session().execute(first.order_by(ranked.c.place)).unique():
        tasks.setdefault(task.status, []).append(task)
        numbers[task.status] = number
    with_assignees(session(), [task for each in tasks.values() for task in each])
    in_use = statuses_of(session())
    known = {status.name for status in in_use}
    put_away = [declared_status(name) for name in sorted(tasks) if name not in known]
    return [Column(status, tasks.get(status.name, ()), numbers.get(status.name, 0)) for status in [*in_use, *put_away]]


def _pictures(tasks: Sequence[Task]) -> Mapping[UUID, str]:
    """The small pictures of what the tasks are on, by its id; at most two statements."""
    assets = {task.asset_id for task in tasks if task.asset_id}
    shots = {task.shot_id for task in tasks if task.shot_id}
    return {
        **(latest_thumbnails(assets) if assets else {}),
        **(latest_thumbnails(shots, MediaAsset.shot_id) if shots else {}),
    }
