"""Lists: pages, search, sort. One SQL statement for the rows and one for their number, whatever the size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, literal_column, select
from sqlalchemy.orm import InstrumentedAttribute

from service.api.json_rows import Written, as_json, json_list
from service.api.routing import Reply, Request
from service.archiving import kind_of
from service.database import current_tenant, session
from service.models import EditableRow, TenantRow
from service.prepared import PREPARED
from service.search import Searched, matching
from shared.errors import InputError, NotFoundError
from shared.natural_order import natural_order

Item = TypeVar("Item")
RowType = TypeVar("RowType", bound=TenantRow)
Column = InstrumentedAttribute[Any] | ColumnElement[Any]

_MOST_SORTS = 5


class ListQuery(Request):
    """What every list takes."""

    page: int = Field(1, ge=1, le=100_000)
    page_size: int = Field(50, ge=1, le=500)
    q: str = Field("", max_length=200, description="words, or beginnings of words, that must all be found")
    sort: str = Field(
        "",
        max_length=200,
        description="fields, the first counting most, each with a minus before it for the reverse order",
        examples=["-created_at,name"],
    )


class EditableQuery(ListQuery):
    """What lists of rows take that can be put away."""

    archived: bool = Field(False, description="with what was put away")


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
    search: Sequence[Searched],
    sort: Mapping[str, Column],
    default_sort: str,
    below: Sequence[type[EditableRow]] = (),
) -> dict[str, Any]:
    """The page that ``query`` asks of ``statement``, a select of ``key`` rows.

    ``search`` are models with a search column, or columns of text, all part of ``statement``. ``below`` are the models
    of the statement that the rows belong to: with them the rows are put away. Raises InputError for a sort field that
    is not in ``sort``.
    """
    statement = _unless_archived(statement, query, key, *below)
    if query.q.strip():
        statement = statement.where(*matching(query.q, *search))
    ordered = statement.order_by(*_order(query.sort or default_sort, sort), key.id)
    rows = session().scalars(ordered.limit(query.page_size).offset((query.page - 1) * query.page_size)).unique().all()
    total = _total(statement.with_only_columns(key.id), query, len(rows))
    return {"items": rows, "page": query.page, "page_size": query.page_size, "total": total}


@dataclass(frozen=True)
class JsonPages:
    """The statements of a list that PostgreSQL writes: made once for a form of query, asked for one page after another.

    Building a long statement takes SQLAlchemy longer than PostgreSQL takes to answer it.
    """

    page_size: int
    forwards: Select[str]
    backwards: Select[str]
    number: Select[int]


def json_pages(
    ids: Select[Any],
    fields: Select[Any],
    *,
    key: type[EditableRow],
    sort: Mapping[str, Column],
    wanted_sort: str,
    archived: bool,
    page_size: int,
) -> JsonPages:
    """The pages of ``ids``, a select of ``key`` rows; an index alone finds them, however deep they are.

    ``fields`` selects what is answered of a row, see :func:`service.api.json_rows.as_json`. Raises InputError for a
    sort field that is not in ``sort``.
    """
    ids = (ids if archived else ids.where(key.archived_at.is_(None))).with_only_columns(key.id)
    forwards = [*_order(wanted_sort, sort), key.id]
    backwards = [*_order(wanted_sort, sort, reverse=True), key.id.desc()]

    def rows(order: list[Any]) -> Select[str]:
        # A limit that PostgreSQL does not know before it would take for a tenth of the table, and plan each page anew.
        most = literal_column(str(page_size), Integer)
        page = ids.order_by(*order).limit(most).offset(bindparam("first", type_=Integer)).subquery("page")
        return as_json(fields.join(page, page.c.id == key.id).order_by(*forwards))

    number = select(func.count()).select_from(ids.subquery())
    return JsonPages(page_size, rows(forwards), rows(backwards), number.execution_options(**PREPARED))


def page_in_json(pages: JsonPages, query: ListQuery, values: Mapping[str, Any], *, total: int | None) -> Written:
    """The page that ``query`` asks for, where ``values`` are the list's parameters.

    ``total`` is the number of rows in all, where there is a quicker way to know it than counting them.
    """
    connection, most = session().connection(), pages.page_size
    first = (query.page - 1) * most
    if total is not None and first > total / 2:
        # Nearer to the end, fewer rows are passed over from there. The last page may have fewer than are found there.
        left = max(0, total - first)
        found = connection.scalars(pages.backwards, {**values, "first": max(0, left - most)}).all() if left else []
        items = found[-left:]
    else:
        items = connection.scalars(pages.forwards, {**values, "first": first}).all()
    if total is None:
        is_whole = query.page == 1 and len(items) < most
        total = len(items) if is_whole else connection.execute(pages.number, values).scalar_one()
    page = (json_list(items), query.page, most, total)
    return Written(b'{"items":%b,"page":%d,"page_size":%d,"total":%d}' % page)


def _unless_archived(statement: Select[Any], query: ListQuery, *models: Any) -> Select[Any]:
    if isinstance(query, EditableQuery) and not query.archived:
        return statement.where(*(model.archived_at.is_(None) for model in models))
    return statement


def _total(ids: Select[Any], query: ListQuery, found: int) -> int:
    """How many rows there are in all; asked only where the first page does not hold them all."""
    if query.page == 1 and found < query.page_size:
        return found
    return session().scalar(select(func.count()).select_from(ids.subquery())) or 0


def page_of_items(items: Sequence[Any], query: ListQuery) -> dict[str, Any]:
    """The page that ``query`` asks of a short list that is in memory; ``items`` are searched and sorted already."""
    start = (query.page - 1) * query.page_size
    return {
        "items": list(items[start : start + query.page_size]),
        "page": query.page,
        "page_size": query.page_size,
        "total": len(items),
    }


def sorted_items(items: Sequence[Any], query: ListQuery, fields: Sequence[str], default_sort: str) -> list[Any]:
    """A short list in the order that ``query`` asks; ``items`` are dicts, ``fields`` those it can be sorted by."""
    ordered = list(items)
    for name, reverse in reversed(_sorts(query.sort or default_sort, fields)):
        ordered.sort(key=lambda item: (item[name] is not None, _in_order(item[name])), reverse=reverse)
    return ordered


def _in_order(value: Any) -> Any:
    return natural_order(value) if isinstance(value, str) else value


def equal(*filters: tuple[Column, Any]) -> list[ColumnElement[bool]]:
    """Conditions for those filters of a query that were given: each a column and the value it must have."""
    return [column == value for column, value in filters if value not in ("", None)]


def _order(wanted: str, fields: Mapping[str, Column], *, reverse: bool = False) -> list[ColumnElement[Any]]:
    sorts = _sorts(wanted, list(fields))
    columns = {name: _as_people_sort(fields[name]) for name, _ in sorts}
    return [_falling(columns[name]) if falling != reverse else columns[name].asc() for name, falling in sorts]


def _as_people_sort(field: Column) -> Column:
    """Names and titles by what they say, not by their bytes: ``bolt2`` before ``Bolt10``; see the models' columns."""
    key = getattr(field, "key", "")
    if key == "name" and hasattr(field.class_, "name_order"):
        order: Column = field.class_.name_order
        return order
    return func.natural_order(field) if key in ("name", "title") else field


