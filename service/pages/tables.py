"""Tables of rows with a column for each custom field: searched, sorted and filtered as the API's lists are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import request

from service.api.field_values import MOST_FILTERS, FieldsQuery
from service.models import CustomField, FieldsRow
from service.pages.paging import page_number

Query = TypeVar("Query", bound=FieldsQuery)
_ROWS = 100
_FILTER = "field."


@dataclass(frozen=True)
class TableView:
    """A page of rows. ``filters`` are the fields by which it is narrowed, with what they must have."""

    rows: Sequence[FieldsRow]
    columns: Sequence[CustomField]
    number: int
    more: bool
    total: int
    query: str
    sort: str
    filters: Sequence[tuple[CustomField, str]]
    archived: bool
    """Whether what was put away is among the rows."""

    @property
    def narrowed(self) -> bool:
        return bool(self.query or self.filters)


def table_of(
    columns: Sequence[CustomField],
    form: type[Query],
    rows: Callable[[Query], dict[str, Any]],
    sorted_by: Sequence[str] = ("name",),
    **fixed: str,
) -> TableView:
    """The rows that the address asks for: ``q``, ``sort``, ``page``, ``archived``, and ``field.NAME`` of a field.

    ``rows`` is the API's list, ``sorted_by`` what it is sorted by at first, and what is alike in the column that was
    chosen; ``fixed`` what it is always asked. Raises InputError for what no column has.
    """
    query, sort = request.args.get("q", "").strip()[:200], request.args.get("sort", "")[:200] or sorted_by[0]
    order = sort if "," in sort else ",".join(dict.fromkeys((sort, *sorted_by)))
    wanted = {name: text for name, text in request.args.items() if name.startswith(_FILTER)}
    wanted = dict(list(wanted.items())[:MOST_FILTERS])
    number, archived = page_number(), "archived" in request.args
    asked = {**fixed, **wanted, "q": query, "sort": order, "page": number, "page_size": _ROWS}
    asked |= {"archived": archived}
    page = rows(form.model_validate(asked))
    filters = [(field, wanted[key]) for field in columns if (key := _FILTER + field.name) in wanted]
    more = number * _ROWS < page["total"]
    return TableView(page["items"], columns, number, more, page["total"], query, sort, filters, archived)
