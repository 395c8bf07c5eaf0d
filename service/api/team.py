"""The team of a project: who of the studio works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy import ColumnElement, select

from service.accounts.permissions import Permission, Role
from service.api.listing import row, rows
from service.api.records import row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.archiving import check_live
from service.database import session
from service.models import Project, ProjectMember, User
from shared.errors import InputError

team = Resource("team", "/projects")
RESOURCES = (team,)


class Team(Request):
    user_ids: list[UUID] = Field(max_length=500, description="people of the studio, not clients")


class MemberOut(Reply):
    user_id: UUID
    name: str
    email: str
    role: Role


@team.declare("GET", "/<uuid:project_id>/team", permission=Permission.TASK_READ, answer=list[MemberOut])
def list_team(project_id: UUID) -> list[dict[str, Any]]:
    """Who works on a project. Who was archived, or is a client now, is left out, and back when that is undone."""
    row(Project, project_id)
    return [
        {"user_id": user.id, **{name: getattr(user, name) for name in ("name", "email", "role")}}
        for user in team_of(project_id)
    ]


@team.declare(
    "PUT",
    "/<uuid:project_id>/team",
    permission=Permission.PRODUCTION_WRITE,
    body=Team,
    answer=list[MemberOut],
    if_match="required",
)
def set_team(project_id: UUID, body: Team) -> list[dict[str, Any]]:
    """Replace the team of a project as a whole; ``If-Match`` is the project's."""
    project = row_to_change(Project, project_id)
    wanted = _workers(body.user_ids)
    _remove(project, lambda member: member.user_id not in wanted)
    _add(project, wanted)
    return _answered(project)


@team.declare(
    "POST",
    "/<uuid:project_id>/team",
    permission=Permission.PRODUCTION_WRITE,
    body=Team,
    answer=list[MemberOut],
    if_match="optional",
)
def add_to_team(project_id: UUID, body: Team) -> list[dict[str, Any]]:
    """Add people to the team of a project; who is in it already stays."""
    project = row_to_change(Project, project_id)
    _add(project, _workers(body.user_ids))
    return _answered(project)


@team.declare(
    "DELETE",
    "/<uuid:project_id>/team/<uuid:user_id>",
    permission=Permission.PRODUCTION_WRITE,
    answer=list[MemberOut],
    if_match="optional",
)
def remove_from_team(project_id: UUID, user_id: UUID) -> list[dict[str, Any]]:
    """Take somebody out of the team of a project; the tasks that they have stay theirs."""
    project = row_to_change(Project, project_id)
    row(User, user_id)
    _remove(project, lambda member: member.user_id == user_id)
    return _answered(project)


def team_of(project_id: UUID) -> list[User]:
    """The people who work on a project, by name."""
    members = select(ProjectMember.user_id).where(ProjectMember.project_id == project_id)
    of_the_studio = (User.archived_at.is_(None), User.role != Role.CLIENT)
    found = select(User).where(User.id.in_(members), *of_the_studio).order_by(User.name_order, User.id)
    return list(session().scalars(found))


def is_on_team(user_id: UUID) -> ColumnElement[bool]:
    """Condition for the projects on which somebody works."""
    return Project.id.in_(select(ProjectMember.project_id).where(ProjectMember.user_id == user_id))


def _workers(user_ids: Iterable[UUID]) -> dict[UUID, User]:
    found = rows(User, user_ids)
    for user in found.values():
        check_live(user)
    if clients := [user.name for user in found.values() if user.role == Role.CLIENT]:
        raise InputError(
            f"{', '.join(clients)} cannot be in a team: clients look at a project, and do not work on it.",
            hint="Let them in as clients of the project.",
            fields={"user_ids": f"{', '.join(clients)}: a client"},
        )
    return found


def _members(project: Project) -> list[ProjectMember]:
    return list(session().scalars(select(ProjectMember).where(ProjectMember.project_id == project.id)))


def _add(project: Project, users: dict[UUID, User]) -> None:
    new = users.keys() - {member.user_id for member in _members(project)}
    rows = [ProjectMember(id=uuid4(), project_id=project.id, user_id=each) for each in users if each in new]
    session().add_all(rows)
    if rows:
        project.revision += 1


def _remove(project: Project, is_gone: Callable[[ProjectMember], bool]) -> None:
    gone = [member for member in _members(project) if is_gone(member)]
    for member in gone:
        session().delete(member)
    if gone:
        project.revision += 1


def _answered(project: Project) -> list[dict[str, Any]]:
    written(project)
    return list_team(project.id)
