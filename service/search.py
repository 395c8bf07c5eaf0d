"""Search by whole words and by their beginnings, as people type them: PostgreSQL full text.

Every word of the query must be found, each in any of the searched rows. Tables with a ``search`` column have an index;
other columns are searched as they are.
"""

from __future__ import annotations

import re
from types import FunctionType
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    String,
    Text,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import REGCLASS

from service.models import TenantRow

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 10

Searched = type[TenantRow] | Any
"""A model with a ``search`` column, a column of text, or a function that makes the condition for a word."""


def matching(query: str, *searched: Searched) -> list[ColumnElement[bool]]:
    """Conditions for a select: one for each word of ``query``. A query without a word finds nothing."""
    words = _WORD.findall(query)[:_MOST_WORDS]
    if not words or not searched:
        return [false()]
    return [or_(*(matches(f"'{word}':*", each) for each in searched)) for word in words]


def words_of(query: str) -> list[str]:
    """The words of a query as PostgreSQL looks for them."""
    return [f"'{word}':*" for word in _WORD.findall(query)[:_MOST_WORDS]]


def matching_parts(words: ColumnElement[Any]) -> Select[Any]:
    """Ids of the parts that have each of ``words`` in their own row or in what they stand in, up to the project."""
    return select(func.matching_parts(cast(words, ARRAY(Text))))


def matches(word: str | ColumnElement[str], searched: Searched) -> ColumnElement[bool]:
    """Whether a word of :func:`words_of` is found in ``searched``, which is part of the statement."""
    if isinstance(searched, FunctionType):
        return searched(word)  # type: ignore[no-any-return]
    if isinstance(searched, type):
        model: Any = searched
        found = select(func.matching_rows(cast(model.__tablename__, REGCLASS), word))
        return model.id.in_(found)  # type: ignore[no-any-return]
    vector = func.search_vector(func.coalesce(cast(searched, String), ""))
    return vector.op("@@", is_comparison=True)(func.to_tsquery(literal_column("'simple'::regconfig"), word))
