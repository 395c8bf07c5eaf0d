"""Tenant settings, archiving, revisions, search, scoped tokens, orders, and what clients may see."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import (
    application_role,
    create_client_rows,
    create_lookup,
    grant_rows,
    isolate,
    let_owner_read,
    limit_clients,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_SETTINGS: tuple[sa.Column[Any], ...] = (
    sa.Column("max_concurrent_renders", sa.Integer(), server_default=sa.text("4"), nullable=False),
    sa.Column(
        "render_engines_allowed",
        _JSON,
        server_default=sa.text("""'["cycles", "eevee"]'::jsonb"""),
        nullable=False,
    ),
    sa.Column("max_order_size", sa.Integer(), server_default=sa.text("100"), nullable=False),
    sa.Column("fallback_material", sa.String(), server_default="FailedMaterial", nullable=False),
    sa.Column("notifications_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
)
_SETTINGS_CHECKS = {
    "max_concurrent_renders": "max_concurrent_renders BETWEEN 1 AND 1000",
    "render_engines_allowed": (
        "jsonb_typeof(render_engines_allowed) = 'array' AND jsonb_array_length(render_engines_allowed) > 0"
        """ AND NOT render_engines_allowed @? '$[*] ? (@.type() != "string")'"""
    ),
    "max_order_size": "max_order_size BETWEEN 1 AND 10000",
    "fallback_material": "fallback_material ~ '^[A-Za-z][A-Za-z0-9_]{0,99}$'",
}
_EDITABLE = (
    "tenants",
    "users",
    "projects",
    "sequences",
    "shots",
    "assets",
    "tasks",
    "scenes",
    "publishes",
    "materials",
    "material_aliases",
    "media_assets",
)
_TITLED = "name || ' ' || title"
_SEARCHED = {
    "users": "name || ' ' || email",
    "projects": _TITLED,
    "sequences": _TITLED,
    "shots": _TITLED,
    "assets": _TITLED,
    "tasks": "name || ' ' || department",
    "parts": "name || ' ' || department",
    "scenes": "name || ' ' || software || ' ' || comment",
    "materials": "name || ' ' || coalesce(definition->>'label', '')",
    "material_aliases": "pattern || ' ' || material",
    "media_assets": "name || ' ' || category_key || ' ' || asset_type",
    "orders": "number || ' ' || title || ' ' || note",
}
_NEW_TABLES = ("project_clients", "orders", "order_items", "order_media")
_THEIR_PROJECTS = "(SELECT project_id FROM project_clients WHERE user_id = app_client())"
_THEIR_ASSETS = f"(SELECT id FROM assets WHERE project_id IN {_THEIR_PROJECTS})"
_THEIR_SEQUENCES = f"(SELECT id FROM sequences WHERE project_id IN {_THEIR_PROJECTS})"
_THEIR_SHOTS = f"(SELECT id FROM shots WHERE sequence_id IN {_THEIR_SEQUENCES})"
_THEIR_ORDERS = "(SELECT id FROM orders WHERE client_id = app_client())"
_DELIVERED_ITEMS = (
    "(SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id"
    " WHERE o.client_id = app_client() AND o.delivered_at IS NOT NULL)"
)
_CLIENT_ROWS = {
    "projects": f"id IN {_THEIR_PROJECTS}",
    "sequences": f"project_id IN {_THEIR_PROJECTS}",
    "shots": f"sequence_id IN {_THEIR_SEQUENCES}",
    "assets": f"project_id IN {_THEIR_PROJECTS}",
    "parts": f"asset_id IN {_THEIR_ASSETS} OR shot_id IN {_THEIR_SHOTS}",
    "orders": "client_id = app_client()",
    "order_media": f"item_id IN {_DELIVERED_ITEMS}",
    "media_assets": f"id IN (SELECT media_id FROM order_media WHERE item_id IN {_DELIVERED_ITEMS})",
}
"""Which rows of a table ``client_<table>()`` answers."""
_CLIENT_VIEW = {
    **{table: f"id IN (SELECT client_{table}())" for table in _CLIENT_ROWS},
    "publishes": "part_id IN (SELECT client_parts())",
    # What clients add themselves: a function does not see a row that is just being added.
    "orders": "client_id = app_client()",
    "order_items": "order_id IN (SELECT client_orders())",
    "project_clients": "user_id = app_client()",
}
"""What a client may see of a table."""


def upgrade() -> None:
    _add_settings()
    for table in _EDITABLE:
        op.add_column(table, sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False))
        op.add_column(table, sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("audit_records", sa.Column("revision", sa.Integer(), nullable=True))
    op.add_column("audit_records", sa.Column("request_id", sa.String(), nullable=True))
    op.execute(f'REVOKE UPDATE, DELETE ON audit_records FROM "{application_role()}"')
    op.add_column("scenes", sa.Column("comment", sa.String(), server_default="", nullable=False))
    op.create_index("ix_tasks_assignee_id", "tasks", ["tenant_id", "assignee_id"])
    op.create_index("ix_tasks_shot_id", "tasks", ["tenant_id", "shot_id"])
    # Whoever was locked out is archived. The owner migrates, whom row-level security binds as well.
    op.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE users SET archived_at = updated_at WHERE NOT active")
    op.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
    _drop_lookups()
    op.drop_column("users", "active")
    _change_tokens()
    _create_orders()
    _create_lookups()
    _make_searchable()
    _limit_what_clients_see()


def _add_settings() -> None:
    op.drop_column("tenants", "settings")
    for column in _SETTINGS:
        op.add_column("tenants", column)
    for name, condition in _SETTINGS_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tenants_{name}"), "tenants", condition)
    op.add_column("tenants", sa.Column("last_order", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "tenants", sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )


def _change_tokens() -> None:
    op.add_column("api_tokens", sa.Column("scopes", _JSON, nullable=True))
    op.add_column("api_tokens", sa.Column("family", sa.UUID(), nullable=True))
    op.add_column("api_tokens", sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint("ck_api_tokens_kind", "api_tokens")
    op.create_check_constraint(op.f("ck_api_tokens_kind"), "api_tokens", "kind IN ('session', 'refresh', 'personal')")
    op.create_check_constraint(
        op.f("ck_api_tokens_expiry"), "api_tokens", "kind = 'personal' OR expires_at IS NOT NULL"
    )
    op.create_index("ix_api_tokens_user_id", "api_tokens", ["tenant_id", "user_id"])


def _create_orders() -> None:
    op.create_table(
        "project_clients",
        *_row_columns(),
        sa.Column("project_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        _reference("project_id", "projects"),
        _reference("user_id", "users"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_project_clients")),
        sa.UniqueConstraint(
            "tenant_id", "project_id", "user_id", name=op.f("uq_project_clients_tenant_id_project_id_user_id")
        ),
    )
    op.create_index("ix_project_clients_user_id", "project_clients", ["tenant_id", "user_id"])
    op.create_table(
        "orders",
        *_row_columns(),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("state", sa.String(), server_default="submitted", nullable=False),
        sa.Column("reject_reason", sa.String(), server_default="", nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.UUID(), nullable=False),
        sa.Column("project_id", sa.UUID(), nullable=False),
        _reference("client_id", "users"),
        _reference("project_id", "projects"),
        sa.CheckConstraint(
            "state IN ('submitted', 'resubmitted', 'accepted', 'in_progress', 'delivered', 'rejected', 'cancelled')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("state <> 'rejected' OR reject_reason <> ''", name=op.f("ck_orders_reject_reason")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_orders")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_orders_tenant_id_number")),
    )
    op.create_index("ix_orders_client_id", "orders", ["tenant_id", "client_id"])
    op.create_index("ix_orders_created_at", "orders", ["tenant_id", "created_at"])
    op.create_table(
        "order_items",
        *_row_columns(),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request", _JSON, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("note", sa.String(), server_default="", nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=True),
        _reference("order_id", "orders", ondelete="CASCADE"),
        _reference("asset_id", "assets"),
        _reference("job_id", "jobs"),
        sa.CheckConstraint("position >= 1", name=op.f("ck_order_items_position")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_order_items")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "position", name=op.f("uq_order_items_tenant_id_order_id_position")
        ),
    )
    op.create_table(
        "order_media",
        *_row_columns(),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("media_id", sa.UUID(), nullable=False),
        _reference("item_id", "order_items", ondelete="CASCADE"),
        _reference("media_id", "media_assets"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_order_media")),
        sa.UniqueConstraint("tenant_id", "item_id", "media_id", name=op.f("uq_order_media_tenant_id_item_id_media_id")),
    )
    op.create_index("ix_order_media_media_id", "order_media", ["tenant_id", "media_id"])
    for table in _NEW_TABLES:
        isolate(table)
        grant_rows(table)


def _create_lookups() -> None:
    """The ways in without a tenant: expired tokens are found too, so that their use can be told and recorded."""
    create_lookup(
        "find_token(text)",
        "token_id uuid, kind varchar, scopes jsonb, is_expired boolean, tenant_id uuid, tenant_name varchar,"
        " storage varchar, user_id uuid, user_name varchar, role varchar, last_used_at timestamptz",
        "SELECT k.id, k.kind, k.scopes, coalesce(k.expires_at <= now(), false), t.id, t.name, t.storage,"
        " u.id, u.name, u.role, k.last_used_at"
        " FROM api_tokens k JOIN tenants t ON t.id = k.tenant_id"
        " JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id"
        " WHERE k.digest = $1 AND u.archived_at IS NULL AND t.archived_at IS NULL",
    )
    create_lookup(
        "find_logins(text)",
        "tenant_id uuid, tenant_name varchar, user_id uuid, password_hash varchar",
        "SELECT t.id, t.name, u.id, u.password_hash FROM users u JOIN tenants t ON t.id = u.tenant_id"
        " WHERE lower(u.email) = lower($1) AND u.archived_at IS NULL AND t.archived_at IS NULL",
    )
    create_lookup(
        "list_tenants()",
        "tenant_id uuid, name varchar, title varchar, storage varchar, archived_at timestamptz",
        "SELECT id, name, title, storage, archived_at FROM tenants",
    )


def _drop_lookups() -> None:
    for signature in ("find_token(text)", "find_logins(text)", "list_tenants()"):
        op.execute(f"DROP FUNCTION {signature}")


def _make_searchable() -> None:
    """Full-text columns of whole words and their beginnings.

    ``@@`` is not leakproof, so PostgreSQL uses no index for it behind row-level security: the function looks the ids
    up as the owner, for the tenant of the transaction only, and whoever asks reads the rows as ever.
    """
    op.execute(
        "CREATE FUNCTION search_vector(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
        "$$ SELECT to_tsvector('simple'::regconfig, words || ' ' || "
        "regexp_replace(regexp_replace(words, '([a-z0-9])([A-Z])', '\\1 \\2', 'g'), '[^[:alnum:]]+', ' ', 'g')) $$"
    )
    for table, expression in _SEARCHED.items():
        op.add_column(
            table,
            sa.Column(
                "search",
                postgresql.TSVECTOR(),
                sa.Computed(f"search_vector({expression})", persisted=True),
                nullable=False,
            ),
        )
        op.create_index(f"ix_{table}_search", table, ["search"], postgresql_using="gin")
        if table != "users":  # the first migration lets the owner read these
            let_owner_read(table)
    op.execute(
        "CREATE FUNCTION matching_rows(searched regclass, words text) RETURNS SETOF uuid LANGUAGE plpgsql STABLE"
        " ROWS 100 SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY EXECUTE"
        " format('SELECT id FROM %s WHERE tenant_id = app_tenant() AND search @@ $1', searched)"
        " USING to_tsquery('simple', words); END $$"
    )
    op.execute("REVOKE ALL ON FUNCTION matching_rows(regclass, text) FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION matching_rows(regclass, text) TO "{application_role()}"')


def _limit_what_clients_see() -> None:
    op.execute(
        "CREATE FUNCTION app_client() RETURNS uuid LANGUAGE sql STABLE AS "
        "$$ SELECT nullif(current_setting('app.current_client', true), '')::uuid $$"
    )
    for table in ("project_clients", "order_items", "order_media"):
        let_owner_read(table)
    for table, condition in _CLIENT_ROWS.items():
        create_client_rows(table, condition)
    for table, condition in _CLIENT_VIEW.items():
        limit_clients(table, condition)


def downgrade() -> None:
    for table in _CLIENT_VIEW:
        op.execute(f"DROP POLICY client_view ON {table}")
    for table in _CLIENT_ROWS:
        op.execute(f"DROP FUNCTION client_{table}()")
    for table in ("project_clients", "order_items", "order_media"):
        op.execute(f"DROP POLICY owner_lookup ON {table}")
    op.execute("DROP FUNCTION app_client()")
    op.execute("DROP FUNCTION matching_rows(regclass, text)")
    for table in _SEARCHED:
        op.drop_column(table, "search")
        if table != "users":
            op.execute(f"DROP POLICY owner_lookup ON {table}")
    op.execute("DROP FUNCTION search_vector(text)")
    _drop_lookups()
    for table in reversed(_NEW_TABLES):
        op.drop_table(table)
    op.drop_index("ix_api_tokens_user_id", table_name="api_tokens")
    op.drop_constraint("ck_api_tokens_expiry", "api_tokens")
    op.drop_constraint("ck_api_tokens_kind", "api_tokens")
    op.execute("ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY")
    # What only this revision knows cannot be kept: a token that is limited would not be so any more.
    op.execute("DELETE FROM api_tokens WHERE kind = 'refresh' OR scopes IS NOT NULL")
    op.execute("ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(op.f("ck_api_tokens_kind"), "api_tokens", "kind IN ('session', 'personal')")
    for column in ("replaced_at", "family", "scopes"):
        op.drop_column("api_tokens", column)
    op.add_column("users", sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE users SET active = false WHERE archived_at IS NOT NULL")
    op.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
    _create_first_lookups()
    op.drop_index("ix_tasks_shot_id", table_name="tasks")
    op.drop_index("ix_tasks_assignee_id", table_name="tasks")
    op.drop_column("scenes", "comment")
    op.execute(f'GRANT UPDATE, DELETE ON audit_records TO "{application_role()}"')
    op.drop_column("audit_records", "request_id")
    op.drop_column("audit_records", "revision")
    for table in _EDITABLE:
        op.drop_column(table, "archived_at")
        op.drop_column(table, "revision")
    op.drop_column("tenants", "updated_at")
    op.drop_column("tenants", "last_order")
    for setting in _SETTINGS:
        op.drop_column("tenants", setting.name)
    op.add_column("tenants", sa.Column("settings", _JSON, server_default=sa.text("'{}'::jsonb"), nullable=False))


def _create_first_lookups() -> None:
    create_lookup(
        "find_token(text)",
        "token_id uuid, tenant_id uuid, tenant_name varchar, storage varchar, user_id uuid, user_name varchar,"
        " role varchar, last_used_at timestamptz",
        "SELECT k.id, t.id, t.name, t.storage, u.id, u.name, u.role, k.last_used_at"
        " FROM api_tokens k JOIN tenants t ON t.id = k.tenant_id"
        " JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id"
        " WHERE k.digest = $1 AND u.active AND (k.expires_at IS NULL OR k.expires_at > now())",
    )
    create_lookup(
        "find_logins(text)",
        "tenant_id uuid, tenant_name varchar, user_id uuid, password_hash varchar",
        "SELECT t.id, t.name, u.id, u.password_hash FROM users u JOIN tenants t ON t.id = u.tenant_id"
        " WHERE lower(u.email) = lower($1) AND u.active",
    )
    create_lookup(
        "list_tenants()", "tenant_id uuid, name varchar, storage varchar", "SELECT id, name, storage FROM tenants"
    )


def _row_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def _reference(column: str, table: str, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete=ondelete,
    )
