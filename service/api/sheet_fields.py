"""The columns of a production's spreadsheet that are custom fields: ``shot.lens``, ``task.complexity``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.models import CustomField, FieldsRow
from service.production.field_types import from_text
from service.production.sheet import FIELD, Fields
from shared.custom_fields import as_text
from shared.tables import day_of, number_of, word

KINDS = ("asset", "sequence", "shot", "task")
"""Whose rows a spreadsheet has, in the order of its columns."""


@dataclass(frozen=True)
class FieldColumns:
    """The custom fields of a project's rows, by the names of their columns."""

    fields: Mapping[str, CustomField]

    @classmethod
    def of(cls, fields: Fields) -> FieldColumns:
        return cls({f"{kind}.{field.name}": field for kind in KINDS for field in fields[kind]})

    def names(self, taken: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What else each column may be called: the field's name or title, with or without the kind of row before it.

        Only what means one column, and is not ``taken``; all as :func:`shared.tables.word` has them.
        """
        names = self._names()
        claims = Counter(name for each in names.values() for name in each)
        return {
            column: tuple(name for name in sorted(each) if claims[name] == 1 and name not in taken)
            for column, each in names.items()
        }

    def meant_by(self, title: str) -> list[str]:
        """The columns that a title may mean."""
        return [column for column, names in self._names().items() if word(title) in names]

    def _names(self) -> dict[str, set[str]]:
        return {
            column: {
                word(f"{before} {text}") for before in ("", field.target_type) for text in (field.name, field.label)
            }
            for column, field in self.fields.items()
        }

    def values(self, cells: Mapping[str, str], named: Collection[str]) -> dict[str, dict[str, Any]]:
        """What the cells of a line say, by kind of row and name of value; ``named`` are the kinds that the line names.

        Raises ValueError, which tells of each cell that is wrong.
        """
        said: dict[str, dict[str, Any]] = {}
        faults = []
        for column, text in cells.items():
            field = self.fields[column]
            try:
                said.setdefault(field.target_type, {})[FIELD + field.name] = from_text(field, _written(field, text))
            except ValueError as error:
                faults.append(f"{column}: {error}")
            if field.target_type not in named:
                faults.append(f"{column} needs {field.target_type} in the same row")
        if faults:
            raise ValueError("; ".join(faults))
        return said

    def cells(self, rows: Mapping[str, FieldsRow]) -> list[object]:
        """The cells of a line that is about ``rows``, by their kinds."""
        return [
            _cell(rows[field.target_type].fields.get(field.name)) if field.target_type in rows else ""
            for field in self.fields.values()
        ]


def put_away(current: Session, project_id: UUID) -> set[str]:
    """What an archived field of a project may be called in a spreadsheet."""
    theirs = or_(CustomField.project_id.is_(None), CustomField.project_id == project_id)
    fields = current.scalars(select(CustomField).where(theirs, CustomField.archived_at.is_not(None))).unique()
    return {
        name.casefold() for field in fields for name in (f"{field.target_type}.{field.name}", field.name, field.label)
    }


def _written(field: CustomField, text: str) -> str:
    """What a cell says, as the field's type is written. Raises ValueError where it can be read in several ways."""
    match field.type:
        case "date":
            return day_of(text).isoformat()
        case "number":
            return number_of(text)
    return text


def _cell(value: Any) -> object:
    # A number is no text to be kept from being a formula.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else as_text(value)
