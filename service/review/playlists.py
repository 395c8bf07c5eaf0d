"""Playlists: what may be on one, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, delete, insert, or_, select
from sqlalchemy.orm import Session

from service import audit
from service.models import MediaAsset, Playlist, PlaylistItem, Project
from service.models.playlists import MOST_ITEMS
from service.review import media
from shared.errors import InputError, NotFoundError

_NOT_FOR_REVIEW = ("thumbnail", "frame", "attachment")
"""Pictures that stand for others, are part of others, or belong to a comment."""


def media_of(playlist: Playlist) -> Select[MediaAsset]:
    """The pictures and films of a playlist in their order."""
    statement = select(MediaAsset).join(
        PlaylistItem, (PlaylistItem.tenant_id == MediaAsset.tenant_id) & (PlaylistItem.media_id == MediaAsset.id)
    )
    return statement.where(PlaylistItem.playlist_id == playlist.id).order_by(PlaylistItem.position)


def reviewable(project: Project) -> ColumnElement[bool]:
    """Condition for the pictures and films of a project that can be put on its playlists."""
    return (
        media.of_project(project.name)
        & MediaAsset.archived_at.is_(None)
        & MediaAsset.asset_type.not_in(_NOT_FOR_REVIEW)
        & or_(*(MediaAsset.mime_type.startswith(f"{kind}/") for kind in ("image", "video")))
    )


def set_media(current: Session, playlist: Playlist, media_ids: Sequence[UUID]) -> None:
    """Let a playlist, which is locked, show these, each once, in this order.

    Raises NotFoundError for one that there is not, InputError for one that does not belong on it, or for too many.
    """
    known = list(current.scalars(_ids_of(playlist)))
    wanted = list(dict.fromkeys(media_ids))
    if len(wanted) > MOST_ITEMS:
        raise InputError(
            f"A playlist has {MOST_ITEMS} items at most, and these are {len(wanted)}.",
            hint="Make a second one.",
            fields={"media_ids": f"at most {MOST_ITEMS}"},
        )
    _check(current, playlist, set(wanted) - set(known))
    if wanted == known:
        return
    current.execute(delete(PlaylistItem).where(PlaylistItem.playlist_id == playlist.id))
    if wanted:
        rows = [
            {"id": uuid4(), "playlist_id": playlist.id, "media_id": media_id, "position": position}
            for position, media_id in enumerate(wanted, 1)
        ]
        current.execute(insert(PlaylistItem), rows)
    # Of many items, events leave out which they are.
    counts = {"item_count": (len(known), len(wanted))} if len(known) != len(wanted) else {}
    audit.note_change(current, playlist, items=(list(map(str, known)), list(map(str, wanted))), **counts)


def add_media(current: Session, playlist: Playlist, media_ids: Sequence[UUID]) -> None:
    """Put media at the end of a playlist, which is locked; what it has already stays where it is. Raises as
    :func:`set_media` does."""
    set_media(current, playlist, [*current.scalars(_ids_of(playlist)), *media_ids])


def take_newer(current: Session, playlist: Playlist, media_ids: Collection[UUID] | None) -> None:
    """Let a playlist, which is locked, show the newest instead of those of ``media_ids``, or instead of all."""
    known = list(current.scalars(_ids_of(playlist)))
    wanted = set(known if media_ids is None else media_ids)
    if strange := wanted - set(known):
        raise NotFoundError(
            f"The playlist {playlist.name} does not show the medium {min(strange)}.",
            hint="Read the playlist again: somebody may have taken it off.",
            fields={"media_ids": "not on the playlist"},
        )
    newest = media.newer_media(current, wanted)
    set_media(current, playlist, [newest.get(media_id, media_id) for media_id in known])


def _ids_of(playlist: Playlist) -> Select[UUID]:
    items = select(PlaylistItem.media_id).where(PlaylistItem.playlist_id == playlist.id)
    return items.order_by(PlaylistItem.position)


def _check(current: Session, playlist: Playlist, media_ids: set[UUID]) -> None:
    """Whether these media may be put on the playlist."""
    found = media.with_origin(select(MediaAsset)).where(MediaAsset.id.in_(media_ids))
    known = {medium.id: medium for medium in current.scalars(found).unique()} if media_ids else {}
    for media_id in sorted(media_ids):
        medium = known.get(media_id)
        if medium is None:
            raise NotFoundError(
                f"There is no medium {media_id} to show.",
                hint="Upload it first, on the page of its asset or shot. GET /api/media/assets lists what there is.",
                fields={"media_ids": f"unknown {media_id}"},
            )
        project = media.project_of(medium)
        if project is not None and project.id != playlist.project_id:
            raise _unfit(medium, f"is of the project {project.name}", "Make a playlist of that project.")
        if not medium.mime_type.startswith(("image/", "video/")):
            raise _unfit(medium, f"is {medium.mime_type}", "Choose pictures and films.")
        if medium.archived_at is not None:
            raise _unfit(medium, "is archived", "Restore it first, or choose another.")


def _unfit(medium: MediaAsset, why: str, hint: str) -> InputError:
    fields = {"media_ids": f"{medium.id} {why}"}
    return InputError(f"{medium.name} cannot be put on this playlist: it {why}.", hint=hint, fields=fields)
