"""Orders: what a client asks to be pictured, and what came of it."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, TenantRow, search_column, tenant_key
from service.models.jobs import Job
from service.models.media import MediaAsset
from service.models.production import Asset, Project
from service.models.tenancy import User
from shared.orders import OrderState

_STATES = ", ".join(repr(state.value) for state in OrderState)


class Order(EditableRow, Base):
    """A client's order of pictures of products of one project."""

    __tablename__ = "orders"
    __table_args__ = (
        tenant_key("client_id", "users"),
        tenant_key("project_id", "projects"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("state <> 'rejected' OR reject_reason <> ''", name="reject_reason"),
        UniqueConstraint("tenant_id", "number"),
        Index("ix_orders_client_id", "tenant_id", "client_id"),
        Index("ix_orders_created_at", "tenant_id", "created_at"),
        Index("ix_orders_search", "search", postgresql_using="gin"),
    )

    number: Mapped[int]
    """Counts the tenant's orders from 1."""
    title: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="", default="")
    state: Mapped[str] = mapped_column(server_default=OrderState.SUBMITTED.value, default=OrderState.SUBMITTED.value)
    reject_reason: Mapped[str] = mapped_column(server_default="", default="")
    due: Mapped[date | None] = mapped_column(default=None)
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    client_id: Mapped[uuid.UUID]
    project_id: Mapped[uuid.UUID]
    search: Mapped[Any] = search_column("number || ' ' || title || ' ' || note")
    client: Mapped[User] = relationship(viewonly=True, lazy="joined", innerjoin=True)
    # A client may have been taken off the project, whose row they do not see then.
    project: Mapped[Project | None] = relationship(viewonly=True, lazy="joined")
    items: Mapped[list[OrderItem]] = relationship(viewonly=True, lazy="selectin", order_by="OrderItem.position")


class OrderItem(TenantRow, Base):
    """One picture or film of an order, and the job that makes it."""

    __tablename__ = "order_items"
    __table_args__ = (
        tenant_key("order_id", "orders", ondelete="CASCADE"),
        tenant_key("asset_id", "assets"),
        tenant_key("job_id", "jobs"),
        UniqueConstraint("tenant_id", "order_id", "position"),
        CheckConstraint("position >= 1", name="position"),
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int]
    asset_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """What the client asks of the picture: the parameters of the process step ``kind``."""
    note: Mapped[str] = mapped_column(server_default="", default="")
    job_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    job: Mapped[Job | None] = relationship(viewonly=True, lazy="selectin")
    media: Mapped[list[OrderMedium]] = relationship(
        viewonly=True, lazy="selectin", order_by="OrderMedium.created_at, OrderMedium.id"
    )


class OrderMedium(TenantRow, Base):
    """A picture or film that an item's client gets once the order is delivered."""

    __tablename__ = "order_media"
    __table_args__ = (
        tenant_key("item_id", "order_items", ondelete="CASCADE"),
        tenant_key("media_id", "media_assets"),
        UniqueConstraint("tenant_id", "item_id", "media_id"),
        Index("ix_order_media_media_id", "tenant_id", "media_id"),
    )

    item_id: Mapped[uuid.UUID]
    media_id: Mapped[uuid.UUID]
    medium: Mapped[MediaAsset] = relationship(viewonly=True, lazy="joined", innerjoin=True)
