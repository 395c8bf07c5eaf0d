"""Custom fields: what a studio wants to know of its productions beside what every row has."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, tenant_key
from service.models.production import Project


class CustomField(EditableRow, Base):
    """A field of one kind of row: of all projects, or of one."""

    __tablename__ = "custom_fields"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        UniqueConstraint("tenant_id", "target_type", "name", "project_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("target_type IN ('project', 'sequence', 'shot', 'asset', 'task')", name="target_type"),
        CheckConstraint("type IN ('text', 'number', 'checkbox', 'date', 'choice', 'tags')", name="type"),
        CheckConstraint("target_type <> 'project' OR project_id IS NULL", name="of_all_projects"),
    )

    target_type: Mapped[str]
    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    type: Mapped[str]
    choices: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    """Of the types ``choice`` and ``tags``; tags without any are free."""
    position: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    """Fields are shown in this order, then by name."""
    for_client: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    """Whether clients see it."""
    project_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """None for a field of all projects."""
    project: Mapped[Project | None] = relationship(viewonly=True, lazy="joined")

    @property
    def label(self) -> str:
        """What people call it."""
        return self.title or self.name
