"""The tenant's own materials and aliases; the built-in library is in ``shared.material_library``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, TenantRow


class TenantMaterial(TenantRow, Base):
    """A material of the tenant, beside the built-in ones; it may replace one of the same name."""

    __tablename__ = "materials"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
    """``shared.material_library.Material`` as JSON."""


class MaterialAlias(TenantRow, Base):
    """A word or colour of CAD files that stands for a material in this tenant."""

    __tablename__ = "material_aliases"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "alias"),
        CheckConstraint("kind IN ('material', 'name', 'color')", name="kind"),
    )

    alias: Mapped[str]
    material: Mapped[str]
    kind: Mapped[str]
