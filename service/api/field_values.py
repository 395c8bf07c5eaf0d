"""The custom fields of rows in requests, answers and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import Field, WithJsonSchema, model_validator
from sqlalchemy import Select

from service.api.fields import Changes, EditableOut
from service.api.listing import Column, EditableQuery, page_of
from service.api.records import row_to_change
from service.database import session
from service.models import FieldsRow
from service.production import custom_fields
from service.production.custom_fields import declared, merged, project_of

FieldsType = TypeVar("FieldsType", bound=FieldsRow)
_MOST = 200
MOST_FILTERS = 10

FieldValues = Annotated[
    dict[str, Any],
    Field(
        max_length=_MOST,
        examples=[{"lens": 35}],
        description="values of custom fields by their names: text, a number, true or false, a day like `2027-01-31`, "
        "a choice, or a list of tags, as the field's type is; null empties a field, and what is left out stays",
    ),
]


class FieldsOut(EditableOut):
    """What rows answer that have custom fields."""

    fields: dict[str, Any] = Field(
        validation_alias="shown_fields",
        description="values of the custom fields by their names, null where there is none: GET /api/custom-fields/",
    )


class FieldsQuery(EditableQuery):
    """What lists take of rows that have custom fields."""

    wanted: Annotated[dict[str, str], WithJsonSchema({"type": "string"})] = Field(
        default_factory=dict,
        alias="field.NAME",
        max_length=MOST_FILTERS,
        description="what the custom field NAME has, such as `field.lens=35`; empty for those without a value, and of "
        "tags all that are named, with commas between them. Lists are sorted by `field.NAME`, too",
    )

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        wanted = {name[6:]: text for name, text in values.items() if name.startswith("field.")}
        others = {name: value for name, value in values.items() if not name.startswith("field.")}
        return {**others, "field.NAME": wanted} if wanted else others


def page_with_fields(
    statement: Select[FieldsType],
    query: FieldsQuery,
    *,
    key: type[FieldsType],
    sort: Mapping[str, Column],
    **more: Any,
) -> dict[str, Any]:
    """As :func:`service.api.listing.page_of`, for rows with custom fields: one statement more."""
    known = declared(session(), key)
    statement = statement.where(*custom_fields.conditions(known, query.wanted))
    page = page_of(statement, query, key=key, sort={**sort, **custom_fields.sorts(known)}, **more)
    for found in page["items"]:
        found.shown_fields = known.values(found)
    return page


def with_fields(found: FieldsType) -> FieldsType:
    """The row, with its fields as they are answered."""
    found.shown_fields = declared(session(), type(found)).values(found)
    return found


def new_values(model: type[FieldsRow], project_id: UUID | None, given: dict[str, Any]) -> dict[str, Any]:
    """What a request gives a new row of a project, with its fields checked. Raises InputError."""
    if given["fields"]:
        given["fields"] = merged(declared(session(), model, hold=True).of(project_id), {}, given["fields"])
    return given


def changes_of(model: type[FieldsType], row_id: UUID, body: Changes) -> tuple[FieldsType, dict[str, Any]]:
    """The row that a request changes, locked, and the changes, with its fields put among those that it has.

    Raises InputError for fields that cannot be, and what :func:`service.api.records.row_to_change` raises.
    """
    given = body.given()
    if not given.get("fields"):
        given.pop("fields", None)
        return row_to_change(model, row_id), given
    # Before the row, as who renames a choice locks them.
    known = declared(session(), model, hold=True)
    found = row_to_change(model, row_id)
    given["fields"] = merged(known.of(project_of(found)), found.fields, given["fields"])
    return found, given
