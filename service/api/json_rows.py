"""Answers that PostgreSQL writes as JSON itself, for long lists: no object is made of a row on its way.

::

    fields = select(Asset.id, time(Asset.created_at).label("created_at"), Project.name.label("project"))
    json_list(session().scalars(as_json(fields.join(Project, Project.id == Asset.project_id))))
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal_column, select

from service.prepared import PREPARED


@dataclass(frozen=True)
class Written:
    """Data of an answer that is JSON already.

    ``version`` is that of its one row, for the entity tag; ``digested`` is what of the JSON the tag also depends on,
    where that is not all of it.
    """

    json: bytes
    version: str = ""
    digested: bytes = b""


def as_json(rows: Select[Any]) -> Select[str]:
    """``rows`` as one JSON text each, in their order.

    The columns of ``rows`` are labelled as the answer's fields and stand in their order; times are given through
    :func:`time`. The texts are what pydantic would write, but for spaces inside of JSON columns.
    """
    document = rows.subquery("document")
    text = cast(func.row_to_json(literal_column("document")), Text)
    return select(text).select_from(document).execution_options(**PREPARED)


def time(column: Any) -> ColumnElement[str]:
    """A point in time as all answers have it: ISO 8601 in UTC with microseconds."""
    return func.to_char(func.timezone("UTC", column), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"').label(column.name)


def json_list(items: Iterable[str]) -> bytes:
    """A JSON array of JSON texts."""
    return f"[{','.join(items)}]".encode()
