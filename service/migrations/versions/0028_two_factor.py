"""Logins with a second factor: what is known of each person's, and whether a tenant wants everybody to have one.

A version before this one asks for passwords only.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from service.migrations.isolation import application_role, create_lookup

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_FOUND = (
    "token_id uuid, kind varchar, scopes jsonb, is_expired boolean, tenant_id uuid, tenant_name varchar,"
    " storage varchar, user_id uuid, user_name varchar, role varchar, last_used_at timestamptz"
)
_FIND_TOKEN = (
    "SELECT k.id, k.kind, k.scopes, coalesce(k.expires_at <= now(), false), t.id, t.name, t.storage,"
    " u.id, u.name, u.role, k.last_used_at{more}"
    " FROM api_tokens k JOIN tenants t ON t.id = k.tenant_id"
    " JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id"
    " WHERE k.digest = $1 AND u.archived_at IS NULL AND t.archived_at IS NULL"
)
# Tokens of programs go on: no program has a second factor. Of who has no password, the identity provider asks it.
_NEEDS_TWO_FACTOR = (
    ", t.require_two_factor AND u.two_factor_at IS NULL AND u.password_hash IS NOT NULL AND k.kind <> 'personal'"
)
_ENTER = """
    CREATE FUNCTION enter(digest text) RETURNS TABLE ({found}) LANGUAGE plpgsql ROWS 1 SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    BEGIN
        SELECT * INTO token_id, kind, scopes, is_expired, tenant_id, tenant_name,
            storage, user_id, user_name, role, last_used_at{more} FROM find_token(digest);
        IF token_id IS NULL THEN RETURN; END IF;
        IF kind <> 'refresh' AND NOT is_expired THEN
            PERFORM set_config('app.current_tenant', tenant_id::text, true),
                set_config('app.current_client', CASE role WHEN 'client' THEN user_id::text ELSE '' END, true),
                set_config('app.current_outsider',
                    CASE role WHEN 'artist' THEN outsider(tenant_id, user_id) ELSE '' END, true);
        END IF;
        RETURN NEXT;
    END $$
"""


def upgrade() -> None:
    op.add_column("tenants", sa.Column("require_two_factor", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("users", sa.Column("two_factor_salt", sa.UUID(), nullable=True))
    op.add_column("users", sa.Column("two_factor_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("two_factor_step", sa.Integer(), nullable=True))
    op.add_column(
        "users", sa.Column("recovery_digests", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_users_two_factor"), "users", "two_factor_at IS NULL OR two_factor_salt IS NOT NULL"
    )
    _create_lookups(f"{_FOUND}, needs_two_factor boolean", _NEEDS_TWO_FACTOR, ", needs_two_factor")


def downgrade() -> None:
    _create_lookups(_FOUND, "", "")
    op.drop_constraint(op.f("ck_users_two_factor"), "users")
    for column in ("recovery_digests", "two_factor_step", "two_factor_at", "two_factor_salt"):
        op.drop_column("users", column)
    op.drop_column("tenants", "require_two_factor")


def _create_lookups(found: str, more_found: str, more_entered: str) -> None:
    """Those that stand there are dropped: PostgreSQL does not change what a function answers."""
    for signature in ("enter(text)", "find_token(text)"):
        op.execute(f"DROP FUNCTION {signature}")
    create_lookup("find_token(text)", found, _FIND_TOKEN.format(more=more_found))
    op.execute(_ENTER.format(found=found, more=more_entered))
    op.execute("REVOKE ALL ON FUNCTION enter(text) FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION enter(text) TO "{application_role()}"')
