"""Who changed what: one row for each change of an audited table, written by the change's own transaction."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, TenantRow


class AuditRecord(TenantRow, Base):
    """``before`` and ``after`` hold the changed columns only."""

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
    before: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    after: Mapped[dict[str, Any] | None] = mapped_column(default=None)
