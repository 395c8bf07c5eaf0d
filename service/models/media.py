"""Files that people look at or take away: pictures, films, CAD derivatives."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, search_column, tenant_key
from service.models.jobs import Job
from service.models.production import Asset, Shot
from service.models.publishing import Publish


class MediaAsset(EditableRow, Base):
    __tablename__ = "media_assets"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("shot_id", "shots"),
        tenant_key("publish_id", "publishes"),
        tenant_key("cad_file_id", "cad_files"),
        tenant_key("job_id", "jobs"),
        CheckConstraint("num_nonnulls(asset_id, shot_id) <= 1", name="one_target"),
        Index("ix_media_assets_created_at", "tenant_id", "created_at"),
        Index("ix_media_assets_job_id", "tenant_id", "job_id"),
        Index("ix_media_assets_asset_id", "tenant_id", "asset_id"),
        Index("ix_media_assets_shot_id", "tenant_id", "shot_id", postgresql_where=text("shot_id IS NOT NULL")),
        Index("ix_media_assets_publish_id", "tenant_id", "publish_id"),
        Index(
            "ix_media_assets_unread_films",
            "tenant_id",
            postgresql_where=text("mime_type LIKE 'video/%' AND film_read_at IS NULL"),
        ),
        Index("ix_media_assets_search", "search", postgresql_using="gin"),
    )
    kept_by_machines = True

    asset_type: Mapped[str]
    category_key: Mapped[str] = mapped_column(server_default="")
    name: Mapped[str]
    path: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    search: Mapped[Any] = search_column("name || ' ' || category_key || ' ' || asset_type")
    width: Mapped[int | None] = mapped_column(default=None)
    height: Mapped[int | None] = mapped_column(default=None)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"), default=dict)
    frame_rate: Mapped[str | None] = mapped_column(default=None)
    """Of a film: frames a second, exactly, such as ``24000/1001``; None where it varies or is not known."""
    frame_count: Mapped[int | None] = mapped_column(default=None)
    duration: Mapped[float | None] = mapped_column(default=None)
    """Seconds."""
    variable_frame_rate: Mapped[bool | None] = mapped_column(default=None)
    codec: Mapped[str | None] = mapped_column(default=None)
    start_timecode: Mapped[str | None] = mapped_column(default=None)
    film_read_at: Mapped[datetime | None] = mapped_column(default=None)
    """When it was tried to learn these from the film."""
    poster_path: Mapped[str | None] = mapped_column(default=None)
    """A small picture that stands for a film, where no job made one."""
    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    shot_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    cad_file_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    job_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    job: Mapped[Job | None] = relationship(viewonly=True, lazy="joined")
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    shot: Mapped[Shot | None] = relationship(viewonly=True, lazy="joined")
    publish: Mapped[Publish | None] = relationship(viewonly=True)

    @property
    def shows(self) -> Asset | Shot | None:
        """The asset or shot of which it is; None where nobody said."""
        return self.asset or self.shot or (self.publish.part.target if self.publish is not None else None)
