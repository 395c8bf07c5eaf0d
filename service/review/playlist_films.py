"""A playlist as one film: what it shows and for how long, asked for, and what became of it.

Its job is the truth of how far it is and where its file lies; the film's row says what it contains, and by that who
may see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.database import current_actor, current_tenant, hold, seen_by_studio
from service.file_types import EXR, GIF, HDR, JPEG, MOV, MP4, PNG, TIFF, WEBM, WEBP
from service.models import Job, MediaAsset, Playlist, PlaylistFilm
from service.queue import jobs
from service.review import media, playlists
from shared import paths
from shared.errors import ConflictError, InputError
from shared.jobs import FINAL_STATES, JobState
from shared.steps import PLAYLIST_FILM
from shared.versions import Version

MOST_SECONDS = 3600
_MOST_OPEN = 20
"""Films that one person may have in the making."""
_LINEAR = {EXR.mime_type, HDR.mime_type}
_FILMS = {MP4.mime_type, MOV.mime_type, WEBM.mime_type}
_SHOWN = {*(each.mime_type for each in (PNG, JPEG, GIF, WEBP, TIFF)), *_LINEAR, *_FILMS}
_DEFAULT_RATE = Fraction(25)
_MOST_RATE = Fraction(60)
_FORM = 1
"""Of what is made of the same: to be counted on where films are made otherwise."""


@dataclass(frozen=True)
class Settings:
    """How a film shows a playlist: size in pixels, seconds for each still, frames a second (exactly, such as
    ``24000/1001``), whether a line of text lies over each item."""

    width: int
    height: int
    still_seconds: float
    frame_rate: str
    captions: bool


@dataclass(frozen=True)
class MadeFilm:
    """A film that is there: what it is called, and its path on the storage."""

    name: str
    path: str


@dataclass(frozen=True)
class Plan:
    """What a film of a playlist would be."""

    shown: list[MediaAsset]
    left_out: dict[UUID, str]
    """Why, by the ids of what the film cannot show."""
    settings: Settings

    @property
    def still_count(self) -> int:
        return sum(medium.mime_type not in _FILMS for medium in self.shown)

    @property
    def unknown_count(self) -> int:
        """Films whose length is not known before they are played."""
        return sum(medium.mime_type in _FILMS and not medium.duration for medium in self.shown)

    @property
    def films_seconds(self) -> float:
        """How long the films of it last, those whose length is known."""
        return sum(medium.duration or 0.0 for medium in self.shown if medium.mime_type in _FILMS)

    @property
    def duration(self) -> float:
        """Seconds, without films whose length is not known."""
        return round(self.films_seconds + self.still_count * self.settings.still_seconds, 3)

    @property
    def media_ids(self) -> list[str]:
        return [str(medium.id) for medium in self.shown]

    def items(self) -> list[dict[str, Any]]:
        """What the tools are told of each; paths are the storage's."""
        return [
            {
                "path": medium.path,
                "name": medium.name,
                "mime_type": medium.mime_type,
                "duration": medium.duration if medium.mime_type in _FILMS else None,
                "linear": medium.mime_type in _LINEAR,
                "caption": [_words_of(medium), f"{number} of {len(self.shown)}"] if self.settings.captions else None,
            }
            for number, medium in enumerate(self.shown, 1)
        ]

    def key(self) -> str:
        """What tells a film from others: the very contents, and what is done with them."""
        contents = [[medium.sha256, *item.values()] for medium, item in zip(self.shown, self.items(), strict=True)]
        text = json.dumps([_FORM, self.media_ids, contents, asdict(self.settings)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def media_of(current: Session, playlist: Playlist) -> Sequence[MediaAsset]:
    """What the reader sees of a playlist, with what each is of; one statement."""
    return current.scalars(media.with_origin(playlists.media_of(playlist))).unique().all()


def plan(
    found: Sequence[MediaAsset],
    *,
    size: tuple[int, int],
    still_seconds: float,
    frame_rate: str | None,
    captions: bool,
) -> Plan:
    """The film of these, what a playlist shows; without a ``frame_rate`` it has that of the first film."""
    left_out = {medium.id: why for medium in found if (why := _why_not(medium))}
    shown = [medium for medium in found if medium.id not in left_out]
    rate = frame_rate or str(_rate_of(shown))
    return Plan(shown, left_out, Settings(*size, float(still_seconds), rate, captions))


def shown_now(current: Session, playlist: Playlist) -> list[str]:
    """Ids of what a film would contain that the reader asks for now: another content than a film's is outdated."""
    found = playlists.media_of(playlist).with_only_columns(MediaAsset.id, MediaAsset.archived_at, MediaAsset.mime_type)
    rows = current.execute(found).all()
    return [str(each.id) for each in rows if each.archived_at is None and each.mime_type in _SHOWN]


def ask(current: Session, playlist: Playlist, wanted: Plan, root: Path) -> PlaylistFilm:
    """The film that ``wanted`` describes: the one that there is, or that is in the making; otherwise it is begun.

    ``root`` is the tenant's storage. Raises ConflictError where there is nothing to show, or the person has as many
    films in the making as one may have; InputError (``input.film_too_long``).
    """
    _check(playlist, wanted)
    hold(current, current_tenant(current), PlaylistFilm.__tablename__, playlist.id)
    # As who asks sees it: what is written over a client's film is what the client may read.
    items, key = wanted.items(), wanted.key()
    with seen_by_studio(current):
        same = (PlaylistFilm.playlist_id == playlist.id, PlaylistFilm.key == key)
        film = current.scalars(select(PlaylistFilm).where(*same, PlaylistFilm.removed_at.is_(None))).unique().first()
        if film is not None:
            job = jobs.locked(current, film.job_id)
            if _stands(job, root):
                return film
            if job.state != JobState.COMPLETED:
                _check_few_open(current)
                jobs.retry(current, job)
                return film
            film.removed_at = func.now()
            current.flush()
        _check_few_open(current)
        return _begin(current, playlist, wanted, items, key)


def cancel(current: Session, film: PlaylistFilm) -> None:
    """Stop making a film. Raises ConflictError where it is made, or has failed."""
    with seen_by_studio(current):
        jobs.cancel(current, jobs.locked(current, film.job_id))


def jobs_of(current: Session, films: Sequence[PlaylistFilm]) -> dict[UUID, Job]:
    """The jobs of some films, whoever asks; by their ids. One statement."""
    if not films:
        return {}
    with seen_by_studio(current):
        found = select(Job).where(Job.id.in_([film.job_id for film in films]))
        return {job.id: job for job in current.scalars(found.execution_options(populate_existing=True)).unique()}


def newest_made(current: Session, playlist: Playlist) -> MadeFilm | None:
    """The newest film that shows what the reader sees of the playlist now; None where none is made. Three
    statements."""
    found = select(PlaylistFilm).where(films_of(playlist)).order_by(PlaylistFilm.created_at.desc(), PlaylistFilm.id)
    films = current.scalars(found).unique().all()
    now, by_id = shown_now(current, playlist), jobs_of(current, films)
    for film in films:
        job = by_id[film.job_id]
        if film.media_ids == now and job.state == JobState.COMPLETED:
            return MadeFilm(film.name, job.document["result"]["file"])
    return None


def films_of(playlist: Playlist) -> ColumnElement[bool]:
    """Condition for the films that there are of a playlist."""
    return (PlaylistFilm.playlist_id == playlist.id) & PlaylistFilm.removed_at.is_(None)


def _begin(current: Session, playlist: Playlist, wanted: Plan, items: list[dict[str, Any]], key: str) -> PlaylistFilm:
    request = {
        "playlist_id": str(playlist.id),
        "name": playlist.name,
        **asdict(wanted.settings),
        "most_seconds": MOST_SECONDS,
        "items": items,
    }
    job = jobs.create(current, PLAYLIST_FILM.name, request)
    job.name = playlist.name
    film = PlaylistFilm(
        id=uuid4(),
        playlist_id=playlist.id,
        job_id=job.id,
        key=key,
        name=playlist.name,
        settings=asdict(wanted.settings),
        media_ids=wanted.media_ids,
        left_out={str(media_id): why for media_id, why in wanted.left_out.items()},
        duration=wanted.duration,
        created_by_id=current_actor(current),
    )
    current.add(film)
    current.flush()
    current.refresh(film)
    return film


def _stands(job: Job, root: Path) -> bool:
    """Whether a film is there, or is about to be."""
    if JobState(job.state) not in FINAL_STATES:
        return not job.cancel_requested
    return job.state == JobState.COMPLETED and paths.absolute(root, job.document["result"]["file"]).is_file()


def _check(playlist: Playlist, wanted: Plan) -> None:
    if not wanted.shown:
        raise ConflictError(
            f"{playlist.name} has nothing that a film can show.",
            hint="Put pictures or films on it first.",
            code="conflict.nothing_to_show",
        )
    if wanted.duration > MOST_SECONDS:
        raise InputError(
            f"The film would last {wanted.duration:.0f} s, and {MOST_SECONDS} s are the most.",
            hint="Show stills for a shorter time, or make two playlists.",
            code="input.film_too_long",
            fields={"still_seconds": "makes the film too long"},
        )


def _check_few_open(current: Session) -> None:
    mine = select(func.count()).select_from(Job).where(Job.kind == PLAYLIST_FILM.name)
    mine = mine.where(Job.created_by_id == current_actor(current), Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
    if (current.scalar(mine) or 0) >= _MOST_OPEN:
        raise ConflictError(
            f"{_MOST_OPEN} films that you asked for are still in the making.",
            hint="Wait until one is ready, or cancel one.",
            code="conflict.films_in_the_making",
        )


def _why_not(medium: MediaAsset) -> str:
    if medium.archived_at is not None:
        return "archived"
    return "" if medium.mime_type in _SHOWN else f"{medium.mime_type} is no picture or film"


def _rate_of(shown: Sequence[MediaAsset]) -> Fraction:
    known = (Fraction(medium.frame_rate) for medium in shown if medium.frame_rate and medium.mime_type in _FILMS)
    rate = next(known, _DEFAULT_RATE)
    return min(rate, _MOST_RATE) if rate >= 1 else _DEFAULT_RATE


def _words_of(medium: MediaAsset) -> str:
    """``sq010/sh0010   layout v003_i001``: what it shows, and the publish; or what its file is called."""
    shows, publish = medium.shows, medium.publish
    of = str(shows.entity).partition(":")[2] if shows else ""
    what = f"{publish.part.name} {Version(publish.version, publish.iteration)}" if publish else medium.name
    return "   ".join(filter(None, (of, what)))
