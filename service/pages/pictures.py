"""Pictures: which media files of a job, publish or asset are shown, and the small file that stands for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from service.database import session
from service.models import MediaAsset

STILL, THUMBNAIL = "still", "thumbnail"


@dataclass(frozen=True)
class Picture:
    """A picture and the smaller file to show in lists: the picture itself where there is none."""

    medium: MediaAsset
    thumbnail: MediaAsset

    @property
    def url(self) -> str:
        return media_url(self.medium.id)

    @property
    def thumbnail_url(self) -> str:
        return media_url(self.thumbnail.id)


def media_url(media_id: UUID) -> str:
    """Where the API serves a media file; a browser's session may read it."""
    return f"/api/media/assets/{media_id}/file"


def pictures_of(media: Sequence[MediaAsset]) -> list[Picture]:
    """The pictures in ``media``, in their order: each still with the thumbnail of its job, and lone thumbnails."""
    thumbnails = {item.job_id: item for item in media if item.asset_type == THUMBNAIL and item.job_id}
    with_still = {item.job_id for item in media if item.asset_type == STILL and item.job_id}
    pictures = []
    for item in media:
        if item.asset_type == STILL:
            small = thumbnails.get(item.job_id, item) if item.job_id else item
            pictures.append(Picture(item, small))
        elif item.asset_type == THUMBNAIL and item.job_id not in with_still:
            pictures.append(Picture(item, item))
    return pictures


def latest_thumbnails(asset_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Address of the newest small picture of each asset that has one; one statement."""
    statement = (
        select(MediaAsset.asset_id, MediaAsset.id)
        .where(MediaAsset.asset_id.in_(list(asset_ids)), MediaAsset.asset_type.in_((THUMBNAIL, STILL)))
        .ext(distinct_on(MediaAsset.asset_id))
        .order_by(MediaAsset.asset_id, (MediaAsset.asset_type == THUMBNAIL).desc(), MediaAsset.created_at.desc())
    )
    return {asset_id: media_url(media_id) for asset_id, media_id in session().execute(statement) if asset_id}
