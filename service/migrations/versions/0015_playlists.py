"""Playlists, and comments on pictures and films: when, and drawn over what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import grant_rows, isolate, let_owner_read, limit_clients

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# As the third migration has it.
_DELIVERED = (
    "id IN (SELECT media_id FROM order_media WHERE item_id IN "
    "(SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id"
    " WHERE o.client_id = app_client() AND o.delivered_at IS NOT NULL))"
)
_THEIR_PLAYLISTS = (
    "for_client AND archived_at IS NULL"
    " AND project_id IN (SELECT project_id FROM project_clients WHERE user_id = app_client())"
)
# With a picture or film, the small picture that stands for it.
_SHOWN = f"""
    id IN (SELECT media_id FROM playlist_items WHERE playlist_id IN (SELECT id FROM playlists WHERE {_THEIR_PLAYLISTS}))
    OR (asset_type = 'thumbnail' AND job_id IN (
        SELECT m.job_id FROM playlist_items i JOIN media_assets m ON m.tenant_id = i.tenant_id AND m.id = i.media_id
        WHERE i.playlist_id IN (SELECT id FROM playlists WHERE {_THEIR_PLAYLISTS})))
"""
_PUBLISH = "SELECT FROM publishes p WHERE p.tenant_id = comments.tenant_id AND p.id = comments.publish_id"
_MEDIUM = "SELECT FROM media_assets m WHERE m.tenant_id = comments.tenant_id AND m.id = comments.media_id"
_CHECKS = {
    "one_target": (
        "num_nonnulls(task_id, publish_id) = 1",
        "num_nonnulls(task_id, publish_id) <= 1 AND num_nonnulls(task_id, publish_id, media_id) >= 1",
    ),
    "for_client": ("NOT for_client OR publish_id IS NOT NULL", "NOT for_client OR task_id IS NULL"),
}
"""Checks of comments, before and from now on."""


def upgrade() -> None:
    _create_playlists()
    op.create_index("ix_media_assets_publish_id", "media_assets", ["tenant_id", "publish_id"])
    _media_of_clients(f"{_DELIVERED} OR {_SHOWN}")
    op.add_column("comments", sa.Column("media_id", sa.UUID(), nullable=True))
    op.add_column("comments", sa.Column("seconds", sa.Float(), nullable=True))
    drawing = sa.Column("drawing", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False)
    op.add_column("comments", drawing)
    op.create_foreign_key(
        "fk_media_id_media_assets",
        "comments",
        "media_assets",
        ["tenant_id", "media_id"],
        ["tenant_id", "id"],
        ondelete="RESTRICT",
    )
    op.create_index("ix_comments_media_id", "comments", ["tenant_id", "media_id", "created_at"])
    _check_comments(1)
    on_picture = "media_id IS NOT NULL OR (seconds IS NULL AND drawing = '[]')"
    op.create_check_constraint(op.f("ck_comments_on_picture"), "comments", on_picture)
    op.execute("DROP POLICY client_view ON comments")
    # Publishes and media have policies of their own: a client finds here those that they see.
    seen = f"EXISTS ({_PUBLISH}) OR (publish_id IS NULL AND EXISTS ({_MEDIUM}))"
    limit_clients("comments", f"(for_client AND ({seen}))")


def downgrade() -> None:
    op.execute("DROP POLICY client_view ON comments")
    limit_clients("comments", f"(for_client AND EXISTS ({_PUBLISH}))")
    op.drop_constraint("ck_comments_on_picture", "comments")
    op.execute("ALTER TABLE comments NO FORCE ROW LEVEL SECURITY")
    # What only this revision knows cannot be kept: what was said about pictures that belong to no publish.
    op.execute("DELETE FROM comments WHERE num_nonnulls(task_id, publish_id) = 0")
    op.execute("ALTER TABLE comments FORCE ROW LEVEL SECURITY")
    _check_comments(0)
    for column in ("drawing", "seconds", "media_id"):
        op.drop_column("comments", column)
    _media_of_clients(_DELIVERED)
    op.drop_index("ix_media_assets_publish_id", table_name="media_assets")
    op.drop_table("playlist_items")
    op.drop_table("playlists")


def _create_playlists() -> None:
    op.create_table(
        "playlists",
        *_row_columns(),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("project_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("for_client", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), sa.Computed("search_vector(name)", persisted=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_playlists")),
        sa.UniqueConstraint("tenant_id", "project_id", "name", name=op.f("uq_playlists_tenant_id_project_id_name")),
        _reference("project_id", "projects"),
        _reference("created_by_id", "users"),
    )
    op.create_index("ix_playlists_created_at", "playlists", ["tenant_id", "created_at"])
    op.create_index("ix_playlists_search", "playlists", ["search"], postgresql_using="gin")
    op.create_table(
        "playlist_items",
        *_row_columns(),
        sa.Column("playlist_id", sa.UUID(), nullable=False),
        sa.Column("media_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_playlist_items")),
        *(
            sa.UniqueConstraint(
                "tenant_id", "playlist_id", column, name=op.f(f"uq_playlist_items_tenant_id_playlist_id_{column}")
            )
            for column in ("position", "media_id")
        ),
        sa.CheckConstraint("position >= 1", name=op.f("ck_playlist_items_position")),
        _reference("playlist_id", "playlists", ondelete="CASCADE"),
        _reference("media_id", "media_assets"),
    )
    op.create_index("ix_playlist_items_media_id", "playlist_items", ["tenant_id", "media_id"])
    for table in ("playlists", "playlist_items"):
        isolate(table)
        grant_rows(table)
        let_owner_read(table)  # for matching_rows() and client_media_assets(), see the third migration
    limit_clients("playlists", "(for_client AND archived_at IS NULL AND project_id IN (SELECT client_projects()))")
    limit_clients(
        "playlist_items",
        "EXISTS (SELECT FROM playlists p WHERE p.tenant_id = playlist_items.tenant_id"
        " AND p.id = playlist_items.playlist_id)",
    )


def _media_of_clients(condition: str) -> None:
    """``client_media_assets()`` with another condition; who may call it, and the policy that does, stay."""
    op.execute(
        f"CREATE OR REPLACE FUNCTION client_media_assets() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY "
        f"SELECT id FROM media_assets WHERE tenant_id = app_tenant() AND ({condition}); END $$"
    )


def _check_comments(which: int) -> None:
    for name, conditions in _CHECKS.items():
        op.drop_constraint(f"ck_comments_{name}", "comments")
        op.create_check_constraint(op.f(f"ck_comments_{name}"), "comments", conditions[which])


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
