"""Films of playlists: seen by who sees the playlist and everything in the film; their jobs belong to its project."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from service.migrations.isolation import (
    application_role,
    create_client_rows,
    grant_rows,
    hide_from_outsiders,
    isolate,
    let_owner_read,
    limit_clients,
)

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_TABLE = "playlist_films"
_CONTENT = "SELECT FROM jsonb_array_elements_text(media_ids) shown WHERE shown.value::uuid"
_OF_CLIENTS = f"""
    playlist_id IN (SELECT p.id FROM playlists p WHERE p.tenant_id = app_tenant() AND p.for_client
        AND p.archived_at IS NULL AND p.project_id IN (SELECT client_projects()))
    AND NOT EXISTS ({_CONTENT} NOT IN (SELECT client_media_assets()))
"""
_HIDDEN = f"playlist_id IN (SELECT hidden_playlists()) OR EXISTS ({_CONTENT} IN (SELECT hidden_media_assets()))"
_OWN = "tenant_id = app_tenant()"
_OF_RUNS = f"SELECT job_id FROM workflow_nodes WHERE {_OWN} AND run_id IN (SELECT hidden_workflow_runs())"
_OF_FILMS = f"SELECT job_id FROM playlist_films WHERE {_OWN} AND playlist_id IN (SELECT hidden_playlists())"
_PROJECT_OF = """
    CREATE FUNCTION project_of(kind text, row_id uuid) RETURNS uuid LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    DECLARE playlist uuid;
    BEGIN
        IF kind = 'job' THEN
            SELECT playlist_id INTO playlist FROM playlist_films
            WHERE tenant_id = app_tenant() AND job_id = row_id LIMIT 1;
        ELSIF kind = 'playlist_film' THEN
            SELECT playlist_id INTO playlist FROM playlist_films WHERE tenant_id = app_tenant() AND id = row_id;
        END IF;
        RETURN coalesce(project_of_row('playlist', playlist), project_of_row(kind, row_id));
    END $$
"""
"""The same as before, ``project_of_row`` from now on, which calls this one; and what films belong to."""


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("playlist_id", sa.UUID(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("media_ids", JSONB(), nullable=False),
        sa.Column("left_out", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{_TABLE}")),
        _reference("playlist_id", "playlists", ondelete="CASCADE"),
        _reference("job_id", "jobs", ondelete="CASCADE"),
        _reference("created_by_id", "users"),
    )
    op.create_index(
        f"uq_{_TABLE}_key",
        _TABLE,
        ["tenant_id", "playlist_id", "key"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(f"ix_{_TABLE}_job_id", _TABLE, ["tenant_id", "job_id"])
    op.create_index(f"ix_{_TABLE}_playlist_id", _TABLE, ["tenant_id", "playlist_id", "created_at"])
    isolate(_TABLE)
    grant_rows(_TABLE)
    let_owner_read(_TABLE)
    create_client_rows(_TABLE, _OF_CLIENTS)
    # As the twenty-sixth migration says of the others.
    op.execute(f"ALTER FUNCTION client_{_TABLE}() COST 1 ROWS 10")
    limit_clients(_TABLE, f"id IN (SELECT client_{_TABLE}())")
    hide_from_outsiders(_TABLE, _HIDDEN)
    _hide_lone_jobs(f"{_OF_RUNS} UNION ALL {_OF_FILMS}")
    op.execute("ALTER FUNCTION project_of(text, uuid) RENAME TO project_of_row")
    op.execute(_PROJECT_OF)
    op.execute("REVOKE ALL ON FUNCTION project_of(text, uuid) FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION project_of(text, uuid) TO "{application_role()}"')


def downgrade() -> None:
    op.execute("DROP FUNCTION project_of(text, uuid)")
    op.execute("ALTER FUNCTION project_of_row(text, uuid) RENAME TO project_of")
    _hide_lone_jobs(_OF_RUNS)
    op.drop_table(_TABLE)
    op.execute(f"DROP FUNCTION client_{_TABLE}()")


def _hide_lone_jobs(query: str) -> None:
    """``hidden_lone_jobs()`` with another query; who may call it, and the policies that do, stay."""
    op.execute(
        f"CREATE OR REPLACE FUNCTION hidden_lone_jobs() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"COST 1 ROWS 1 SET search_path = public, pg_temp AS $$ BEGIN RETURN QUERY {query}; END $$"
    )


def _reference(column: str, table: str, ondelete: str = "RESTRICT") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete=ondelete,
    )
