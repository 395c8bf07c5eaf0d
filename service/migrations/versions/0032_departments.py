"""Departments that a studio declares, beside those that every studio has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.migrations.isolation import application_role, isolate, past_isolation
from shared.errors import ConflictError

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_TABLE = "departments"
_DEFAULTS = """
    ('lighting', 'Lighting', 'sublayer', 1), ('fx', 'Effects', 'sublayer', 2),
    ('animation', 'Animation', 'sublayer', 3), ('layout', 'Layout', 'sublayer', 4),
    ('look', 'Look', 'sublayer', 5), ('model', 'Model', 'payload', 6)
"""
_DECLARE_DEFAULTS = (
    f"INSERT INTO {_TABLE} (tenant_id, id, name, label, arc, rank)"
    " SELECT tenant.id, gen_random_uuid(), d.name, d.label, d.arc, d.rank"
    " FROM (SELECT id FROM tenants UNION SELECT tenant_id FROM tasks UNION SELECT tenant_id FROM parts) tenant (id)"
    f" CROSS JOIN (VALUES {_DEFAULTS}) d (name, label, arc, rank)"
)
_REFERRING = ("tasks", "parts")
_REFER = tuple(
    f"ALTER TABLE {table} ADD CONSTRAINT fk_department_departments FOREIGN KEY (tenant_id, department)"
    f" REFERENCES {_TABLE} (tenant_id, name) ON DELETE RESTRICT"
    for table in _REFERRING
)
_OWN = f"""
    WITH used (tenant_id, name) AS (
        SELECT tenant_id, department FROM tasks UNION SELECT tenant_id, department FROM parts
        UNION SELECT tenant_id, task ->> 'department' FROM task_templates, jsonb_array_elements(tasks) task
    ), known (name, label, arc, rank) AS (VALUES {_DEFAULTS})
    SELECT string_agg(DISTINCT name, ', ') FROM used WHERE name NOT IN (SELECT name FROM known)
"""
"""The departments in use that only their studio has."""


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("arc", sa.String(), nullable=False),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{_TABLE}")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f(f"uq_{_TABLE}_tenant_id_name")),
        sa.UniqueConstraint("tenant_id", "rank", name=op.f(f"uq_{_TABLE}_tenant_id_rank")),
        sa.CheckConstraint("arc IN ('sublayer', 'payload')", name=op.f(f"ck_{_TABLE}_arc")),
    )
    with past_isolation("tenants", *_REFERRING):
        for statement in (_DECLARE_DEFAULTS, *_REFER):
            op.execute(statement)
    isolate(_TABLE)
    # What entries are composed by never changes, and nothing that was composed loses its department.
    changing = "label, archived_at, revision, updated_at"
    op.execute(f'GRANT SELECT, INSERT, UPDATE ({changing}) ON {_TABLE} TO "{application_role()}"')


def downgrade() -> None:
    with past_isolation(*_REFERRING, "task_templates"):
        own = op.get_bind().scalar(sa.text(_OWN))
    if own:
        raise ConflictError(
            f"The version before this one cannot compose what the studio's own departments have: {own}.",
            hint="Nothing was changed. Stay at this version, or restore a backup from before they were used.",
            code="conflict.departments",
        )
    for table in _REFERRING:
        op.drop_constraint("fk_department_departments", table)
    op.drop_table(_TABLE)
