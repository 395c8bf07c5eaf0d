"""Search by whole words and by their beginnings, as people type them: PostgreSQL full text.

Every word of the query must be found, each in any of the searched rows. Tables with a ``search`` column have an index;
other columns are searched as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, false, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import REGCLASS

from service.models import TenantRow

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 10

Searched = type[TenantRow] | Any
"""A model with a ``search`` column, or a column of text."""


def matching(query: str, *searched: Searched) -> list[ColumnElement[bool]]:
    """Conditions for a select: one for each word of ``query``. A query without a word finds nothing."""
    words = _WORD.findall(query)[:_MOST_WORDS]
    if not words or not searched:
        return [false()]
    return [or_(*(_matches(f"'{word}':*", each) for each in searched)) for word in words]


def matching_each_word(query: str, owners: Mapping[type[TenantRow], Any]) -> list[ColumnElement[bool]]:
    """Like :func:`matching`, for a select of rows that refer to the searched ones.

    ``owners`` maps each searched model to the column that holds its id.
    """
    words = _words(query)
    if not words:
        return [false()]
    return [or_(*(column.in_(_found(model, word)) for model, column in owners.items())) for word in words]


def _words(query: str) -> list[str]:
    return [f"'{word}':*" for word in _WORD.findall(query)[:_MOST_WORDS]]


def _found(model: Any, word: str) -> Select[Any]:
    return select(func.matching_rows(cast(model.__tablename__, REGCLASS), word))


def _matches(word: str, searched: Searched) -> ColumnElement[bool]:
    if isinstance(searched, type):
        model: Any = searched
        return model.id.in_(_found(model, word))  # type: ignore[no-any-return]
    vector = func.search_vector(func.coalesce(cast(searched, String), ""))
    return vector.op("@@", is_comparison=True)(func.to_tsquery(literal_column("'simple'::regconfig"), word))
