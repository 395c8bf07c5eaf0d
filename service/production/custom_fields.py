"""Custom fields: which a row has, what may be in them, and how their values are written as text.

A field is declared once (:class:`service.models.CustomField`), for one kind of row, of all projects or of one. Values
stand with the rows, by the fields' names. They are looked at when they are written only: what a row has stays, also
where a choice is offered no more or a field was put away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, not_, or_, select
from sqlalchemy.orm import Session

from service.models import Asset, CustomField, FieldsRow, Project, Shot, Task
from service.models import Sequence as SequenceRow
from service.production.field_types import TYPES, from_text, typed
from shared.errors import InputError

TARGETS: Mapping[str, type[FieldsRow]] = {
    "asset": Asset,
    "sequence": SequenceRow,
    "shot": Shot,
    "task": Task,
    "project": Project,
}
"""Kinds of rows that have custom fields."""

_ORDER = (CustomField.position, CustomField.name, CustomField.id)
_MOST_TOLD = 40
_NONE_DECLARED = (
    "None is declared here. Declare one under Custom fields of the project, or by POST /api/custom-fields/."
)


@dataclass(frozen=True)
class Declared:
    """The fields in use of one kind of row, in their order: those of all projects, and those of single ones.

    Of those that are not for clients, a client has none: row-level security leaves them out.
    """

    target_type: str
    fields: Sequence[CustomField]

    def of(self, project_id: UUID | None) -> list[CustomField]:
        """The fields of rows of one project."""
        return [field for field in self.fields if field.project_id in (None, project_id)]

    def values(self, found: FieldsRow) -> dict[str, Any]:
        """What a row has in each of its fields; null in those that are empty."""
        return {field.name: found.fields.get(field.name) for field in self.of(project_of(found))}


def declared(current: Session, model: type[FieldsRow], *, hold: bool = False) -> Declared:
    """The fields of ``model``'s rows: one statement. With ``hold`` they stay as they are until the transaction ends."""
    kind = target_type_of(model)
    return Declared(kind, _in_use(current, CustomField.target_type == kind, hold=hold))


def fields_of(current: Session, project_id: UUID, *, hold: bool = False) -> dict[str, list[CustomField]]:
    """The fields in use of each kind of row of a project, in their order; as :func:`declared`, one statement."""
    found: dict[str, list[CustomField]] = {kind: [] for kind in TARGETS}
    theirs = or_(CustomField.project_id.is_(None), CustomField.project_id == project_id)
    for field in _in_use(current, theirs, hold=hold):
        found[field.target_type].append(field)
    return found


def _in_use(current: Session, condition: ColumnElement[bool], *, hold: bool) -> Sequence[CustomField]:
    statement = select(CustomField).where(condition, CustomField.archived_at.is_(None))
    if hold:
        # Who renames a choice waits for those who may be writing it, and they see what it is called then.
        statement = statement.with_for_update(read=True, of=CustomField).execution_options(populate_existing=True)
    return current.scalars(statement.order_by(*_ORDER)).unique().all()


def target_type_of(model: type[FieldsRow]) -> str:
    """What the fields' declarations call a kind of row."""
    return next(name for name, each in TARGETS.items() if each is model)


def project_of(found: FieldsRow) -> UUID | None:
    """The project whose fields a row has; None for a project, which has those of all."""
    if isinstance(found, Asset | SequenceRow):
        return found.project_id
    if isinstance(found, Shot):
        return found.sequence.project_id
    return project_of(found.target) if isinstance(found, Task) else None


