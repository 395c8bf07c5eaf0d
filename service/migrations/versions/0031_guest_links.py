"""Links to playlists for guests, who have no account, and what they say.

A guest is bound as a client who is no user: ``app_client()`` and ``app_guest()`` are both the id of the link. Where
something is answered to clients by a function, that function answers guests what their playlist shows and nothing else.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import (
    application_role,
    create_lookup,
    grant_rows,
    hide_from_outsiders,
    isolate,
    let_owner_read,
    limit_clients,
)

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_TABLE = "guest_links"
_APP_GUEST = """
    CREATE FUNCTION app_guest() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('app.current_guest', true), '')::uuid $$
"""
_GUEST_PLAYLIST = """
    CREATE FUNCTION guest_playlist() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp AS
    $$ SELECT playlist_id FROM guest_links WHERE tenant_id = app_tenant() AND id = app_guest() $$
"""
_FOUND = (
    "link_id uuid, tenant_id uuid, studio varchar, storage varchar, playlist_id uuid, may_comment boolean,"
    " password_hash varchar"
)
_FIND = """
    SELECT g.id, t.id, coalesce(nullif(t.title, ''), t.name), t.storage, p.id, g.may_comment, g.password_hash
    FROM guest_links g JOIN tenants t ON t.id = g.tenant_id
    JOIN playlists p ON p.tenant_id = g.tenant_id AND p.id = g.playlist_id
    JOIN projects j ON j.tenant_id = p.tenant_id AND j.id = p.project_id
    WHERE g.digest = $1 AND g.revoked_at IS NULL AND g.expires_at > now() AND t.archived_at IS NULL
        AND p.for_client AND p.archived_at IS NULL AND j.archived_at IS NULL
"""
"""A link that opens something, by its digest: the way in for guests."""

_OWN = "tenant_id = app_tenant()"
_ITEMS = f"SELECT media_id FROM playlist_items WHERE {_OWN} AND playlist_id = guest_playlist()"
# With a picture or film, the small picture that stands for it, as for clients.
_SHOWN = f"""
    SELECT m.id FROM media_assets m WHERE m.{_OWN} AND m.archived_at IS NULL AND (
        m.id IN ({_ITEMS}) OR m.asset_type = 'thumbnail' AND m.job_id IN (
            SELECT l.job_id FROM media_assets l WHERE l.{_OWN} AND l.archived_at IS NULL AND l.id IN ({_ITEMS})))
"""
_NOTHING = "SELECT NULL::uuid WHERE false"


def _of_shown(column: str) -> str:
    """What media and parts that are shown refer to."""
    return (
        f"SELECT {column} FROM media_assets WHERE {_OWN} AND {column} IS NOT NULL"
        " AND id IN (SELECT client_shown_media())"
        f" UNION SELECT {column} FROM parts WHERE {_OWN} AND {column} IS NOT NULL AND id IN (SELECT client_parts())"
    )


_FOR_GUESTS = {
    "shown_media": _SHOWN,
    "media_assets": "SELECT client_shown_media()",
    "publishes": f"SELECT id FROM publishes WHERE {_OWN} AND archived_at IS NULL AND id IN (SELECT publish_id"
    f" FROM media_assets WHERE {_OWN} AND id IN (SELECT client_shown_media()))",
    "open_parts": _NOTHING,
    "assets": _of_shown("asset_id"),
    "shots": _of_shown("shot_id"),
    "sequences": f"SELECT sequence_id FROM shots WHERE {_OWN} AND id IN (SELECT client_shots())",
    "projects": f"SELECT project_id FROM playlists WHERE {_OWN} AND id = guest_playlist()",
    "playlist_films": _NOTHING,
}
"""What ``client_<name>()`` answers guests. ``client_parts()`` follows from others, and no order is a guest's."""
_BEGINNING = "BEGIN RETURN QUERY"

