"""Jobs, their tasks and frames, and the workers that do them.

The row is the truth; the queue in Redis only rings the bell.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.models.production import Asset
from shared.jobs import JobState

_STATES = ", ".join(repr(state.value) for state in JobState)


class Job(TenantRow, Base):
    """One piece of work for a worker, or several: then it ``has_tasks``, which are jobs below it (``parent_id``).

    A job with tasks is never claimed; its state and document sum up theirs (:mod:`service.queue.job_groups`).
    ``attempt`` fences: a worker that was silent for longer than its lease finds the number changed and writes
    nothing. ``state`` repeats the document's state for indexes; both change in one statement.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("publish_id", "publishes"),
        tenant_key("cad_file_id", "cad_files"),
        tenant_key("created_by_id", "users"),
        tenant_key("parent_id", "jobs", ondelete="CASCADE"),
        CheckConstraint("priority BETWEEN 0 AND 100", name="priority"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("state = document->>'state'", name="document_state"),
        Index("ix_jobs_open", "tenant_id", "state", postgresql_where=text("state IN ('pending', 'queued', 'running')")),
        Index("ix_jobs_created_at", "tenant_id", "created_at"),
        Index("ix_jobs_asset_id", "tenant_id", "asset_id"),
        Index("ix_jobs_parent_id", "tenant_id", "parent_id", "position"),
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
    parent_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    has_tasks: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    name: Mapped[str] = mapped_column(server_default="", default="")
    """What a task does of its job, such as ``frames 1-5``."""
    position: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    priority: Mapped[int] = mapped_column(server_default=text("50"), default=50)
    needs: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    """Capabilities that a worker must have."""
    paused: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    not_before: Mapped[datetime | None] = mapped_column(default=None)
    failures_by_worker: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """How often each worker failed at this job or its tasks."""
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")


class JobDependency(TenantRow, Base):
    """``job_id`` begins when ``needs_id`` is done."""

    __tablename__ = "job_dependencies"
    __table_args__ = (
        tenant_key("job_id", "jobs", ondelete="CASCADE"),
        tenant_key("needs_id", "jobs", ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "job_id", "needs_id"),
        CheckConstraint("job_id <> needs_id", name="not_itself"),
        Index("ix_job_dependencies_needs_id", "tenant_id", "needs_id"),
    )
    audited = False

    job_id: Mapped[uuid.UUID]
    needs_id: Mapped[uuid.UUID]


class JobFrame(TenantRow, Base):
    """One frame of a job: recorded once, whoever rendered it how often."""

    __tablename__ = "job_frames"
    __table_args__ = (
        tenant_key("job_id", "jobs", ondelete="CASCADE"),
        tenant_key("task_id", "jobs", ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "job_id", "frame"),
        CheckConstraint("(path IS NULL) = (finished_at IS NULL)", name="finished"),
        Index("ix_job_frames_task_id", "tenant_id", "task_id"),
    )
    audited = False

    job_id: Mapped[uuid.UUID]
    task_id: Mapped[uuid.UUID]
    frame: Mapped[int]
    path: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    sha256: Mapped[str | None] = mapped_column(default=None)
    seconds: Mapped[float | None] = mapped_column(default=None)
    worker_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    attempt: Mapped[int | None] = mapped_column(default=None)
    """The attempt of its task that rendered it."""
    finished_at: Mapped[datetime | None] = mapped_column(default=None)


class PausedQueue(TenantRow, Base):
    """A queue of which the tenant's jobs wait until somebody resumes it."""

    __tablename__ = "paused_queues"
    __table_args__ = (UniqueConstraint("tenant_id", "queue"),)

    queue: Mapped[str]


class Worker(Base):
    """A worker process. It serves every tenant, so this table has none and holds no tenant's data."""

    __tablename__ = "workers"
    __table_args__ = (CheckConstraint("wanted IN ('work', 'rest', 'drain')", name="wanted"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    name: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[str]]
    capabilities: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"), default=list)
    state: Mapped[str]
    """``up``, ``busy``, ``disabled`` or ``draining``, as the worker says."""
    wanted: Mapped[str] = mapped_column(server_default="work", default="work")
    """What an administrator wants of it: ``work``, ``rest`` (claim nothing) or ``drain`` (finish and leave)."""
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen: Mapped[datetime] = mapped_column(server_default=func.now())
