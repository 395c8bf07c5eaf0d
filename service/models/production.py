"""What a studio makes: projects, sequences, shots and assets."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, FieldsRow, TenantRow, order_column, search_column, tenant_key
from shared.context import Entity

_WORDS = "name || ' ' || title"
FRAMES = (1001, 1100)
"""First and last frame of a shot that was given none."""


class Project(FieldsRow, Base):
    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("clients_see IN ('all', 'shared')", name="clients_see"),
        CheckConstraint("visible_to IN ('everybody', 'team')", name="visible_to"),
        Index("ix_projects_visible_to_team", "tenant_id", postgresql_where=text("visible_to = 'team'")),
        Index("ix_projects_search", "search", postgresql_using="gin"),
    )

    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="active")
    clients_see: Mapped[str] = mapped_column(server_default=text("new_project_clients_see()"))
    """``all`` publishes, or only those ``shared`` with them (migration 0019); new ones have what the tenant says."""
    visible_to: Mapped[str] = mapped_column(server_default=text("new_project_visible_to()"))
    """``everybody`` of the studio, or its ``team`` and those who manage projects (migration 0027)."""
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column(_WORDS, fields=True)


class ProjectClient(TenantRow, Base):
    """A user with the role ``client`` who may see a project."""

    __tablename__ = "project_clients"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        tenant_key("user_id", "users"),
        UniqueConstraint("tenant_id", "project_id", "user_id"),
        Index("ix_project_clients_user_id", "tenant_id", "user_id"),
    )

    project_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]


class Sequence(FieldsRow, Base):
    __tablename__ = "sequences"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        UniqueConstraint("tenant_id", "project_id", "name"),
        Index("ix_sequences_search", "search", postgresql_using="gin"),
    )

    project_id: Mapped[uuid.UUID]
    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="active")
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column(_WORDS, fields=True)
    project: Mapped[Project] = relationship(viewonly=True, lazy="joined", innerjoin=True)


class EntityRow(FieldsRow):
    """Mixin of what publishes belong to: assets and shots."""

    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="active")

    @property
    def entity(self) -> Entity:
        """The vocabulary's name of this row: ``asset:NAME`` or ``shot:SEQUENCE/NAME``."""
        raise NotImplementedError

    @property
    def project_name(self) -> str:
        raise NotImplementedError


class Asset(EntityRow, Base):
    __tablename__ = "assets"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        UniqueConstraint("tenant_id", "project_id", "name"),
        Index("ix_assets_name_order", "tenant_id", "name_order", "id"),
        Index("ix_assets_search", "search", postgresql_using="gin"),
    )

    project_id: Mapped[uuid.UUID]
    asset_type: Mapped[str] = mapped_column(server_default="product")
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column(_WORDS, fields=True)
    project: Mapped[Project] = relationship(viewonly=True, lazy="joined", innerjoin=True)

    @property
    def entity(self) -> Entity:
        return Entity.asset(self.name)

    @property
    def project_name(self) -> str:
        return self.project.name


class Shot(EntityRow, Base):
    __tablename__ = "shots"
    __table_args__ = (
        tenant_key("sequence_id", "sequences"),
        UniqueConstraint("tenant_id", "sequence_id", "name"),
        CheckConstraint("frame_out >= frame_in", name="frames"),
        Index("ix_shots_name_order", "tenant_id", "name_order", "id"),
        Index("ix_shots_search", "search", postgresql_using="gin"),
    )

    sequence_id: Mapped[uuid.UUID]
    frame_in: Mapped[int] = mapped_column(server_default=text("1001"))
    frame_out: Mapped[int] = mapped_column(server_default=text("1001"))
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column(_WORDS, fields=True)
    sequence: Mapped[Sequence] = relationship(viewonly=True, lazy="joined", innerjoin=True)

    @property
    def entity(self) -> Entity:
        return Entity.shot(self.sequence.name, self.name)

    @property
    def project(self) -> Project:
        return self.sequence.project

    @property
    def project_name(self) -> str:
        return self.project.name


class Casting(TenantRow, Base):
    """An asset that a shot uses, so many times."""

    __tablename__ = "castings"
    __table_args__ = (
        tenant_key("shot_id", "shots"),
        tenant_key("asset_id", "assets"),
        UniqueConstraint("tenant_id", "shot_id", "asset_id"),
        CheckConstraint("count >= 1", name="count"),
        Index("ix_castings_asset_id", "tenant_id", "asset_id"),
    )

    shot_id: Mapped[uuid.UUID]
    asset_id: Mapped[uuid.UUID]
    count: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    shot: Mapped[Shot] = relationship(viewonly=True, lazy="joined", innerjoin=True)
