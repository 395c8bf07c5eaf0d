"""Pictures: which media files of a job, publish or asset are shown, and the small file that stands for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, not_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, aliased

from service.database import session
from service.file_types import GIF, JPEG, MOV, MP4, PNG, WEBM, WEBP
from service.models import MediaAsset

STILL, THUMBNAIL = "still", "thumbnail"
_MEDIA = "/api/media/assets"
_PICTURES = {each.mime_type for each in (PNG, JPEG, GIF, WEBP)}
_FILMS = {each.mime_type for each in (MP4, MOV, WEBM)}
"""Types that browsers show."""


@dataclass(frozen=True)
class Picture:
    """A picture and the smaller file to show in lists: the picture itself where there is none.

    ``served_at`` is below which address both are served.
    """

    medium: MediaAsset
    thumbnail: MediaAsset
    served_at: str = _MEDIA

    @property
    def is_film(self) -> bool:
        return self.medium.mime_type.startswith("video/")

    @property
    def shown_url(self) -> str:
        """Of what a browser can show of it; empty for the likes of EXR of which there is no small picture."""
        return self._first_of(_PICTURES | _FILMS, self.medium, self.thumbnail)

    @property
    def small_url(self) -> str:
        """Of the picture that stands for it in lists; empty for a film, or the likes of EXR, without one."""
        return self._first_of(_PICTURES, self.thumbnail, self.medium) or self.poster_url

    @property
    def poster_url(self) -> str:
        """Of a film's picture where no job made one; empty where there is none."""
        return f"{self.served_at}/{self.medium.id}/poster" if self.medium.poster_path else ""

    @property
    def url(self) -> str:
        return media_url(self.medium.id, self.served_at)

    def _first_of(self, types: set[str], *media: MediaAsset) -> str:
        return next((media_url(each.id, self.served_at) for each in media if each.mime_type in types), "")


def media_url(media_id: UUID, served_at: str = _MEDIA) -> str:
    """Where a media file is served, if nothing else is said by the API; a browser's session may read it."""
    return f"{served_at}/{media_id}/file"


def _is_whole(medium: MediaAsset) -> bool:
    """Whether it is no picture that stands for another, nor one frame of many."""
    uploaded = medium.job_id is None and medium.asset_type != THUMBNAIL and medium.mime_type.startswith("image/")
    return medium.asset_type == STILL or medium.mime_type in _FILMS or uploaded


def in_use() -> ColumnElement[bool]:
    """Condition for media that were not put away, nor what they stand for."""
    large = aliased(MediaAsset)
    put_away = exists().where(
        large.tenant_id == MediaAsset.tenant_id,
        large.job_id == MediaAsset.job_id,
        or_(large.asset_type == STILL, large.mime_type.in_(_FILMS)),
        large.archived_at.is_not(None),
    )
    return and_(MediaAsset.archived_at.is_(None), not_(and_(MediaAsset.asset_type == THUMBNAIL, put_away)))


def pictures_of(media: Sequence[MediaAsset]) -> list[Picture]:
    """The pictures and films in ``media``, in their order: each with the thumbnail of its job; and lone thumbnails."""
    thumbnails = {item.job_id: item for item in media if item.asset_type == THUMBNAIL and item.job_id}
    with_larger = {item.job_id for item in media if item.job_id and _is_whole(item)}
    pictures = []
    for item in media:
        if _is_whole(item):
            small = thumbnails.get(item.job_id, item) if item.job_id else item
            pictures.append(Picture(item, small))
        elif item.asset_type == THUMBNAIL and item.job_id not in with_larger:
            pictures.append(Picture(item, item))
    return pictures


def standing_for(media: Sequence[MediaAsset], served_at: str = _MEDIA) -> list[Picture]:
    """Each of ``media`` with the thumbnail of its job, or itself where there is none; one statement."""
    jobs = {medium.job_id for medium in media if medium.job_id}
    made = select(MediaAsset).where(MediaAsset.job_id.in_(jobs), MediaAsset.asset_type == THUMBNAIL)
    small = {each.job_id: each for each in session().scalars(made).unique()} if jobs else {}
    return [Picture(medium, small.get(medium.job_id, medium), served_at) for medium in media]


def latest_thumbnails(
    target_ids: Iterable[UUID], of: InstrumentedAttribute[UUID | None] = MediaAsset.asset_id
) -> dict[UUID, str]:
    """Address of the newest small picture in use of each asset, or shot, that has one; of others, of the newest still,
    or else of what was uploaded. One statement.

    ``of`` is the column of media that names them.
    """
    uploaded = and_(MediaAsset.job_id.is_(None), MediaAsset.mime_type.in_(_PICTURES))
    best = case({THUMBNAIL: 0, STILL: 1}, value=MediaAsset.asset_type, else_=2)
    statement = (
        select(of, MediaAsset.id)
        .where(of.in_(list(target_ids)), or_(MediaAsset.asset_type.in_((THUMBNAIL, STILL)), uploaded), in_use())
        .ext(distinct_on(of))
        .order_by(of, best, MediaAsset.created_at.desc())
    )
    return {target_id: media_url(media_id) for target_id, media_id in session().execute(statement) if target_id}
