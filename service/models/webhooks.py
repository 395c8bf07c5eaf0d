"""Webhooks: programs of the studio that are told of events by HTTP, and what each was sent."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, TenantRow, tenant_key
from service.models.production import Project

DELIVERY_STATES = ("waiting", "delivered", "failed")


class Webhook(EditableRow, Base):
    """An address that is told of events from the moment on when it was switched on.

    How far it is told is in ``event_cursors``. Of many processes one sends to it at a time, until ``busy_until``.
    """

    __tablename__ = "webhooks"
    __table_args__ = (tenant_key("project_id", "projects"),)

    name: Mapped[str]
    url: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    """Kinds of events, or ``thing.*`` for all of a thing; empty for all."""
    project_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """None for the events of all projects, and those of none."""
    active: Mapped[bool] = mapped_column(server_default=text("true"), default=True)
    off_reason: Mapped[str] = mapped_column(server_default="", default="")
    """Why the service switched it off; empty where people did."""
    salt: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    """What its secret is derived from, together with the service's key: see :mod:`service.webhooks.secrets`."""
    failing_since: Mapped[datetime | None] = mapped_column(default=None)
    """When the first of the tries failed that have all failed since."""
    busy_until: Mapped[datetime | None] = mapped_column(default=None)
    project: Mapped[Project | None] = relationship(viewonly=True, lazy="joined")


class WebhookDelivery(TenantRow, Base):
    """One message to one webhook: about an event, or a ping. ``number`` is their order."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        tenant_key("webhook_id", "webhooks", ondelete="CASCADE"),
        CheckConstraint(f"state IN ({', '.join(map(repr, DELIVERY_STATES))})", name="state"),
        UniqueConstraint("tenant_id", "webhook_id", "event_id"),
        Index("ix_webhook_deliveries_number", "tenant_id", "webhook_id", "number"),
        Index(
            "ix_webhook_deliveries_waiting",
            *("tenant_id", "webhook_id", "number"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_webhook_deliveries_created_at", "tenant_id", "created_at"),
    )
    audited = False

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    webhook_id: Mapped[uuid.UUID]
    event_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    kind: Mapped[str]
    body: Mapped[str]
    """The JSON that is sent, to the byte, however often."""
    state: Mapped[str] = mapped_column(server_default="waiting", default="waiting")
    tries: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    next_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    """When a waiting one is tried next."""
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    seconds: Mapped[float | None] = mapped_column(default=None)
    """How long the last try took."""
    status: Mapped[int | None] = mapped_column(default=None)
    """What the last try was answered, where it was."""
    error: Mapped[str] = mapped_column(server_default="", default="")
    """Why the last try failed."""
