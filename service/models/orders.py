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
    """A client's order of pictures of products of one project, and the client's answer to its last delivery.

    Who made the earlier deliveries, and what was answered to them, is in the audit log.
    """

    __tablename__ = "orders"
    __table_args__ = (
        tenant_key("client_id", "users"),
        tenant_key("project_id", "projects"),
        *(tenant_key(column, "users") for column in ("accepted_by_id", "delivered_by_id", "answered_by_id")),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("state <> 'rejected' OR reject_reason <> ''", name="reject_reason"),
        CheckConstraint("delivery >= 0 AND (delivery = 0) = (delivered_at IS NULL)", name="delivery"),
        CheckConstraint("state NOT IN ('approved', 'changes_requested') OR answered_at IS NOT NULL", name="answer"),
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
    accepted_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    delivery: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    """Number of the last delivery, from 1; 0 while nothing was delivered."""
    delivered_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the last delivery was made."""
    delivered_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    """When the last delivery was approved, or changes to it were requested; None until then."""
    answered_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    client_id: Mapped[uuid.UUID]
    project_id: Mapped[uuid.UUID]
    search: Mapped[Any] = search_column("number || ' ' || title || ' ' || note")
    client: Mapped[User] = relationship(
        viewonly=True, lazy="joined", innerjoin=True, foreign_keys="[Order.tenant_id, Order.client_id]"
    )
    delivered_by: Mapped[User | None] = relationship(
        viewonly=True, lazy="joined", foreign_keys="[Order.tenant_id, Order.delivered_by_id]"
    )
    answered_by: Mapped[User | None] = relationship(
        viewonly=True, lazy="joined", foreign_keys="[Order.tenant_id, Order.answered_by_id]"
    )
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
    order: Mapped[Order] = relationship(viewonly=True)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    job: Mapped[Job | None] = relationship(viewonly=True, lazy="selectin")
    media: Mapped[list[OrderMedium]] = relationship(
        viewonly=True, lazy="selectin", order_by="OrderMedium.created_at, OrderMedium.media_id"
    )
    """Of all its deliveries, and what is chosen for the next one."""

    @property
    def chosen(self) -> list[OrderMedium]:
        """What somebody chose for the next delivery."""
        return [each for each in self.media if each.delivery is None]

    @property
    def delivered(self) -> list[OrderMedium]:
        """What the last delivery had."""
        return [each for each in self.media if each.delivery and each.delivery == self.order.delivery]

    @property
    def current(self) -> list[OrderMedium]:
        """What is chosen for the next delivery; where nothing is, what the last one had."""
        return self.chosen or self.delivered

    @property
    def earlier(self) -> list[OrderMedium]:
        """What only earlier deliveries had, each once."""
        shown = {each.media_id for each in self.current}
        return list({each.media_id: each for each in self.media if each.media_id not in shown}.values())


class OrderMedium(TenantRow, Base):
    """A picture or film that an item's client got with a delivery, or gets with the next one."""

    __tablename__ = "order_media"
    __table_args__ = (
        tenant_key("item_id", "order_items", ondelete="CASCADE"),
        tenant_key("media_id", "media_assets"),
        UniqueConstraint("tenant_id", "item_id", "media_id", "delivery", postgresql_nulls_not_distinct=True),
        Index("ix_order_media_media_id", "tenant_id", "media_id"),
    )

    item_id: Mapped[uuid.UUID]
    media_id: Mapped[uuid.UUID]
    delivery: Mapped[int | None] = mapped_column(default=None)
    """Number of the delivery that had it; None before: clients see only what was delivered (migration 0029)."""
    medium: Mapped[MediaAsset] = relationship(viewonly=True, lazy="joined", innerjoin=True)
