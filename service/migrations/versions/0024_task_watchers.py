"""People who watch tasks that others do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import grant_rows, isolate, limit_clients

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "task_watchers",
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task_watchers")),
        sa.UniqueConstraint("tenant_id", "task_id", "user_id", name=op.f("uq_task_watchers_tenant_id_task_id_user_id")),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", column],
                [f"{table}.tenant_id", f"{table}.id"],
                name=f"fk_{column}_{table}",
                ondelete="RESTRICT",
            )
            for column, table in (("task_id", "tasks"), ("user_id", "users"))
        ),
    )
    op.create_index("ix_task_watchers_user_id", "task_watchers", ["tenant_id", "user_id"])
    isolate("task_watchers")
    grant_rows("task_watchers")
    limit_clients("task_watchers", "false")


def downgrade() -> None:
    op.drop_table("task_watchers")
