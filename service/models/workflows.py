"""Workflows of process steps, their versions, and their runs with a row for each node."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, TenantRow, tenant_key
from service.models.jobs import Job
from service.models.production import Asset
from shared.workflows import RunState

_STATES = ", ".join(repr(state.value) for state in RunState)


class Workflow(EditableRow, Base):
    """A workflow of the tenant. Its graph is in its versions, which never change."""

    __tablename__ = "workflows"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    """The newest."""


class WorkflowVersion(TenantRow, Base):
    """One state of a workflow's graph."""

    __tablename__ = "workflow_versions"
    __table_args__ = (
        tenant_key("workflow_id", "workflows", ondelete="CASCADE"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("tenant_id", "workflow_id", "version"),
    )
    audited = False

    workflow_id: Mapped[uuid.UUID]
    version: Mapped[int]
    graph: Mapped[dict[str, Any]]
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)


class WorkflowRun(TenantRow, Base):
    """A workflow on its way. ``graph`` is what runs, whatever becomes of the workflow it was taken from."""

    __tablename__ = "workflow_runs"
    __table_args__ = (
        tenant_key("workflow_id", "workflows"),
        tenant_key("asset_id", "assets"),
        tenant_key("created_by_id", "users"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        Index("ix_workflow_runs_created_at", "tenant_id", "created_at"),
        Index("ix_workflow_runs_open", "tenant_id", postgresql_where=text("state = 'running'")),
    )
    audited = False

    workflow_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """Null for a built-in one."""
    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int]
    graph: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]]
    state: Mapped[str]
    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    nodes: Mapped[list[WorkflowNode]] = relationship(viewonly=True, lazy="selectin", order_by="WorkflowNode.position")


class WorkflowNode(TenantRow, Base):
    """A node of a run, done by a job of its own as soon as those it needs are through.

    State, progress and error are the job's; ``inputs`` and ``outputs`` are what went in and came out, by port.
    """

    __tablename__ = "workflow_nodes"
    __table_args__ = (
        tenant_key("run_id", "workflow_runs", ondelete="CASCADE"),
        tenant_key("job_id", "jobs"),
        UniqueConstraint("tenant_id", "run_id", "name"),
        Index("ix_workflow_nodes_job_id", "tenant_id", "job_id"),
    )
    audited = False

    run_id: Mapped[uuid.UUID]
    name: Mapped[str]
    step: Mapped[str]
    position: Mapped[int]
    """In an order in which every node comes after those it needs."""
    job_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    inputs: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    outputs: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    error: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """Why no job could be made for it."""
    cancelled: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    job: Mapped[Job | None] = relationship(viewonly=True, lazy="joined")
