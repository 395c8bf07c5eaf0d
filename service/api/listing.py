"""Lists: pages, search, sort. One SQL statement for the rows and one for their number, whatever the size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from flask import request
from pydantic import Field
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from service.api.routing import Reply, Request, etag_of
from service.database import current_tenant, session
from service.models import TenantRow
from shared.errors import ConflictError, InputError, NotFoundError

Item = TypeVar("Item")
RowType = TypeVar("RowType", bound=TenantRow)
Column = InstrumentedAttribute[Any] | ColumnElement[Any]


class ListQuery(Request):
    """What every list takes. ``sort`` is a field, with a minus before it for the reverse order."""

    page: int = Field(1, ge=1, le=100_000)
    page_size: int = Field(50, ge=1, le=500)
    q: str = Field("", max_length=200)
    sort: str = Field("", max_length=60)


class Page(Reply, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    page: int
    page_size: int
    total: int


def page_of(
    statement: Select[RowType],
    query: ListQuery,
    *,
    key: type[RowType],
    search: Sequence[Column],
    sort: Mapping[str, Column],
    default_sort: str,
) -> dict[str, Any]:
    """The page that ``query`` asks of ``statement``, a select of ``key`` rows.

    Raises InputError for an unknown sort field.
    """
    if query.q:
        pattern = "%" + query.q.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        statement = statement.where(or_(*(column.ilike(pattern) for column in search)))
    wanted = query.sort or default_sort
    column = sort.get(wanted.removeprefix("-"))
    if column is None:
        raise InputError(
            f"This list cannot be sorted by {wanted.removeprefix('-')!r}.",
            hint=f"Sort by {', '.join(sort)}.",
            fields={"sort": f"one of {', '.join(sort)}, with - before it for the reverse"},
        )
    ordered = statement.order_by(column.desc() if wanted.startswith("-") else column.asc(), key.id)
    rows = session().scalars(ordered.limit(query.page_size).offset((query.page - 1) * query.page_size)).unique().all()
    if query.page == 1 and len(rows) < query.page_size:
        total = len(rows)
    else:
        total = session().scalar(select(func.count()).select_from(statement.with_only_columns(key.id).subquery())) or 0
    return {"items": rows, "page": query.page, "page_size": query.page_size, "total": total}


def row(model: type[RowType], row_id: UUID, *, lock: bool = False) -> RowType:
    """The row of this tenant with that id; ``lock`` holds it until the transaction ends.

    Raises NotFoundError, also for another tenant's row.
    """
    current = session()
    found = current.get(
        model,
        (current_tenant(current), row_id),
        # NO KEY: rows that refer to this one can still be added meanwhile.
        with_for_update={"key_share": True, "of": model} if lock else None,
        populate_existing=lock,
    )
    if found is None:
        what = str(model.__tablename__).removesuffix("s").replace("_", " ")
        raise NotFoundError(
            f"There is no {what} {row_id}.", hint="List what there is; it may have been deleted.", code="not_found"
        )
    return found


def check_unchanged(found: TenantRow) -> None:
    """Raises ConflictError (``conflict.stale``, status 412) where If-Match names another state of the row."""
    wanted = request.headers.get("If-Match", "").strip()
    if wanted and wanted not in ("*", etag_of(found)):
        raise ConflictError(
            "Somebody else changed this since you read it.",
            hint="Read it again, then repeat your change.",
            code="conflict.stale",
            status=412,
        )


def apply_changes(target: TenantRow, changes: Mapping[str, Any]) -> None:
    """Set the fields a PATCH names."""
    for name, value in changes.items():
        setattr(target, name, value)
