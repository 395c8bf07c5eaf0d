"""People decide about matches between revisions; choices of material say who made them and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DOCUMENTS = ("decisions", "choices", "material_questions", "source_materials")
_REFERENCES = {"previous_id": "cad_files", "pending_conversion_id": "conversions"}


def upgrade() -> None:
    for name in _DOCUMENTS:
        op.add_column(
            "cad_files",
            sa.Column(
                name,
                postgresql.JSONB(astext_type=sa.Text()),
                server_default=sa.text("'{}'::jsonb"),
                nullable=False,
            ),
        )
    op.add_column(
        "cad_files", sa.Column("decisions_revision", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    op.add_column("cad_files", sa.Column("keys_changed_at", sa.DateTime(timezone=True), nullable=True))
    for column, table in _REFERENCES.items():
        op.add_column("cad_files", sa.Column(column, sa.UUID(), nullable=True))
        op.create_foreign_key(
            f"fk_{column}_{table}",
            "cad_files",
            table,
            ["tenant_id", column],
            ["tenant_id", "id"],
            ondelete="RESTRICT",
        )
    for column in ("conversion_id", "pending_conversion_id", "previous_id"):
        op.create_index(f"ix_cad_files_{column}", "cad_files", ["tenant_id", column])


def downgrade() -> None:
    for column in ("conversion_id", "pending_conversion_id", "previous_id"):
        op.drop_index(f"ix_cad_files_{column}", "cad_files")
    for column, table in _REFERENCES.items():
        op.drop_constraint(f"fk_{column}_{table}", "cad_files", type_="foreignkey")
    for name in (*_REFERENCES, "keys_changed_at", "decisions_revision", *_DOCUMENTS):
        op.drop_column("cad_files", name)
