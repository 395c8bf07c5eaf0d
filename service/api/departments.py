"""Departments: those that every studio has, and those of its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from service.accounts.permissions import Permission
from service.api.fields import Changes, DepartmentName, EditableOut, OneLine
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import add, change, declare_archive, row_to_change
from service.api.routing import Request, Resource
from service.database import current_tenant, hold, session
from service.models import Department
from service.production.departments import rank_below
from shared.errors import ConflictError

departments = Resource("departments", "/departments")
RESOURCES = (departments,)

MOST_DEPARTMENTS = 50
"""Archived ones, too. Each may halve the room between two ranks, and a rank has 53 bits."""

Arc = Annotated[
    Literal["sublayer", "payload"],
    Field(
        description="how entries compose what it publishes: `payload` for geometry, which can be left unloaded;"
        " `sublayer` for layers over what is there, which win over all geometry. Never changes"
    ),
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    OneLine,
    Field(examples=["Grooming"], description="what people call it"),
]


class DepartmentOut(EditableOut):
    name: str = Field(description="what tasks and parts have as their `department`")
    label: str
    arc: Arc
    rank: float = Field(description="the smaller one wins. Never changes: a new department stands between two others")


class NewDepartment(Request):
    name: Annotated[DepartmentName, Field(description="what tasks have as their `department`; never changes")]
    label: Label | None = Field(None, description="without it, made of the name")
    arc: Arc
    below: DepartmentName | None = Field(
        description="the department that stands directly above it, whose opinions win; null for the strongest."
        " Its place never changes"
    )


class DepartmentChanges(Changes):
    label: Label | None = None


class DepartmentQuery(EditableQuery):
    arc: Literal["sublayer", "payload", ""] = ""


@departments.declare("GET", "/", permission=Permission.TASK_READ, query=DepartmentQuery, answer=Page[DepartmentOut])
def list_departments(query: DepartmentQuery) -> dict[str, Any]:
    """List the departments, the strongest first: its opinions win over those of all that follow."""
    return page_of(
        select(Department).where(*equal((Department.arc, query.arc))),
        query,
        key=Department,
        search=(Department.name, Department.label),
        sort={
            "rank": Department.rank,
            "name": Department.name,
            "label": Department.label,
            "created_at": Department.created_at,
            "updated_at": Department.updated_at,
        },
        default_sort="rank",
    )


@departments.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewDepartment, answer=DepartmentOut, status=201
)
def create_department(body: NewDepartment) -> Department:
    """Add a department of the studio's own. Those that are there keep their order, and so does what was composed."""
    current = session()
    hold(current, current_tenant(current), Department.__tablename__)
    if current.scalars(select(func.count()).select_from(Department)).one() >= MOST_DEPARTMENTS:
        raise ConflictError(
            f"There are {MOST_DEPARTMENTS} departments already, with those that are archived.",
            hint="Restore one of those and call it otherwise.",
            code="conflict.too_many",
        )
    label = body.label or body.name.replace("_", " ").capitalize()
    rank = rank_below(current, body.below, body.arc)
    return add(Department(name=body.name, label=label, arc=body.arc, rank=rank), Department.name == body.name)


@departments.declare("GET", "/<uuid:department_id>", permission=Permission.TASK_READ, answer=DepartmentOut)
def get_department(department_id: UUID) -> Department:
    """A department."""
    return row(Department, department_id)


@departments.declare(
    "PATCH",
    "/<uuid:department_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=DepartmentChanges,
    answer=DepartmentOut,
    if_match="optional",
)
def change_department(department_id: UUID, body: DepartmentChanges) -> Department:
    """Change what people call a department. Its name, its place and how it is composed never change."""
    return change(row_to_change(Department, department_id), body.given())


declare_archive(departments, Department, Permission.PRODUCTION_WRITE, DepartmentOut)
