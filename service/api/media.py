"""Media: pictures, films and CAD derivatives."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from pydantic import Field
from sqlalchemy import select

from service.api.cad import stored_file
from service.api.fields import Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.routing import Resource
from service.database import session
from service.models import Asset, Job, MediaAsset
from service.permissions import Permission

media = Resource("media", "/media")
RESOURCES = (media,)


class MediaOut(Row):
    asset_type: str
    category_key: str
    name: str
    path: str
    mime_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    asset_id: UUID | None
    asset: str | None
    publish_id: UUID | None
    cad_file_id: UUID | None
    job_id: UUID | None
    render_status: str | None = Field(description="state of the job that made it")
    url: str
    metadata: dict[str, Any]


class MediaQuery(ListQuery):
    asset_type: str = Field("", description="still, turntable, thumbnail, cad_derivative, ...")
    category_key: str = ""
    render_status: str = Field("", description="state of the job that made it")
    asset: str = Field("", description="name of the asset")
    job_id: UUID | None = None


def describe(medium: MediaAsset) -> dict[str, Any]:
    """What the API answers for a media file."""
    copied = ("id", "created_at", "updated_at", "asset_type", "category_key", "name", "path", "mime_type", "size")
    more = ("sha256", "width", "height", "asset_id", "publish_id", "cad_file_id", "job_id")
    return {
        **{name: getattr(medium, name) for name in (*copied, *more)},
        "asset": medium.asset.name if medium.asset else None,
        "render_status": medium.job.state if medium.job else None,
        "url": f"/api/media/assets/{medium.id}/file",
        "metadata": medium.details,
    }


@media.declare("GET", "/assets", permission=Permission.MEDIA_READ, query=MediaQuery, answer=Page[MediaOut])
def list_media(query: MediaQuery) -> dict[str, Any]:
    """List media files, the newest first."""
    statement = select(MediaAsset).outerjoin(MediaAsset.job).outerjoin(MediaAsset.asset)
    for column, wanted in (
        (MediaAsset.asset_type, query.asset_type),
        (MediaAsset.category_key, query.category_key),
        (Job.state, query.render_status),
        (Asset.name, query.asset),
    ):
        if wanted:
            statement = statement.where(column == wanted)
    if query.job_id:
        statement = statement.where(MediaAsset.job_id == query.job_id)
    sort: dict[str, Any] = {
        "created_at": MediaAsset.created_at,
        "name": MediaAsset.name,
        "asset_type": MediaAsset.asset_type,
        "size": MediaAsset.size,
    }
    page = page_of(
        statement, query, key=MediaAsset, search=(MediaAsset.name, Asset.name), sort=sort, default_sort="-created_at"
    )
    page["items"] = [describe(medium) for medium in page["items"]]
    return page


@media.declare("GET", "/assets/<uuid:media_id>", permission=Permission.MEDIA_READ, answer=MediaOut)
def get_medium(media_id: UUID) -> dict[str, Any]:
    """A media file's record."""
    return describe(row(MediaAsset, media_id))


@media.declare(
    "GET", "/assets/<uuid:media_id>/file", permission=Permission.MEDIA_READ, media_type="application/octet-stream"
)
def get_medium_file(media_id: UUID) -> Response:
    """The media file itself; parts of it by Range."""
    medium = row(MediaAsset, media_id)
    return stored_file(medium.path, medium.mime_type)


def media_of_jobs(job_ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Media by the job that made them; one statement."""
    found: dict[UUID, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    statement = select(MediaAsset).where(MediaAsset.job_id.in_(job_ids)).order_by(MediaAsset.created_at)
    for medium in session().scalars(statement).unique() if job_ids else ():
        if medium.job_id:
            found[medium.job_id].append(describe(medium))
    return found
