"""Playlists: pictures and films of a project in the order in which they are reviewed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from service.models.base import Base, EditableRow, TenantRow, search_column, tenant_key
from service.models.media import MediaAsset
from service.models.production import Project
from service.models.tenancy import User

MOST_ITEMS = 500


class Playlist(EditableRow, Base):
    """What somebody chose of a project to be looked at, one after the other.

    Clients of the project see those ``for_client`` until they, or the project, are put away, and with them their
    pictures and films until those are. Of others they see what was delivered to them, or hangs on a comment that they
    read (migration 0017).
    """

    __tablename__ = "playlists"
    __table_args__ = (
        tenant_key("project_id", "projects"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("tenant_id", "project_id", "name"),
        Index("ix_playlists_created_at", "tenant_id", "created_at"),
        Index("ix_playlists_search", "search", postgresql_using="gin"),
    )

    project_id: Mapped[uuid.UUID]
    name: Mapped[str]
    for_client: Mapped[bool] = mapped_column(server_default="false", default=False)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    search: Mapped[Any] = search_column("name")
    project: Mapped[Project] = relationship(viewonly=True, lazy="joined", innerjoin=True)
    created_by: Mapped[User | None] = relationship(viewonly=True, lazy="joined")


class PlaylistItem(TenantRow, Base):
    """A picture or film of a playlist: this very one, whatever is rendered later.

    The items of a playlist are replaced together, and recorded as a change of the playlist.
    """

    __tablename__ = "playlist_items"
    __table_args__ = (
        tenant_key("playlist_id", "playlists", ondelete="CASCADE"),
        tenant_key("media_id", "media_assets"),
        UniqueConstraint("tenant_id", "playlist_id", "position"),
        UniqueConstraint("tenant_id", "playlist_id", "media_id"),
        CheckConstraint("position >= 1", name="position"),
        Index("ix_playlist_items_media_id", "tenant_id", "media_id"),
    )
    audited = False

    playlist_id: Mapped[uuid.UUID]
    media_id: Mapped[uuid.UUID]
    position: Mapped[int]
    medium: Mapped[MediaAsset] = relationship(viewonly=True)


class PlaylistFilm(TenantRow, Base):
    """A film of what a playlist showed when somebody asked for it, made by a job, which knows the rest.

    Asked for again, it is the same film while ``key`` is the same: what it shows, and how. It is seen by who sees the
    playlist and every picture and film in it (migration 0030).
    """

    __tablename__ = "playlist_films"
    __table_args__ = (
        tenant_key("playlist_id", "playlists", ondelete="CASCADE"),
        tenant_key("job_id", "jobs", ondelete="CASCADE"),
        tenant_key("created_by_id", "users"),
        Index(
            "uq_playlist_films_key",
            *("tenant_id", "playlist_id", "key"),
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index("ix_playlist_films_job_id", "tenant_id", "job_id"),
        Index("ix_playlist_films_playlist_id", "tenant_id", "playlist_id", "created_at"),
    )
    kept_by_machines = True

    playlist_id: Mapped[uuid.UUID]
    job_id: Mapped[uuid.UUID]
    key: Mapped[str]
    name: Mapped[str]
    """Of the playlist when it was asked for: what its file is called."""
    settings: Mapped[dict[str, Any]]
    """``width``, ``height``, ``still_seconds``, ``frame_rate`` and ``captions``."""
    media_ids: Mapped[list[str]]
    """What it contains, in its order."""
    left_out: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"), default=dict)
    """Why, by the id of what the playlist shows and the film cannot."""
    duration: Mapped[float]
    """Seconds, as expected before it is made; without films whose length is not known."""
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    removed_at: Mapped[datetime | None] = mapped_column(default=None)
    """When it was cleared away. The row stays, so that its job stays with whoever may see it."""
    created_by: Mapped[User | None] = relationship(viewonly=True, lazy="joined")


class GuestLink(TenantRow, Base):
    """An address by which people without an account look at one playlist, and perhaps comment on it or download it.

    It opens what clients of the project see of that playlist, as long as they see it (migrations 0031, 0034). Of its
    secret part only a digest is kept.
    """

    __tablename__ = "guest_links"
    __table_args__ = (
        tenant_key("playlist_id", "playlists", ondelete="CASCADE"),
        tenant_key("created_by_id", "users"),
        UniqueConstraint("digest"),
        CheckConstraint("times_opened >= 0", name="times_opened"),
        Index("ix_guest_links_playlist_id", "tenant_id", "playlist_id", "created_at"),
    )

    playlist_id: Mapped[uuid.UUID]
    label: Mapped[str]
    """For whom it is, as the studio says among itself."""
    digest: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(default=None)
    may_comment: Mapped[bool] = mapped_column(server_default="false", default=False)
    may_download: Mapped[bool] = mapped_column(server_default="false", default=False)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)
    times_opened: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(default=None)
    created_by: Mapped[User | None] = relationship(viewonly=True, lazy="joined")
