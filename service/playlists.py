"""Playlists: what may be in one, in which order, and what was made since of what it shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, CompoundSelect, Select, delete, insert, or_, select, true, tuple_, union_all
from sqlalchemy.orm import Session, aliased, joinedload

from service import audit
from service.models import Asset, Job, MediaAsset, Part, Playlist, PlaylistItem, Project, Publish
from service.models.playlists import MOST_ITEMS
from shared.errors import InputError, NotFoundError

_NOT_FOR_REVIEW = ("thumbnail", "frame", "attachment")
"""Pictures that stand for others, are part of others, or belong to a comment."""


def media_of(playlist: Playlist) -> Select[MediaAsset]:
    """The pictures and films of a playlist in their order."""
    statement = select(MediaAsset).join(
        PlaylistItem, (PlaylistItem.tenant_id == MediaAsset.tenant_id) & (PlaylistItem.media_id == MediaAsset.id)
    )
    return with_origin(statement.where(PlaylistItem.playlist_id == playlist.id).order_by(PlaylistItem.position))


def with_origin(statement: Select[MediaAsset]) -> Select[MediaAsset]:
    """The select, with what each medium is of in the same statement."""
    part = joinedload(MediaAsset.publish).joinedload(Publish.part)
    return statement.options(part)


def reviewable(project: Project) -> ColumnElement[bool]:
    """Condition for the pictures and films of a project that can be put on its playlists."""
    return (
        or_(
            MediaAsset.asset.has(Asset.project_id == project.id),
            MediaAsset.publish.has(Publish.part.has(Part.project_name == project.name)),
        )
        & MediaAsset.archived_at.is_(None)
        & MediaAsset.asset_type.not_in(_NOT_FOR_REVIEW)
        & or_(*(MediaAsset.mime_type.startswith(f"{kind}/") for kind in ("image", "video")))
    )


def project_of(medium: MediaAsset) -> Project | None:
    """The project of what a medium shows; None for one that was uploaded for nothing in particular."""
    if medium.asset is not None:
        return medium.asset.project
    return medium.publish.part.target.project if medium.publish is not None else None


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
    audit.note_change(current, playlist, items=(list(map(str, known)), list(map(str, wanted))))


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
    newest = newer_media(current, wanted)
    set_media(current, playlist, [newest.get(media_id, media_id) for media_id in known])


def newer_media(current: Session, media_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The newest medium that shows the same, for those of ``media_ids`` that are not the newest; one statement.

    The same is shown by what was made in the same way, from the same camera, of the same part's publishes; or, where
    a medium belongs to no publish, by what has its name and asset. The newest is of the newest publish.
    """
    wanted = list(media_ids)
    return dict(current.execute(_alike(wanted, newer=True)).all()) if wanted else {}


def former_medium(current: Session, medium: MediaAsset) -> MediaAsset | None:
    """What showed the same just before, see :func:`newer_media`."""
    found = current.execute(_alike([medium.id], newer=False)).first()
    return current.scalars(with_origin(select(MediaAsset)).where(MediaAsset.id == found[1])).first() if found else None


def _alike(media_ids: Sequence[UUID], *, newer: bool) -> CompoundSelect[UUID, UUID]:
    """Each of ``media_ids`` with the newest that shows the same and is newer, or older; without those of which none is.

    It is looked up for each by itself: joined, PostgreSQL would compare all media with each other.
    """
    shown, other = aliased(MediaAsset), aliased(MediaAsset)
    publish, other_publish = aliased(Publish), aliased(Publish)
    job, other_job = aliased(Job), aliased(Job)
    camera, other_camera = (each.request["camera"].astext for each in (job, other_job))
    alike = (
        select(other.id)
        .outerjoin(other_job, (other_job.tenant_id == other.tenant_id) & (other_job.id == other.job_id))
        .where(
            other.archived_at.is_(None),
            other.asset_type == shown.asset_type,
            other.category_key == shown.category_key,
            other_camera.is_not_distinct_from(camera),
        )
        .limit(1)
    )
    of = (other_publish.version, other_publish.iteration, other.created_at)
    than = (publish.version, publish.iteration, shown.created_at)
    published = (
        alike.join(other_publish, (other_publish.tenant_id == other.tenant_id) & (other_publish.id == other.publish_id))
        .where(other_publish.part_id == publish.part_id, _beside(of, than, newer=newer))
        .order_by(*(age.desc() for age in of), other.id)
        .lateral()
    )
    uploaded = (
        alike.where(other.publish_id.is_(None), other.asset_id == shown.asset_id, other.name == shown.name)
        .where(_beside((other.created_at,), (shown.created_at,), newer=newer))
        .order_by(other.created_at.desc(), other.id)
        .lateral()
    )
    these = select(shown.id).outerjoin(job, (job.tenant_id == shown.tenant_id) & (job.id == shown.job_id))
    these = these.where(shown.id.in_(media_ids))
    with_publish = these.join(publish, (publish.tenant_id == shown.tenant_id) & (publish.id == shown.publish_id))
    return union_all(
        with_publish.join(published, true()).add_columns(published.c.id),
        these.join(uploaded, true()).add_columns(uploaded.c.id).where(shown.publish_id.is_(None)),
    )


def _beside(age: tuple[Any, ...], than: tuple[Any, ...], *, newer: bool) -> ColumnElement[bool]:
    return tuple_(*age) > tuple_(*than) if newer else tuple_(*age) < tuple_(*than)


def _ids_of(playlist: Playlist) -> Select[UUID]:
    items = select(PlaylistItem.media_id).where(PlaylistItem.playlist_id == playlist.id)
    return items.order_by(PlaylistItem.position)


def _check(current: Session, playlist: Playlist, media_ids: set[UUID]) -> None:
    """Whether these media may be put on the playlist."""
    found = with_origin(select(MediaAsset)).where(MediaAsset.id.in_(media_ids))
    media = {medium.id: medium for medium in current.scalars(found).unique()} if media_ids else {}
    for media_id in sorted(media_ids):
        medium = media.get(media_id)
        if medium is None:
            raise NotFoundError(
                f"There is no medium {media_id} to show.",
                hint="List them: GET /api/media/assets; or upload it there first.",
                fields={"media_ids": f"unknown {media_id}"},
            )
        project = project_of(medium)
        if project is not None and project.id != playlist.project_id:
            raise _unfit(medium, f"is of the project {project.name}", "Make a playlist of that project.")
        if not medium.mime_type.startswith(("image/", "video/")):
            raise _unfit(medium, f"is {medium.mime_type}", "Choose pictures and films.")
        if medium.archived_at is not None:
            raise _unfit(medium, "is archived", "Restore it first, or choose another.")


def _unfit(medium: MediaAsset, why: str, hint: str) -> InputError:
    fields = {"media_ids": f"{medium.id} {why}"}
    return InputError(f"{medium.name} cannot be put on this playlist: it {why}.", hint=hint, fields=fields)
