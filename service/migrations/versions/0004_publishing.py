"""Publishing: the history of what is composed, entries to be written, validation reports, reports of the sweeper."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import grant_rows, isolate

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("compositions", "stale_entries", "sweeps")
_READ = ("parts", "publishes", "assets", "shots")
_JSON = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    op.create_table(
        "compositions",
        *_row(),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("part_id", sa.UUID(), nullable=False),
        sa.Column("publish_id", sa.UUID(), nullable=True),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "part_id"], ["parts.tenant_id", "parts.id"], name="fk_part_id_parts", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "publish_id"],
            ["publishes.tenant_id", "publishes.id"],
            name="fk_publish_id_publishes",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "created_by_id"],
            ["users.tenant_id", "users.id"],
            name="fk_created_by_id_users",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_compositions")),
    )
    op.create_index("ix_compositions_part_id", "compositions", ["tenant_id", "part_id", "number"])
    op.create_index("ix_compositions_publish_id", "compositions", ["tenant_id", "publish_id"])
    op.create_table(
        "stale_entries",
        *_row(),
        sa.Column("target_type", sa.String(), nullable=False),
        sa.Column("target_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("target_type IN ('asset', 'shot')", name=op.f("ck_stale_entries_target_type")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_stale_entries")),
    )
    op.create_index("ix_stale_entries_target_id", "stale_entries", ["tenant_id", "target_id"])
    op.create_table(
        "sweeps",
        *_row(),
        sa.Column("report", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sweeps")),
    )
    op.create_index("ix_sweeps_created_at", "sweeps", ["tenant_id", "created_at"])
    op.add_column("publishes", sa.Column("validation", _JSON, nullable=True))
    op.create_index("ix_publishes_item_usd_path", "publishes", ["tenant_id", "item_usd_path"])
    _carry_over()
    for table in _TABLES:
        isolate(table)
        grant_rows(table)
    op.drop_column("assets", "entries_stale_since")
    op.drop_column("shots", "entries_stale_since")


def downgrade() -> None:
    for table in ("assets", "shots"):
        op.add_column(table, sa.Column("entries_stale_since", sa.DateTime(timezone=True), nullable=True))
        _past_isolation(table, "stale_entries")
        op.execute(f"UPDATE {table} SET entries_stale_since = now() WHERE id IN (SELECT target_id FROM stale_entries)")
        _isolated_again(table)
    op.drop_index("ix_publishes_item_usd_path", table_name="publishes")
    op.drop_column("publishes", "validation")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _row() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )


def _carry_over() -> None:
    """Give what was published before a history: each publish was composed from its commit on."""
    _past_isolation(*_READ)
    op.execute(
        "INSERT INTO compositions (id, tenant_id, created_at, part_id, publish_id, created_by_id)"
        " SELECT gen_random_uuid(), tenant_id, created_at, part_id, id, created_by_id FROM publishes"
        " ORDER BY created_at, id"
    )
    # A part that was rolled back or withdrawn since.
    op.execute(
        "INSERT INTO compositions (id, tenant_id, part_id, publish_id)"
        " SELECT gen_random_uuid(), p.tenant_id, p.id, p.current_publish_id FROM parts p"
        " CROSS JOIN LATERAL (SELECT c.publish_id FROM compositions c WHERE c.tenant_id = p.tenant_id"
        " AND c.part_id = p.id ORDER BY c.number DESC LIMIT 1) last"
        " WHERE last.publish_id IS DISTINCT FROM p.current_publish_id"
    )
    for table, kind in (("assets", "asset"), ("shots", "shot")):
        op.execute(
            "INSERT INTO stale_entries (id, tenant_id, target_type, target_id)"
            f" SELECT gen_random_uuid(), tenant_id, '{kind}', id FROM {table} WHERE entries_stale_since IS NOT NULL"
        )
    _isolated_again(*_READ)


def _past_isolation(*tables: str) -> None:
    """Let the owner, who migrates, see the rows of every tenant."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")


def _isolated_again(*tables: str) -> None:
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
