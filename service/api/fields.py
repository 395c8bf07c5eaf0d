"""Field types that several resources share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, ParamSpec, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, model_validator

from service.api.routing import Reply, Request
from service.api.validation import Matches
from shared.context import check_name
from shared.errors import InputError
from shared.paths import normalise

P = ParamSpec("P")
R = TypeVar("R")

_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates: with them, what is read is not what is there (https://trojansource.codes). The
marks that some scripts need (U+200E, U+200F) are none of them."""
_UNSEEN = frozenset({"Cf", "Mn", "Me", "Zs"})
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols to Unicode, but nothing to see."""
_NUMBER = re.compile(r"\s*[-+]?[\d.]+\s*")
LOWER_NAME = "have small letters, digits and underscores only, at most 40, and begin with a letter"


def _name(text: str) -> str:
    return _checked(check_name, text, "folder or a prim")


def _path(text: str) -> str:
    return _checked(normalise, text)


def _one_line(text: str) -> str:
    """``text``, if people can tell what they see. Raises ValueError."""
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in text):
        raise ValueError("must be one line, without tabs or other control characters")
    if _REORDERING.search(text):
        raise ValueError("must not have characters that change the direction of writing")
    if text and all(unicodedata.category(each) in _UNSEEN or each in _BLANK for each in text):
        raise ValueError("must have a character that can be seen")
    return text


def _file_name(text: str) -> str:
    if text.strip(". ") == "":
        raise ValueError("must be more than dots and spaces")
    return text


def _checked(check: Callable[P, R], *values: P.args, **named: P.kwargs) -> R:
    # A RacewayError says what is wrong; pydantic collects it with the request's other faults.
    try:
        return check(*values, **named)
    except InputError as error:
        raise ValueError(f"{error.message} {error.hint}".strip()) from None


def _no_number(value: Any) -> Any:
    # pydantic would count a number as seconds since 1970.
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("must be written as in ISO 8601, such as 2027-01-31, not as a number")
    return value


def _name_of(row: Any) -> Any:
    return getattr(row, "name", row)


OneLine = AfterValidator(_one_line)
"""For every name and title that people type."""
NamePattern = r"^[A-Za-z][A-Za-z0-9_]*$"
Name = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_name),
    Field(examples=["gear"], json_schema_extra={"pattern": NamePattern}),
]
"""Name of a project, asset, task, part, ...: a folder and a USD prim can be called so."""
Title = Annotated[
    str, StringConstraints(max_length=200, strip_whitespace=True), OneLine, Field(examples=["Gear of the front axle"])
]
Status = Annotated[str, Matches(r"^[a-z][a-z0-9_]{0,39}$", f"must {LOWER_NAME}", "in_progress")]
ClientsSee = Annotated[
    Literal["all", "shared"],
    Field(description="the publishes that clients of a project see: all, or only those shared with them"),
]
VisibleTo = Annotated[
    Literal["everybody", "team"],
    Field(description="who of the studio sees the project: everybody, or its team and those who manage projects"),
]
DepartmentName = Annotated[str, Matches(r"^[a-z][a-z0-9_]{0,39}$", f"must {LOWER_NAME}", "grooming")]
"""Which there are, :mod:`service.production.departments` says."""
StoragePath = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000),
    AfterValidator(_path),
    Field(examples=["film/assets/gear/usd/model/data/model_v001_i001.usd"]),
]
"""Path below the storage root; a Windows client's backslashes are accepted."""
FileName = Annotated[
    str,
    Matches(r"^[^/\\\x00-\x1f\x7f]{1,200}$", "must be the bare name of a file, of 1 to 200 characters", "gear.png"),
    OneLine,
    AfterValidator(_file_name),
]
"""Bare name of a file; it is shown and downloaded by this name, but never a path on the storage."""
Day = Annotated[date, BeforeValidator(_no_number), Field(examples=["2027-01-31"])]
Moment = Annotated[AwareDatetime, BeforeValidator(_no_number), Field(examples=["2027-01-31T18:00:00Z"])]
"""A point in time, with its time zone."""
Digest = Annotated[str, Matches(r"^[0-9a-f]{64}$", "must be a SHA-256 in 64 small hexadecimal digits", "0" * 64)]
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


class EditableOut(Row):
    """What rows answer that people change and put away."""

    revision: int = Field(description="counts the changes; `If-Match` may name it as well as the whole ETag")
    archived_at: datetime | None = Field(description="when it was put away; null for what is in use")


class Changes(Request):
    """Base of what a PATCH takes: fields that are left out stay as they are."""

    nullable: ClassVar[frozenset[str]] = frozenset()
    """Fields that can be emptied with null."""

    @model_validator(mode="after")
    def _nothing_is_null(self) -> Self:
        for name in self.model_fields_set - self.nullable:
            if getattr(self, name) is None:
                raise ValueError(f"{name} may be left out, but not null")
        return self

    def given(self) -> dict[str, Any]:
        """The fields of the request."""
        return self.model_dump(exclude_unset=True)
