"""What is put away leaves clients: archived projects, archived pictures; what is attached for them reaches them."""

from __future__ import annotations

from alembic import op

from service.migrations.isolation import limit_clients

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OF_CLIENT = "SELECT project_id FROM project_clients WHERE user_id = app_client()"
_OF_PROJECTS = "project_id IN (SELECT client_projects())"
_ROWS = {
    "projects": f"archived_at IS NULL AND id IN ({_OF_CLIENT})",
    "sequences": _OF_PROJECTS,
    "shots": "sequence_id IN (SELECT client_sequences())",
    "assets": _OF_PROJECTS,
    "parts": "asset_id IN (SELECT client_assets()) OR shot_id IN (SELECT client_shots())",
}
"""Which rows of a table ``client_<table>()`` answers, from now on."""
_ASSETS = f"SELECT id FROM assets WHERE project_id IN ({_OF_CLIENT})"
_SEQUENCES = f"SELECT id FROM sequences WHERE project_id IN ({_OF_CLIENT})"
_SHOTS = f"SELECT id FROM shots WHERE sequence_id IN ({_SEQUENCES})"
_FORMER_ROWS = {
    "projects": f"id IN ({_OF_CLIENT})",
    "sequences": f"project_id IN ({_OF_CLIENT})",
    "shots": f"sequence_id IN ({_SEQUENCES})",
    "assets": f"project_id IN ({_OF_CLIENT})",
    "parts": f"asset_id IN ({_ASSETS}) OR shot_id IN ({_SHOTS})",
}
"""The same as the third migration has it."""

# As the third migration has it.
_DELIVERED = (
    "id IN (SELECT media_id FROM order_media WHERE item_id IN "
    "(SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id"
    " WHERE o.client_id = app_client() AND o.delivered_at IS NOT NULL))"
)
_PLAYLISTS = f"SELECT id FROM playlists WHERE for_client AND archived_at IS NULL AND {_OF_PROJECTS}"
# With a picture or film, the small picture that stands for it: they come and go together.
_MEDIA = f"""
    WITH shown AS (
        SELECT id FROM media_assets WHERE tenant_id = app_tenant() AND archived_at IS NULL AND (
            {_DELIVERED}
            OR id IN (SELECT media_id FROM playlist_items WHERE playlist_id IN ({_PLAYLISTS}))
            OR (asset_type = 'thumbnail' AND job_id IN (
                SELECT m.job_id FROM playlist_items i
                JOIN media_assets m ON m.tenant_id = i.tenant_id AND m.id = i.media_id
                WHERE m.archived_at IS NULL AND i.playlist_id IN ({_PLAYLISTS}))))
    ), said AS (
        SELECT publish_id, media_id, attachments FROM comments
        WHERE tenant_id = app_tenant() AND for_client AND attachments <> '[]' AND archived_at IS NULL
    ), attached AS (
        SELECT jsonb_array_elements_text(s.attachments)::uuid AS id FROM said s
        JOIN publishes p ON p.tenant_id = app_tenant() AND p.id = s.publish_id
        WHERE p.part_id IN (SELECT client_parts())
        UNION ALL
        SELECT jsonb_array_elements_text(attachments)::uuid FROM said
        WHERE publish_id IS NULL AND media_id IN (SELECT id FROM shown)
    )
    SELECT id FROM shown UNION
    SELECT id FROM media_assets
    WHERE tenant_id = app_tenant() AND archived_at IS NULL AND id IN (SELECT id FROM attached)
"""
_THEIR_PLAYLISTS = (
    "for_client AND archived_at IS NULL"
    " AND project_id IN (SELECT project_id FROM project_clients WHERE user_id = app_client())"
)
_FORMER_MEDIA = f"""
    SELECT id FROM media_assets WHERE tenant_id = app_tenant() AND (
        {_DELIVERED}
        OR id IN (
            SELECT media_id FROM playlist_items WHERE playlist_id IN (SELECT id FROM playlists WHERE {_THEIR_PLAYLISTS})
        )
        OR (asset_type = 'thumbnail' AND job_id IN (
            SELECT m.job_id FROM playlist_items i JOIN media_assets m ON m.tenant_id = i.tenant_id AND m.id = i.media_id
            WHERE i.playlist_id IN (SELECT id FROM playlists WHERE {_THEIR_PLAYLISTS}))))
"""
"""As the fifteenth migration has it."""
_PLAYLIST = (
    "EXISTS (SELECT FROM playlists p WHERE p.tenant_id = playlist_items.tenant_id"
    " AND p.id = playlist_items.playlist_id)"
)


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_comments_attached_for_clients ON comments (tenant_id)"
        " WHERE for_client AND attachments <> '[]'::jsonb"
    )
    _answer(_ROWS, _MEDIA)
    _limit_items(f"({_PLAYLIST} AND media_id IN (SELECT client_media_assets()))")


def downgrade() -> None:
    _limit_items(_PLAYLIST)
    _answer(_FORMER_ROWS, _FORMER_MEDIA)
    op.drop_index("ix_comments_attached_for_clients", table_name="comments")


def _answer(rows: dict[str, str], media: str) -> None:
    """The functions of clients' rows with other queries; who may call them, and the policies that do, stay."""
    queries = {
        table: f"SELECT id FROM {table} WHERE tenant_id = app_tenant() AND ({condition})"
        for table, condition in rows.items()
    }
    for table, query in {**queries, "media_assets": media}.items():
        op.execute(
            f"CREATE OR REPLACE FUNCTION client_{table}() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER "
            f"SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY {query}; END $$"
        )


def _limit_items(condition: str) -> None:
    op.execute("DROP POLICY client_view ON playlist_items")
    limit_clients("playlist_items", condition)
