"""Where the custom fields of a project are declared, ordered, changed and put away."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import or_, select

from service.accounts.permissions import Permission
from service.api.custom_fields import (
    CustomFieldChanges,
    NewCustomField,
    RenamedChoice,
    change_custom_field,
    check_room,
    create_custom_field,
    rename_choice,
)
from service.api.listing import missing, row
from service.api.records import change
from service.archiving import check_live
from service.database import current_tenant, hold, session
from service.models import CustomField, Project
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page, tell_refusal
from service.production.custom_fields import TARGETS, declared
from service.production.field_types import TYPES
from shared.errors import ConflictError, InputError

_ADDRESS = "/projects/<uuid:project_id>/fields"
_REFUSED = "The field cannot be so."
_LABELS = {"target_type": "Of", "to": "New name"}


@page(_ADDRESS, Permission.PRODUCTION_WRITE)
def project_fields(project_id: UUID) -> str:
    """The fields of a project's rows, those of all projects among them."""
    fields = _fields(project_id)
    return render_template(
        "pages/custom_fields.html",
        project=row(Project, project_id),
        fields={
            kind: [each for each in fields if each.target_type == kind and not each.archived_at] for kind in TARGETS
        },
        archived=[each for each in fields if each.archived_at],
        types=TYPES,
    )


@action(_ADDRESS, Permission.PRODUCTION_WRITE)
def declare_field(project_id: UUID) -> str:
    """Declare the field that the form describes."""
    form = request.form
    title, target_type = form.get("title", ""), form.get("target_type", "")
    is_everywhere = form.get("where") == "all" or target_type == "project"
    given = {
        "target_type": target_type,
        "project_id": None if is_everywhere else project_id,
        "name": form.get("name", "").strip() or _name_for(title, target_type),
        "title": title,
        "type": form.get("type", ""),
        "choices": _lines("choices") if form.get("type") in ("choice", "tags") else [],
        "for_client": "for_client" in form,
    }
    return _done(project_id, lambda: create_custom_field(read_form(NewCustomField, given, _REFUSED, _LABELS)))


@action(f"{_ADDRESS}/<uuid:field_id>/change", Permission.PRODUCTION_WRITE)
def change_field(project_id: UUID, field_id: UUID) -> str:
    """Change a field's title, choices, and whether clients see it; ``version`` is what the reader saw."""
    given: dict[str, Any] = {"title": request.form.get("title", ""), "for_client": "for_client" in request.form}
    if "choices" in request.form:
        given["choices"] = _lines("choices")

    def work() -> None:
        check_seen(_shown_here(project_id, field_id))
        change_custom_field(field_id, read_form(CustomFieldChanges, given, _REFUSED))

    return _done(project_id, work)


@action(f"{_ADDRESS}/<uuid:field_id>/rename-choice", Permission.PRODUCTION_WRITE)
def rename_field_choice(project_id: UUID, field_id: UUID) -> str:
    """Call a choice something else, wherever it stands."""
    given = {"choice": request.form.get("choice", ""), "to": request.form.get("to", "")}
    _shown_here(project_id, field_id)
    return _done(project_id, lambda: rename_choice(field_id, read_form(RenamedChoice, given, _REFUSED, _LABELS)))


@action(f"{_ADDRESS}/<uuid:field_id>/<any(up, down, archive, restore):what>", Permission.PRODUCTION_WRITE)
def order_field(project_id: UUID, field_id: UUID, what: str) -> str:
    """Show a field before or after its neighbour, put it away, or take it out again."""

    def work() -> None:
        if what in ("up", "down"):
            _move(project_id, field_id, -1 if what == "up" else 1)
            return
        found = _shown_here(project_id, field_id)
        if what == "archive":
            change(found, {"archived_at": found.archived_at or datetime.now(UTC)})
        elif found.archived_at is not None:
            check_room(found)
            change(found, {"archived_at": None})

    return _done(project_id, work)


def _fields(project_id: UUID) -> list[CustomField]:
    theirs = or_(CustomField.project_id.is_(None), CustomField.project_id == project_id)
    ordered = select(CustomField).where(theirs).order_by(CustomField.position, CustomField.name, CustomField.id)
    return list(session().scalars(ordered).unique())


def _shown_here(project_id: UUID, field_id: UUID) -> CustomField:
    """The field, locked. Raises NotFoundError for another project's."""
    found = row(CustomField, field_id, lock=True)
    if found.project_id not in (None, project_id):
        raise missing(CustomField, field_id)
    return found


def _move(project_id: UUID, field_id: UUID, steps: int) -> None:
    found = row(CustomField, field_id)
    # One after the other; what fields there are stays as it is meanwhile.
    hold(session(), current_tenant(session()), "custom_fields", found.target_type)
    fields = declared(session(), TARGETS[found.target_type], hold=True).of(project_id)
    if found not in fields:
        # Archived meanwhile, or another project's.
        check_live(_shown_here(project_id, field_id))
        return
    place = fields.index(found) + steps
    if 0 <= place < len(fields):
        fields.remove(found)
        fields.insert(place, found)
        for position, each in enumerate(fields):
            change(each, {"position": position})


def _done(project_id: UUID, work: Any) -> str:
    try:
        work()
    except (InputError, ConflictError) as error:
        tell_refusal(error)
    return url_for("pages.project_fields", project_id=project_id)


def _name_for(title: str, target_type: str) -> str:
    """``focal_length`` for ``Focal length``, ``field_2nd_unit`` for ``2nd unit``, ``field_1`` where no letter is Latin.

    Accents are left out.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
    if name:
        return (name if name[0].isalpha() else f"field_{name}")[:40]
    taken = set(session().scalars(select(CustomField.name).where(CustomField.target_type == target_type)))
    return next(free for number in count(1) if (free := f"field_{number}") not in taken)


def _lines(name: str) -> list[str]:
    return [line.strip() for line in request.form.get(name, "").splitlines() if line.strip()]
