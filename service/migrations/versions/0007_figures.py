"""What is counted over all tenants, for the operators of the service; and the index that long lists are read from."""

from __future__ import annotations

from alembic import op

from service.migrations.isolation import create_lookup, let_owner_read

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What a page of publishes is chosen and counted by, so that the index alone answers, however deep the page.
_LISTED = "publishes (tenant_id, created_at DESC, id) INCLUDE (part_id, status, archived_at)"

_COUNTED = ("jobs", "publishes", "conversions")


def upgrade() -> None:
    op.execute("DROP INDEX ix_publishes_created_at")
    op.execute(f"CREATE INDEX ix_publishes_created_at ON {_LISTED}")
    for table in _COUNTED:
        let_owner_read(table)
    create_lookup(
        "count_rows()",
        "name text, label text, number bigint",
        "SELECT 'jobs', state::text, count(*) FROM jobs GROUP BY state"
        " UNION ALL SELECT 'conversions', state::text, count(*) FROM conversions GROUP BY state"
        " UNION ALL SELECT 'publishes', status::text, count(*) FROM publishes GROUP BY status"
        " UNION ALL SELECT 'tenants', '', count(*) FROM tenants",
    )
    create_lookup(
        "waiting_jobs(interval)",
        "queue varchar, number bigint, longest interval",
        "SELECT queue, count(*), max(now() - created_at) FROM jobs"
        " WHERE state = 'queued' AND created_at < now() - $1 GROUP BY queue",
    )


def downgrade() -> None:
    for signature in ("count_rows()", "waiting_jobs(interval)"):
        op.execute(f"DROP FUNCTION {signature}")
    for table in _COUNTED:
        op.execute(f"DROP POLICY owner_lookup ON {table}")
    op.execute("DROP INDEX ix_publishes_created_at")
    op.execute("CREATE INDEX ix_publishes_created_at ON publishes (tenant_id, created_at)")
