"""Tenants, their users, and the tokens users prove themselves with."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.permissions import Role


class Tenant(Base):
    """An organisation whose rows no other tenant can see. Visible to itself only.

    Its settings are explained in :mod:`service.settings`.
    """

    __tablename__ = "tenants"
    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("storage"),
        CheckConstraint("max_concurrent_renders BETWEEN 1 AND 1000", name="max_concurrent_renders"),
        CheckConstraint(
            "jsonb_typeof(render_engines_allowed) = 'array' AND jsonb_array_length(render_engines_allowed) > 0"
            """ AND NOT render_engines_allowed @? '$[*] ? (@.type() != "string")'""",
            name="render_engines_allowed",
        ),
        CheckConstraint("max_order_size BETWEEN 1 AND 10000", name="max_order_size"),
        CheckConstraint("fallback_material ~ '^[A-Za-z][A-Za-z0-9_]{0,99}$'", name="fallback_material"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    storage: Mapped[str]
    """Folder of the tenant below the service's storage root."""
    max_concurrent_renders: Mapped[int] = mapped_column(server_default=text("4"))
    render_engines_allowed: Mapped[list[str]] = mapped_column(server_default=text("""'["cycles", "eevee"]'::jsonb"""))
    max_order_size: Mapped[int] = mapped_column(server_default=text("100"))
    fallback_material: Mapped[str] = mapped_column(server_default="FailedMaterial")
    notifications_enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


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
