"""Playlists: what may be in one, in which order, and what was made since of what it shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
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
    published = select(Publish.id).join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
    of_assets = select(Asset.id).where(Asset.project_id == project.id)
    return (
        or_(
            MediaAsset.asset_id.in_(of_assets),
            MediaAsset.publish_id.in_(published.where(Part.project_name == project.name)),
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
    statement = _alike(media_ids).where(tuple_(*_AGE_OF_OTHER) > tuple_(*_AGE))
    newest_first = (age.desc() for age in _AGE_OF_OTHER)
    statement = statement.ext(distinct_on(_SHOWN.id)).order_by(_SHOWN.id, *newest_first, _OTHER.id)
    return dict(current.execute(statement).all())


def former_medium(current: Session, medium: MediaAsset) -> MediaAsset | None:
    """What showed the same just before, see :func:`newer_media`."""
    statement = _alike([medium.id]).where(tuple_(*_AGE_OF_OTHER) < tuple_(*_AGE)).with_only_columns(_OTHER.id)
    before = statement.order_by(*(age.desc() for age in _AGE_OF_OTHER), _OTHER.id).limit(1)
    return current.scalars(with_origin(select(MediaAsset)).where(MediaAsset.id == before.scalar_subquery())).first()


_SHOWN, _OTHER = aliased(MediaAsset, name="shown"), aliased(MediaAsset, name="other")
_PUBLISH, _PUBLISH_OF_OTHER = aliased(Publish, name="publish"), aliased(Publish, name="publish_of_other")
_JOB, _JOB_OF_OTHER = aliased(Job, name="job"), aliased(Job, name="job_of_other")
_AGE, _AGE_OF_OTHER = (
    (func.coalesce(publish.version, 0), func.coalesce(publish.iteration, 0), medium.created_at)
    for publish, medium in ((_PUBLISH, _SHOWN), (_PUBLISH_OF_OTHER, _OTHER))
)


def _alike(media_ids: Iterable[UUID]) -> Select[UUID, UUID]:
    """Each of ``media_ids`` with every medium in use that shows the same, itself too."""
    of_same_name = (_OTHER.asset_id == _SHOWN.asset_id) & (_OTHER.name == _SHOWN.name)
    without_publish = _SHOWN.publish_id.is_(None) & _OTHER.publish_id.is_(None) & of_same_name
    camera, camera_of_other = (job.request["camera"].astext for job in (_JOB, _JOB_OF_OTHER))
    return (
        select(_SHOWN.id, _OTHER.id)
        .select_from(_SHOWN)
        .outerjoin(_PUBLISH, (_PUBLISH.tenant_id == _SHOWN.tenant_id) & (_PUBLISH.id == _SHOWN.publish_id))
        .outerjoin(
            _PUBLISH_OF_OTHER,
            (_PUBLISH_OF_OTHER.tenant_id == _PUBLISH.tenant_id) & (_PUBLISH_OF_OTHER.part_id == _PUBLISH.part_id),
        )
        .join(_OTHER, (_OTHER.publish_id == _PUBLISH_OF_OTHER.id) | without_publish)
        .outerjoin(_JOB, (_JOB.tenant_id == _SHOWN.tenant_id) & (_JOB.id == _SHOWN.job_id))
        .outerjoin(_JOB_OF_OTHER, (_JOB_OF_OTHER.tenant_id == _OTHER.tenant_id) & (_JOB_OF_OTHER.id == _OTHER.job_id))
        .where(
            _SHOWN.id.in_(list(media_ids)),
            _OTHER.archived_at.is_(None),
            _OTHER.asset_type == _SHOWN.asset_type,
            _OTHER.category_key == _SHOWN.category_key,
            camera_of_other.is_not_distinct_from(camera),
        )
    )


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