def _falling(field: Column) -> ColumnElement[Any]:
    # Rows without a value come last in either order. Of columns that always have one, an index knows the plain order.
    return field.desc().nulls_last() if getattr(field, "nullable", True) else field.desc()


def _sorts(wanted: str, fields: Sequence[str]) -> list[tuple[str, bool]]:
    """Field and whether in reverse, for each that ``wanted`` names."""
    sorts = [(text.strip().removeprefix("-"), text.strip().startswith("-")) for text in wanted.split(",")]
    unknown = [name for name, _ in sorts if name not in fields]
    if unknown or len(sorts) > _MOST_SORTS:
        problem = f"by {unknown[0]!r}" if unknown else f"by more than {_MOST_SORTS} fields"
        raise InputError(
            f"This list cannot be sorted {problem}.",
            hint=f"Sort by {', '.join(fields)}.",
            fields={"sort": f"of {', '.join(fields)}, each with - before it for the reverse, separated by commas"},
        )
    return sorts


def row(model: type[RowType], row_id: UUID, *, lock: bool = False) -> RowType:
    """The row of this tenant with that id, put away or not; ``lock`` holds it until the transaction ends.

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
        raise missing(model, row_id)
    return found


def rows(model: type[RowType], row_ids: Iterable[UUID]) -> dict[UUID, RowType]:
    """The rows of this tenant with these ids, put away or not, in their order; one statement.

    Raises NotFoundError where one is not there.
    """
    wanted = list(dict.fromkeys(row_ids))
    known = session().scalars(select(model).where(model.id.in_(wanted))).unique() if wanted else ()
    found = {each.id: each for each in known}
    if unknown := next((row_id for row_id in wanted if row_id not in found), None):
        raise missing(model, unknown)
    return {row_id: found[row_id] for row_id in wanted}


def missing(model: type[TenantRow], row_id: UUID) -> NotFoundError:
    """The error for a row that this tenant does not have."""
    return NotFoundError(
        f"There is no {kind_of(model)} {row_id}.",
        hint="Search for it by name: the id stands in the address of its page. It may have been deleted.",
        code="not_found",
    )
