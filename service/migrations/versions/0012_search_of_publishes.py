"""Publishes are found by their project, their comment and who made them, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Anything may stand there, but a text search vector has an end.
_SAID = "left(coalesce(metadata->>'comment', '') || ' ' || coalesce(metadata->>'description', ''), 10000)"

# As the eighth migration has it, and as it is from now on.
_PARTS = """
    SELECT p.id FROM parts p WHERE p.tenant_id = app_tenant() AND p.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM assets a JOIN parts p ON p.tenant_id = a.tenant_id AND p.asset_id = a.id
    WHERE a.tenant_id = app_tenant() AND a.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM shots s JOIN parts p ON p.tenant_id = s.tenant_id AND p.shot_id = s.id
    WHERE s.tenant_id = app_tenant() AND s.search @@ to_tsquery('simple', word)
"""
_ABOVE = """
    UNION
    SELECT p.id FROM sequences q JOIN shots s ON s.tenant_id = q.tenant_id AND s.sequence_id = q.id
    JOIN parts p ON p.tenant_id = s.tenant_id AND p.shot_id = s.id
    WHERE q.tenant_id = app_tenant() AND q.search @@ to_tsquery('simple', word)
    UNION
    SELECT p.id FROM projects j JOIN parts p ON p.tenant_id = j.tenant_id AND p.project_name = j.name
    WHERE j.tenant_id = app_tenant() AND j.search @@ to_tsquery('simple', word)
"""


def upgrade() -> None:
    computed = sa.Computed(f"search_vector({_SAID})", persisted=True)
    op.add_column("publishes", sa.Column("search", postgresql.TSVECTOR(), computed, nullable=False))
    op.create_index("ix_publishes_search", "publishes", ["search"], postgresql_using="gin")
    op.create_index("ix_publishes_created_by_id", "publishes", ["tenant_id", "created_by_id"])
    _match_parts(_PARTS + _ABOVE)


def downgrade() -> None:
    _match_parts(_PARTS)
    op.drop_index("ix_publishes_created_by_id", table_name="publishes")
    op.drop_column("publishes", "search")


def _match_parts(query: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION matching_parts(words text[])
        RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER SET search_path = public, pg_temp AS $$
        BEGIN RETURN QUERY
            SELECT found.id FROM unnest(words) word CROSS JOIN LATERAL ({query}) found
            GROUP BY found.id HAVING count(*) = cardinality(words);
        END $$
        """
    )
