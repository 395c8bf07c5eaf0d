"""Teams of projects, time spent on tasks, and when people were last seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import grant_rows, isolate, limit_clients

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.add_column("users", sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("ALTER TABLE users NO FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE users SET last_seen_at = t.seen FROM (SELECT tenant_id, user_id, max(last_used_at) AS seen"
        " FROM api_tokens GROUP BY tenant_id, user_id) t WHERE t.tenant_id = users.tenant_id AND t.user_id = users.id"
    )
    op.execute("ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE users FORCE ROW LEVEL SECURITY")
    op.create_table(
        "project_members",
        *_row(),
        sa.Column("project_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_project_members")),
        sa.UniqueConstraint(
            "tenant_id", "project_id", "user_id", name=op.f("uq_project_members_tenant_id_project_id_user_id")
        ),
        _reference("project_id", "projects"),
        _reference("user_id", "users"),
    )
    op.create_index("ix_project_members_user_id", "project_members", ["tenant_id", "user_id"])
    op.create_table(
        "time_entries",
        *_row(),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_time_entries")),
        sa.UniqueConstraint(
            *("tenant_id", "user_id", "day", "task_id"), name=op.f("uq_time_entries_tenant_id_user_id_day_task_id")
        ),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name=op.f("ck_time_entries_minutes")),
        _reference("user_id", "users"),
        _reference("task_id", "tasks"),
    )
    op.create_index("ix_time_entries_task_id", "time_entries", ["tenant_id", "task_id"])
    op.create_index("ix_time_entries_day", "time_entries", ["tenant_id", "day"])
    for table in ("project_members", "time_entries"):
        isolate(table)
        grant_rows(table)
        limit_clients(table, "false")


def downgrade() -> None:
    op.drop_table("time_entries")
    op.drop_table("project_members")
    op.drop_column("users", "last_seen_at")


def _row() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
    ]


def _reference(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete="RESTRICT",
    )
