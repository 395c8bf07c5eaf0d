"""Refuses a database role that row-level security does not bind: tenants would see one another's rows.

Each new connection is looked at as it is made, so that the service may start before its database, and a changed role
is noticed later on too.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from service import schema
from service.database import db
from shared.errors import InputError

_ROLE = """
SELECT rolname, rolsuper OR rolbypassrls
    OR EXISTS (SELECT FROM pg_tables WHERE tablename = 'tenants' AND pg_has_role(rolname, tableowner, 'USAGE'))
FROM pg_roles WHERE rolname = current_user
"""


def guard_connections(app: Flask) -> None:
    """Look at the role of each connection that ``app`` makes to its database, from now on."""
    with app.app_context():
        event.listen(db.engine, "connect", _check_role)


def check_database(app: Flask) -> None:
    """Connect once. Raises ServiceError where the database does not answer, InputError where its role is unsafe."""
    with app.app_context():
        try:
            db.engine.connect().close()
            # Processes that are forked from this one must not share its connection.
            db.engine.dispose()
        except OperationalError as error:
            raise schema.database_error(error, app.extensions["raceway"].database_url) from error


def _check_role(connection: Any, record: object) -> None:
    """``connection`` is the driver's own (DB-API 2.0, PEP 249)."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        name, is_unbound = cursor.fetchone()
    connection.rollback()
    if is_unbound:
        connection.close()
        raise InputError(
            f"DATABASE_URL uses the role {name!r}, which row-level security does not bind.",
            hint="Use a role that is no superuser, has no BYPASSRLS and is neither the tables' owner nor its member.",
            code="input.config",
            fields={"DATABASE_URL": "must name an ordinary role"},
            status=503,
        )
