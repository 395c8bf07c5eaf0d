"""Tenants, their users, and the tokens users prove themselves with."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.accounts.permissions import Role
from service.models.base import Base, EditableRow, TenantRow, order_column, search_column, tenant_key


class Tenant(Base):
    """An organisation whose rows no other tenant can see. Visible to itself only.

    Its settings are explained in :mod:`service.accounts.settings`.
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
        CheckConstraint("clients_see IN ('all', 'shared')", name="clients_see"),
        CheckConstraint("projects_visible_to IN ('everybody', 'team')", name="projects_visible_to"),
    )

    audited: ClassVar[bool] = True
    kept_by_machines: ClassVar[bool] = False

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
    clients_see: Mapped[str] = mapped_column(server_default="shared")
    projects_visible_to: Mapped[str] = mapped_column(server_default="everybody")
    require_two_factor: Mapped[bool] = mapped_column(server_default=text("false"))
    last_order: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    """Number of the newest order."""
    revision: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)
    """Nobody logs in to an archived tenant; its rows and files stay."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class User(EditableRow, Base):
    """Somebody who works in a tenant. Archived, they cannot log in and their tokens are gone."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", "tenant_id", func.lower(text("email")), unique=True),
        CheckConstraint(f"role IN ({', '.join(repr(role.value) for role in Role)})", name="role"),
        CheckConstraint("two_factor_at IS NULL OR two_factor_salt IS NOT NULL", name="two_factor"),
        Index("ix_users_search", "search", postgresql_using="gin"),
    )

    name: Mapped[str]
    email: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(default=None)
    last_seen_at: Mapped[datetime | None] = mapped_column(default=None)
    """When a token of theirs was used last, to a minute."""
    two_factor_salt: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """What the secret of their authenticator app is derived from, see :mod:`service.accounts.two_factor`."""
    two_factor_at: Mapped[datetime | None] = mapped_column(default=None)
    """Since when their login asks for a code; null while it does not."""
    two_factor_step: Mapped[int | None] = mapped_column(default=None)
    """The step of time whose code they used last: it and those before it are refused."""
    recovery_digests: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    """SHA-256 of each recovery code that is left."""
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column("name || ' ' || email")


class ApiToken(TenantRow, Base):
    """A token of a user; only its SHA-256 is stored.

    A login gives a ``session`` token and a ``refresh`` token for the next one, a program has a ``personal`` token.
    The tokens that descend from one login share its ``family``.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (
        tenant_key("user_id", "users", ondelete="CASCADE"),
        UniqueConstraint("digest"),
        CheckConstraint("kind IN ('session', 'refresh', 'personal')", name="kind"),
        CheckConstraint("kind = 'personal' OR expires_at IS NOT NULL", name="expiry"),
        Index("ix_api_tokens_user_id", "tenant_id", "user_id"),
    )

    user_id: Mapped[uuid.UUID]
    name: Mapped[str]
    kind: Mapped[str]
    digest: Mapped[str]
    scopes: Mapped[list[str] | None] = mapped_column(default=None)
    """The permissions it is limited to; null for all that its user has."""
    family: Mapped[uuid.UUID | None] = mapped_column(default=None)
    replaced_at: Mapped[datetime | None] = mapped_column(default=None)
    """When a refresh token was used: it is kept to notice that somebody uses it a second time."""
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    user: Mapped[User] = relationship(viewonly=True)
