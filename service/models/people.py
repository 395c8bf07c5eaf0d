"""Who works on what, and how long."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, TenantRow, tenant_key
from service.models.tasks import Task
from service.models.tenancy import User

DAY_MINUTES = 24 * 60


class ProjectMember(TenantRow, Base):
    """Somebody of the studio who works on a project."""

    __tablename__ = "project_members"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        tenant_key("user_id", "users"),
        UniqueConstraint("tenant_id", "project_id", "user_id"),
        Index("ix_project_members_user_id", "tenant_id", "user_id"),
    )

    project_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    user: Mapped[User] = relationship(viewonly=True)


class TaskWatcher(TenantRow, Base):
    """Somebody who is told what becomes of a task that others do."""

    __tablename__ = "task_watchers"
    __table_args__ = (
        tenant_key("task_id", "tasks"),
        tenant_key("user_id", "users"),
        UniqueConstraint("tenant_id", "task_id", "user_id"),
        Index("ix_task_watchers_user_id", "tenant_id", "user_id"),
    )

    task_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]


class TimeEntry(TenantRow, Base):
    """How long somebody worked on a task on a day: one row for each, none for no time."""

    __tablename__ = "time_entries"
    __table_args__ = (
        tenant_key("user_id", "users"),
        tenant_key("task_id", "tasks"),
        UniqueConstraint("tenant_id", "user_id", "day", "task_id"),
        CheckConstraint(f"minutes BETWEEN 1 AND {DAY_MINUTES}", name="minutes"),
        Index("ix_time_entries_task_id", "tenant_id", "task_id"),
        Index("ix_time_entries_day", "tenant_id", "day"),
    )

    user_id: Mapped[uuid.UUID]
    task_id: Mapped[uuid.UUID]
    day: Mapped[date]
    minutes: Mapped[int]
    revision: Mapped[int] = mapped_column(server_default="1", default=1)
    user: Mapped[User] = relationship(viewonly=True)
    task: Mapped[Task] = relationship(viewonly=True)
