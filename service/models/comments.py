"""What people say to each other about a task, a publish, an order, a picture or a film."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, search_column, tenant_key
from service.models.media import MediaAsset
from service.models.orders import Order
from service.models.publishing import Publish
from service.models.tasks import Task
from service.models.tenancy import User

LONGEST = 10_000
"""Characters of a comment."""
MOST_POINTS = 10_000
"""Of a drawing."""
_EXCERPT = 60
_NONE = text("'[]'::jsonb")


class Comment(EditableRow, Base):
    """Said by one person about one task or one publish, perhaps of a picture or film of it; about an order; or about a
    picture or film that belongs to no publish. It is said by a user, or by a guest who came by a link (migration 0031).

    A user with the role ``client`` sees those ``for_client`` about the publishes and orders, or else the media, that
    they see (migrations 0011, 0015, 0029), with their attachments (migrations 0017, 0029).
    Mentions and attachments are ids: users and media are put away but never deleted, and so what is changed of them
    counts and is recorded with the comment.
    """

    __tablename__ = "comments"
    __table_args__ = (
        tenant_key("task_id", "tasks"),
        tenant_key("publish_id", "publishes"),
        tenant_key("order_id", "orders"),
        tenant_key("media_id", "media_assets"),
        tenant_key("author_id", "users"),
        tenant_key("guest_link_id", "guest_links"),
        CheckConstraint(
            "num_nonnulls(author_id, guest_link_id) = 1 AND (guest_link_id IS NULL) = (guest_name IS NULL)",
            name="said_by",
        ),
        CheckConstraint(
            "num_nonnulls(task_id, publish_id, order_id) <= 1"
            " AND num_nonnulls(task_id, publish_id, order_id, media_id) >= 1",
            name="one_target",
        ),
        CheckConstraint("order_id IS NULL OR media_id IS NULL", name="on_order"),
        CheckConstraint(f"char_length(text) <= {LONGEST}", name="text"),
        CheckConstraint("status IS NULL OR task_id IS NOT NULL", name="status"),
        CheckConstraint("delivery IS NULL OR order_id IS NOT NULL", name="delivery"),
        CheckConstraint("NOT for_client OR task_id IS NULL", name="for_client"),
        CheckConstraint("media_id IS NOT NULL OR (seconds IS NULL AND drawing = '[]')", name="on_picture"),
        Index("ix_comments_task_id", "tenant_id", "task_id", "created_at"),
        Index("ix_comments_publish_id", "tenant_id", "publish_id", "created_at"),
        Index("ix_comments_order_id", "tenant_id", "order_id", "created_at"),
        Index("ix_comments_media_id", "tenant_id", "media_id", "created_at"),
        Index("ix_comments_author_id", "tenant_id", "author_id", "created_at"),
        Index("ix_comments_created_at", "tenant_id", "created_at"),
        Index(
            "ix_comments_attached_for_clients",
            "tenant_id",
            postgresql_where=text("for_client AND attachments <> '[]'::jsonb"),
        ),
        Index("ix_comments_search", "search", postgresql_using="gin"),
    )

    task_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    publish_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    order_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    media_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    """The picture or film that was looked at."""
    seconds: Mapped[float | None] = mapped_column(default=None)
    """From the start of a film."""
    drawing: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_NONE, default=list)
    """Strokes over the picture: ``{"color": "#rrggbb", "points": [[x, y], ...]}``, in parts of its width and height
    from its upper left corner."""
    author_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    guest_link_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    guest_name: Mapped[str | None] = mapped_column(default=None)
    """As the guest typed it: nobody knows whether it is theirs."""
    text: Mapped[str]
    status: Mapped[str | None] = mapped_column(default=None)
    """The status that the task was given with it."""
    delivery: Mapped[int | None] = mapped_column(default=None)
    """Number of the order's delivery to which changes were requested with it."""
    for_client: Mapped[bool] = mapped_column(server_default="false", default=False)
    mentions: Mapped[list[str]] = mapped_column(server_default=_NONE, default=list)
    """Ids of the users whom the text names."""
    attachments: Mapped[list[str]] = mapped_column(server_default=_NONE, default=list)
    """Ids of media."""
    search: Mapped[Any] = search_column("text")
    author: Mapped[User | None] = relationship(viewonly=True, lazy="joined")
    task: Mapped[Task | None] = relationship(viewonly=True)
    publish: Mapped[Publish | None] = relationship(viewonly=True)
    order: Mapped[Order | None] = relationship(viewonly=True)
    medium: Mapped[MediaAsset | None] = relationship(viewonly=True)

    @property
    def said_by(self) -> str:
        """Name of the user, or of the guest."""
        return self.author.name if self.author else self.guest_name or ""

    @property
    def name(self) -> str:
        """How its text begins: what events and errors call it."""
        first = self.text.strip().partition("\n")[0]
        return first if len(first) <= _EXCERPT else f"{first[: _EXCERPT - 1]}…"
