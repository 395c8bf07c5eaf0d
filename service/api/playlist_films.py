"""Films of playlists: asked for, watched while they are made, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from flask import Response
from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, allows
from service.api.listing import ListQuery, Page, missing, page_of, row
from service.api.playlists import resource as playlists
from service.api.routing import Reply, Request, Resource
from service.api.stored_files import root, stored_file
from service.archiving import check_live
from service.database import session
from service.models import Job, MediaAsset, Playlist, PlaylistFilm
from service.review import playlist_films as films
from shared.errors import ConflictError, ForbiddenError
from shared.jobs import JobState

resource = Resource("playlist-films", "/playlist-films")
RESOURCES = (resource,)

SIZES = {"1280x720": (1280, 720), "1920x1080": (1920, 1080), "3840x2160": (3840, 2160)}
Size = Literal["1280x720", "1920x1080", "3840x2160"]
FrameRate = Literal["24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60"]
RATES: list[str] = list(get_args(FrameRate))


class FilmSettings(Request):
    size: Size = Field("1920x1080", description="in pixels; what has other proportions stands on black")
    still_seconds: float = Field(3, ge=1, le=60, description="how long each still is shown")
    frame_rate: FrameRate | None = Field(
        None, description="frames a second; default: that of the first film on the playlist, else 25"
    )
    captions: bool = Field(True, description="a line over each item: what it shows, its publish, and its number")


class LeftOutOut(Reply):
    media_id: UUID
    name: str
    why: str = Field(examples=["archived"])


class FilmPlanOut(Reply):
    item_count: int
    still_count: int
    duration: float = Field(description="seconds, without films whose length is not known")
    unknown_count: int = Field(description="films whose length is not known")
    frame_rate: str = Field(examples=["24000/1001"])
    most_seconds: int = Field(description="no film is longer")
    left_out: list[LeftOutOut] = Field(description="what the film cannot show")


class FilmProgress(Reply):
    percent: float
    stage: str
    remaining: float | None = Field(description="seconds, where it can be told")


class PlaylistFilmOut(Reply):
    id: UUID
    playlist_id: UUID
    state: JobState
    outdated: bool = Field(description="the playlist shows something else since; ask for a new one")
    progress: FilmProgress
    error: dict[str, Any] | None = Field(description="why there is none: code, message, hint")
    url: str | None = Field(description="of the film, once it is made")
    size: int | None = Field(description="bytes")
    width: int
    height: int
    frame_rate: str = Field(examples=["24000/1001"])
    still_seconds: float
    captions: bool
    duration: float = Field(description="seconds; before it is made, without films whose length is not known")
    frame_count: int | None
    item_count: int
    left_out: list[LeftOutOut] = Field(description="of what it does not show, what you may see")
    created_at: datetime
    created_by: str | None
    finished_at: datetime | None


def plan_of(playlist: Playlist, wanted: FilmSettings) -> films.Plan:
    """What the film of a playlist would be."""
    return films.plan(
        films.media_of(session(), playlist),
        size=SIZES[wanted.size],
        still_seconds=wanted.still_seconds,
        frame_rate=wanted.frame_rate,
        captions=wanted.captions,
    )


@playlists.declare(
    "GET",
    "/<uuid:playlist_id>/film-plan",
    permission=Permission.PLAYLIST_READ,
    query=FilmSettings,
    answer=FilmPlanOut,
)
def get_film_plan(playlist_id: UUID, query: FilmSettings) -> dict[str, Any]:
    """What a film of a playlist would be: how long it would last, and what it cannot show. Nothing is made."""
    planned = plan_of(row(Playlist, playlist_id), query)
    return {
        "item_count": len(planned.shown),
        **{name: getattr(planned, name) for name in ("still_count", "duration", "unknown_count")},
        "frame_rate": planned.settings.frame_rate,
        "most_seconds": films.MOST_SECONDS,
        "left_out": left_out([planned.left_out])[0],
    }


@playlists.declare(
    "GET",
    "/<uuid:playlist_id>/films",
    permission=Permission.PLAYLIST_READ,
    query=ListQuery,
    answer=Page[PlaylistFilmOut],
)
def list_playlist_films(playlist_id: UUID, query: ListQuery) -> dict[str, Any]:
    """The films of a playlist, the newest first: those of which you may see everything that they show."""
    playlist = row(Playlist, playlist_id)
    page = page_of(
        select(PlaylistFilm).where(films.films_of(playlist)),
        query,
        key=PlaylistFilm,
        search=(PlaylistFilm.name,),
        sort={"created_at": PlaylistFilm.created_at, "duration": PlaylistFilm.duration},
        default_sort="-created_at",
    )
    page["items"] = describe(playlist, page["items"])
    return page


@playlists.declare(
    "POST",
    "/<uuid:playlist_id>/films",
    permission=Permission.PLAYLIST_FILM,
    body=FilmSettings,
    answer=PlaylistFilmOut,
    status=201,
    errors=(409,),
)
def make_playlist_film(playlist_id: UUID, body: FilmSettings) -> dict[str, Any]:
    """Ask for a film of what you see of a playlist: H.264 in MP4, without sound.

    What was asked for before is answered again: the film that there is, or that is in the making; one that failed or
    was cancelled is tried again.
    """
    playlist = row(Playlist, playlist_id)
    check_live(playlist)
    film = films.ask(session(), playlist, plan_of(playlist, body), root())
    return describe(playlist, [film])[0]


@resource.declare(
    "GET",
    "/<uuid:film_id>",
    permission=Permission.PLAYLIST_READ,
    answer=PlaylistFilmOut,
)
def get_playlist_film(film_id: UUID) -> dict[str, Any]:
    """A film of a playlist, and how far it is."""
    return _described_alone(film_of(film_id))


@resource.declare(
    "GET",
    "/<uuid:film_id>/file",
    permission=Permission.PLAYLIST_READ,
    media_type="video/mp4",
    errors=(409,),
)
def get_playlist_film_file(film_id: UUID) -> Response:
    """The film itself; parts of it by Range."""
    film = film_of(film_id)
    job = films.jobs_of(session(), [film])[film.job_id]
    if job.state != JobState.COMPLETED:
        raise ConflictError(
            f"The film of {film.name} is not there: it is {job.state}.",
            hint="Wait until its state is `completed`, or ask for it again.",
            code="conflict.film_not_made",
        )
    return stored_file(job.document["result"]["file"], "video/mp4", f"{film.name}.mp4")


@resource.declare(
    "POST",
    "/<uuid:film_id>/cancel",
    permission=Permission.PLAYLIST_FILM,
    answer=PlaylistFilmOut,
    errors=(409,),
)
def cancel_playlist_film(film_id: UUID) -> dict[str, Any]:
    """Stop making a film: one that you asked for, or, in the studio, anybody's."""
    film = film_of(film_id)
    if not may_cancel(film):
        raise ForbiddenError(
            f"The film of {film.name} is being made for somebody else.", hint="Leave it, or ask the studio."
        )
    films.cancel(session(), film)
    return _described_alone(film)


