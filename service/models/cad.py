"""CAD files as uploaded, their conversions by content, and the artist's choices of material."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.models.production import Asset


class Conversion(TenantRow, Base):
    """What one content becomes with one set of settings and one version of the converter: done once."""

    __tablename__ = "conversions"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'converting', 'ready', 'failed')", name="state"),
        UniqueConstraint("tenant_id", "sha256", "settings_key"),
    )
    audited = False

    sha256: Mapped[str]
    settings_key: Mapped[str]
    """Digest over the settings and the converter's version."""
    settings: Mapped[dict[str, Any]]
    source_path: Mapped[str]
    state: Mapped[str]
    job_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    derivatives: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """Storage-relative path by name: usd_master, gltf_geometry, scene_manifest."""
    summary: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    """Counts and warnings that the converter reported."""
    error: Mapped[dict[str, Any] | None] = mapped_column(default=None)


class CadFile(TenantRow, Base):
    """One revision of a CAD model of an asset."""

    __tablename__ = "cad_files"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("conversion_id", "conversions"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("tenant_id", "asset_id", "lineage", "revision"),
        UniqueConstraint("tenant_id", "asset_id", "lineage", "conversion_id"),
    )

    asset_id: Mapped[uuid.UUID]
    conversion_id: Mapped[uuid.UUID]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    lineage: Mapped[str]
    revision: Mapped[int]
    overrides: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Material by partKey, as the artist chose it."""
    occurrence_overrides: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    overrides_revision: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    asset: Mapped[Asset] = relationship(viewonly=True, lazy="joined", innerjoin=True)
    conversion: Mapped[Conversion] = relationship(viewonly=True, lazy="joined", innerjoin=True)
