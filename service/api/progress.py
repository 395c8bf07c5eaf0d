"""How far projects are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.routing import Reply, Resource
from service.database import session
from service.models import Project
from service.production.departments import declared_departments
from service.production.progress import Group, Tally, by_department, groups_of
from service.production.statuses import done_statuses

progress = Resource("progress", "/projects")
RESOURCES = (progress,)


class TallyOut(Reply):
    tasks: int
    statuses: dict[str, int] = Field(description="how many tasks have each status", examples=[{"todo": 3, "done": 2}])
    done: int = Field(description="how many have a status of the kind `done`")
    late: int = Field(description="how many are not done and were due before today, in UTC")
    estimate_days: float = Field(description="sum of the tasks' estimates")


class GroupOut(Reply):
    kind: Literal["asset_type", "sequence"]
    name: str = Field(description="the type of the assets, empty for those without one; or the sequence of the shots")
    number: int = Field(description="of assets or shots in use")
    departments: dict[str, TallyOut]
    total: TallyOut


class ProgressOut(Reply):
    groups: list[GroupOut] = Field(description="assets by type, then shots by sequence")
    departments: dict[str, TallyOut]


@progress.declare("GET", "/<uuid:project_id>/progress", permission=Permission.TASK_READ, answer=ProgressOut)
def get_progress(project_id: UUID) -> dict[str, Any]:
    """How far a project is: its tasks in use, counted by type of asset or sequence, by department and by status."""
    current = session()
    project = row(Project, project_id)
    groups = groups_of(current, project, datetime.now(UTC).date())
    done = done_statuses(current)

    def tally(each: Tally) -> dict[str, Any]:
        finished = sum(number for status, number in each.statuses.items() if status in done)
        return {**vars(each), "tasks": each.tasks, "done": finished}

    def group(each: Group) -> dict[str, Any]:
        tallies = {name: tally(one) for name, one in each.departments.items()}
        return {**vars(each), "departments": tallies, "total": tally(each.total)}

    known = declared_departments(current)
    return {
        "groups": [group(each) for each in groups],
        "departments": {name: tally(each) for name, each in by_department(groups, known).items()},
    }
