"""Scenes and publishes: versioned files, and which of them an asset or shot composes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, FetchedValue, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, TenantRow, order_column, search_column, tenant_key
from service.models.production import Asset, Shot
from service.models.tasks import Task, department_key
from service.models.tenancy import User


class Scene(EditableRow, Base):
    """A saved work file of a task; ``reserved`` until its file stands and is committed."""

    __tablename__ = "scenes"
    __table_args__ = (
        tenant_key("task_id", "tasks"),
        tenant_key("created_by_id", "users"),
        CheckConstraint("state IN ('reserved', 'committed', 'expired')", name="state"),
        UniqueConstraint("tenant_id", "task_id", "name", "version", "iteration", postgresql_nulls_not_distinct=True),
        Index("ix_scenes_search", "search", postgresql_using="gin"),
    )

    task_id: Mapped[uuid.UUID]
    name: Mapped[str]
    software: Mapped[str]
    comment: Mapped[str] = mapped_column(server_default="")
    version: Mapped[int]
    iteration: Mapped[int]
    path: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="reserved")
    sha256: Mapped[str | None] = mapped_column(default=None)
    size: Mapped[int | None] = mapped_column(BigInteger, default=None)
    search: Mapped[Any] = search_column("name || ' ' || software || ' ' || comment")
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    task: Mapped[Task] = relationship(viewonly=True)
    created_by: Mapped[User | None] = relationship(viewonly=True, lazy="joined")


class Part(TenantRow, Base):
    """A named piece of an asset or shot that is published on its own, with its version counter.

    ``current_publish_id`` is what the part's entry composes; null when the part contributes nothing. Triggers keep
    where the part stands, how many publishes it has, and what there is to know of the current one: long lists of
    publishes, and of what scenes refer to, need neither joins nor counting.
    """

    __tablename__ = "parts"
    __table_args__ = (
        tenant_key("asset_id", "assets"),
        tenant_key("shot_id", "shots"),
        department_key(),
        CheckConstraint("num_nonnulls(asset_id, shot_id) = 1", name="one_target"),
        UniqueConstraint("tenant_id", "asset_id", "shot_id", "name", postgresql_nulls_not_distinct=True),
        Index("ix_parts_search", "search", postgresql_using="gin"),
        Index("ix_parts_usd_path", "tenant_id", "usd_path"),
        Index("ix_parts_project_name", "tenant_id", "project_name", postgresql_include=["id"]),
    )

    asset_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    shot_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    name: Mapped[str]
    department: Mapped[str]
    project_name: Mapped[str] = mapped_column(server_default=FetchedValue())
    entity: Mapped[str] = mapped_column(server_default=FetchedValue())
    """Asset or shot as :class:`shared.context.Entity` writes it."""
    usd_path: Mapped[str] = mapped_column(server_default=FetchedValue())
    entity_usd_path: Mapped[str] = mapped_column(server_default=FetchedValue())
    live_publishes: Mapped[int] = mapped_column(server_default=text("0"))
    archived_publishes: Mapped[int] = mapped_column(server_default=text("0"))
    name_order: Mapped[str] = order_column()
    search: Mapped[Any] = search_column("name || ' ' || department")
    last_version: Mapped[int] = mapped_column(default=0)
    last_iteration: Mapped[int] = mapped_column(default=0)
    # No foreign key: publishes refer to their part, and a cycle would only make both tables hard to fill.
    current_publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    current_version: Mapped[int | None] = mapped_column(server_default=FetchedValue())
    current_iteration: Mapped[int | None] = mapped_column(server_default=FetchedValue())
    current_item_usd_path: Mapped[str | None] = mapped_column(server_default=FetchedValue())
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="joined")
    shot: Mapped[Shot | None] = relationship(viewonly=True, lazy="joined")

    @property
    def target(self) -> Asset | Shot:
        """The asset or shot this is a part of."""
        target = self.asset or self.shot
        assert target is not None  # the table's check
        return target


class Reservation(TenantRow, Base):
    """A version given to somebody who is writing its item; commits into a publish or expires."""

    __tablename__ = "reservations"
    __table_args__ = (
        tenant_key("part_id", "parts"),
        tenant_key("task_id", "tasks"),
        CheckConstraint("state IN ('open', 'committed', 'expired')", name="state"),
        UniqueConstraint("tenant_id", "part_id", "version", "iteration"),
        Index(
            "uq_reservations_idempotency_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index("ix_reservations_open", "tenant_id", "expires_at", postgresql_where=text("state = 'open'")),
    )
    kept_by_machines = True

    part_id: Mapped[uuid.UUID]
    task_id: Mapped[uuid.UUID]
    version: Mapped[int]
    iteration: Mapped[int]
    item_usd_path: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    expires_at: Mapped[datetime]
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    part: Mapped[Part] = relationship(viewonly=True, lazy="joined", innerjoin=True)


class Publish(EditableRow, Base):
    """An immutable, validated output of a task: one version of one part."""

    __tablename__ = "publishes"
    __table_args__ = (
        tenant_key("part_id", "parts"),
        tenant_key("task_id", "tasks"),
        tenant_key("cad_file_id", "cad_files"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("tenant_id", "part_id", "version", "iteration", postgresql_nulls_not_distinct=True),
        Index(
            "uq_publishes_idempotency_key",
            "tenant_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index(
            "ix_publishes_listed",
            "tenant_id",
            text("created_at DESC"),
            "id",
            postgresql_include=["part_id", "status"],
            postgresql_where=text("archived_at IS NULL"),
        ),
        Index("ix_publishes_created_at", "tenant_id", text("created_at DESC"), "id", postgresql_include=["part_id"]),
        Index("ix_publishes_task_id", "tenant_id", "task_id"),
        Index("ix_publishes_created_by_id", "tenant_id", "created_by_id"),
        Index("ix_publishes_search", "search", postgresql_using="gin"),
        Index("ix_publishes_item_usd_path", "tenant_id", "item_usd_path", "version", "iteration"),
        Index("ix_publishes_for_client", "tenant_id", "part_id", postgresql_where=text("for_client")),
    )

    part_id: Mapped[uuid.UUID]
    task_id: Mapped[uuid.UUID]
    cad_file_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    version: Mapped[int]
    iteration: Mapped[int]
    software: Mapped[str]
    source_version: Mapped[int | None] = mapped_column(default=None)
    source_iteration: Mapped[int | None] = mapped_column(default=None)
    item_usd_path: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    for_client: Mapped[bool] = mapped_column(server_default="false", default=False)
    """Whether clients see it, in a project that shows them only what was shared with them."""
    details: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    validation: Mapped[dict[str, Any] | None] = mapped_column(default=None)
    """The report of the checks that the client ran on the item; null where it sent none."""
    search: Mapped[Any] = search_column(
        "left(coalesce(metadata->>'comment', '') || ' ' || coalesce(metadata->>'description', ''), 10000)"
    )
    idempotency_key: Mapped[str | None] = mapped_column(default=None)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    part: Mapped[Part] = relationship(viewonly=True, lazy="joined", innerjoin=True)
    task: Mapped[Task] = relationship(viewonly=True)
    created_by: Mapped[User | None] = relationship(viewonly=True, lazy="joined")


class Composition(TenantRow, Base):
    """From this moment on a part was composed by this publish, or by none: the history that pins are read from.

    Rows are only added, under the lock of the asset or shot, so that their numbers are in the order of the changes.
    """

    __tablename__ = "compositions"
    __table_args__ = (
        tenant_key("part_id", "parts"),
        tenant_key("publish_id", "publishes"),
        tenant_key("created_by_id", "users"),
        Index("ix_compositions_part_id", "tenant_id", "part_id", "number"),
        Index("ix_compositions_publish_id", "tenant_id", "publish_id"),
    )
    audited = False

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    part_id: Mapped[uuid.UUID]
    publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)


class StaleEntry(TenantRow, Base):
    """The entries of this asset or shot must be written: added with each change, removed once they are."""

    __tablename__ = "stale_entries"
    __table_args__ = (
        CheckConstraint("target_type IN ('asset', 'shot')", name="target_type"),
        Index("ix_stale_entries_target_id", "tenant_id", "target_id"),
    )
    audited = False

    target_type: Mapped[str]
    target_id: Mapped[uuid.UUID]


class Sweep(TenantRow, Base):
    """What the sweeper found and repaired in one round; rounds that found nothing leave no row."""

    __tablename__ = "sweeps"
    __table_args__ = (Index("ix_sweeps_created_at", "tenant_id", "created_at"),)
    audited = False

    report: Mapped[dict[str, Any]]
