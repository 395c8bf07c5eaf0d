"""The people of a project: its team, who sees it, its clients, and what clients see of it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from flask import flash, render_template, request, url_for
from sqlalchemy import Uuid, cast, func, select, true

from service.accounts.permissions import Permission, Role
from service.api import projects, team
from service.api.listing import row
from service.api.records import row_to_change
from service.database import session
from service.models import Asset, Project, ProjectClient, Sequence, Shot, Task, User
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page
from service.production.statuses import is_open
from service.production.visibility import is_outsider

_ADDRESS = "/projects/<uuid:project_id>/people"


@page(_ADDRESS, Permission.PRODUCTION_WRITE)
def project_people(project_id: UUID) -> str:
    """Who works on a project, and who looks at what of it."""
    found = row(Project, project_id)
    members = team.team_of(project_id)
    ids = {user.id for user in members}
    admitted = set(session().scalars(select(ProjectClient.user_id).where(ProjectClient.project_id == project_id)))
    live = session().scalars(select(User).where(User.archived_at.is_(None)).order_by(User.name_order, User.id)).all()
    return render_template(
        "pages/project_people.html",
        project=found,
        team=members,
        left_out=_left_out(found),
        others=[user for user in live if user.role != Role.CLIENT and user.id not in ids],
        clients=[user for user in live if user.role == Role.CLIENT and user.id in admitted],
        other_clients=[user for user in live if user.role == Role.CLIENT and user.id not in admitted],
    )


@action(f"{_ADDRESS}/team", Permission.PRODUCTION_WRITE)
def add_team(project_id: UUID) -> str:
    """Add those whom the form names to the team."""
    team.add_to_team(project_id, read_form(team.Team, {"user_ids": request.form.getlist("user_ids")}, "Nobody came."))
    return _to(project_id, "team")


@action(f"{_ADDRESS}/team/<uuid:user_id>/remove", Permission.PRODUCTION_WRITE)
def leave_team(project_id: UUID, user_id: UUID) -> str:
    """Take somebody out of the team."""
    team.remove_from_team(project_id, user_id)
    return _to(project_id, "team")


@action(f"{_ADDRESS}/visible-to", Permission.PRODUCTION_WRITE)
def show_project_to(project_id: UUID) -> str:
    """Show the project to everybody of the studio, or to its team only; ``version`` is what the reader saw."""
    _change(project_id, "visible_to")
    return _to(project_id, "team")


@action(f"{_ADDRESS}/clients-see", Permission.PRODUCTION_WRITE)
def let_clients_see(project_id: UUID) -> str:
    """Show clients all publishes, or only those shared with them; ``version`` is what the reader saw."""
    _change(project_id, "clients_see")
    return _to(project_id, "clients")


@action(f"{_ADDRESS}/clients", Permission.PRODUCTION_WRITE)
def let_client_in(project_id: UUID) -> str:
    """Let those whom the form names see the project."""
    wanted = read_form(projects.ProjectClients, {"user_ids": request.form.getlist("user_ids")}, "Nobody was let in.")
    _set_clients(project_id, wanted.user_ids, ())
    return _to(project_id, "clients")


@action(f"{_ADDRESS}/clients/<uuid:user_id>/remove", Permission.PRODUCTION_WRITE)
def let_client_go(project_id: UUID, user_id: UUID) -> str:
    """Show somebody the project no more."""
    _set_clients(project_id, (), (user_id,))
    return _to(project_id, "clients")


def _left_out(project: Project) -> list[User]:
    """Who has open tasks of the project and does not see it, or would not if only its team did."""
    of_project = Task.asset_id.in_(select(Asset.id).where(Asset.project_id == project.id)) | Task.shot_id.in_(
        select(Shot.id).join(Sequence, Sequence.id == Shot.sequence_id).where(Sequence.project_id == project.id)
    )
    each = func.jsonb_array_elements_text(Task.assignee_ids).table_valued("value").lateral()
    tasks = select(cast(each.c.value, Uuid)).select_from(Task).join(each, true())
    have = tasks.where(of_project, is_open(), Task.archived_at.is_(None))
    found = select(User).where(User.id.in_(have), User.archived_at.is_(None), is_outsider(project.id))
    return list(session().scalars(found.order_by(User.name_order, User.id)))


def _change(project_id: UUID, name: str) -> None:
    check_seen(row(Project, project_id, lock=True))
    given = {name: request.form.get(name, "")}
    projects.change_project(project_id, read_form(projects.ProjectChanges, given, "Nothing was changed."))
    flash("Saved: it counts at once.", "done")


def _set_clients(project_id: UUID, add: Collection[UUID], remove: Collection[UUID]) -> None:
    row_to_change(Project, project_id)  # locked: nobody else changes them meanwhile
    known = [each["user_id"] for each in projects.list_project_clients(project_id)]
    wanted = [each for each in dict.fromkeys([*known, *add]) if each not in remove]
    projects.set_project_clients(project_id, projects.ProjectClients(user_ids=wanted))


def _to(project_id: UUID, section: str) -> str:
    return url_for("pages.project_people", project_id=project_id, _anchor=section)
