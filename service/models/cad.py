"""CAD files as uploaded, their conversions by content, and the artist's choices of material."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
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
    kept_by_machines = True

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
    """Counts and warnings that the converter reported; ``uncertain``: own keys of the parts to be decided about."""
    error: Mapped[dict[str, Any] | None] = mapped_column(default=None)


class CadFile(TenantRow, Base):
    """One revision of a CAD model of an asset."""

    __tablename__ = "cad_files"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("conversion_id", "conversions"),
        tenant_key("pending_conversion_id", "conversions"),
        tenant_key("previous_id", "cad_files"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("tenant_id", "asset_id", "lineage", "revision"),
        UniqueConstraint("tenant_id", "asset_id", "lineage", "conversion_id"),
        *(
            Index(f"ix_cad_files_{column}", "tenant_id", column)
            for column in ("conversion_id", "pending_conversion_id", "previous_id")
        ),
    )

    asset_id: Mapped[uuid.UUID]
    conversion_id: Mapped[uuid.UUID]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    lineage: Mapped[str]
    revision: Mapped[int]
    previous_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """The revision whose parts this one's were matched with."""
    pending_conversion_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """The conversion that takes the place of the present one when it is ready: its parts' keys were corrected."""
    decisions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """What people decided about parts: ``{"old_key": ... or None, "by": ..., "at": ...}`` by the file's own key."""
    decisions_revision: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    keys_changed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When parts got other keys last: what was published from this CAD file before is out of date."""
    overrides: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Material by partKey, as the artist chose it."""
    occurrence_overrides: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    choices: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Who chose what when, by target; see ``service.cad.choices``."""
    material_questions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Parts that were several with different choices: by partKey, the material chosen for each old key."""
    source_materials: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """A spreadsheet's rows and the materials that follow from them; see ``service.cad.source_materials``."""
    overrides_revision: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    asset: Mapped[Asset] = relationship(viewonly=True, lazy="joined", innerjoin=True)
    conversion: Mapped[Conversion] = relationship(
        viewonly=True, lazy="joined", innerjoin=True, foreign_keys="[CadFile.tenant_id, CadFile.conversion_id]"
    )
    pending: Mapped[Conversion | None] = relationship(
        viewonly=True, lazy="joined", foreign_keys="[CadFile.tenant_id, CadFile.pending_conversion_id]"
    )
