"""Jobs and the workers that do them. The row is the truth; the queue in Redis only rings the bell."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.models.production import Asset
from shared.jobs import JobState

_STATES = ", ".join(repr(state.value) for state in JobState)


class Job(TenantRow, Base):
    """One piece of work for a worker.

    ``attempt`` fences: a worker that was silent for longer than its lease finds the number changed and writes
    nothing. ``state`` repeats the document's state for indexes; both change in one statement.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("publish_id", "publishes"),
        tenant_key("cad_file_id", "cad_files"),
        tenant_key("created_by_id", "users"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("state = document->>'state'", name="document_state"),
        Index("ix_jobs_open", "tenant_id", "state", postgresql_where=text("state IN ('pending', 'queued', 'running')")),
        Index("ix_jobs_created_at", "tenant_id", "created_at"),
        Index("ix_jobs_asset_id", "tenant_id", "asset_id"),
    )
    kept_by_machines = True

    kind: Mapped[str]
    queue: Mapped[str]
    state: Mapped[str]
    document: Mapped[dict[str, Any]]
    request: Mapped[dict[str, Any]]
    attempt: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    max_attempts: Mapped[int] = mapped_column(server_default=text("3"), default=3)
    worker_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    rung_at: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    cad_file_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")


class Worker(Base):
    """A worker process. It serves every tenant, so this table has none and holds no tenant's data."""

    __tablename__ = "workers"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[str]]
    state: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen: Mapped[datetime] = mapped_column(server_default=func.now())
