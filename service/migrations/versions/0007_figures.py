"""What is counted over all tenants, for the operators of the service: no names, no content."""

from __future__ import annotations

from alembic import op

from service.migrations.isolation import create_lookup, let_owner_read

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COUNTED = ("jobs", "publishes", "conversions")


def upgrade() -> None:
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
