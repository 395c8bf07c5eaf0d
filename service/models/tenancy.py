"""Tenants, their users, and the tokens users prove themselves with."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.permissions import Role


class Tenant(Base):
    """An organisation whose rows no other tenant can see. Visible to itself only."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("name"), UniqueConstraint("storage"))

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    storage: Mapped[str]
    """Folder of the tenant below the service's storage root."""
    settings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class User(TenantRow, Base):
    """Somebody who works in a tenant."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", "tenant_id", func.lower(text("email")), unique=True),
        CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
    )

    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(default=None)
    active: Mapped[bool] = mapped_column(server_default=text("true"), default=True)


class ApiToken(TenantRow, Base):
    """A token of a user: ``session`` from a login, ``personal`` for programs. Only its SHA-256 is stored."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        tenant_key("user_id", "users", ondelete="CASCADE"),
        UniqueConstraint("digest"),
        CheckConstraint("kind IN ('session', 'personal')", name="kind"),
    )

    user_id: Mapped[uuid.UUID]
    name: Mapped[str]
    kind: Mapped[str]
    digest: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    user: Mapped[User] = relationship(viewonly=True)
