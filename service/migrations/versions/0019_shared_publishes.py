"""Clients may be shown only what was shared with them: each project says so, each tenant for its new projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import application_role, limit_clients

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_KNOWN = "clients_see IN ('all', 'shared')"
_SETTING = """
    CREATE FUNCTION new_project_clients_see() RETURNS varchar LANGUAGE sql STABLE AS $$
        SELECT coalesce((SELECT clients_see FROM tenants WHERE id = app_tenant()), 'shared')
    $$
"""
_OF_PROJECTS = "project_id IN (SELECT client_projects())"
_ENTITIES = "asset_id IN (SELECT client_assets()) OR shot_id IN (SELECT client_shots())"
_OPEN_PROJECTS = "SELECT j.id FROM projects j WHERE j.clients_see = 'all' AND j.id IN (SELECT client_projects())"

# As the seventeenth migration has it.
_DELIVERED = (
    "id IN (SELECT media_id FROM order_media WHERE item_id IN "
    "(SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id"
    " WHERE o.client_id = app_client() AND o.delivered_at IS NOT NULL))"
)
_PLAYLISTS = f"SELECT id FROM playlists WHERE for_client AND archived_at IS NULL AND {_OF_PROJECTS}"
_SHOWN = f"""
    SELECT id FROM media_assets WHERE tenant_id = app_tenant() AND archived_at IS NULL AND (
        {_DELIVERED}
        OR id IN (SELECT media_id FROM playlist_items WHERE playlist_id IN ({_PLAYLISTS}))
        OR (asset_type = 'thumbnail' AND job_id IN (
            SELECT m.job_id FROM playlist_items i
            JOIN media_assets m ON m.tenant_id = i.tenant_id AND m.id = i.media_id
            WHERE m.archived_at IS NULL AND i.playlist_id IN ({_PLAYLISTS}))))
"""
_MEDIA = """
    WITH shown AS ({shown}), said AS (
        SELECT publish_id, media_id, attachments FROM comments
        WHERE tenant_id = app_tenant() AND for_client AND attachments <> '[]' AND archived_at IS NULL
    ), attached AS (
        SELECT jsonb_array_elements_text(s.attachments)::uuid AS id FROM said s
        JOIN publishes p ON p.tenant_id = app_tenant() AND p.id = s.publish_id
        WHERE {seen}
        UNION ALL
        SELECT jsonb_array_elements_text(attachments)::uuid FROM said
        WHERE publish_id IS NULL AND media_id IN (SELECT id FROM shown)
    )
    SELECT id FROM shown UNION
    SELECT id FROM media_assets
    WHERE tenant_id = app_tenant() AND archived_at IS NULL AND id IN (SELECT id FROM attached)
"""
_NEW = {
    "client_shown_media": _SHOWN,
    "client_open_parts": f"""
        SELECT p.id FROM parts p WHERE p.tenant_id = app_tenant() AND (
            p.asset_id IN (SELECT a.id FROM assets a WHERE a.tenant_id = app_tenant()
                AND a.project_id IN ({_OPEN_PROJECTS}))
            OR p.shot_id IN (SELECT s.id FROM shots s JOIN sequences q ON q.tenant_id = s.tenant_id
                AND q.id = s.sequence_id WHERE s.tenant_id = app_tenant() AND q.project_id IN ({_OPEN_PROJECTS})))
    """,
    "client_publishes": f"""
        SELECT p.id FROM publishes p JOIN parts t ON t.tenant_id = p.tenant_id AND t.id = p.part_id
        WHERE p.tenant_id = app_tenant() AND p.archived_at IS NULL AND ({_ENTITIES}) AND (
            p.for_client OR p.id IN (
                SELECT m.publish_id FROM media_assets m
                WHERE m.tenant_id = app_tenant() AND m.id IN (SELECT client_shown_media())))
    """,
}
"""``client_open_parts()``: parts of which clients see all publishes; ``client_publishes()``: what was shared with them,
by itself or with its pictures; ``client_shown_media()``: what playlists and orders show them."""
_PARTS = """
    SELECT client_open_parts() UNION
    SELECT part_id FROM publishes WHERE tenant_id = app_tenant() AND id IN (SELECT client_publishes())
"""
_FORMER_PARTS = f"SELECT id FROM parts WHERE tenant_id = app_tenant() AND ({_ENTITIES})"
# Not with OR: whoever plans a query would believe that it answers more rows than before.
_SEEN = "CASE WHEN {p}part_id IN (SELECT client_open_parts()) THEN true ELSE {p}id IN (SELECT client_publishes()) END"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("clients_see", sa.String(), server_default="shared", nullable=False))
    # What there is stays as clients know it.
    op.add_column("projects", sa.Column("clients_see", sa.String(), server_default="all", nullable=False))
    for table in ("tenants", "projects"):
        op.create_check_constraint(op.f(f"ck_{table}_clients_see"), table, _KNOWN)
    op.execute(_SETTING)
    op.alter_column("projects", "clients_see", server_default=sa.text("new_project_clients_see()"))
    op.add_column("publishes", sa.Column("for_client", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("ix_publishes_for_client", "publishes", ["tenant_id", "part_id"], postgresql_where="for_client")
    for name, query in _NEW.items():
        _answer(name, query)
        # The policy of publishes asks two of them where it asked one: together they shall seem to cost as much, or
        # PostgreSQL would plan otherwise for those too whom they do not concern.
        op.execute(f"ALTER FUNCTION {name}() ROWS 480")
        op.execute(f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC")
        op.execute(f'GRANT EXECUTE ON FUNCTION {name}() TO "{application_role()}"')
    _answer("client_parts", _PARTS)
    _answer("client_media_assets", _MEDIA.format(shown="SELECT client_shown_media() AS id", seen=_SEEN.format(p="p.")))
    op.execute("DROP POLICY client_view ON publishes")
    limit_clients("publishes", _SEEN.format(p=""))


def downgrade() -> None:
    # A version that knows no sharing would show clients all of these projects.
    for table in ("project_clients", "projects"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "DELETE FROM project_clients c USING projects j"
        " WHERE j.tenant_id = c.tenant_id AND j.id = c.project_id AND j.clients_see = 'shared'"
    )
    for table in ("project_clients", "projects"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY client_view ON publishes")
    limit_clients("publishes", "part_id IN (SELECT client_parts())")
    _answer("client_media_assets", _MEDIA.format(shown=_SHOWN, seen="p.part_id IN (SELECT client_parts())"))
    _answer("client_parts", _FORMER_PARTS)
    for name in reversed(_NEW):
        op.execute(f"DROP FUNCTION {name}()")
    op.drop_index("ix_publishes_for_client", table_name="publishes")
    op.drop_column("publishes", "for_client")
    op.drop_column("projects", "clients_see")
    op.execute("DROP FUNCTION new_project_clients_see()")
    op.drop_column("tenants", "clients_see")


def _answer(function: str, query: str) -> None:
    """The function of clients' rows with another query; who may call it, and the policies that do, stay."""
    op.execute(
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY {query}; END $$"
    )
