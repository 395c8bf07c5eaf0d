"""Who changed what: one row for each change of an audited table, written by the change's own transaction."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow
from service.models.tenancy import User


class AuditRecord(TenantRow, Base):
    """``before`` and ``after`` hold the changed columns only. The service may add records, but not change any."""

    __tablename__ = "audit_records"
    __table_args__ = (
        Index("ix_audit_records_created_at", "tenant_id", "created_at"),
        Index("ix_audit_records_row_id", "tenant_id", "row_id"),
    )
    audited = False

    actor_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    action: Mapped[str]
    table_name: Mapped[str]
    row_id: Mapped[uuid.UUID]
    revision: Mapped[int | None] = mapped_column(default=None)
    """The row's revision after the change, where its table counts them."""
    request_id: Mapped[str | None] = mapped_column(default=None)
    """As in the answer's X-Request-Id and in the log."""
    before: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    after: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    # No foreign key: an administrator of another tenant may be the one who did it.
    actor: Mapped[User | None] = relationship(
        viewonly=True,
        foreign_keys="AuditRecord.actor_id",
        primaryjoin="and_(AuditRecord.tenant_id == User.tenant_id, AuditRecord.actor_id == User.id)",
    )
