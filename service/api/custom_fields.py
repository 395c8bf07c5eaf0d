"""Custom fields: what a studio declares for its projects, sequences, shots, assets and tasks."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import ColumnElement, func, or_, select

from service.accounts.permissions import Permission
from service.api.fields import LOWER_NAME, Changes, EditableOut, NameOf, OneLine, Title
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import add, change, declare_archive, live_row, row_to_change, written
from service.api.routing import Request, Resource
from service.api.validation import Matches
from service.database import current_tenant, hold, session
from service.models import CustomField, Project
from service.production.custom_fields import filled_rows, rows_with
from service.production.field_types import LONGEST_TAG, is_tag
from shared.errors import ConflictError, InputError

custom_fields = Resource("custom_fields", "/custom-fields")
RESOURCES = (custom_fields,)

MOST_FIELDS = 100
"""In use, of one kind of row, of all projects or of one: each is part of every answer."""
_MOST_CHOICES = 200

TargetType = Literal["project", "sequence", "shot", "asset", "task"]
Type = Literal["text", "number", "checkbox", "date", "choice", "tags"]
FieldName = Annotated[
    str,
    Matches(r"^[a-z][a-z0-9_]{0,39}$", f"must {LOWER_NAME}", "lens"),
    Field(description="by which values, filters and columns of spreadsheets name it; never changes"),
]
Choice = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TAG, strip_whitespace=True), OneLine]
Choices = Annotated[
    list[Choice],
    Field(
        max_length=_MOST_CHOICES,
        examples=[["low", "high"]],
        description="of the types choice and tags; tags without choices are free. Rows that have one keep it when it is"
        " taken away here",
    ),
]
Position = Annotated[
    int, Field(ge=0, le=10_000, strict=True, description="fields are shown in this order, then by name")
]
ForClient = Annotated[bool, Field(description="clients see it, too, and read its values")]


class CustomFieldOut(EditableOut):
    target_type: str = Field(description="the kind of row that has it: project, sequence, shot, asset or task")
    project_id: UUID | None = Field(description="null for a field of all projects")
    project: NameOf | None
    name: str
    title: str
    type: str
    choices: list[str]
    position: int
    for_client: bool


class NewCustomField(Request):
    target_type: TargetType
    project_id: UUID | None = Field(None, description="the one project whose rows have it; all projects' without")
    name: FieldName
    title: Title = ""
    type: Type
    choices: Choices = Field(default_factory=list)
    position: Position | None = Field(None, description="without it, after the others")
    for_client: ForClient = False


class CustomFieldChanges(Changes):
    title: Title | None = None
    choices: Choices | None = None
    position: Position | None = None
    for_client: ForClient | None = None


class RenamedChoice(Request):
    choice: Choice = Field(examples=["low"])
    to: Choice = Field(examples=["easy"])


class CustomFieldQuery(EditableQuery):
    target_type: TargetType | Literal[""] = Field("", description="the kind of row")
    project: str = Field("", description="name of the project: its own fields, and those of all projects")
    type: str = ""


@custom_fields.declare(
    "GET", "/", permission=Permission.PRODUCTION_READ, query=CustomFieldQuery, answer=Page[CustomFieldOut]
)
def list_custom_fields(query: CustomFieldQuery) -> dict[str, Any]:
    """List custom fields; a client sees those that are for clients."""
    wanted = equal((CustomField.target_type, query.target_type), (CustomField.type, query.type))
    if query.project:
        wanted.append(or_(Project.name == query.project, CustomField.project_id.is_(None)))
    return page_of(
        select(CustomField).outerjoin(CustomField.project).where(*wanted),
        query,
        key=CustomField,
        search=(CustomField.name, CustomField.title),
        sort={
            "target_type": CustomField.target_type,
            "position": CustomField.position,
            "name": CustomField.name,
            "title": CustomField.title,
            "type": CustomField.type,
            "project": Project.name,
            "created_at": CustomField.created_at,
            "updated_at": CustomField.updated_at,
        },
        default_sort="target_type,position,name",
    )


@custom_fields.declare(
    "POST", "/", permission=Permission.PRODUCTION_WRITE, body=NewCustomField, answer=CustomFieldOut, status=201
)
def create_custom_field(body: NewCustomField) -> CustomField:
    """Declare a field. Its name, its type and whose it is cannot change, because values are kept by them.

    An archived field that nothing was ever filled into gives its name to the new one, and is gone.
    """
    if body.project_id is not None:
        live_row(Project, body.project_id)
        if body.target_type == "project":
            raise InputError(
                "A field of projects is a field of all projects.",
                hint="Leave project_id out, or choose another target_type.",
                fields={"project_id": "must be left out where target_type is project"},
            )
    # One after the other: a field of all projects is in the way of single projects' of that name, and they of it.
    hold(session(), current_tenant(session()), "custom_fields", body.target_type)
    alike = [CustomField.target_type == body.target_type, CustomField.name == body.name]
    if body.project_id is not None:
        alike.append(or_(CustomField.project_id.is_(None), CustomField.project_id == body.project_id))
    new = CustomField(**body.model_dump())
    new.choices = _checked_choices(new.type, body.choices)
    check_room(new)
    _free_name(*alike)
    if body.position is None:
        last = func.coalesce(func.max(CustomField.position), -1)
        new.position = session().scalars(select(last + 1).where(CustomField.target_type == body.target_type)).one()
    return add(new, *alike)


@custom_fields.declare("GET", "/<uuid:field_id>", permission=Permission.PRODUCTION_READ, answer=CustomFieldOut)
def get_custom_field(field_id: UUID) -> CustomField:
    """A custom field."""
    return row(CustomField, field_id)


@custom_fields.declare(
    "PATCH",
    "/<uuid:field_id>",
    permission=Permission.PRODUCTION_WRITE,
    body=CustomFieldChanges,
    answer=CustomFieldOut,
    if_match="optional",
)
def change_custom_field(field_id: UUID, body: CustomFieldChanges) -> CustomField:
    """Change a field's title, choices, place, or whether clients see it. What rows have stays as it is."""
    found, changes = row_to_change(CustomField, field_id), body.given()
    if "choices" in changes:
        changes["choices"] = _checked_choices(found.type, changes["choices"])
    return change(found, changes)


