"""The work on assets and shots: tasks, the departments and statuses that a studio declares, and templates of tasks."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, FieldsRow, order_column, search_column, tenant_key
from service.models.production import Asset, Project, Shot
from service.models.tenancy import User

_NONE = text("'[]'::jsonb")
_FALSE, _TRUE = text("false"), text("true")


class Department(EditableRow, Base):
    """Who works on an asset or shot, and how what they publish is composed. ``name``, ``arc`` and ``rank`` never
    change, and departments are never deleted: what was composed once is composed alike for ever."""

    __tablename__ = "departments"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        UniqueConstraint("tenant_id", "rank"),
        CheckConstraint("arc IN ('sublayer', 'payload')", name="arc"),
    )

    name: Mapped[str]
    label: Mapped[str]
    """What people call it."""
    arc: Mapped[str]
    """A :class:`shared.departments.Arc`."""
    rank: Mapped[float]
    """The smaller one wins. A new department gets a rank between those of its neighbours, which keep theirs."""


class TaskStatus(EditableRow, Base):
    """What a task can be: declared by the studio. ``name`` is what tasks have, and never changes."""

    __tablename__ = "task_statuses"
    __table_args__ = (
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("kind IN ('todo', 'in_progress', 'review', 'retake', 'done', 'on_hold')", name="kind"),
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color"),
        CheckConstraint("archived_at IS NULL OR NOT is_default", name="default_in_use"),
        Index(
            "uq_task_statuses_default",
            "tenant_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
    )

    name: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[str]
    """What it means to the pipeline: see :data:`service.production.statuses.KINDS`."""
    color: Mapped[str]
    """``#rrggbb``, small letters."""
    position: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    """Statuses are shown in this order, then by name."""
    is_default: Mapped[bool] = mapped_column(server_default=_FALSE, default=False)
    """Whether new tasks have it; one status of a tenant."""
    for_artists: Mapped[bool] = mapped_column(server_default=_TRUE, default=True)
    """Whether artists may give it to a task."""

    @property
    def label(self) -> str:
        """What people call it."""
        return self.title or self.name.replace("_", " ").capitalize()


def department_key() -> ForeignKeyConstraint:
    """Reference from ``department`` to the one of that name."""
    return ForeignKeyConstraint(
        ["tenant_id", "department"],
        ["departments.tenant_id", "departments.name"],
        name="fk_department_departments",
        ondelete="RESTRICT",
    )


class Task(FieldsRow, Base):
    """Work on one asset or one shot, by as many artists as it takes.

    Assignees are ids: users are put away but never deleted, and so what is changed of them counts and is recorded with
    the task.
    """

    __tablename__ = "tasks"
    __allow_unmapped__ = True  # for ``assignees``
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("shot_id", "shots"),
        department_key(),
        ForeignKeyConstraint(
            ["tenant_id", "status"],
            ["task_statuses.tenant_id", "task_statuses.name"],
            name="fk_status_task_statuses",
            ondelete="RESTRICT",
        ),
        CheckConstraint("num_nonnulls(asset_id, shot_id) = 1", name="one_target"),
        CheckConstraint("jsonb_typeof(assignee_ids) = 'array'", name="assignee_ids"),
        CheckConstraint("start <= due", name="start"),
        CheckConstraint("estimate_days >= 0", name="estimate_days"),
        UniqueConstraint("tenant_id", "asset_id", "shot_id", "name", postgresql_nulls_not_distinct=True),
        Index("ix_tasks_assignee_ids", "assignee_ids", postgresql_using="gin"),
        Index("ix_tasks_shot_id", "tenant_id", "shot_id"),
        Index("ix_tasks_status", "tenant_id", "status"),
        Index("ix_tasks_name_order", "tenant_id", "name_order", "id"),
        Index("ix_tasks_search", "search", postgresql_using="gin"),
    )

    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    shot_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    name: Mapped[str]
    department: Mapped[str]
    assignee_ids: Mapped[list[str]] = mapped_column(server_default=_NONE, default=list)
    """Ids of the users who do it; who answers for it comes first."""
    status: Mapped[str]
    """The name of a declared one."""
    start: Mapped[date | None] = mapped_column(default=None)
    due: Mapped[date | None] = mapped_column(default=None)
    estimate_days: Mapped[float | None] = mapped_column(Numeric(7, 2, asdecimal=False), default=None)
    """Days of work of one person."""
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column("name || ' ' || department", fields=True)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    shot: Mapped[Shot | None] = relationship(viewonly=True, lazy="joined")

    assignees: list[User]
    """Who does it, once :func:`service.production.assignees.with_assignees` has put them here."""

    @property
    def target(self) -> Asset | Shot:
        """The asset or shot worked on."""
        target = self.asset or self.shot
        assert target is not None  # the table's check
        return target


class TaskTemplate(EditableRow, Base):
    """A set of tasks that assets or shots begin with: in all projects, or in one."""

    __tablename__ = "task_templates"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        UniqueConstraint("tenant_id", "project_id", "name", postgresql_nulls_not_distinct=True),
        CheckConstraint("target_type IN ('asset', 'shot')", name="target_type"),
        CheckConstraint("target_type = 'asset' OR asset_type = ''", name="asset_type"),
        Index(
            "uq_task_templates_default",
            *("tenant_id", "target_type", "asset_type", "project_id"),
            unique=True,
            postgresql_where=text("is_default AND archived_at IS NULL"),
            postgresql_nulls_not_distinct=True,
        ),
    )

    name: Mapped[str]
    target_type: Mapped[str]
    asset_type: Mapped[str] = mapped_column(server_default="", default="")
    """The assets for which it is meant; empty for all, and for shots."""
    project_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """None for a template of all projects."""
    is_default: Mapped[bool] = mapped_column(server_default=_FALSE, default=False)
    """Whether new assets or shots get its tasks by themselves."""
    tasks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_NONE, default=list)
    """``{"name": ..., "department": ..., "status": ... or null}`` each, in their order."""
    project: Mapped[Project | None] = relationship(viewonly=True, lazy="joined")
