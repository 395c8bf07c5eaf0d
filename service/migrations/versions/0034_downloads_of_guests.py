"""Links by which guests may take away what they see, and the films that were made of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import create_lookup, rewrite_function

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_FIND = "find_guest_link(text)"
_FOUND = (
    "link_id uuid, tenant_id uuid, studio varchar, storage varchar, playlist_id uuid, may_comment boolean,"
    "{may_download} password_hash varchar"
)
_QUERY = """
    SELECT g.id, t.id, coalesce(nullif(t.title, ''), t.name), t.storage, p.id, g.may_comment,{may_download}
        g.password_hash
    FROM guest_links g JOIN tenants t ON t.id = g.tenant_id
    JOIN playlists p ON p.tenant_id = g.tenant_id AND p.id = g.playlist_id
    JOIN projects j ON j.tenant_id = p.tenant_id AND j.id = p.project_id
    WHERE g.digest = $1 AND g.revoked_at IS NULL AND g.expires_at > now() AND t.archived_at IS NULL
        AND p.for_client AND p.archived_at IS NULL AND j.archived_at IS NULL
"""
"""As the thirty-first migration has it, which is a link that opens something; and what its guests may."""

# As the thirty-first migration has it.
_NO_FILM = "RETURN QUERY SELECT NULL::uuid WHERE false;"
_FILMS = """RETURN QUERY
    SELECT f.id FROM playlist_films f WHERE f.tenant_id = app_tenant() AND f.playlist_id = guest_playlist()
    AND EXISTS (SELECT FROM guest_links g WHERE g.tenant_id = app_tenant() AND g.id = app_guest() AND g.may_download)
    AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(f.media_ids) shown
        WHERE shown.value::uuid NOT IN (SELECT client_media_assets()));"""
"""As clients, they see the films of which they see everything."""


def upgrade() -> None:
    op.add_column(
        "guest_links", sa.Column("may_download", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    _find(_FOUND.format(may_download=" may_download boolean,"), _QUERY.format(may_download=" g.may_download,"))
    rewrite_function("client_playlist_films()", _NO_FILM, _FILMS)


def downgrade() -> None:
    rewrite_function("client_playlist_films()", _FILMS, _NO_FILM)
    _find(_FOUND.format(may_download=""), _QUERY.format(may_download=""))
    op.drop_column("guest_links", "may_download")


def _find(found: str, query: str) -> None:
    op.execute(f"DROP FUNCTION {_FIND}")
    create_lookup(_FIND, found, query)
