"""Jobs with tasks, frames, dependencies, priorities, needs and pauses; the state machine in the database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import create_lookup, grant_rows, isolate

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("job_dependencies", "job_frames", "paused_queues")
_STATES = ("pending", "queued", "running", "completed", "failed", "cancelled")
# As shared.jobs.TRANSITIONS has them; a test compares the two.
_MOVES = {
    "pending": ("queued", "cancelled", "skipped"),
    "queued": ("running", "cancelled", "failed", "skipped"),
    "running": ("completed", "failed", "cancelled", "queued"),
    "failed": ("queued", "pending", "skipped"),
    "cancelled": ("queued", "pending", "skipped"),
    "skipped": ("queued", "pending"),
}


def upgrade() -> None:
    _extend_jobs()
    _create_tables()
    for table in TABLES:
        isolate(table)
        grant_rows(table)
    _guard_states()
    # Which jobs a worker could take up now, over all tenants: those with the least under way come first.
    op.execute("CREATE POLICY queue_lookup ON jobs FOR SELECT TO CURRENT_USER USING (true)")
    op.execute("CREATE POLICY queue_lookup ON paused_queues FOR SELECT TO CURRENT_USER USING (true)")
    create_lookup(
        "next_jobs(text[], jsonb, text, integer)",
        "tenant_id uuid, job_id uuid",
        """
        WITH running AS (
            SELECT r.tenant_id, count(*) AS jobs, count(*) FILTER (WHERE r.queue = 'render') AS renders
            FROM jobs r WHERE r.state = 'running' AND NOT r.has_tasks GROUP BY r.tenant_id
        )
        SELECT j.tenant_id, j.id
        FROM jobs j
        JOIN tenants t ON t.id = j.tenant_id
        LEFT JOIN jobs p ON p.tenant_id = j.tenant_id AND p.id = j.parent_id
        LEFT JOIN running ON running.tenant_id = j.tenant_id
        WHERE j.state = 'queued' AND NOT j.has_tasks AND j.queue = ANY($1) AND j.needs <@ $2
          AND NOT j.paused AND NOT coalesce(p.paused, false)
          AND (j.not_before IS NULL OR j.not_before <= now())
          AND coalesce((coalesce(p.failures_by_worker, j.failures_by_worker) ->> $3)::int, 0) < 3
          AND (j.queue <> 'render' OR coalesce(running.renders, 0) < t.max_concurrent_renders)
          AND NOT EXISTS (SELECT FROM paused_queues q WHERE q.tenant_id = j.tenant_id AND q.queue = j.queue)
        ORDER BY array_position($1, j.queue::text), coalesce(running.jobs, 0), j.priority DESC,
                 coalesce(p.created_at, j.created_at), j.parent_id, j.position, j.id
        LIMIT $4
        """,
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION next_jobs(text[], jsonb, text, integer)")
    op.execute("DROP POLICY queue_lookup ON jobs")
    op.execute("DROP TRIGGER job_state_moves ON jobs")
    op.execute("DROP FUNCTION check_job_move()")
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_jobs_state"), "jobs", type_="check")
    # Their tasks go with them: what was before had one piece of work for each job.
    op.execute("DELETE FROM jobs WHERE state = 'skipped' OR has_tasks OR parent_id IS NOT NULL")
    op.create_check_constraint(op.f("ck_jobs_state"), "jobs", _one_of(_STATES))
    op.drop_constraint("fk_parent_id_jobs", "jobs", type_="foreignkey")
    op.drop_index("ix_jobs_parent_id", table_name="jobs")
    op.drop_constraint(op.f("ck_jobs_priority"), "jobs", type_="check")
    for column in ("failures_by_worker", "not_before", "paused", "needs", "priority", "position", "name"):
        op.drop_column("jobs", column)
    op.drop_column("jobs", "has_tasks")
    op.drop_column("jobs", "parent_id")
    op.drop_constraint(op.f("ck_workers_wanted"), "workers", type_="check")
    op.drop_column("workers", "wanted")
    op.drop_column("workers", "capabilities")


def _extend_jobs() -> None:
    op.drop_constraint(op.f("ck_jobs_state"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_state"), "jobs", _one_of((*_STATES, "skipped")))
    for column in (
        sa.Column("parent_id", sa.UUID(), nullable=True),
        sa.Column("has_tasks", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("50"), nullable=False),
        sa.Column("needs", _json(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures_by_worker", _json(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    ):
        op.add_column("jobs", column)
    op.create_foreign_key(
        "fk_parent_id_jobs", "jobs", "jobs", ["tenant_id", "parent_id"], ["tenant_id", "id"], ondelete="CASCADE"
    )
    op.create_check_constraint(op.f("ck_jobs_priority"), "jobs", "priority BETWEEN 0 AND 100")
    op.create_index("ix_jobs_parent_id", "jobs", ["tenant_id", "parent_id", "position"])
    op.add_column("workers", sa.Column("capabilities", _json(), server_default=sa.text("'[]'::jsonb"), nullable=False))
    op.add_column("workers", sa.Column("wanted", sa.String(), server_default="work", nullable=False))
    op.create_check_constraint(op.f("ck_workers_wanted"), "workers", "wanted IN ('work', 'rest', 'drain')")


def _create_tables() -> None:
    op.create_table(
        "job_dependencies",
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("needs_id", sa.UUID(), nullable=False),
        *_row("job_dependencies"),
        _to_jobs("job_id"),
        _to_jobs("needs_id"),
        sa.CheckConstraint("job_id <> needs_id", name=op.f("ck_job_dependencies_not_itself")),
        sa.UniqueConstraint(
            "tenant_id", "job_id", "needs_id", name=op.f("uq_job_dependencies_tenant_id_job_id_needs_id")
        ),
    )
    op.create_index("ix_job_dependencies_needs_id", "job_dependencies", ["tenant_id", "needs_id"])
    op.create_table(
        "job_frames",
        sa.Column("job_id", sa.UUID(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("worker_id", sa.UUID(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_row("job_frames"),
        _to_jobs("job_id"),
        _to_jobs("task_id"),
        sa.CheckConstraint("(path IS NULL) = (finished_at IS NULL)", name=op.f("ck_job_frames_finished")),
        sa.UniqueConstraint("tenant_id", "job_id", "frame", name=op.f("uq_job_frames_tenant_id_job_id_frame")),
    )
    op.create_index("ix_job_frames_task_id", "job_frames", ["tenant_id", "task_id"])
    op.create_table(
        "paused_queues",
        sa.Column("queue", sa.String(), nullable=False),
        *_row("paused_queues"),
        sa.UniqueConstraint("tenant_id", "queue", name=op.f("uq_paused_queues_tenant_id_queue")),
    )


def _guard_states() -> None:
    moves = ", ".join(f"('{before}', '{after}')" for before, targets in _MOVES.items() for after in targets)
    op.execute(
        f"""
        CREATE FUNCTION check_job_move() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.state, NEW.state) NOT IN ({moves}) THEN
                RAISE EXCEPTION 'job % cannot go from % to %', NEW.id, OLD.state, NEW.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'job_state_moves';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER job_state_moves BEFORE UPDATE OF state ON jobs FOR EACH ROW"
        " WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION check_job_move()"
    )


def _row(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )


def _to_jobs(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], ["jobs.tenant_id", "jobs.id"], name=f"fk_{column}_jobs", ondelete="CASCADE"
    )


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(astext_type=sa.Text())


def _one_of(states: tuple[str, ...]) -> str:
    return f"state IN ({', '.join(repr(state) for state in states)})"
