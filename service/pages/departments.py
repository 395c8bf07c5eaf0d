"""Departments: how pages show them, and where managers add their own, rename them and put them away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from flask import g, render_template, request, url_for
from sqlalchemy import func, select

from service.accounts.permissions import Permission
from service.api.departments import DepartmentChanges, NewDepartment, change_department, create_department
from service.api.listing import row
from service.api.records import set_archived
from service.database import session
from service.models import Department, Part, Task
from service.pages.forms import check_seen, read_form
from service.pages.frame import action, page, pages
from service.production.departments import declared_departments
from shared.departments import Arc

_REFUSED = "There cannot be such a department."
_LABELS = {"arc": "Place", "below": "Place"}
_ADDRESS = "/departments"

ARCS: Mapping[str, str] = {Arc.SUBLAYER: "layers", Arc.PAYLOAD: "geometry"}
"""What departments publish, by the arcs that entries compose it with."""


def departments_here() -> Mapping[str, Department]:
    """All departments by their names, the strongest first, archived ones too; one statement a page."""
    if "departments" not in g:
        g.departments = declared_departments(session())
    known: Mapping[str, Department] = g.departments
    return known


def offered_departments(*, given: str = "") -> list[Department]:
    """Those that a task can be given, the strongest first; and the one that it has, where that is ``given``."""
    return [each for each in departments_here().values() if each.archived_at is None or each.name == given]


def department_label(name: str) -> str:
    """What people call a department."""
    known = departments_here().get(name)
    return known.label if known else name


@pages.app_context_processor
def _departments() -> dict[str, Callable[..., object]]:
    return {"department_label": department_label, "offered_departments": offered_departments}


@page(_ADDRESS, Permission.PRODUCTION_WRITE)
def departments() -> str:
    """The departments of the studio, the strongest first, with how many tasks and parts each has."""
    found = departments_here().values()
    current = session()
    tasks = select(Task.department, func.count()).where(Task.archived_at.is_(None)).group_by(Task.department)
    parts = select(Part.department, func.count()).group_by(Part.department)
    return render_template(
        "pages/departments.html",
        layers=[each for each in found if each.arc == Arc.SUBLAYER],
        geometry=[each for each in found if each.arc == Arc.PAYLOAD],
        in_use=[each for each in found if not each.archived_at],
        archived=[each for each in found if each.archived_at],
        tasks=dict(current.execute(tasks).all()),
        parts=dict(current.execute(parts).all()),
        arcs=ARCS,
    )


@action(_ADDRESS, Permission.PRODUCTION_WRITE)
def add_department() -> str:
    """Add the department that the form describes."""
    given: dict[str, object] = {name: request.form.get(name, "").strip() for name in ("name", "label")}
    given["arc"], _, below = request.form.get("place", "").partition(":")
    given["below"] = below or None
    create_department(read_form(NewDepartment, given, _REFUSED, _LABELS))
    return url_for("pages.departments")


@action(f"{_ADDRESS}/<uuid:department_id>/rename", Permission.PRODUCTION_WRITE)
def rename_department(department_id: UUID) -> str:
    """Change what people call a department; ``version`` is what the reader saw."""
    check_seen(row(Department, department_id, lock=True))
    wanted = read_form(DepartmentChanges, {"label": request.form.get("label", "")}, _REFUSED, _LABELS)
    change_department(department_id, wanted)
    return url_for("pages.departments")


@action(f"{_ADDRESS}/<uuid:department_id>/<any(archive, restore):what>", Permission.PRODUCTION_WRITE)
def archive_department(department_id: UUID, what: str) -> str:
    """Put a department away, or take it out again."""
    set_archived(row(Department, department_id, lock=True), what == "archive")
    return url_for("pages.departments")