def merged(fields: Iterable[CustomField], before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that has ``fields``, after ``given`` have been put in; null empties a field.

    Raises InputError, which names each that cannot be: a field that there is not, or a value that is none of its type.
    """
    known = {field.name: field for field in fields}
    values, faults = dict(before), dict[str, str]()
    for name, value in given.items():
        if name not in known:
            faults[name] = "is no field here"
            continue
        try:
            kept = None if value is None else _checked(known[name], value, before.get(name))
        except ValueError as error:
            faults[name] = str(error)
            continue
        values.pop(name, None)
        if kept is not None:
            values[name] = kept
    if faults:
        raise _refused(known.values(), faults)
    return values


def _checked(field: CustomField, value: Any, before: Any) -> Any:
    """``value`` as it is kept, if it is offered, or was there ``before``: what stands may stay. Raises ValueError."""
    value = typed(field, value)
    chosen, stands = (each if isinstance(each, list) else [each] for each in (value, before))
    if field.choices and (other := [each for each in chosen if each not in (*field.choices, *stands, None)]):
        raise ValueError(f"must be one of {', '.join(field.choices)}, not {other[0]!r}")
    return value


def conditions(known: Declared, wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Conditions for rows that have what ``wanted`` says, by the names of fields; empty text for nothing.

    Of tags, all that are named. A box that nobody ticked or unticked is not ticked. Raises InputError.
    """
    model, faults, found = TARGETS[known.target_type], dict[str, str](), list[ColumnElement[bool]]()
    for name, text in wanted.items():
        # Several projects may have a field of one name, each of another type.
        fields = [field for field in known.fields if field.name == name]
        if not fields:
            faults[name] = "is no field here"
        elif not text.strip():
            found.append(not_(model.fields.has_key(name)))
        else:
            each = [condition for field in fields if (condition := _condition(model, field, text)) is not None]
            if each:
                found.append(or_(*each))
            else:
                faults[name] = f"must be {TYPES[fields[0].type]}, not {text!r}"
    if faults:
        raise _refused(known.fields, faults, prefix="field")
    return found


def rows_with(current: Session, field: CustomField, choice: str) -> Sequence[FieldsRow]:
    """The rows that have a choice in a field, archived ones too, locked until the transaction ends."""
    model = TARGETS[field.target_type]
    value = [choice] if field.type == "tags" else choice
    having = select(model).where(model.fields.contains({field.name: value})).order_by(model.id)
    locked = having.with_for_update(key_share=True, of=model).execution_options(populate_existing=True)
    found = current.scalars(locked).unique().all()
    # Another project may have a field of this name, too.
    return [each for each in found if field.project_id in (None, project_of(each))]


def filled_rows(current: Session, field: CustomField) -> int:
    """How many rows have a value in a field, archived ones too."""
    model = TARGETS[field.target_type]
    filled = model.fields.has_key(field.name)
    if field.project_id is None:
        return current.scalars(select(func.count()).select_from(model).where(filled)).one()
    # Another project may have a field of this name, too.
    return sum(project_of(each) == field.project_id for each in current.scalars(select(model).where(filled)).unique())


def sorts(known: Declared) -> dict[str, ColumnElement[Any]]:
    """What a list of rows can be sorted by: ``field.NAME``."""
    model = TARGETS[known.target_type]
    return {f"field.{field.name}": model.fields[field.name] for field in known.fields}


def _condition(model: type[FieldsRow], field: CustomField, text: str) -> ColumnElement[bool] | None:
    try:
        value = from_text(field, text)
    except ValueError:
        return None
    if value is False:
        return not_(model.fields.contains({field.name: True}))
    return model.fields.contains({field.name: value})


def _refused(fields: Iterable[CustomField], faults: Mapping[str, str], prefix: str = "fields") -> InputError:
    names = [f"{field.name} ({field.type})" for field in fields]
    there = ", ".join([*names[:_MOST_TOLD], *(["..."] if len(names) > _MOST_TOLD else [])])
    return InputError(
        f"What is said of custom fields cannot be: {'; '.join(f'{name} {text}' for name, text in faults.items())}.",
        hint=f"There are here: {there}." if there else _NONE_DECLARED,
        fields={f"{prefix}.{name}": text for name, text in faults.items()},
    )
