"""Webhooks, and what each was sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import create_lookup, grant_rows, isolate, let_owner_read, limit_clients

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        *_row(),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("kinds", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("project_id", sa.UUID(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("off_reason", sa.String(), server_default="", nullable=False),
        sa.Column("salt", sa.UUID(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhooks")),
        _reference("project_id", "projects", "RESTRICT"),
    )
    op.create_table(
        "webhook_deliveries",
        *_row(),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("webhook_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            *("tenant_id", "webhook_id", "event_id"), name=op.f("uq_webhook_deliveries_tenant_id_webhook_id_event_id")
        ),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state")),
        _reference("webhook_id", "webhooks", "CASCADE"),
    )
    of_one = ["tenant_id", "webhook_id", "number"]
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_webhook_deliveries_number", "webhook_deliveries", of_one)
    op.create_index("ix_webhook_deliveries_waiting", "webhook_deliveries", of_one, postgresql_where=waiting)
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["tenant_id", "created_at"])
    for table in ("webhooks", "webhook_deliveries"):
        isolate(table)
        grant_rows(table)
        limit_clients(table, "false")
    let_owner_read("webhooks")
    create_lookup(
        "list_webhook_tenants()",
        "tenant_id uuid",
        "SELECT DISTINCT tenant_id FROM webhooks WHERE active AND archived_at IS NULL",
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION list_webhook_tenants()")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")


def _row() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
    ]


def _reference(column: str, table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete=ondelete,
    )
