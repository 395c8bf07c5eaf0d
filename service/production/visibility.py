"""Who of the studio sees a project: everybody, or its team and those who manage projects.

PostgreSQL keeps its rows from the others (migration 0027). What is here is for those who work for everybody: to tell
nobody of what they do not see, and to give nobody work on it.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.accounts.permissions import Role
from service.models import Project, ProjectMember, User
from shared.errors import InputError, NotFoundError

TEAM = "team"

# Storages may not tell capitals from small letters.
_IS_HIDDEN = text(
    "SELECT app_outsider() IS NOT NULL AND EXISTS ("
    "SELECT FROM hidden_project_names() name WHERE lower(name) = lower(:folder))"
)


def outsiders(current: Session, project: Project, user_ids: Collection[UUID]) -> list[User]:
    """Those of the people, by name, from whom the project is hidden; no statement where it is from nobody."""
    if project.visible_to != TEAM or not user_ids:
        return []
    found = select(User).where(User.id.in_(user_ids), is_outsider(project.id)).order_by(User.name_order, User.id)
    return list(current.scalars(found))


def outsiders_of(current: Session, project_id: UUID | None) -> frozenset[UUID]:
    """Everybody from whom a project is hidden; nobody where there is no such project."""
    if project_id is None or current.scalar(select(Project.visible_to).where(Project.id == project_id)) != TEAM:
        return frozenset()
    return frozenset(current.scalars(select(User.id).where(is_outsider(project_id))))


def is_outsider(project_id: UUID) -> ColumnElement[bool]:
    """Condition for the users who do not see a project that only its team sees; clients see by rules of their own."""
    members = select(ProjectMember.user_id).where(ProjectMember.project_id == project_id)
    return (User.role == Role.ARTIST) & User.id.not_in(members)


def is_hidden_from(user_id: UUID, project_id: InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """Condition for rows of projects, by their column, that are hidden from somebody."""
    member = exists().where(ProjectMember.project_id == Project.id, ProjectMember.user_id == user_id)
    is_artist = exists().where(User.id == user_id, User.role == Role.ARTIST)
    return exists().where(Project.id == project_id, Project.visible_to == TEAM, ~member, is_artist)


def check_path(current: Session, path: str) -> None:
    """Raises NotFoundError for a storage-relative path into a project that whoever asks does not see."""
    folder = path.partition("/")[0]
    if current.scalar(_IS_HIDDEN, {"folder": folder}):
        raise NotFoundError(f"There is no {path} on the storage.", hint="Check the path, below PM_ROOT.")


def check_can_work(current: Session, project: Project, user_ids: Collection[UUID]) -> None:
    """Raises InputError where work on the project is given to people who do not see it."""
    if found := outsiders(current, project, user_ids):
        names, are = " and ".join(user.name for user in found), "is" if len(found) == 1 else "are"
        raise InputError(
            f"Only its team sees the project {project.name}, and {names} {are} not in it.",
            hint="Add them to the team first: on the page People of the project, or POST /api/projects/{id}/team.",
            fields={"assignee_ids": f"{names}: not in the team"},
        )
