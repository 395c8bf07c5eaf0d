"""Templates of tasks: which of them new assets and shots begin with, and how one is followed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from service.database import current_tenant, hold_each
from service.models import Asset, Project, Shot, Task, TaskTemplate
from service.production.departments import departments_given
from service.production.sheet_history import one_of
from service.production.statuses import statuses_given
from shared.errors import InputError

Target = Asset | Shot

MOST_ADDED = 20_000
"""Tasks, at once. Each is recorded and told: a request must not take minutes."""


def default_template(current: Session, target: Target) -> TaskTemplate | None:
    """The template that a new asset or shot begins with, if there is one; one statement."""
    of_type = target.asset_type if isinstance(target, Asset) else ""
    return nearest(default_templates(current, target.project), target.entity.kind, of_type)


def default_templates(current: Session, project: Project) -> Sequence[TaskTemplate]:
    """The templates with which assets and shots of ``project`` may begin, those of its own first; one statement."""
    meant = select(TaskTemplate).where(
        TaskTemplate.is_default,
        TaskTemplate.archived_at.is_(None),
        or_(TaskTemplate.project_id.is_(None), TaskTemplate.project_id == project.id),
    )
    # False comes before true.
    ordered = meant.order_by(TaskTemplate.project_id.is_(None), TaskTemplate.asset_type == "")
    return current.scalars(ordered).unique().all()


def nearest(templates: Iterable[TaskTemplate], target_type: str, asset_type: str = "") -> TaskTemplate | None:
    """That of :func:`default_templates` which is meant: one of the project goes first, then one of the asset's type."""
    fits = (each for each in templates if each.target_type == target_type and each.asset_type in {"", asset_type})
    return next(fits, None)


def targets_of(current: Session, template: TaskTemplate, condition: ColumnElement[bool], most: int) -> Sequence[Target]:
    """The assets or shots in use that meet ``condition``, for which a template is meant; one statement."""
    model: Any = Asset if template.target_type == "asset" else Shot
    found = select(model).where(model.archived_at.is_(None), condition).order_by(model.name, model.id)
    return current.scalars(found.limit(most)).unique().all()


def follow(current: Session, template: TaskTemplate, targets: Sequence[Target]) -> list[Task]:
    """Add to each of ``targets`` the tasks of a template that it lacks, and answer those; statements do not grow.

    A task that is there stays as it is, one that was put away stays put away. Where a status of the template was put
    away since, the tasks get that of new ones; tasks whose department was put away are left out. Raises InputError
    (``input.too_many``) where too many are lacking.
    """
    departments = departments_given(current, (each["department"] for each in template.tasks))
    wanted = [each for each in template.tasks if each["department"] in departments]
    # Before the names, as who adds one task does: in another order they could wait for each other.
    default, in_use = statuses_given(current, (each["status"] for each in wanted if each["status"]))
    # As service.api.records.add does, for one task.
    names = [(target.id, each["name"].lower()) for target in targets for each in wanted]
    hold_each(current, current_tenant(current), {Task.__tablename__: names})
    there = _names_of(current, [target.id for target in targets])
    lacking = [name for name in names if name not in there]
    if len(lacking) > MOST_ADDED:
        raise InputError(
            f"{len(lacking):,} tasks would be added, and {MOST_ADDED:,} can be at once.",
            hint="Name the assets or shots in target_ids, some at a time.",
            code="input.too_many",
        )
    # One after the other, so that lists have them as the template has.
    now = current.scalars(select(func.now())).one()
    added = [
        Task(
            id=uuid4(),
            created_at=now - timedelta(microseconds=len(wanted) - place),
            **{"asset_id" if isinstance(target, Asset) else "shot_id": target.id},
            name=each["name"],
            department=each["department"],
            status=each["status"] if each["status"] in in_use else default,
        )
        for target in targets
        for place, each in enumerate(wanted)
        if (target.id, each["name"].lower()) not in there
    ]
    current.add_all(added)
    current.flush()
    return added


def _names_of(current: Session, target_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """The tasks that assets or shots have, archived ones too, by their small letters; one statement."""
    on = func.coalesce(Task.asset_id, Task.shot_id)
    of_these = or_(one_of(Task.asset_id, target_ids), one_of(Task.shot_id, target_ids))
    return {(target_id, name) for target_id, name in current.execute(select(on, func.lower(Task.name)).where(of_these))}
