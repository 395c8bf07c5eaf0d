"""Casting: which assets a shot uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import grant_rows, isolate, limit_clients

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SHOT = "SELECT FROM shots s WHERE s.tenant_id = castings.tenant_id AND s.id = castings.shot_id"


def upgrade() -> None:
    op.create_table(
        "castings",
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("shot_id", sa.UUID(), nullable=False),
        sa.Column("asset_id", sa.UUID(), nullable=False),
        sa.Column("count", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_castings")),
        sa.UniqueConstraint("tenant_id", "shot_id", "asset_id", name=op.f("uq_castings_tenant_id_shot_id_asset_id")),
        sa.CheckConstraint("count >= 1", name=op.f("ck_castings_count")),
        *(_reference(column, table) for column, table in (("shot_id", "shots"), ("asset_id", "assets"))),
    )
    op.create_index("ix_castings_asset_id", "castings", ["tenant_id", "asset_id"])
    isolate("castings")
    grant_rows("castings")
    # Shots have a policy of their own: a client finds here those that they see.
    limit_clients("castings", f"EXISTS ({_SHOT})")


def downgrade() -> None:
    op.drop_table("castings")


def _reference(column: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=f"fk_{column}_{table}",
        ondelete="RESTRICT",
    )
