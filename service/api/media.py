"""Media: pictures, films and CAD derivatives, made by jobs or uploaded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import PurePath
from typing import IO, Any, Literal, Self
from uuid import UUID, uuid4

from flask import Response, request
from pydantic import Field, model_validator
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.assets import find_asset
from service.api.fields import Changes, EditableOut, FileName, Status, Title
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import change, declare_archive, live_row, row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.api.shots import find_shot
from service.api.stored_files import stored_file
from service.archiving import check_live
from service.database import release, session
from service.file_types import check_medium
from service.models import Asset, Job, MediaAsset, Project, Sequence, Shot
from service.publish import store
from service.review import films
from service.review.media import of_project
from shared import paths
from shared.errors import InputError, NotFoundError

media = Resource("media", "/media")
RESOURCES = (media,)


class FilmOut(Reply):
    """What a film is, as far as it is known."""

    frame_rate: float | None = Field(description="frames a second; null where it varies or is not known")
    exact_frame_rate: str | None = Field(description="the same as a fraction", examples=["24000/1001"])
    variable_frame_rate: bool | None = Field(description="frames do not follow each other in one step")
    frame_count: int | None
    duration: float | None = Field(description="seconds")
    codec: str | None = Field(examples=["h264"])
    start_timecode: str | None = Field(description="of its first frame", examples=["01:00:00:00"])


class MediaOut(EditableOut):
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
    shot_id: UUID | None
    shot: str | None = Field(description="SEQUENCE/SHOT")
    publish_id: UUID | None
    cad_file_id: UUID | None
    job_id: UUID | None
    render_status: str | None = Field(description="state of the job that made it")
    url: str
    poster_url: str | None = Field(description="a small picture that stands for an uploaded film")
    film: FilmOut | None = Field(description="of a film that was read; null for anything else")
    metadata: dict[str, Any]


class MediaQuery(EditableQuery):
    asset_type: str = Field("", description="still, turntable, thumbnail, cad_derivative, ...")
    category_key: str = ""
    render_status: str = Field("", description="state of the job that made it")
    project: str = Field("", description="name of the project of the asset or shot that is shown")
    asset: str = Field("", description="name of the asset")
    shot: str = Field("", description="SEQUENCE/SHOT, or the shot's name alone")
    job_id: UUID | None = None
    publish_id: UUID | None = None


class MediaUpload(Request):
    filename: FileName
    asset_type: Status = Field("reference", description="what it is for: reference, still, turntable, ...")
    category_key: Title = ""
    asset: str = Field("", max_length=100, description="name of the asset it shows")
    shot: str = Field("", max_length=201, description="or the shot: SEQUENCE/SHOT, or its name alone")
    project: str = Field("", max_length=100, description="name of their project; not without an asset or shot")
    target_type: Literal["asset", "shot"] | None = Field(None, description="with `target_id`, instead of names")
    target_id: UUID | None = None

    @model_validator(mode="after")
    def _shows_one_thing(self) -> Self:
        if (self.target_type is None) != (self.target_id is None):
            raise ValueError("target_type and target_id go together")
        if sum(map(bool, (self.asset, self.shot, self.target_id))) > 1:
            raise ValueError("it is filed under one asset or one shot: name one of asset, shot and target_id")
        return self


class MediaChanges(Changes):
    name: FileName | None = None
    asset_type: Status | None = None
    category_key: Title | None = None
    metadata: dict[str, Any] | None = None


def describe(medium: MediaAsset) -> dict[str, Any]:
    """What the API answers for a media file."""
    made = {"asset", "shot", "render_status", "url", "poster_url", "film", "metadata"}
    return {
        **{name: getattr(medium, name) for name in MediaOut.model_fields if name not in made},
        "asset": medium.asset.name if medium.asset else None,
        "shot": f"{medium.shot.sequence.name}/{medium.shot.name}" if medium.shot else None,
        "render_status": medium.job.state if medium.job else None,
        "url": f"/api/media/assets/{medium.id}/file",
        "poster_url": f"/api/media/assets/{medium.id}/poster" if medium.poster_path else None,
        "film": _film(medium),
        "metadata": medium.details,
    }


def _film(medium: MediaAsset) -> dict[str, Any] | None:
    if medium.film_read_at is None:
        return None
    made = {"frame_rate", "exact_frame_rate"}
    return {
        **{name: getattr(medium, name) for name in FilmOut.model_fields if name not in made},
        "frame_rate": float(Fraction(medium.frame_rate)) if medium.frame_rate else None,
        "exact_frame_rate": medium.frame_rate,
    }


@media.declare("GET", "/assets", permission=Permission.MEDIA_READ, query=MediaQuery, answer=Page[MediaOut])
def list_media(query: MediaQuery) -> dict[str, Any]:
    """List media files, the newest first."""
    wanted = equal(
        (MediaAsset.asset_type, query.asset_type),
        (MediaAsset.category_key, query.category_key),
        (MediaAsset.job_id, query.job_id),
        (Job.state, query.render_status),
        (Asset.name, query.asset),
        (MediaAsset.publish_id, query.publish_id),
    )
    statement = select(MediaAsset).outerjoin(MediaAsset.job).outerjoin(MediaAsset.asset).outerjoin(MediaAsset.shot)
    if query.shot:
        sequence, _, name = query.shot.rpartition("/")
        of_sequence = MediaAsset.shot.has(Shot.sequence.has(Sequence.name == sequence))
        statement = statement.where(Shot.name == name, *([of_sequence] if sequence else []))
    if query.project:
        statement = statement.where(of_project(query.project))
    page = page_of(
        statement.where(*wanted),
        query,
        key=MediaAsset,
        search=(MediaAsset, Asset, Shot),
        sort={
            "created_at": MediaAsset.created_at,
            "updated_at": MediaAsset.updated_at,
            "name": MediaAsset.name,
            "asset_type": MediaAsset.asset_type,
            "size": MediaAsset.size,
        },
        default_sort="-created_at",
    )
    page["items"] = [describe(medium) for medium in page["items"]]
    return page


@media.declare(
    "POST",
    "/assets",
    permission=Permission.MEDIA_WRITE,
    query=MediaUpload,
    upload="application/octet-stream",
    answer=MediaOut,
    status=201,
)
def upload_medium(query: MediaUpload) -> dict[str, Any]:
    """Upload a picture or film as the raw body, of an asset or shot, or of nothing in particular.

    What it is is told from its content, and must be what its name says. Of a film, the frame rate, frames and duration
    are read, and a poster is made; one that cannot be read is kept without.
    """
    request.max_content_length = auth.config().max_upload_bytes
    _shown(query)  # what is filed wrongly is refused before the file comes
    return describe(add_medium(stored_medium(uuid4(), request.stream, query), query))


def _shown(given: MediaUpload) -> Asset | Shot | None:
    """The asset or shot that a medium is filed under, if any. Raises InputError for a project without one."""
    if given.target_id:
        return live_row(Asset, given.target_id) if given.target_type == "asset" else live_row(Shot, given.target_id)
    if given.asset or given.shot:
        find, name = (find_asset, given.asset) if given.asset else (find_shot, given.shot)
        shown = find(name, given.project)
        check_live(shown)
        return shown
    if given.project:
        if session().scalars(select(Project.id).where(Project.name == given.project)).first() is None:
            raise NotFoundError(f"There is no project {given.project}.", hint="List them: GET /api/projects/.")
        raise InputError(
            "A picture or film is filed under an asset or shot, not under a project by itself.",
            hint="Name the `asset` or `shot` that it shows, too, or leave `project` out.",
            fields={"asset": "is missing"},
        )
    return None


def stored_medium(media_id: UUID, stream: IO[bytes], given: MediaUpload) -> MediaAsset:
    """What a stream holds, put into the store; not a row yet. No transaction is open meanwhile: it may take minutes.

    Raises InputError where it is no picture or film, or not the one its name says.
    """
    release(session())
    config = auth.config()
    root = config.tenant_root(auth.current().storage)
    with store.receive(stream, root, config.max_upload_bytes) as upload:
        found = check_medium(upload.place, given.filename)
        medium = MediaAsset(
            id=media_id,
            asset_type=given.asset_type,
            category_key=given.category_key,
            name=given.filename,
            path=upload.keep(root, f"medium{found.file_type.suffixes[0]}"),
            mime_type=found.file_type.mime_type,
            size=upload.size,
            sha256=upload.sha256,
            width=found.width,
            height=found.height,
        )
    if medium.mime_type.startswith("video/"):
        films.read_film(paths.absolute(root, medium.path), root).describe(medium)
    return medium


def add_medium(medium: MediaAsset, given: MediaUpload) -> MediaAsset:
    """Add what was stored, filed under what ``given`` names, as that is now."""
    shown = _shown(given)
    medium.asset_id = shown.id if isinstance(shown, Asset) else None
    medium.shot_id = shown.id if isinstance(shown, Shot) else None
    session().add(medium)
    return written(medium)


@media.declare("GET", "/assets/<uuid:media_id>", permission=Permission.MEDIA_READ, answer=MediaOut)
def get_medium(media_id: UUID) -> dict[str, Any]:
    """A media file's record."""
    return describe(row(MediaAsset, media_id))


