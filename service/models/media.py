"""Files that people look at or take away: pictures, films, CAD derivatives."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, search_column, tenant_key
from service.models.jobs import Job
from service.models.production import Asset
from service.models.publishing import Publish


class MediaAsset(EditableRow, Base):
    __tablename__ = "media_assets"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("publish_id", "publishes"),
        tenant_key("cad_file_id", "cad_files"),
        tenant_key("job_id", "jobs"),
        Index("ix_media_assets_created_at", "tenant_id", "created_at"),
        Index("ix_media_assets_job_id", "tenant_id", "job_id"),
        Index("ix_media_assets_asset_id", "tenant_id", "asset_id"),
        Index("ix_media_assets_publish_id", "tenant_id", "publish_id"),
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
    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    cad_file_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    job_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    job: Mapped[Job | None] = relationship(viewonly=True, lazy="joined")
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    publish: Mapped[Publish | None] = relationship(viewonly=True)
