"""Tenant settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SETTINGS = (
    sa.Column("max_concurrent_renders", sa.Integer(), server_default=sa.text("4"), nullable=False),
    sa.Column(
        "render_engines_allowed",
        postgresql.JSONB(astext_type=sa.Text()),
        server_default=sa.text("""'["cycles", "eevee"]'::jsonb"""),
        nullable=False,
    ),
    sa.Column("max_order_size", sa.Integer(), server_default=sa.text("100"), nullable=False),
    sa.Column("fallback_material", sa.String(), server_default="FailedMaterial", nullable=False),
    sa.Column("notifications_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
)
SETTINGS_CHECKS = {
    "max_concurrent_renders": "max_concurrent_renders BETWEEN 1 AND 1000",
    "render_engines_allowed": (
        "jsonb_typeof(render_engines_allowed) = 'array' AND jsonb_array_length(render_engines_allowed) > 0"
        """ AND NOT render_engines_allowed @? '$[*] ? (@.type() != "string")'"""
    ),
    "max_order_size": "max_order_size BETWEEN 1 AND 10000",
    "fallback_material": "fallback_material ~ '^[A-Za-z][A-Za-z0-9_]{0,99}$'",
}


def upgrade() -> None:
    op.drop_column("tenants", "settings")
    for column in SETTINGS:
        op.add_column("tenants", column)
    for name, condition in SETTINGS_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_tenants_{name}"), "tenants", condition)
    op.add_column(
        "tenants", sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("tenants", "updated_at")
    for column in SETTINGS:
        op.drop_column("tenants", column.name)
    op.add_column(
        "tenants",
        sa.Column(
            "settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
