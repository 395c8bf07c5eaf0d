"""The tenant's own materials and aliases; the built-in library is in ``shared.material_library``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint, text
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
    """A row of the tenant's alias table; see ``shared.material_aliases``."""

    __tablename__ = "material_aliases"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "pattern"),
        CheckConstraint("kind IN ('material', 'name', 'word', 'color')", name="kind"),
    )

    kind: Mapped[str]
    pattern: Mapped[str]
    material: Mapped[str]
    priority: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    tolerance: Mapped[float] = mapped_column(server_default=text("0"), default=0.0)
