"""Custom fields of projects, sequences, shots, assets and tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import grant_rows, isolate, limit_clients

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TITLED = "name || ' ' || title"
_SEARCHED = {
    "projects": _TITLED,
    "sequences": _TITLED,
    "shots": _TITLED,
    "assets": _TITLED,
    "tasks": "name || ' ' || department",
}
"""Tables whose rows have fields, and the words by which they were found before."""
_FIELD_WORDS = """
    CREATE FUNCTION field_words(fields jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT left(coalesce(string_agg(value #>> '{}', ' '), ''), 10000)
        FROM jsonb_each(fields) WHERE jsonb_typeof(value) IN ('string', 'array')
    $$
"""
_MATCHING_PARTS = """
    SELECT p.id FROM parts p WHERE p.tenant_id = app_tenant() AND p.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM assets a JOIN parts p ON p.tenant_id = a.tenant_id AND p.asset_id = a.id
    WHERE a.tenant_id = app_tenant() AND a.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM shots s JOIN parts p ON p.tenant_id = s.tenant_id AND p.shot_id = s.id
    WHERE s.tenant_id = app_tenant() AND s.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM sequences q JOIN shots s ON s.tenant_id = q.tenant_id AND s.sequence_id = q.id
    JOIN parts p ON p.tenant_id = s.tenant_id AND p.shot_id = s.id
    WHERE q.tenant_id = app_tenant() AND q.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM projects j JOIN parts p ON p.tenant_id = j.tenant_id AND p.project_name = j.name
    WHERE j.tenant_id = app_tenant() AND j.search @@ to_tsquery('simple', word)
"""
"""As the twelfth migration has it."""

# Fields are the studio's own, so their words are weighted B, all others D, and clients look for those only.
_OWN_WORDS = "IF app_client() IS NOT NULL THEN words := %s; END IF;"
_EACH_OWN = "(SELECT array_agg(word || 'D') FROM unnest(words) word)"


def upgrade() -> None:
    op.create_table(
        "custom_fields",
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("target_type", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("choices", _JSON, server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("for_client", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("project_id", sa.UUID(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_custom_fields")),
        sa.UniqueConstraint(
            *("tenant_id", "target_type", "name", "project_id"),
            name=op.f("uq_custom_fields_tenant_id_target_type_name_project_id"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(
            "target_type IN ('project', 'sequence', 'shot', 'asset', 'task')",
            name=op.f("ck_custom_fields_target_type"),
        ),
        sa.CheckConstraint(
            "type IN ('text', 'number', 'checkbox', 'date', 'choice', 'tags')", name=op.f("ck_custom_fields_type")
        ),
        sa.CheckConstraint(
            "target_type <> 'project' OR project_id IS NULL", name=op.f("ck_custom_fields_of_all_projects")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["projects.tenant_id", "projects.id"],
            name="fk_project_id_projects",
            ondelete="RESTRICT",
        ),
    )
    isolate("custom_fields")
    grant_rows("custom_fields")
    limit_clients("custom_fields", "(for_client AND (project_id IS NULL OR project_id IN (SELECT client_projects())))")
    op.execute(_FIELD_WORDS)
    for table, words in _SEARCHED.items():
        op.add_column(table, sa.Column("fields", _JSON, server_default=sa.text("'{}'::jsonb"), nullable=False))
        _make_searchable(table, f"search_vector({words}) || setweight(search_vector(field_words(fields)), 'B')")
    _match_rows(_OWN_WORDS % "words || 'D'")
    _match_parts(_OWN_WORDS % _EACH_OWN)


def downgrade() -> None:
    _match_parts("")
    _match_rows("")
    for table, words in _SEARCHED.items():
        _make_searchable(table, f"search_vector({words})")
        op.drop_column(table, "fields")
    op.execute("DROP FUNCTION field_words(jsonb)")
    op.drop_table("custom_fields")


def _make_searchable(table: str, expression: str) -> None:
    op.drop_column(table, "search")
    computed = sa.Computed(expression, persisted=True)
    op.add_column(table, sa.Column("search", postgresql.TSVECTOR(), computed, nullable=False))
    op.create_index(f"ix_{table}_search", table, ["search"], postgresql_using="gin")


def _match_rows(first: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION matching_rows(searched regclass, words text)
        RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN {first} RETURN QUERY EXECUTE
            format('SELECT id FROM %s WHERE tenant_id = app_tenant() AND search @@ $1', searched)
            USING to_tsquery('simple', words);
        END $$
        """
    )


def _match_parts(first: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION matching_parts(words text[])
        RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN {first} RETURN QUERY
            SELECT found.id FROM unnest(words) word CROSS JOIN LATERAL ({_MATCHING_PARTS}) found
            GROUP BY found.id HAVING count(*) = cardinality(words);
        END $$
        """
    )
