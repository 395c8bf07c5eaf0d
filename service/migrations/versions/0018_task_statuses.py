"""Declared statuses of tasks, several assignees, start and estimate, and templates of tasks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import grant_rows, isolate, limit_clients

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_NONE = sa.text("'[]'::jsonb")
_DEFAULTS = """
    ('todo', 'To do', 'todo', '#9aa3ad', 0), ('in_progress', 'In progress', 'in_progress', '#5aa9e6', 1),
    ('review', 'For review', 'review', '#c58af9', 2), ('retake', 'Retake', 'retake', '#ff7a66', 3),
    ('approved', 'Approved', 'done', '#5fc27e', 4), ('done', 'Done', 'done', '#3f9d63', 5),
    ('on_hold', 'On hold', 'on_hold', '#d3a53c', 6)
"""
_TENANTS = "(SELECT id FROM tenants UNION SELECT tenant_id FROM tasks) tenant (id)"
# By their names, what statuses of other trackers mean.
_KIND = """
    CASE
        WHEN status ~ '(retake|reject|redo|fix|rtk|revis)' THEN 'retake'
        WHEN status ~ '(review|approval|feedback|wfa|rev$|pending|submitted)' THEN 'review'
        WHEN status ~ '(done|approved|final|complete|closed|delivered|omit|cancel|fin$|apr$)' THEN 'done'
        WHEN status ~ '(hold|hld|block|paus|wait)' THEN 'on_hold'
        WHEN status ~ '(todo|to_do|ready|rdy|wts|not_started|open|new|backlog)' THEN 'todo'
        ELSE 'in_progress'
    END
"""
_COLOR = """
    CASE kind WHEN 'todo' THEN '#9aa3ad' WHEN 'in_progress' THEN '#5aa9e6' WHEN 'review' THEN '#c58af9'
        WHEN 'retake' THEN '#ff7a66' WHEN 'done' THEN '#5fc27e' ELSE '#d3a53c' END
