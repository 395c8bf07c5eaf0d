"""The schema: models and migrations say the same, each migration goes down and up, and a reset keeps it."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service import schema
from service.config import Config
from service.models import Base
from shared.errors import InputError

Catalogue = dict[str, set[str]]


def catalogue(connection: Connection, space: str) -> Catalogue:
    """All that makes up the tables of a schema, as PostgreSQL itself says it."""
    queries = {
        "columns": """
            SELECT format('%s.%s %s null=%s default=%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                NOT a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), a.attidentity::text))
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE c.relnamespace = CAST(:space AS regnamespace) AND a.attnum > 0 AND NOT a.attisdropped""",
        "constraints": """
            SELECT format('%s %s %s', c.relname, o.conname, pg_get_constraintdef(o.oid))
            FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
            WHERE c.relnamespace = CAST(:space AS regnamespace) AND o.contype <> 'n'""",
        "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = :space",
    }
    return {
        what: {found.replace(f"{space}.", "") for found in connection.scalars(text(query), {"space": space})}
        for what, query in queries.items()
    }


def test_the_models_say_what_the_migrations_make(empty: Config) -> None:
    """Columns with types and defaults, constraints and indexes: made by the migrations, and from the models."""
    with schema.owner_connection(empty) as connection:
        migrated = catalogue(connection, "public")
        connection.execute(text("CREATE SCHEMA models"))
        connection.execute(text("SET LOCAL search_path TO models, public"))
        Base.metadata.create_all(connection, checkfirst=False)
        modelled = catalogue(connection, "models")
        connection.execute(text("DROP SCHEMA models CASCADE"))
    for what, of_models in modelled.items():
        of_migrations = {each for each in migrated[what] if "alembic_version" not in each}
        assert of_models - of_migrations == set(), f"{what} that no migration makes"
        assert of_migrations - of_models == set(), f"{what} that no model has"


def test_every_migration_goes_down_and_up_again(empty: Config) -> None:
    revisions = [
        each.revision for each in ScriptDirectory(str(Path(schema.__file__).with_name("migrations"))).walk_revisions()
    ]
    with schema.owner_connection(empty) as connection:
        newest = catalogue(connection, "public")
    for revision in [*revisions[1:], "base"]:
        assert schema.downgrade(empty, revision) == ("" if revision == "base" else revision)
    with schema.owner_connection(empty) as connection:
        left = catalogue(connection, "public")
        functions = connection.scalars(text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"))
        assert set(functions) == set()
    assert {each for found in left.values() for each in found if "alembic_version" not in each} == set()
    for revision in reversed(revisions):
        assert schema.upgrade(empty, revision) == revision
    with schema.owner_connection(empty) as connection:
        assert catalogue(connection, "public") == newest


def test_a_reset_empties_every_table_and_keeps_the_schema(empty: Config) -> None:
    tenant = uuid4()
    with schema.owner_connection(empty) as connection:
        connection.execute(text("SELECT set_config('app.current_tenant', :id, true)"), {"id": str(tenant)})
        values = {"id": tenant, "name": f"t{tenant.hex}"}
        connection.execute(text("INSERT INTO tenants (id, name, storage) VALUES (:id, :name, :name)"), values)
        connection.execute(text("INSERT INTO projects (id, name) VALUES (:id, 'film')"), {"id": uuid4()})
        before = catalogue(connection, "public")
    assert schema.reset(empty) == len(Base.metadata.tables)
    with schema.owner_connection(empty) as connection:
        assert catalogue(connection, "public") == before
        assert schema.current_revision(empty) == schema.head_revision()
        for table in Base.metadata.tables:
            connection.execute(text(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        connection.rollback()


def test_a_revision_that_is_none_is_refused_as_such(empty: Config) -> None:
    for step in (schema.upgrade, schema.downgrade):
        with pytest.raises(InputError, match="no_revision") as caught:
            step(empty, "no_revision")
        assert schema.head_revision() in caught.value.hint
    with schema.owner_connection(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    with pytest.raises(InputError, match="of_tomorrow"):
        schema.upgrade(empty)
    with schema.owner_connection(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": schema.head_revision()})
