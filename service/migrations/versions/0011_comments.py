"""Comments on tasks and publishes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import grant_rows, isolate, let_owner_read, limit_clients

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TARGETS = {"task_id": "tasks", "publish_id": "publishes", "author_id": "users"}

_PUBLISH = "SELECT FROM publishes p WHERE p.tenant_id = comments.tenant_id AND p.id = comments.publish_id"


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("task_id", sa.UUID(), nullable=True),
        sa.Column("publish_id", sa.UUID(), nullable=True),
        sa.Column("author_id", sa.UUID(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("for_client", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _ids("mentions"),
        _ids("attachments"),
        sa.Column("search", postgresql.TSVECTOR(), sa.Computed("search_vector(text)", persisted=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_comments")),
        sa.CheckConstraint("num_nonnulls(task_id, publish_id) = 1", name=op.f("ck_comments_one_target")),
        sa.CheckConstraint("char_length(text) <= 10000", name=op.f("ck_comments_text")),
        sa.CheckConstraint("status IS NULL OR task_id IS NOT NULL", name=op.f("ck_comments_status")),
        sa.CheckConstraint("NOT for_client OR publish_id IS NOT NULL", name=op.f("ck_comments_for_client")),
        *(_reference(column, table) for column, table in _TARGETS.items()),
    )
    for column in _TARGETS:
        op.create_index(f"ix_comments_{column}", "comments", ["tenant_id", column, "created_at"])
    op.create_index("ix_comments_created_at", "comments", ["tenant_id", "created_at"])
    op.create_index("ix_comments_search", "comments", ["search"], postgresql_using="gin")
    isolate("comments")
    grant_rows("comments")
    let_owner_read("comments")  # for matching_rows(), see the third migration
    # Publishes have a policy of their own: a client finds here those that they see.
    limit_clients("comments", f"(for_client AND EXISTS ({_PUBLISH}))")


def downgrade() -> None:
    op.drop_table("comments")


def _ids(column: str) -> sa.Column[object]:
    kind = postgresql.JSONB(astext_type=sa.Text())
    return sa.Column(column, kind, server_default=sa.text("'[]'::jsonb"), nullable=False)


def _reference(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete="RESTRICT",
    )
