"""What all tables share: naming, keys that cannot cross tenants, time stamps."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Computed, DateTime, ForeignKeyConstraint, MetaData, String, func, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

TENANT_DEFAULT = text("app_tenant()")
"""The tenant of the transaction, as a column default; see the first migration."""


class Base(DeclarativeBase):
    """Root of all models."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            uuid.UUID: UUID(as_uuid=True),
            datetime: DateTime(timezone=True),
            dict[str, Any]: JSONB,
            list[str]: JSONB,
            str: String,
        },
    )


class TenantRow:
    """Mixin of a table whose rows belong to a tenant. The key is ``(tenant_id, id)``.

    References name both columns (:func:`tenant_key`), so that no row can refer to another tenant's: a plain foreign
    key would accept one, because PostgreSQL checks it past row-level security.
    """

    __tablename__: Any
    audited: ClassVar[bool] = True
    """Whether the audit log records changes of this table."""
    kept_by_machines: ClassVar[bool] = False
    """Whether workers change this table all the time: then only what people change is recorded."""

    tenant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=TENANT_DEFAULT)
    # By it, what PostgreSQL fills in is told apart when many rows are added with one statement.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4, insert_sentinel=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class EditableRow(TenantRow):
    """Mixin of a table whose rows people change, and put away instead of deleting them.

    ``revision`` counts the changes that the audit log records: it is the row's entity tag, and by it the log tells what
    somebody else changed since. A row with ``archived_at`` is left out of lists and takes no more changes.
    """

    revision: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    archived_at: Mapped[datetime | None] = mapped_column(default=None)


class FieldsRow(EditableRow):
    """Mixin of a table to whose rows a studio gives custom fields; see :mod:`service.production.custom_fields`."""

    fields: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Values by the names of the fields; none is null, and what a field that was put away holds stays."""

    shown_fields: dict[str, Any]
    """Those that are answered, once :func:`service.api.field_values.with_fields` has put them here."""


def search_column(expression: str, *, fields: bool = False) -> Mapped[Any]:
    """The full-text form of a row's words, kept by PostgreSQL; see :mod:`service.search`.

    ``expression`` is SQL for the text to be found, not null. With ``fields``, so are the row's custom fields.
    """
    words = f"search_vector({expression})"
    if fields:
        # Marked, because clients find by the others only; see the fourteenth migration.
        words += " || setweight(search_vector(field_words(fields)), 'B')"
    return mapped_column(TSVECTOR, Computed(words, persisted=True), deferred=True)


def order_column() -> Mapped[str]:
    """The form of a row's name that lists sort by, kept by PostgreSQL: ``bolt2`` before ``bolt10``, whatever capitals
    and accents they have; see the twenty-third migration."""
    return mapped_column(String(collation="C"), Computed("natural_order(name)", persisted=True), deferred=True)


def tenant_key(column: str, table: str, *, ondelete: str | None = "RESTRICT") -> ForeignKeyConstraint:
    """Reference from ``column`` to a row of ``table`` of the same tenant."""
    return ForeignKeyConstraint(
        ["tenant_id", column], [f"{table}.tenant_id", f"{table}.id"], name=f"fk_{column}_{table}", ondelete=ondelete
    )