@custom_fields.declare(
    "POST",
    "/<uuid:field_id>/rename-choice",
    permission=Permission.PRODUCTION_WRITE,
    body=RenamedChoice,
    answer=CustomFieldOut,
    if_match="optional",
)
def rename_choice(field_id: UUID, body: RenamedChoice) -> CustomField:
    """Call a choice something else: in the field, and in all rows that have it."""
    found = row_to_change(CustomField, field_id)
    if body.choice not in found.choices:
        raise InputError(
            f"{body.choice!r} is no choice of the field {found.name}.",
            hint=f"It has: {', '.join(found.choices) or 'none'}.",
            fields={"choice": "is no choice of this field"},
        )
    found.choices = _checked_choices(found.type, [body.to if each == body.choice else each for each in found.choices])
    for each in rows_with(session(), found, body.choice):
        value = each.fields[found.name]
        renamed = [body.to if tag == body.choice else tag for tag in value] if isinstance(value, list) else body.to
        each.fields = {**each.fields, found.name: renamed}
    return written(found)


def check_room(field: CustomField) -> None:
    """Raises ConflictError where as many fields of its kind are in use as there may be."""
    of_same = CustomField.project_id.is_not_distinct_from(field.project_id)
    in_use = (CustomField.target_type == field.target_type, of_same, CustomField.archived_at.is_(None))
    number = session().scalars(select(func.count()).select_from(CustomField).where(*in_use)).one()
    if number >= MOST_FIELDS:
        raise ConflictError(
            f"There are {number} such fields of {field.target_type}s in use already.",
            hint="Archive one that nobody needs, or put what belongs together into one field.",
            code="conflict.too_many",
        )


declare_archive(custom_fields, CustomField, Permission.PRODUCTION_WRITE, CustomFieldOut, before_restore=check_room)


def _free_name(*alike: ColumnElement[bool]) -> None:
    """Delete the archived fields among those ``alike`` that no row has a value in: they were declared by mistake.

    Not when they are archived: until their name is wanted they can be restored. Raises ConflictError for one with
    values, which would be taken for the new field's.
    """
    put_away = select(CustomField).where(*alike, CustomField.archived_at.is_not(None))
    locked = put_away.with_for_update(of=CustomField).execution_options(populate_existing=True)
    for former in session().scalars(locked).unique().all():
        if number := filled_rows(session(), former):
            of = f" of the project {former.project.name}" if former.project else ""
            raise ConflictError(
                f"An archived field{of} has the name {former.name}, and values in {number:,} "
                f"{former.target_type}{'s' if number > 1 else ''}.",
                hint="Choose another name; the title may be the same. Or restore that field: once it is emptied"
                " everywhere and archived again, its name is free.",
                code="conflict.exists",
                fields={"name": "is taken", "id": str(former.id)},
            )
        session().delete(former)
    session().flush()


def _checked_choices(type_: str, choices: list[str]) -> list[str]:
    """``choices``, if a field of this type can have them. Raises InputError."""
    fault = ""
    if type_ not in ("choice", "tags"):
        fault = f"a field of the type {type_} has none" if choices else ""
    elif type_ == "choice" and not choices:
        fault = "a choice needs at least one"
    elif len({each.casefold() for each in choices}) < len(choices):
        fault = "two are alike but for their capitals"
    elif other := next((each for each in choices if not each.isprintable()), None):
        fault = f"{other!r} is not one line of text"
    elif type_ == "tags" and (other := next((each for each in choices if not is_tag(each)), None)):
        fault = f"{other!r} holds a comma or semicolon, which stand between tags"
    if fault:
        raise InputError(f"These choices cannot be: {fault}.", hint="Correct `choices`.", fields={"choices": fault})
    return choices
