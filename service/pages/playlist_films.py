"""A playlist's films on its page: asked for, watched while they are made, taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.playlist_films import (
    RATES,
    SIZES,
    FilmSettings,
    cancel_playlist_film,
    describe,
    film_of,
    make_playlist_film,
    may_cancel,
)
from service.database import session
from service.models import MediaAsset, Playlist, PlaylistFilm
from service.pages.forms import read_form
from service.pages.frame import action, page, tell_refusal
from service.review import playlist_films as films
from shared.errors import ConflictError
from shared.jobs import JobState

_LATEST = 3
_ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED, JobState.SKIPPED)
_REFUSED = "There cannot be such a film."
_LABELS = {"still_seconds": "Seconds for each still"}


@dataclass(frozen=True)
class FilmView:
    """A film, as the API answers it; ``cancellable`` is whether the reader may stop it."""

    told: dict[str, Any]
    cancellable: bool

    @property
    def size(self) -> str:
        """As the form names it."""
        return f"{self.told['width']}x{self.told['height']}"

    @property
    def rate(self) -> str:
        """As the form names it; empty for one that it does not offer: that of the playlist's first film."""
        return self.told["frame_rate"] if self.told["frame_rate"] in RATES else ""


@dataclass(frozen=True)
class FilmForm:
    """What is told before a film is made."""

    plan: films.Plan
    left_out: list[dict[str, Any]]
    sizes: list[str]
    rates: list[str]
    most_seconds: int = films.MOST_SECONDS


def film_form(media: Sequence[MediaAsset]) -> FilmForm:
    """What a film of these, which a playlist shows, would be if nothing else is chosen; no statement."""
    usual = FilmSettings.model_validate({})
    plan = films.plan(
        media, size=SIZES[usual.size], still_seconds=usual.still_seconds, frame_rate=None, captions=usual.captions
    )
    out = [{"name": medium.name, "why": plan.left_out[medium.id]} for medium in media if medium.id in plan.left_out]
    return FilmForm(plan, out, list(SIZES), RATES)


def latest_films(playlist: Playlist) -> list[FilmView]:
    """The newest films of a playlist; of those that failed or were cancelled, only one that is the newest."""
    statement = select(PlaylistFilm).where(films.films_of(playlist))
    ordered = statement.order_by(PlaylistFilm.created_at.desc(), PlaylistFilm.id).limit(_LATEST)
    found = session().scalars(ordered).unique().all()
    views = [FilmView(told, may_cancel(film)) for film, told in zip(found, describe(playlist, found), strict=True)]
    return [view for place, view in enumerate(views) if place == 0 or view.told["state"] not in _ENDED_BADLY]


@page("/playlists/<uuid:playlist_id>/films", Permission.PLAYLIST_READ)
def playlist_films(playlist_id: UUID) -> str:
    """The section of the playlist's page that keeps itself up to date."""
    playlist = row(Playlist, playlist_id)
    return render_template("pages/_playlist_films.html", playlist=playlist, films=latest_films(playlist))


@action("/playlists/<uuid:playlist_id>/films", Permission.PLAYLIST_FILM)
def make_film(playlist_id: UUID) -> str:
    """Ask for the film that the form describes, or for one again that failed."""
    given: dict[str, object] = {name: request.form[name] for name in ("size", "still_seconds") if name in request.form}
    given |= {"frame_rate": request.form.get("frame_rate") or None, "captions": "captions" in request.form}
    make_playlist_film(playlist_id, read_form(FilmSettings, given, _REFUSED, _LABELS))
    return _playlist(playlist_id)


@action("/playlist-films/<uuid:film_id>/cancel", Permission.PLAYLIST_FILM)
def cancel_film(film_id: UUID) -> str:
    """Stop making a film."""
    shown = _playlist(film_of(film_id).playlist_id)
    try:
        cancel_playlist_film(film_id)
    except ConflictError as error:
        # It was ready before the button was pressed.
        tell_refusal(error)
    return shown


def _playlist(playlist_id: UUID) -> str:
    return url_for("pages.playlist", playlist_id=playlist_id, media=request.args.get("media"))
