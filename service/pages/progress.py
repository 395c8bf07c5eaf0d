"""How far a project is: counts by department, and below them what each asset or shot of one group has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, request
from sqlalchemy import and_, select
from sqlalchemy.orm import lazyload

from service import models
from service.accounts.permissions import Permission
from service.api.listing import row
from service.database import session
from service.models import Asset, MediaAsset, Project, Shot, Task
from service.pages.departments import departments_here
from service.pages.frame import page
from service.pages.paging import page_number, paged
from service.pages.pictures import latest_thumbnails
from service.pages.task_statuses import declared_status, today
from service.production.assignees import with_assignees
from service.production.order_of_work import in_order_of_work
from service.production.progress import Group, Tally, by_department, groups_of, total

ROWS = 100
"""Assets or shots on one page."""
_NARROWEST = 0.02
"""Of a bar's width."""
_NEAREST_TO_DONE = ("done", "review", "in_progress", "retake", "todo", "on_hold")
"""Kinds of statuses in the order in which a bar has them."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar: ``x`` and ``width`` are in percent."""

    x: float
    width: float
    color: str
    label: str
    number: int
    name: str
    """Of the status."""


@dataclass(frozen=True)
class Bar:
    """A tally as a bar."""

    tally: Tally
    segments: Sequence[Segment]
    done: int

    @property
    def told(self) -> str:
        """All of it in words."""
        late = [f"{self.tally.late:,} late"] if self.tally.late else []
        return ", ".join([*(f"{each.number:,} {each.label}" for each in self.segments), *late])


@dataclass(frozen=True)
class Line:
    """An asset or a shot, and its tasks by department."""

    target: Asset | Shot
    picture: str
    cells: Mapping[str, Sequence[Task]]


@page("/projects/<uuid:project_id>/progress", Permission.TASK_READ)
def project_progress(project_id: UUID) -> str:
    """A project's tasks, counted; ``kind`` and ``of`` choose the group whose assets or shots are shown with theirs."""
    project = row(Project, project_id)
    groups = groups_of(session(), project, today())
    chosen = _chosen(groups)
    lines, more = _lines(project, chosen) if chosen else ([], False)
    return render_template(
        "pages/_progress.html" if "fragment" in request.args else "pages/progress.html",
        project=project,
        groups=groups,
        chosen=chosen,
        by_department=by_department(groups, departments_here()),
        whole=total(group.total for group in groups),
        bar=_bar,
        lines=lines,
        number=page_number(),
        more=more,
    )


def _chosen(groups: Sequence[Group]) -> Group | None:
    wanted = (request.args.get("kind"), request.args.get("of"))
    found = next((group for group in groups if (group.kind, group.name) == wanted), None)
    # Where something is left to do, if nobody chose.
    open_groups = (group for group in groups if _bar(group.total).done < group.total.tasks)
    return found or next(open_groups, None) or next(iter(groups), None)


def _bar(tally: Tally) -> Bar:
    declared = [(declared_status(name), number) for name, number in tally.statuses.items()]
    declared.sort(key=lambda each: (_NEAREST_TO_DONE.index(each[0].kind), each[0].position, each[0].name))
    # One of a thousand is seen, too.
    widths = [max(_NARROWEST, number / tally.tasks) for _, number in declared]
    segments, x = [], 0.0
    for (status, number), share in zip(declared, widths, strict=True):
        width = 100 * share / sum(widths)
        segments.append(Segment(round(x, 3), round(width, 3), status.color, status.label, number, status.name))
        x += width
    return Bar(tally, segments, sum(number for status, number in declared if status.kind == "done"))


def _lines(project: Project, group: Group) -> tuple[list[Line], bool]:
    """A page of a group, and whether another follows; four statements."""
    current = session()
    model: Any = Asset if group.kind == "asset_type" else Shot
    if model is Asset:
        of, pictured = Task.asset_id, MediaAsset.asset_id
        of_group = and_(Asset.project_id == project.id, Asset.asset_type == group.name)
    else:
        of, pictured = Task.shot_id, MediaAsset.shot_id
        named = (models.Sequence.project_id == project.id, models.Sequence.name == group.name)
        of_group = Shot.sequence_id.in_(select(models.Sequence.id).where(*named))
    wanted = select(model).where(of_group, model.archived_at.is_(None)).order_by(model.name_order, model.id)
    targets, more = paged(wanted, page_number(), ROWS)
    ids = [target.id for target in targets]
    on_them = select(Task).options(lazyload("*")).where(of.in_(ids), Task.archived_at.is_(None))
    cells: dict[UUID | None, dict[str, list[Task]]] = {}
    for task in with_assignees(current, current.scalars(on_them.order_by(*in_order_of_work())).all()):
        on = task.asset_id or task.shot_id
        cells.setdefault(on, {}).setdefault(task.department, []).append(task)
    pictures = latest_thumbnails(ids, pictured) if ids else {}
    return [Line(target, pictures.get(target.id, ""), cells.get(target.id, {})) for target in targets], more
