"""Pages of a list, one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from flask import request
from sqlalchemy import Select

from service.database import session
from service.models import TenantRow

RowType = TypeVar("RowType", bound=TenantRow)


def page_number() -> int:
    """Which page of a list is asked for, 1 for anything that is no page."""
    text = request.args.get("page", "")
    return max(1, min(int(text), 100_000)) if text.isdecimal() and len(text) < 7 else 1


def paged(statement: Select[RowType], number: int, size: int) -> tuple[Sequence[RowType], bool]:
    """The rows of a page, and whether another follows: one statement."""
    rows = session().scalars(statement.limit(size + 1).offset((number - 1) * size)).unique().all()
    return rows[:size], len(rows) > size
