"""The custom fields of a row on its page: shown, and filled by who may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import request, url_for

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import change, row_to_change
from service.database import session
from service.models import Asset, CustomField, FieldsRow, Project, Shot, Task
from service.pages.forms import check_seen
from service.pages.frame import action, may, tell_refusal
from service.production.custom_fields import TARGETS, declared, merged, project_of, target_type_of
from service.production.field_types import LONGEST_TEXT, from_text
from shared.custom_fields import as_text
from shared.errors import ConflictError, InputError

_LINKS = ("https://", "http://")


@dataclass(frozen=True)
class FieldView:
    """A field of a row with what is in it."""

    field: CustomField
    value: Any

    @property
    def text(self) -> str:
        return as_text(self.value)

    @property
    def link(self) -> str:
        """The address that the value is, if it is one."""
        return self.text if self.text.startswith(_LINKS) and len(self.text.split()) == 1 else ""

    @property
    def chosen(self) -> list[str]:
        """Of a choice or of tags: what is chosen."""
        return self.value if isinstance(self.value, list) else [self.value] if self.value else []

    @property
    def choices(self) -> list[str]:
        """What can be chosen; what is, although it is offered no more, can stay."""
        return [*self.field.choices, *(each for each in self.chosen if each not in self.field.choices)]


@dataclass(frozen=True)
class FieldsView:
    """The fields of a row, as its page shows them."""

    row: FieldsRow
    items: Sequence[FieldView]
    longest: int = LONGEST_TEXT

    @property
    def target_type(self) -> str:
        return target_type_of(type(self.row))

    @property
    def editable(self) -> bool:
        return may(Permission.PRODUCTION_WRITE) and self.row.archived_at is None


def fields_on(found: FieldsRow) -> FieldsView:
    """What the page of a row shows of its fields: one statement."""
    return FieldsView(found, _views(declared(session(), type(found)).of(project_of(found)), found))


@action("/fields/<any(project, sequence, shot, asset, task):target_type>/<uuid:row_id>", Permission.PRODUCTION_WRITE)
def fill_fields(target_type: str, row_id: UUID) -> str:
    """Put what the form has into the fields of a row; ``version`` is the row's that the reader saw."""
    model = TARGETS[target_type]
    target = page_of_row(row(model, row_id))
    try:
        # Before the row, as who renames a choice locks them.
        known = declared(session(), model, hold=True)
        found = row_to_change(model, row_id)
        check_seen(found)
        fields = known.of(project_of(found))
        change(found, {"fields": merged(fields, found.fields, _sent(_views(fields, found)))})
    except (InputError, ConflictError) as error:
        tell_refusal(error)
    return f"{target}#fields"


def page_of_row(found: FieldsRow) -> str:
    """The address of a row's page."""
    match found:
        case Asset():
            return url_for("pages.asset", asset_id=found.id)
        case Task():
            return url_for("pages.task", task_id=found.id)
        case Shot():
            return url_for("pages.shot", shot_id=found.id)
        case Project():
            return url_for("pages.project", project_id=found.id)
    return url_for("pages.sequence", sequence_id=found.id)


def _views(fields: Sequence[CustomField], found: FieldsRow) -> list[FieldView]:
    return [FieldView(field, found.fields.get(field.name)) for field in fields]


def _sent(items: Sequence[FieldView]) -> dict[str, Any]:
    """What the form has in each field. Raises InputError."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for each in items:
        text = ", ".join(request.form.getlist(f"field.{each.field.name}"))
        if each.field.type == "checkbox":
            # A box that nobody ticked so far stays undecided, not unticked.
            values[each.field.name] = True if text else None if each.value is None else False
            continue
        try:
            values[each.field.name] = from_text(each.field, text) if text.strip() else None
        except ValueError as error:
            faults[each.field.label] = str(error)
    if faults:
        told = "; ".join(f"{label} {fault}" for label, fault in faults.items())
        raise InputError(f"Nothing was saved: {told}.", hint="Correct it, and save again.", fields=faults)
    return values
