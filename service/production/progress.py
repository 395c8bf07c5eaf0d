"""How far a project is: its tasks counted by what they are on, by department and by status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from service import models
from service.models import Asset, Project, Shot, Task
from service.production.order_of_work import in_order
from service.production.statuses import is_late
from shared.natural_order import natural_order


@dataclass
class Tally:
    """Some tasks: how many have each status, how many of them are late, and their estimates in days."""

    statuses: dict[str, int] = field(default_factory=dict)
    late: int = 0
    estimate_days: float = 0.0

    @property
    def tasks(self) -> int:
        return sum(self.statuses.values())

    def add(self, other: Tally) -> None:
        for status, number in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + number
        self.late += other.late
        self.estimate_days += other.estimate_days


@dataclass
class Group:
    """The assets of a type, or the shots of a sequence, with their tasks by department.

    ``kind`` is ``asset_type`` or ``sequence``, ``number`` how many assets or shots there are.
    """

    kind: str
    name: str
    number: int
    departments: dict[str, Tally] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        return total(self.departments.values())


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole


def groups_of(current: Session, project: Project, today: date) -> list[Group]:
    """What is in use in a project: assets by type, then shots by sequence, both in natural order; four statements.

    A task is late that is not done and was due before ``today``.
    """
    assets = and_(Asset.project_id == project.id, Asset.archived_at.is_(None))
    sequence = and_(models.Sequence.tenant_id == Shot.tenant_id, models.Sequence.id == Shot.sequence_id)
    shots = and_(models.Sequence.project_id == project.id, models.Sequence.archived_at.is_(None))
    of_assets = select(Asset.asset_type).select_from(Asset).where(assets)
    of_shots = select(models.Sequence.name).select_from(Shot).join(models.Sequence, sequence)
    of_shots = of_shots.where(shots, Shot.archived_at.is_(None))
    on_assets = of_assets.join(Task, and_(Task.tenant_id == Asset.tenant_id, Task.asset_id == Asset.id))
    on_shots = of_shots.join(Task, and_(Task.tenant_id == Shot.tenant_id, Task.shot_id == Shot.id))
    return [
        *_groups(current, "asset_type", of_assets, on_assets, Asset.asset_type, today),
        *_groups(current, "sequence", of_shots, on_shots, models.Sequence.name, today),
    ]


def by_department(groups: Sequence[Group], strongest_first: Iterable[str]) -> Mapping[str, Tally]:
    """The tallies of all groups together, by the departments that have tasks, in the order in which they work."""
    having = {name for group in groups for name in group.departments}
    return {
        name: total(group.departments[name] for group in groups if name in group.departments)
        for name in in_order(having, strongest_first)
    }


def _groups(current: Session, kind: str, targets: Select[Any], tasks: Select[Any], of: Any, today: date) -> list[Group]:
    numbers = current.execute(targets.add_columns(func.count()).group_by(of))
    groups = {name: Group(kind, name, number) for name, number in numbers}
    late = func.count().filter(is_late(today))
    counted = tasks.where(Task.archived_at.is_(None)).add_columns(
        Task.department, Task.status, func.count(), late, func.coalesce(func.sum(Task.estimate_days), 0)
    )
    for name, department, status, number, overdue, estimate in current.execute(
        counted.group_by(of, Task.department, Task.status)
    ):
        # What somebody adds between the two statements is seen the next time.
        if name in groups:
            tally = groups[name].departments.setdefault(department, Tally())
            tally.add(Tally({status: number}, overdue, float(estimate)))
    return sorted(groups.values(), key=lambda group: natural_order(group.name))
