"""What films are: their frame rate, frames and duration, and a picture that stands for each; media of shots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0020"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("frame_rate", sa.String()),
    ("frame_count", sa.Integer()),
    ("duration", sa.Float()),
    ("variable_frame_rate", sa.Boolean()),
    ("codec", sa.String()),
    ("start_timecode", sa.String()),
    ("film_read_at", sa.DateTime(timezone=True)),
    ("poster_path", sa.String()),
    ("shot_id", sa.UUID()),
)


def upgrade() -> None:
    for name, type_ in _COLUMNS:
        op.add_column("media_assets", sa.Column(name, type_, nullable=True))
    op.create_foreign_key(
        "fk_shot_id_shots",
        "media_assets",
        "shots",
        ["tenant_id", "shot_id"],
        ["tenant_id", "id"],
        ondelete="RESTRICT",
    )
    one_target = "num_nonnulls(asset_id, shot_id) <= 1"
    op.create_check_constraint(op.f("ck_media_assets_one_target"), "media_assets", one_target)
    op.create_index(
        "ix_media_assets_shot_id",
        "media_assets",
        ["tenant_id", "shot_id"],
        postgresql_where=sa.text("shot_id IS NOT NULL"),
    )
    # The workers read the films that there are already.
    op.create_index(
        "ix_media_assets_unread_films",
        "media_assets",
        ["tenant_id"],
        postgresql_where=sa.text("mime_type LIKE 'video/%' AND film_read_at IS NULL"),
    )


def downgrade() -> None:
    # What shows a shot is kept, as what shows nothing in particular.
    for name in ("ix_media_assets_unread_films", "ix_media_assets_shot_id"):
        op.drop_index(name, table_name="media_assets")
    op.drop_constraint("ck_media_assets_one_target", "media_assets")
    op.drop_constraint("fk_shot_id_shots", "media_assets", type_="foreignkey")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("media_assets", name)
