"""The database's schema: applied by migrations, emptied by a reset, checked at start-up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from service.config import Config, driver_url
from service.models import Base
from shared.errors import InputError, ServiceError

if TYPE_CHECKING:
    # Every process of the service imports this module, and few of them migrate: Alembic is loaded where it is used.
    from alembic.config import Config as AlembicConfig

_MIGRATIONS = Path(__file__).with_name("migrations")
# Any number: two services that start at once must not migrate at once.
_MIGRATION_LOCK = 7205223


def upgrade(config: Config, revision: str = "head") -> str:
    """Apply the migrations up to ``revision`` and answer the revision the database is at.

    Raises InputError where both URLs name one role and for an unknown revision, ServiceError where the database cannot
    be reached.
    """
    from alembic import command

    return _migrate(config, lambda alembic: command.upgrade(alembic, revision))


def downgrade(config: Config, revision: str = "base") -> str:
    """Undo the migrations after ``revision``; their data is lost."""
    from alembic import command

    return _migrate(config, lambda alembic: command.downgrade(alembic, revision))


def reset(config: Config) -> int:
    """Delete every row and keep the schema; answers the number of tables emptied."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    with owner_connection(config) as connection:
        connection.execute(text(f"TRUNCATE {', '.join(tables)} CASCADE"))
    return len(tables)


def current_revision(config: Config) -> str:
    """The revision the database is at, empty for none."""
    with owner_connection(config) as connection:
        return _revision_of(connection)


def _revision_of(connection: Connection) -> str:
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision() or ""


def head_revision() -> str:
    """The revision this version of Raceway needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or ""


@contextlib.contextmanager
def owner_connection(config: Config) -> Iterator[Connection]:
    """A connection as the owner of the tables, committed at the end. Raises ServiceError where it cannot be had."""
    engine = create_engine(driver_url(config.require_owner_url()), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        raise database_error(error, config.database_owner_url) from error


def database_error(error: OperationalError, url: str) -> ServiceError:
    """The coded form of a database that does not answer; the URL is shown without its password."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
    return ServiceError(
        f"The database {make_url(url).render_as_string(hide_password=True)} cannot be used: {reason}.",
        code="service.database",
        hint="Check that PostgreSQL runs and that DATABASE_URL is right, or let `raceway up` start its own.",
    )


def _migrate(config: Config, step: Callable[[AlembicConfig], None]) -> str:
    from alembic.config import Config as AlembicConfig
    from alembic.util.exc import CommandError

    owner, application = make_url(config.require_owner_url()), make_url(config.database_url)
    if owner.username == application.username:
        raise InputError(
            f"DATABASE_URL and DATABASE_OWNER_URL both use the role {owner.username!r}.",
            hint="Give the service a role of its own that does not own the tables, or tenants are not isolated.",
            code="input.config",
        )
    with owner_connection(config) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        alembic = AlembicConfig()
        alembic.set_main_option("script_location", str(_MIGRATIONS))
        alembic.attributes["connection"] = connection
        alembic.attributes["application_role"] = application.username
        try:
            step(alembic)
        except CommandError as error:
            raise InputError(
                f"The database cannot be migrated: {error}.",
                hint=f"This version of Raceway knows the revisions up to {head_revision()}; a newer database "
                "needs the version of Raceway that made it.",
                code="input.revision",
            ) from error
        return _revision_of(connection)