# As the fifteenth migration has it.
_PLAYLISTS = "for_client AND archived_at IS NULL AND project_id IN (SELECT client_projects())"
_OF_GUEST = "(SELECT app_guest() IS NULL) OR"
# As the twenty-ninth migration has it.
_ON = "SELECT FROM {table} o WHERE o.tenant_id = comments.tenant_id AND o.id = comments.{column}"
_COMMENTS = (
    f"for_client AND (EXISTS ({_ON.format(table='publishes', column='publish_id')})"
    f" OR (publish_id IS NULL AND EXISTS ({_ON.format(table='media_assets', column='media_id')}))"
    f" OR EXISTS ({_ON.format(table='orders', column='order_id')}))"
)
_FORGET_GUESTS = """
    DO $$
    DECLARE tenant uuid;
    BEGIN
        FOR tenant IN SELECT id FROM tenants LOOP
            PERFORM set_config('app.current_tenant', tenant::text, true);
            DELETE FROM comments WHERE guest_link_id IS NOT NULL;
        END LOOP;
        PERFORM set_config('app.current_tenant', '', true);
    END $$
"""
"""Bound to each tenant in turn, because row-level security binds the owner as well."""


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("playlist_id", sa.UUID(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("may_comment", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("times_opened", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{_TABLE}")),
        sa.UniqueConstraint("digest", name=op.f(f"uq_{_TABLE}_digest")),
        sa.CheckConstraint("times_opened >= 0", name=op.f(f"ck_{_TABLE}_times_opened")),
        _reference("playlist_id", "playlists", ondelete="CASCADE"),
        _reference("created_by_id", "users"),
    )
    op.create_index(f"ix_{_TABLE}_playlist_id", _TABLE, ["tenant_id", "playlist_id", "created_at"])
    isolate(_TABLE)
    grant_rows(_TABLE)
    let_owner_read(_TABLE)
    op.execute(_APP_GUEST)
    op.execute(_GUEST_PLAYLIST)
    op.execute("REVOKE ALL ON FUNCTION guest_playlist() FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION guest_playlist() TO "{application_role()}"')
    create_lookup("find_guest_link(text)", _FOUND, _FIND)
    limit_clients(_TABLE, "id = (SELECT app_guest())")
    hide_from_outsiders(_TABLE, "playlist_id IN (SELECT hidden_playlists())")
    for name, query in _FOR_GUESTS.items():
        _rewrite(f"client_{name}()", _BEGINNING, _for_guests(query))

    op.alter_column("comments", "author_id", nullable=True)
    op.add_column("comments", sa.Column("guest_link_id", sa.UUID(), nullable=True))
    op.add_column("comments", sa.Column("guest_name", sa.String(), nullable=True))
    op.create_foreign_key(
        "fk_guest_link_id_guest_links",
        *("comments", _TABLE),
        *(["tenant_id", "guest_link_id"], ["tenant_id", "id"]),
        ondelete="RESTRICT",
    )
    op.create_check_constraint(
        op.f("ck_comments_said_by"),
        "comments",
        "num_nonnulls(author_id, guest_link_id) = 1 AND (guest_link_id IS NULL) = (guest_name IS NULL)",
    )
    _limit("playlists", f"({_PLAYLISTS} AND ({_OF_GUEST} id = (SELECT guest_playlist())))")
    # What the studio and its clients say to each other is not for guests: they read what came by their link.
    _limit("comments", f"({_COMMENTS} AND ({_OF_GUEST} guest_link_id = (SELECT app_guest())))")


def downgrade() -> None:
    _limit("comments", f"({_COMMENTS})")
    _limit("playlists", f"({_PLAYLISTS})")
    op.execute(_FORGET_GUESTS)
    op.drop_constraint("ck_comments_said_by", "comments")
    for column in ("guest_name", "guest_link_id"):
        op.drop_column("comments", column)
    op.alter_column("comments", "author_id", nullable=False)
    for name, query in _FOR_GUESTS.items():
        _rewrite(f"client_{name}()", _for_guests(query), _BEGINNING)
    op.drop_table(_TABLE)
    for signature in ("find_guest_link(text)", "guest_playlist()", "app_guest()"):
        op.execute(f"DROP FUNCTION {signature}")


def _for_guests(query: str) -> str:
    return f"BEGIN IF app_guest() IS NOT NULL THEN RETURN QUERY {query}; RETURN; END IF; RETURN QUERY"


def _limit(table: str, condition: str) -> None:
    op.execute(f"DROP POLICY client_view ON {table}")
    limit_clients(table, condition)


def _rewrite(function: str, before: str, after: str) -> None:
    """Change a part of a function's text; who may call it, and what it seems to cost, stays."""
    connection = op.get_bind()
    known = sa.text("SELECT pg_get_functiondef(CAST(:function AS regprocedure))")
    text = str(connection.scalar(known, {"function": function}))
    if text.count(before) != 1:
        raise RuntimeError(f"{function} is not what this migration changes: it should say {before!r} once")
    connection.exec_driver_sql(text.replace(before, after))


def _reference(column: str, table: str, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete=ondelete,
    )
