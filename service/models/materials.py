"""The tenant's own materials and aliases; the built-in library is in ``shared.material_library``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, EditableRow, search_column


class TenantMaterial(EditableRow, Base):
    """A material of the tenant, beside the built-in ones; it may replace one of the same name."""

    __tablename__ = "materials"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        Index("ix_materials_search", "search", postgresql_using="gin"),
    )

    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
    """``shared.material_library.Material`` as JSON."""
    search: Mapped[Any] = search_column("name || ' ' || coalesce(definition->>'label', '')")


class MaterialAlias(EditableRow, Base):
    """A row of the tenant's alias table; see ``shared.material_aliases``."""

    __tablename__ = "material_aliases"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "pattern"),
        CheckConstraint("kind IN ('material', 'name', 'word', 'color')", name="kind"),
        Index("ix_material_aliases_search", "search", postgresql_using="gin"),
    )

    kind: Mapped[str]
    pattern: Mapped[str]
    material: Mapped[str]
    priority: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    tolerance: Mapped[float] = mapped_column(server_default=text("0"), default=0.0)
    search: Mapped[Any] = search_column("pattern || ' ' || material")
