"""What happened (events), what people are told of it (notifications), and how often they want to be told."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, FetchedValue, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, TenantRow, tenant_key

CHANNELS = ("activity", "notification", "alert")
FREQUENCIES = ("immediate", "hourly", "daily", "never")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=column)


class Event(TenantRow, Base):
    """Something that happened, written by the transaction in which it did.

    Readers go through them in the order of ``(transaction, number)`` and no further than the oldest transaction still
    under way: by ``number`` alone one that commits late would be passed over.
    """

    __tablename__ = "events"
    __table_args__ = (
        _one_of("channel", ("activity", "alert")),
        Index("ix_events_position", "tenant_id", "transaction", "number"),
        Index("ix_events_created_at", "tenant_id", "created_at"),
        Index("ix_events_subject_id", "tenant_id", "subject_id", "transaction", "number"),
    )
    audited = False

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    transaction: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()::text::bigint"))
    channel: Mapped[str]
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    actor_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    project_id: Mapped[uuid.UUID | None] = mapped_column(server_default=FetchedValue())
    """Of what it is about, where that is of one: filled in by PostgreSQL (migration 0027)."""


class EventCursor(TenantRow, Base):
    """How far a reader of a tenant's events has come; its lock lets one of many processes go on."""

    __tablename__ = "event_cursors"
    __table_args__ = (UniqueConstraint("tenant_id", "reader"),)
    audited = False

    reader: Mapped[str]
    transaction: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)


class Notification(TenantRow, Base):
    """A message to one user. ``key`` is what it tells of: nobody is told of the same twice."""

    __tablename__ = "notifications"
    __table_args__ = (
        tenant_key("user_id", "users", ondelete="CASCADE"),
        _one_of("channel", CHANNELS),
        CheckConstraint("email_state IN ('none', 'waiting', 'sent', 'failed')", name="email_state"),
        UniqueConstraint("tenant_id", "user_id", "key"),
        Index("ix_notifications_user_id", "tenant_id", "user_id", "created_at"),
        Index("ix_notifications_unread", "tenant_id", "user_id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notifications_mail", "tenant_id", "email_after", postgresql_where=text("email_state = 'waiting'")),
    )
    audited = False

    user_id: Mapped[uuid.UUID]
    key: Mapped[str]
    channel: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="", default="")
    link: Mapped[str] = mapped_column(server_default="", default="")
    """Path of the page that shows more."""
    failed: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    """Whether it tells of something that went wrong."""
    items: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"), default=list)
    """What a digest sums up: ``{kind, title, body, link, failed, at}`` each."""
    read_at: Mapped[datetime | None] = mapped_column(default=None)
    email_state: Mapped[str] = mapped_column(server_default="none", default="none")
    email_attempts: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    email_after: Mapped[datetime | None] = mapped_column(default=None)


class HeldNotification(TenantRow, Base):
    """A message kept back for its user's next digest."""

    __tablename__ = "held_notifications"
    __table_args__ = (
        tenant_key("user_id", "users", ondelete="CASCADE"),
        _one_of("channel", CHANNELS),
        CheckConstraint("frequency IN ('hourly', 'daily')", name="frequency"),
        UniqueConstraint("tenant_id", "user_id", "key"),
        Index("ix_held_notifications_due_at", "tenant_id", "due_at"),
    )
    audited = False

    user_id: Mapped[uuid.UUID]
    key: Mapped[str]
    channel: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="", default="")
    link: Mapped[str] = mapped_column(server_default="", default="")
    failed: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    frequency: Mapped[str]
    email: Mapped[bool]
    project_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """Of what it is about: who must not see it any more when the digest is due is not told."""
    due_at: Mapped[datetime]


class NotificationPreference(TenantRow, Base):
    """How often a user wants to hear of a channel, or of one ``kind`` in it (empty: of all)."""

    __tablename__ = "notification_preferences"
    __table_args__ = (
        tenant_key("user_id", "users", ondelete="CASCADE"),
        _one_of("channel", CHANNELS),
        _one_of("frequency", FREQUENCIES),
        UniqueConstraint("tenant_id", "user_id", "channel", "kind"),
    )
    audited = False

    user_id: Mapped[uuid.UUID]
    channel: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="", default="")
    frequency: Mapped[str]
    email: Mapped[bool] = mapped_column(server_default=text("true"), default=True)
