"""New projects, sequences, shots, assets and tasks, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import flash, request, url_for
from sqlalchemy import func, select

from service.accounts.permissions import Permission, Role
from service.api.assets import NewAsset, create_asset
from service.api.projects import NewProject, create_project
from service.api.sequences import NewSequence, create_sequence
from service.api.shots import NewShot, create_shot
from service.api.tasks import NewTask, create_task
from service.database import session
from service.models import Project, ProjectMember, Shot, User
from service.pages.field_values import page_of_row
from service.pages.forms import key_of, read_form, whole
from service.pages.frame import action
from service.production.numbering import names_in
from service.production.visibility import TEAM, is_outsider
from shared.errors import ConflictError, InputError

_MOST_TOLD = 10


@action("/projects", Permission.PRODUCTION_WRITE)
def make_project() -> str:
    """Make the project that the form describes, and show it."""
    made = create_project(read_form(NewProject, _given("name", "title"), "The project was not made."))
    return page_of_row(made)


@action("/projects/<uuid:project_id>/sequences", Permission.PRODUCTION_WRITE)
def make_sequence(project_id: UUID) -> str:
    """Make the sequence that the form describes, and show it."""
    given = {**_given("name", "title"), "project_id": project_id}
    return page_of_row(create_sequence(read_form(NewSequence, given, "The sequence was not made.")))


@action("/projects/<uuid:project_id>/assets", Permission.PRODUCTION_WRITE)
def make_asset(project_id: UUID) -> str:
    """Make the asset that the form describes, and show it."""
    given = {**_given("name", "title"), "project_id": project_id}
    if kind := key_of(request.form.get("asset_type", "")):
        given["asset_type"] = kind
    made = create_asset(read_form(NewAsset, given, "The asset was not made.", {"asset_type": "Type"}))
    return page_of_row(made)


@action("/sequences/<uuid:sequence_id>/shots", Permission.PRODUCTION_WRITE)
def make_shots(sequence_id: UUID) -> str:
    """Make the shots whose names the form has, all of them or none."""
    names = names_in(request.form.get("names", ""))
    if not names:
        raise InputError("No shot was named.", hint="Write a name, such as sh010, or sh010-sh100 step 10.")
    given = {**_given("title"), "sequence_id": sequence_id}
    given |= {name: whole(text) for name, text in _given("frame_in", "frame_out").items()}
    labels = {"frame_in": "First frame", "frame_out": "Last frame"}
    forms = [read_form(NewShot, {**given, "name": name}, "No shot was made.", labels) for name in names]
    _check_new(sequence_id, names)
    for form in forms:
        create_shot(form)
    flash(f"Made {_listed(names)}.", "done")
    return url_for("pages.sequence", sequence_id=sequence_id)


@action("/tasks/on/<any(asset, shot):target_type>/<uuid:target_id>", Permission.PRODUCTION_WRITE)
def make_task(target_type: str, target_id: UUID) -> str:
    """Make the task that the form describes, and show what it is on."""
    names = ("name", "department", "start", "due", "estimate_days")
    given: dict[str, Any] = {name: text for name, text in _given(*names).items() if text}
    given |= {"target_type": target_type, "target_id": target_id, "assignee_ids": request.form.getlist("assignee_ids")}
    labels = {"assignee_ids": "Assigned to", "estimate_days": "Estimate"}
    made = create_task(read_form(NewTask, given, "The task was not made.", labels))
    flash(f"Made the task {made.name}.", "done")
    return f"{page_of_row(made.target)}#tasks"


def artists(project: Project | None = None) -> Sequence[tuple[UUID, str]]:
    """Who can be given a task, by their names; of a project, its team first, and nobody who does not see it."""
    found = select(User.id, User.name).where(User.archived_at.is_(None), User.role != Role.CLIENT)
    if project is not None:
        team = select(ProjectMember.user_id).where(ProjectMember.project_id == project.id)
        found = found.order_by(User.id.in_(team).desc())
        if project.visible_to == TEAM:
            found = found.where(~is_outsider(project.id))
    return [(user_id, name) for user_id, name in session().execute(found.order_by(User.name_order, User.id))]


def _given(*names: str) -> dict[str, Any]:
    return {name: request.form[name].strip() for name in names if name in request.form}


def _check_new(sequence_id: UUID, names: Sequence[str]) -> None:
    """Raises ConflictError that tells of all names that are taken, where :func:`create_shot` tells of the first."""
    wanted = [name.lower() for name in names]
    taken = select(Shot.name).where(Shot.sequence_id == sequence_id, func.lower(Shot.name).in_(wanted))
    if found := session().scalars(taken.order_by(Shot.name_order)).all():
        are = "is there already, maybe archived" if len(found) == 1 else "are there already, maybe archived"
        raise ConflictError(
            f"No shot was made: {_listed(found)} {are}.",
            hint="Leave them out, or choose other names.",
            code="conflict.exists",
            fields={"names": "are taken"},
        )


def _listed(names: Sequence[str]) -> str:
    """``sh010``, ``sh010 and sh020``, or ``12 shots, sh010 to sh120``."""
    if len(names) > _MOST_TOLD:
        return f"{len(names)} shots, {names[0]} to {names[-1]}"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
