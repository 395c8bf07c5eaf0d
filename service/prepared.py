"""Statements that PostgreSQL plans once a connection instead of each time: those with the execution option PREPARED.

Behind row-level security, planning a join of a few tables takes longer than reading a few rows by their keys. psycopg2
prepares nothing by itself. (A pooler between service and PostgreSQL must hand out its connections by session.)
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, TextClause, event, text

PREPARED = {"prepared": True}

_SELDOM = 2
"""What a connection was asked no more often than this is not prepared."""
_MOST = 100
"""Statements that are prepared on a connection."""
_WATCHED = 500
"""Statements whose uses are counted; those that were not asked for longest are forgotten first."""


def prepared(statement: str) -> TextClause:
    """A statement of our own that is prepared; its values are written ``:name``."""
    return text(statement).execution_options(**PREPARED)


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _execute_prepared(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    if executemany or not (context and context.execution_options.get("prepared")):
        return statement, parameters
    names: dict[str, str] = connection.info.setdefault("prepared", {})
    name = names.get(statement)
    if name is None:
        if len(names) >= _MOST or _uses(connection, statement) <= _SELDOM:
            return statement, parameters
        name = f"raceway_{len(names)}"
        places = {key: f"${place}" for place, key in enumerate(parameters, 1)}
        cursor.execute(f"PREPARE {name} AS {statement % places}")
        names[statement] = name
    given = ", ".join(f"%({key})s" for key in parameters)
    return f"EXECUTE {name} ({given})" if given else f"EXECUTE {name}", parameters


def _uses(connection: Connection, statement: str) -> int:
    """How often this connection was asked this statement, with this time."""
    watched: dict[str, int] = connection.info.setdefault("watched", {})
    watched[statement] = uses = watched.pop(statement, 0) + 1
    if len(watched) > _WATCHED:
        del watched[next(iter(watched))]
    return uses
