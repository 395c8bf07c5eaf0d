"""Field types that several resources share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from service.api.routing import Reply
from shared.context import check_name
from shared.departments import department
from shared.errors import InputError
from shared.paths import normalise


def _name(text: str) -> str:
    return _checked(lambda: check_name(text, "name"))


def _department(text: str) -> str:
    return _checked(lambda: department(text).name)


def _path(text: str) -> str:
    return _checked(lambda: normalise(text))


def _checked(check: Any) -> str:
    # A RacewayError says what is wrong; pydantic collects it with the request's other faults.
    try:
        return str(check())
    except InputError as error:
        raise ValueError(f"{error.message} {error.hint}".strip()) from None


def _name_of(row: Any) -> Any:
    return getattr(row, "name", row)


NamePattern = r"^[A-Za-z][A-Za-z0-9_]*$"
Name = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(_name), Field(json_schema_extra={"pattern": NamePattern})
]
"""Name of a project, asset, task, part, ...: a folder and a USD prim can be called so."""
Title = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]
Status = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
DepartmentName = Annotated[str, AfterValidator(_department)]
StoragePath = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_path)]
"""Path below the storage root; a Windows client's backslashes are accepted."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Version, iteration and the like."""
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=200)]
NameOf = Annotated[str, BeforeValidator(_name_of)]
"""The name of a related row."""


class Row(Reply):
    """What every row answers."""

    id: UUID
    created_at: datetime
    updated_at: datetime