def may_cancel(film: PlaylistFilm) -> bool:
    """Whether whoever asks may stop the making of a film."""
    who = auth.current()
    is_mine = film.created_by_id is not None and film.created_by_id == who.user_id
    return is_mine or allows(who.role, Permission.JOB_WRITE, who.scopes)


def film_of(film_id: UUID) -> PlaylistFilm:
    """A film that was not cleared away. Raises NotFoundError."""
    film = row(PlaylistFilm, film_id)
    if film.removed_at is not None:
        raise missing(PlaylistFilm, film_id)
    return film


def describe(playlist: Playlist, found: Sequence[PlaylistFilm]) -> list[dict[str, Any]]:
    """What the API answers for films of a playlist: three statements, whatever their number."""
    shown_now = films.shown_now(session(), playlist) if found else []
    by_id = films.jobs_of(session(), found)
    kept_out = left_out([{UUID(media_id): why for media_id, why in film.left_out.items()} for film in found])
    return [_described(film, by_id[film.job_id], shown_now, out) for film, out in zip(found, kept_out, strict=True)]


def left_out(found: Sequence[dict[UUID, str]]) -> list[list[dict[str, Any]]]:
    """Of what films leave out, what the reader may see, by name; one statement."""
    ids = {media_id for each in found for media_id in each}
    names = dict(session().execute(select(MediaAsset.id, MediaAsset.name).where(MediaAsset.id.in_(ids))).all())
    return [
        [
            {"media_id": media_id, "name": names[media_id], "why": why}
            for media_id, why in each.items()
            if media_id in names
        ]
        for each in found
    ]


def _described_alone(film: PlaylistFilm) -> dict[str, Any]:
    return describe(row(Playlist, film.playlist_id), [film])[0]


def _described(film: PlaylistFilm, job: Job, shown_now: list[str], out: list[dict[str, Any]]) -> dict[str, Any]:
    result = job.document["result"] if job.state == JobState.COMPLETED else {}
    return {
        **{name: getattr(film, name) for name in ("id", "playlist_id", "created_at")},
        **film.settings,
        "state": job.state,
        "outdated": film.media_ids != shown_now,
        "progress": job.document["progress"],
        "error": job.document["error"],
        "url": f"/api/playlist-films/{film.id}/file" if result else None,
        "size": result.get("size"),
        "duration": result.get("duration", film.duration),
        "frame_count": result.get("frames"),
        "item_count": len(film.media_ids),
        "left_out": out,
        "created_by": film.created_by.name if film.created_by else None,
        "finished_at": job.finished_at,
    }
