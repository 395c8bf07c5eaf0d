"""The index of lists of publishes holds those in use: what was archived is another list, seldom asked for."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# What a page is chosen, counted and shown by, so that an index alone answers, however deep the page.
_LISTED = "publishes (tenant_id, created_at DESC, id) INCLUDE (part_id, status) WHERE archived_at IS NULL"
_WITH_ARCHIVED = "publishes (tenant_id, created_at DESC, id) INCLUDE (part_id)"
_FORMER = "publishes (tenant_id, created_at DESC, id) INCLUDE (part_id, status, archived_at)"


def upgrade() -> None:
    op.execute(f"CREATE INDEX ix_publishes_listed ON {_LISTED}")
    op.execute("DROP INDEX ix_publishes_created_at")
    op.execute(f"CREATE INDEX ix_publishes_created_at ON {_WITH_ARCHIVED}")


def downgrade() -> None:
    op.execute("DROP INDEX ix_publishes_listed")
    op.execute("DROP INDEX ix_publishes_created_at")
    op.execute(f"CREATE INDEX ix_publishes_created_at ON {_FORMER}")
