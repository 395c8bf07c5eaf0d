"""Projects, who of the studio sees them, and which clients may."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, Role
from service.api.field_values import (
    FieldsOut,
    FieldsQuery,
    FieldValues,
    changes_of,
    new_values,
    page_with_fields,
    with_fields,
)
from service.api.fields import Changes, ClientsSee, Name, Status, Title, VisibleTo
from service.api.listing import Page, equal, row, rows
from service.api.records import add, change, declare_archive, row_to_change, same_folder, written
from service.api.routing import Reply, Request, Resource
from service.api.team import is_on_team
from service.database import session
from service.models import Project, ProjectClient, User
from shared.errors import InputError

projects = Resource("projects", "/projects")
RESOURCES = (projects,)


class ProjectOut(FieldsOut):
    name: str
    title: str
    status: str
    clients_see: ClientsSee
    visible_to: VisibleTo


class NewProject(Request):
    name: Name
    title: Title = ""
    status: Status = "active"
    clients_see: ClientsSee | None = Field(None, description="default: what the tenant's settings say")
    visible_to: VisibleTo | None = Field(None, description="default: what the tenant's settings say")
    fields: FieldValues = Field(default_factory=dict)


class ProjectChanges(Changes):
    title: Title | None = None
    status: Status | None = None
    clients_see: ClientsSee | None = None
    visible_to: VisibleTo | None = None
    fields: FieldValues | None = None


class ProjectQuery(FieldsQuery):
    status: str = ""
    mine: bool = Field(False, description="only those on whose team whoever asks is")


@projects.declare("GET", "/", permission=Permission.PRODUCTION_READ, query=ProjectQuery, answer=Page[ProjectOut])
def list_projects(query: ProjectQuery) -> dict[str, Any]:
    """List projects; a client sees their own, an artist not those of other teams that only these see."""
    statement = select(Project).where(*equal((Project.status, query.status)))
    if query.mine:
        statement = statement.where(is_on_team(auth.current().user_id))
    return page_with_fields(
        statement,
        query,
        key=Project,
        search=(Project,),
        sort={
            "name": Project.name,
            "title": Project.title,
            "status": Project.status,
            "created_at": Project.created_at,
            "updated_at": Project.updated_at,
        },
        default_sort="name",
    )


@projects.declare("POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewProject, answer=ProjectOut, status=201)
def create_project(body: NewProject) -> Project:
    """Create a project. Its name is a folder on the storage and cannot change."""
    values = new_values(Project, None, body.model_dump())
    for name in ("clients_see", "visible_to"):
        if values[name] is None:
            del values[name]  # PostgreSQL fills in what the tenant has set
    return with_fields(add(Project(**values), same_folder(Project.name, body.name)))


@projects.declare("GET", "/<uuid:project_id>", permission=Permission.PRODUCTION_READ, answer=ProjectOut)
def get_project(project_id: UUID) -> Project:
    """A project."""
    return with_fields(row(Project, project_id))


@projects.declare(
    "PATCH",
    "/<uuid:project_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=ProjectChanges,
    answer=ProjectOut,
    if_match="optional",
)
def change_project(project_id: UUID, body: ProjectChanges) -> Project:
    """Change a project's title, status, custom fields, what its clients see, or who sees it; that counts at once."""
    return with_fields(change(*changes_of(Project, project_id, body)))


declare_archive(projects, Project, Permission.PRODUCTION_WRITE, ProjectOut, describe=with_fields)


class ProjectClients(Request):
    user_ids: list[UUID] = Field(max_length=500, description="users with the role `client`")


class ProjectClientOut(Reply):
    user_id: UUID
    name: str
    email: str


@projects.declare(
    "GET", "/<uuid:project_id>/clients", permission=Permission.PRODUCTION_WRITE, answer=list[ProjectClientOut]
)
def list_project_clients(project_id: UUID) -> list[dict[str, Any]]:
    """The clients who may see a project and order pictures of its products."""
    row(Project, project_id)
    statement = (
        select(User)
        .join(ProjectClient, (ProjectClient.tenant_id == User.tenant_id) & (ProjectClient.user_id == User.id))
        .where(ProjectClient.project_id == project_id)
        .order_by(User.name_order, User.id)
    )
    return [{"user_id": user.id, "name": user.name, "email": user.email} for user in session().scalars(statement)]


@projects.declare(
    "PUT",
    "/<uuid:project_id>/clients",
    permission=Permission.PRODUCTION_WRITE,
    body=ProjectClients,
    answer=list[ProjectClientOut],
    if_match="required",
)
def set_project_clients(project_id: UUID, body: ProjectClients) -> list[dict[str, Any]]:
    """Replace the clients of a project as a whole; ``If-Match`` is the project's."""
    project = row_to_change(Project, project_id)
    wanted = rows(User, body.user_ids)
    if others := [user.name for user in wanted.values() if user.role != Role.CLIENT]:
        raise InputError(
            f"Only clients are let into single projects, and {', '.join(others)} see all of them.",
            hint="Leave them out, or give them the role `client`.",
            fields={"user_ids": f"{', '.join(others)}: not a client"},
        )
    for known in session().scalars(select(ProjectClient).where(ProjectClient.project_id == project.id)).all():
        if known.user_id not in wanted:
            session().delete(known)
        wanted.pop(known.user_id, None)
    session().add_all(ProjectClient(id=uuid4(), project_id=project.id, user_id=user_id) for user_id in wanted)
    project.revision += 1
    written(project)
    return list_project_clients(project_id)
