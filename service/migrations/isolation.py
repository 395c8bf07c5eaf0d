"""Row-level security, written once for every migration that adds a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import context, op


def application_role() -> str:
    """The role that DATABASE_URL names, which may read and write rows but owns nothing."""
    return str(context.config.attributes["application_role"])


def create_tenant_function() -> None:
    """``app_tenant()``: the tenant of this transaction, null where none is set."""
    # Without nullif a reused connection, where the setting is the empty string, would raise.
    op.execute(
        "CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE AS "
        "$$ SELECT nullif(current_setting('app.current_tenant', true), '')::uuid $$"
    )


def isolate(table: str, column: str = "tenant_id") -> None:
    """Show the rows of ``table`` to their tenant only, its owner included."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # In a SELECT of its own, PostgreSQL asks for the tenant once a query instead of once a row.
    own = f"{column} = (SELECT app_tenant())"
    op.execute(f"CREATE POLICY tenant_isolation ON {table} USING ({own}) WITH CHECK ({own})")


@contextlib.contextmanager
def past_isolation(*tables: str) -> Iterator[None]:
    """Within it, the owner, who migrates, sees the rows of all tenants."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def let_owner_read(table: str) -> None:
    """Let the owner read all rows of ``table``, for the functions that look up before a tenant is known."""
    op.execute(f"CREATE POLICY owner_lookup ON {table} FOR SELECT TO CURRENT_USER USING (true)")


def grant_rows(table: str) -> None:
    """Give the application role the rows of ``table``, not its definition."""
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO "{application_role()}"')


def create_lookup(signature: str, returns: str, query: str) -> None:
    """A function that answers ``query`` past row-level security: the only ways in without a tenant."""
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS TABLE ({returns}) LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ {query} $$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{application_role()}"')


def rewrite_function(signature: str, before: str, after: str) -> None:
    """Change a part of a function's text; who may call it, and what it seems to cost, stays.

    Raises RuntimeError where the function does not say ``before`` once.
    """
    connection = op.get_bind()
    known = sa.text("SELECT pg_get_functiondef(CAST(:signature AS regprocedure))")
    text = str(connection.scalar(known, {"signature": signature}))
    if text.count(before) != 1:
        raise RuntimeError(f"{signature} is not what this migration changes: it should say {before!r} once")
    connection.exec_driver_sql(text.replace(before, after))


def create_client_rows(table: str, condition: str) -> None:
    """``client_<table>()``: ids of the rows that the user with the role ``client`` sees, by ``condition``.

    A function that PostgreSQL does not look into: as part of the policies, the conditions of all tables of a query
    would be planned with it, each inside the other, for those too whom they do not concern.
    """
    op.execute(
        f"CREATE FUNCTION client_{table}() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY "
        f"SELECT id FROM {table} WHERE tenant_id = app_tenant() AND ({condition}); END $$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION client_{table}() FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION client_{table}() TO "{application_role()}"')


def limit_clients(table: str, condition: str) -> None:
    """Show users with the role ``client`` only those rows of ``table`` that meet ``condition``."""
    op.execute(
        f'CREATE POLICY client_view ON {table} AS RESTRICTIVE FOR SELECT TO "{application_role()}" '
        f"USING ((SELECT app_client() IS NULL) OR {condition})"
    )


def create_hidden_rows(name: str, query: str, returns: str = "uuid") -> None:
    """``hidden_<name>()``: what ``query`` answers, of what ``app_outsider()`` must not see.

    A function that PostgreSQL does not look into, as those of clients; and that seems to cost nothing, so that it plans
    as it did without.
    """
    op.execute(
        f"CREATE FUNCTION hidden_{name}() RETURNS SETOF {returns} LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"COST 1 ROWS 1 SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY {query}; END $$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION hidden_{name}() FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION hidden_{name}() TO "{application_role()}"')


def hide_from_outsiders(table: str, condition: str) -> None:
    """Neither show rows of ``table`` that meet ``condition`` to whom a team-only project is hidden from, nor take them.

    For whom nothing is hidden, the condition is not looked at. Of a truth value PostgreSQL would believe that it leaves
    out half of the rows, and plan otherwise for everybody; of a number that it is hardly ever this one.
    """
    op.execute(
        f'CREATE POLICY team_view ON {table} AS RESTRICTIVE TO "{application_role()}" '
        f"USING (CASE WHEN (SELECT app_outsider() IS NOT NULL) AND ({condition}) THEN 1 ELSE 0 END <> 1)"
    )