@media.declare(
    "PATCH",
    "/assets/<uuid:media_id>",
    permission=Permission.MEDIA_WRITE,
    body=MediaChanges,
    answer=MediaOut,
    if_match="optional",
)
def change_medium(media_id: UUID, body: MediaChanges) -> dict[str, Any]:
    """Change a media file's name, type, category or metadata; the file itself never changes."""
    medium, changes = row_to_change(MediaAsset, media_id), body.given()
    suffix = PurePath(medium.name).suffix
    if body.name and PurePath(body.name).suffix.lower() != suffix.lower():
        raise InputError(
            f"{medium.name} holds {medium.mime_type}, which the name {body.name} does not say.",
            hint=f"Let the name end in {suffix}.",
            code="input.file_type",
            fields={"name": f"should end in {suffix}"},
        )
    if "metadata" in changes:
        changes["details"] = changes.pop("metadata")
    return describe(change(medium, changes))


declare_archive(media, MediaAsset, Permission.MEDIA_WRITE, MediaOut, describe=describe, what="medium", path="/assets")


@media.declare("GET", "/assets/<uuid:media_id>/file", permission=Permission.MEDIA_READ, media_type="*/*")
def get_medium_file(media_id: UUID) -> Response:
    """The media file itself; parts of it by Range."""
    medium = row(MediaAsset, media_id)
    return stored_file(medium.path, medium.mime_type, medium.name)


@media.declare("GET", "/assets/<uuid:media_id>/poster", permission=Permission.MEDIA_READ, media_type="image/jpeg")
def get_poster(media_id: UUID) -> Response:
    """The small picture that stands for an uploaded film."""
    medium = row(MediaAsset, media_id)
    if medium.poster_path is None:
        raise NotFoundError(
            f"There is no small picture of {medium.name}.",
            hint="Posters are made of uploaded films that can be read; `poster_url` says whether there is one.",
        )
    return stored_file(medium.poster_path, "image/jpeg", f"{PurePath(medium.name).stem}.jpg")


def media_of_jobs(job_ids: list[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Media by the job that made them; one statement."""
    found: dict[UUID, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    statement = select(MediaAsset).where(MediaAsset.job_id.in_(job_ids)).order_by(MediaAsset.created_at)
    for medium in session().scalars(statement).unique() if job_ids else ():
        if medium.job_id:
            found[medium.job_id].append(describe(medium))
    return found
