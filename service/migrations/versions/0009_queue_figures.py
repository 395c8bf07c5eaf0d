"""Figures of the queue count jobs, not the tasks that a job has beside it."""

from __future__ import annotations

from alembic import op

from service.migrations.isolation import create_lookup

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SIGNATURES = {
    "count_rows()": "name text, label text, number bigint",
    "waiting_jobs(interval)": "queue varchar, number bigint, longest interval",
}
_OTHERS = (
    " UNION ALL SELECT 'conversions', state::text, count(*) FROM conversions GROUP BY state"
    " UNION ALL SELECT 'publishes', status::text, count(*) FROM publishes GROUP BY status"
    " UNION ALL SELECT 'tenants', '', count(*) FROM tenants"
)
# What waits for a worker is a task, or a job that has none: a job that has some waits with them, and counts once.
_NOW = {
    "count_rows()": "SELECT 'jobs', state::text, count(*) FROM jobs WHERE parent_id IS NULL GROUP BY state" + _OTHERS,
    "waiting_jobs(interval)": "SELECT queue, count(DISTINCT coalesce(parent_id, id)), max(now() - created_at) FROM jobs"
    " WHERE state = 'queued' AND NOT has_tasks AND created_at < now() - $1 GROUP BY queue",
}
_BEFORE = {
    "count_rows()": "SELECT 'jobs', state::text, count(*) FROM jobs GROUP BY state" + _OTHERS,
    "waiting_jobs(interval)": "SELECT queue, count(*), max(now() - created_at) FROM jobs"
    " WHERE state = 'queued' AND created_at < now() - $1 GROUP BY queue",
}


def upgrade() -> None:
    _replace(_NOW)


def downgrade() -> None:
    _replace(_BEFORE)


def _replace(queries: dict[str, str]) -> None:
    for signature, query in queries.items():
        op.execute(f"DROP FUNCTION {signature}")
        create_lookup(signature, _SIGNATURES[signature], query)
