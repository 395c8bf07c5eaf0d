"""The first schema: all tables, isolated by tenant from the start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.migrations.isolation import (
    create_lookup,
    create_tenant_function,
    grant_rows,
    isolate,
    let_owner_read,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = (
    "audit_records",
    "conversions",
    "material_aliases",
    "materials",
    "projects",
    "users",
    "api_tokens",
    "assets",
    "sequences",
    "cad_files",
    "shots",
    "parts",
    "tasks",
    "publishes",
    "reservations",
    "scenes",
    "jobs",
    "media_assets",
)


def upgrade() -> None:
    create_tenant_function()
    op.create_table(
        "audit_records",
        sa.Column("actor_id", sa.UUID(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("row_id", sa.UUID(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_audit_records")),
    )
    op.create_index("ix_audit_records_created_at", "audit_records", ["tenant_id", "created_at"], unique=False)
    op.create_index("ix_audit_records_row_id", "audit_records", ["tenant_id", "row_id"], unique=False)
    op.create_table(
        "conversions",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("settings_key", sa.String(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("source_path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("job_id", sa.UUID(), nullable=True),
        sa.Column(
            "derivatives",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "summary", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('queued', 'converting', 'ready', 'failed')", name=op.f("ck_conversions_state")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_conversions")),
        sa.UniqueConstraint(
            "tenant_id", "sha256", "settings_key", name=op.f("uq_conversions_tenant_id_sha256_settings_key")
        ),
    )
    op.create_table(
        "material_aliases",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("material", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tolerance", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('material', 'name', 'word', 'color')", name=op.f("ck_material_aliases_kind")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_material_aliases")),
        sa.UniqueConstraint("tenant_id", "kind", "pattern", name=op.f("uq_material_aliases_tenant_id_kind_pattern")),
    )
    op.create_table(
        "materials",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_materials")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_materials_tenant_id_name")),
    )
    op.create_table(
        "projects",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_projects")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_projects_tenant_id_name")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("storage", sa.String(), nullable=False),
        sa.Column(
            "settings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("name", name=op.f("uq_tenants_name")),
        sa.UniqueConstraint("storage", name=op.f("uq_tenants_storage")),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "role IN ('client', 'artist', 'project_manager', 'tenant_admin', 'global_admin')",
            name=op.f("ck_users_role"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_users")),
    )
    op.create_index("uq_users_email", "users", ["tenant_id", sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "workers",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("queues", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('session', 'personal')", name=op.f("ck_api_tokens_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "user_id"], ["users.tenant_id", "users.id"], name="fk_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
    op.create_table(
        "assets",
        sa.Column("project_id", sa.UUID(), nullable=False),
        sa.Column("asset_type", sa.String(), server_default="product", nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("entries_stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["projects.tenant_id", "projects.id"],
            name="fk_project_id_projects",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_assets")),
        sa.UniqueConstraint("tenant_id", "project_id", "name", name=op.f("uq_assets_tenant_id_project_id_name")),
    )
    op.create_table(
        "sequences",
        sa.Column("project_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "project_id"],
            ["projects.tenant_id", "projects.id"],
            name="fk_project_id_projects",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sequences")),
        sa.UniqueConstraint("tenant_id", "project_id", "name", name=op.f("uq_sequences_tenant_id_project_id_name")),
    )
    op.create_table(
        "cad_files",
        sa.Column("asset_id", sa.UUID(), nullable=False),
        sa.Column("conversion_id", sa.UUID(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("lineage", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "overrides", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "occurrence_overrides",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("overrides_revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"], ["assets.tenant_id", "assets.id"], name="fk_asset_id_assets", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversion_id"],
            ["conversions.tenant_id", "conversions.id"],
            name="fk_conversion_id_conversions",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "created_by_id"],
            ["users.tenant_id", "users.id"],
            name="fk_created_by_id_users",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_cad_files")),
        sa.UniqueConstraint(
            "tenant_id",
            "asset_id",
            "lineage",
            "conversion_id",
            name=op.f("uq_cad_files_tenant_id_asset_id_lineage_conversion_id"),
        ),
        sa.UniqueConstraint(
            "tenant_id",
            "asset_id",
            "lineage",
            "revision",
            name=op.f("uq_cad_files_tenant_id_asset_id_lineage_revision"),
        ),
    )
    op.create_table(
        "shots",
        sa.Column("sequence_id", sa.UUID(), nullable=False),
        sa.Column("frame_in", sa.Integer(), server_default=sa.text("1001"), nullable=False),
        sa.Column("frame_out", sa.Integer(), server_default=sa.text("1001"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("status", sa.String(), server_default="active", nullable=False),
        sa.Column("entries_stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("frame_out >= frame_in", name=op.f("ck_shots_frames")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sequence_id"],
            ["sequences.tenant_id", "sequences.id"],
            name="fk_sequence_id_sequences",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_shots")),
        sa.UniqueConstraint("tenant_id", "sequence_id", "name", name=op.f("uq_shots_tenant_id_sequence_id_name")),
    )
    op.create_table(
        "parts",
        sa.Column("asset_id", sa.UUID(), nullable=True),
        sa.Column("shot_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("last_iteration", sa.Integer(), nullable=False),
        sa.Column("current_publish_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("num_nonnulls(asset_id, shot_id) = 1", name=op.f("ck_parts_one_target")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"], ["assets.tenant_id", "assets.id"], name="fk_asset_id_assets", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "shot_id"], ["shots.tenant_id", "shots.id"], name="fk_shot_id_shots", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_parts")),
        sa.UniqueConstraint(
            "tenant_id",
            "asset_id",
            "shot_id",
            "name",
            name=op.f("uq_parts_tenant_id_asset_id_shot_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "tasks",
        sa.Column("asset_id", sa.UUID(), nullable=True),
        sa.Column("shot_id", sa.UUID(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("department", sa.String(), nullable=False),
        sa.Column("assignee_id", sa.UUID(), nullable=True),
        sa.Column("status", sa.String(), server_default="todo", nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("num_nonnulls(asset_id, shot_id) = 1", name=op.f("ck_tasks_one_target")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"], ["assets.tenant_id", "assets.id"], name="fk_asset_id_assets", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "assignee_id"],
            ["users.tenant_id", "users.id"],
            name="fk_assignee_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "shot_id"], ["shots.tenant_id", "shots.id"], name="fk_shot_id_shots", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "tenant_id",
            "asset_id",
            "shot_id",
            "name",
            name=op.f("uq_tasks_tenant_id_asset_id_shot_id_name"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "publishes",
        sa.Column("part_id", sa.UUID(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("cad_file_id", sa.UUID(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("software", sa.String(), nullable=False),
        sa.Column("source_version", sa.Integer(), nullable=True),
        sa.Column("source_iteration", sa.Integer(), nullable=True),
        sa.Column("item_usd_path", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column(
            "metadata", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "cad_file_id"],
            ["cad_files.tenant_id", "cad_files.id"],
            name="fk_cad_file_id_cad_files",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "created_by_id"],
            ["users.tenant_id", "users.id"],
            name="fk_created_by_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "part_id"], ["parts.tenant_id", "parts.id"], name="fk_part_id_parts", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "task_id"], ["tasks.tenant_id", "tasks.id"], name="fk_task_id_tasks", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_publishes")),
        sa.UniqueConstraint(
            "tenant_id",
            "part_id",
            "version",
            "iteration",
            name=op.f("uq_publishes_tenant_id_part_id_version_iteration"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_publishes_created_at", "publishes", ["tenant_id", "created_at"], unique=False)
    op.create_index("ix_publishes_task_id", "publishes", ["tenant_id", "task_id"], unique=False)
    op.create_index(
        "uq_publishes_idempotency_key",
        "publishes",
        ["tenant_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "reservations",
        sa.Column("part_id", sa.UUID(), nullable=False),
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("item_usd_path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="open", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('open', 'committed', 'expired')", name=op.f("ck_reservations_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "part_id"], ["parts.tenant_id", "parts.id"], name="fk_part_id_parts", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "task_id"], ["tasks.tenant_id", "tasks.id"], name="fk_task_id_tasks", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_reservations")),
        sa.UniqueConstraint(
            "tenant_id",
            "part_id",
            "version",
            "iteration",
            name=op.f("uq_reservations_tenant_id_part_id_version_iteration"),
        ),
    )
    op.create_index(
        "ix_reservations_open",
        "reservations",
        ["tenant_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_reservations_idempotency_key",
        "reservations",
        ["tenant_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "scenes",
        sa.Column("task_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("software", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default="reserved", nullable=False),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('reserved', 'committed', 'expired')", name=op.f("ck_scenes_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "created_by_id"],
            ["users.tenant_id", "users.id"],
            name="fk_created_by_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "task_id"], ["tasks.tenant_id", "tasks.id"], name="fk_task_id_tasks", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_scenes")),
        sa.UniqueConstraint(
            "tenant_id",
            "task_id",
            "name",
            "version",
            "iteration",
            name=op.f("uq_scenes_tenant_id_task_id_name_version_iteration"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "jobs",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.Column("worker_id", sa.UUID(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asset_id", sa.UUID(), nullable=True),
        sa.Column("publish_id", sa.UUID(), nullable=True),
        sa.Column("cad_file_id", sa.UUID(), nullable=True),
        sa.Column("created_by_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state = document->>'state'", name=op.f("ck_jobs_document_state")),
        sa.CheckConstraint(
            "state IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')", name=op.f("ck_jobs_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"], ["assets.tenant_id", "assets.id"], name="fk_asset_id_assets", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "cad_file_id"],
            ["cad_files.tenant_id", "cad_files.id"],
            name="fk_cad_file_id_cad_files",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "created_by_id"],
            ["users.tenant_id", "users.id"],
            name="fk_created_by_id_users",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "publish_id"],
            ["publishes.tenant_id", "publishes.id"],
            name="fk_publish_id_publishes",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_asset_id", "jobs", ["tenant_id", "asset_id"], unique=False)
    op.create_index("ix_jobs_created_at", "jobs", ["tenant_id", "created_at"], unique=False)
    op.create_index(
        "ix_jobs_open",
        "jobs",
        ["tenant_id", "state"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'queued', 'running')"),
    )
    op.create_table(
        "media_assets",
        sa.Column("asset_type", sa.String(), nullable=False),
        sa.Column("category_key", sa.String(), server_default="", nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("mime_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column(
            "metadata", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("asset_id", sa.UUID(), nullable=True),
        sa.Column("publish_id", sa.UUID(), nullable=True),
        sa.Column("cad_file_id", sa.UUID(), nullable=True),
        sa.Column("job_id", sa.UUID(), nullable=True),
        sa.Column("tenant_id", sa.UUID(), server_default=sa.text("app_tenant()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "asset_id"], ["assets.tenant_id", "assets.id"], name="fk_asset_id_assets", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "cad_file_id"],
            ["cad_files.tenant_id", "cad_files.id"],
            name="fk_cad_file_id_cad_files",
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "job_id"], ["jobs.tenant_id", "jobs.id"], name="fk_job_id_jobs", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "publish_id"],
            ["publishes.tenant_id", "publishes.id"],
            name="fk_publish_id_publishes",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_media_assets")),
    )
    op.create_index("ix_media_assets_asset_id", "media_assets", ["tenant_id", "asset_id"], unique=False)
    op.create_index("ix_media_assets_created_at", "media_assets", ["tenant_id", "created_at"], unique=False)
    op.create_index("ix_media_assets_job_id", "media_assets", ["tenant_id", "job_id"], unique=False)
    for table in TENANT_TABLES:
        isolate(table)
        grant_rows(table)
    isolate("tenants", column="id")
    for table in ("tenants", "workers", "alembic_version"):
        grant_rows(table)
    _create_lookups()


def _create_lookups() -> None:
    for table in ("tenants", "users", "api_tokens"):
        let_owner_read(table)
    create_lookup(
        "find_token(text)",
        "token_id uuid, tenant_id uuid, tenant_name varchar, storage varchar, user_id uuid, user_name varchar,"
        " role varchar, last_used_at timestamptz",
        "SELECT k.id, t.id, t.name, t.storage, u.id, u.name, u.role, k.last_used_at"
        " FROM api_tokens k JOIN tenants t ON t.id = k.tenant_id"
        " JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id"
        " WHERE k.digest = $1 AND u.active AND (k.expires_at IS NULL OR k.expires_at > now())",
    )
    create_lookup(
        "find_logins(text)",
        "tenant_id uuid, tenant_name varchar, user_id uuid, password_hash varchar",
        "SELECT t.id, t.name, u.id, u.password_hash FROM users u JOIN tenants t ON t.id = u.tenant_id"
        " WHERE lower(u.email) = lower($1) AND u.active",
    )
    create_lookup(
        "list_tenants()", "tenant_id uuid, name varchar, storage varchar", "SELECT id, name, storage FROM tenants"
    )


def downgrade() -> None:
    for signature in ("find_token(text)", "find_logins(text)", "list_tenants()"):
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_index("ix_media_assets_job_id", table_name="media_assets")
    op.drop_index("ix_media_assets_created_at", table_name="media_assets")
    op.drop_index("ix_media_assets_asset_id", table_name="media_assets")
    op.drop_table("media_assets")
    op.drop_index(
        "ix_jobs_open", table_name="jobs", postgresql_where=sa.text("state IN ('pending', 'queued', 'running')")
    )
    op.drop_index("ix_jobs_created_at", table_name="jobs")
    op.drop_index("ix_jobs_asset_id", table_name="jobs")
    op.drop_table("jobs")
    op.drop_table("scenes")
    op.drop_index(
        "uq_reservations_idempotency_key",
        table_name="reservations",
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.drop_index("ix_reservations_open", table_name="reservations", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("reservations")
    op.drop_index(
        "uq_publishes_idempotency_key", table_name="publishes", postgresql_where=sa.text("idempotency_key IS NOT NULL")
    )
    op.drop_index("ix_publishes_task_id", table_name="publishes")
    op.drop_index("ix_publishes_created_at", table_name="publishes")
    op.drop_table("publishes")
    op.drop_table("tasks")
    op.drop_table("parts")
    op.drop_table("shots")
    op.drop_table("cad_files")
    op.drop_table("sequences")
    op.drop_table("assets")
    op.drop_table("api_tokens")
    op.drop_table("workers")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_table("users")
    op.drop_table("tenants")
    op.drop_table("projects")
    op.drop_table("materials")
    op.drop_table("material_aliases")
    op.drop_table("conversions")
    op.drop_index("ix_audit_records_row_id", table_name="audit_records")
    op.drop_index("ix_audit_records_created_at", table_name="audit_records")
    op.drop_table("audit_records")
    op.execute("DROP FUNCTION app_tenant()")