"""
_DECLARE_DEFAULTS = (
    "INSERT INTO task_statuses (tenant_id, id, name, title, kind, color, position, is_default)"
    " SELECT tenant.id, gen_random_uuid(), s.name, s.title, s.kind, s.color, s.position, s.name = 'todo'"
    f" FROM {_TENANTS} CROSS JOIN (VALUES {_DEFAULTS}) s (name, title, kind, color, position)"
)
_DECLARE_USED = (
    "INSERT INTO task_statuses (tenant_id, id, name, title, kind, color, position)"
    f" SELECT tenant_id, gen_random_uuid(), status, '', kind, {_COLOR}, 6 + row_number() OVER of_tenant"
    f" FROM (SELECT DISTINCT tenant_id, status, {_KIND} AS kind FROM tasks) used"
    " WHERE NOT EXISTS (SELECT FROM task_statuses s WHERE s.tenant_id = used.tenant_id AND s.name = used.status)"
    " WINDOW of_tenant AS (PARTITION BY tenant_id ORDER BY status)"
)

_REFER = (
    "ALTER TABLE tasks ADD CONSTRAINT fk_status_task_statuses FOREIGN KEY (tenant_id, status)"
    " REFERENCES task_statuses (tenant_id, name) ON DELETE RESTRICT"
)


def upgrade() -> None:
    op.create_table(
        "task_statuses",
        *_row_columns(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("color", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("for_artists", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task_statuses")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_task_statuses_tenant_id_name")),
        sa.CheckConstraint(
            "kind IN ('todo', 'in_progress', 'review', 'retake', 'done', 'on_hold')", name=op.f("ck_task_statuses_kind")
        ),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_task_statuses_color")),
        sa.CheckConstraint("archived_at IS NULL OR NOT is_default", name=op.f("ck_task_statuses_default_in_use")),
    )
    op.create_index(
        "uq_task_statuses_default",
        "task_statuses",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    _past_isolation("tenants", "tasks", statements=(_DECLARE_DEFAULTS, _DECLARE_USED, _REFER))
    isolate("task_statuses")
    grant_rows("task_statuses")
    limit_clients("task_statuses", "false")
    _change_tasks()
    _create_templates()


def _change_tasks() -> None:
    op.alter_column("tasks", "status", server_default=None)
    op.create_index("ix_tasks_status", "tasks", ["tenant_id", "status"])
    op.add_column("tasks", sa.Column("assignee_ids", postgresql.JSONB(), server_default=_NONE, nullable=False))
    of_one = "UPDATE tasks SET assignee_ids = jsonb_build_array(assignee_id) WHERE assignee_id IS NOT NULL"
    _past_isolation("tasks", statements=(of_one,))
    op.create_check_constraint(op.f("ck_tasks_assignee_ids"), "tasks", "jsonb_typeof(assignee_ids) = 'array'")
    op.create_index("ix_tasks_assignee_ids", "tasks", ["assignee_ids"], postgresql_using="gin")
    op.drop_index("ix_tasks_assignee_id", table_name="tasks")
    op.drop_column("tasks", "assignee_id")
    op.add_column("tasks", sa.Column("start", sa.Date(), nullable=True))
    op.add_column("tasks", sa.Column("estimate_days", sa.Numeric(7, 2), nullable=True))
    op.create_check_constraint(op.f("ck_tasks_start"), "tasks", "start <= due")
    op.create_check_constraint(op.f("ck_tasks_estimate_days"), "tasks", "estimate_days >= 0")


def _create_templates() -> None:
    op.create_table(
        "task_templates",
        *_row_columns(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("target_type", sa.String(), nullable=False),
        sa.Column("asset_type", sa.String(), server_default="", nullable=False),
        sa.Column("project_id", sa.UUID(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tasks", postgresql.JSONB(), server_default=_NONE, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task_templates")),
        sa.UniqueConstraint(
            *("tenant_id", "project_id", "name"),
            name=op.f("uq_task_templates_tenant_id_project_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("target_type IN ('asset', 'shot')", name=op.f("ck_task_templates_target_type")),
        sa.CheckConstraint("target_type = 'asset' OR asset_type = ''", name=op.f("ck_task_templates_asset_type")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["projects.tenant_id", "projects.id"],
            name="fk_project_id_projects",
            ondelete="RESTRICT",
        ),
    )
    op.create_index(
        "uq_task_templates_default",
        "task_templates",
        ["tenant_id", "target_type", "asset_type", "project_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND archived_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    isolate("task_templates")
    grant_rows("task_templates")
    limit_clients("task_templates", "false")


def downgrade() -> None:
    op.drop_table("task_templates")
    for column in ("estimate_days", "start"):
        op.drop_constraint(f"ck_tasks_{column}", "tasks")
        op.drop_column("tasks", column)
    op.add_column("tasks", sa.Column("assignee_id", sa.UUID(), nullable=True))
    first = "UPDATE tasks SET assignee_id = CAST(assignee_ids ->> 0 AS uuid) WHERE assignee_ids <> '[]'::jsonb"
    refer = (
        "ALTER TABLE tasks ADD CONSTRAINT fk_assignee_id_users FOREIGN KEY (tenant_id, assignee_id)"
        " REFERENCES users (tenant_id, id) ON DELETE RESTRICT"
    )
    _past_isolation("tasks", "users", statements=(first, refer))
    op.drop_constraint("ck_tasks_assignee_ids", "tasks")
    op.drop_index("ix_tasks_assignee_ids", table_name="tasks")
    op.drop_column("tasks", "assignee_ids")
    op.create_index("ix_tasks_assignee_id", "tasks", ["tenant_id", "assignee_id"])
    op.drop_index("ix_tasks_status", table_name="tasks")
    op.drop_constraint("fk_status_task_statuses", "tasks")
    op.alter_column("tasks", "status", server_default="todo")
    op.drop_table("task_statuses")


def _past_isolation(*tables: str, statements: tuple[str, ...]) -> None:
    """Run ``statements`` for the rows of all tenants; their owner sees none otherwise."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for statement in statements:
        op.execute(statement)
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _row_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
    )
