"""Looking at pictures and films: one by itself, or a playlist's one after the other, and saying what is to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import lazyload

from service.accounts.permissions import Permission
from service.api.listing import missing, row
from service.api.playlists import may_change
from service.database import session
from service.models import MediaAsset, Playlist
from service.pages.comments import Review, comments_in
from service.pages.frame import may, page
from service.pages.pictures import Picture, standing_for
from service.pages.playlist_films import film_form, latest_films
from service.pages.playlists import offered_playlists, playlists_showing
from service.review import media
from service.review import playlists as service


@dataclass(frozen=True)
class Stepping:
    """A playlist while it is looked at; ``place`` counts from 0. ``path`` is where its items are shown."""

    playlist: Playlist
    items: list[Picture]
    place: int
    path: str

    def address(self, item: Picture) -> str:
        """The page on which an item is shown."""
        return f"{self.path}?media={item.medium.id}"

    @property
    def media(self) -> list[MediaAsset]:
        return [item.medium for item in self.items]

    @property
    def former(self) -> Picture | None:
        return self.items[self.place - 1] if self.place else None

    @property
    def next(self) -> Picture | None:
        return self.items[self.place + 1] if self.place + 1 < len(self.items) else None


@page("/playlists/<uuid:playlist_id>", Permission.PLAYLIST_READ)
def playlist(playlist_id: UUID) -> str:
    """A playlist and the picture or film of it that ``media`` names, or its first."""
    found = row(Playlist, playlist_id)
    changeable = found.archived_at is None and may(Permission.PLAYLIST_WRITE) and may_change(found)
    # Of those beside the one that is looked at, only their small pictures are shown.
    beside = service.media_of(found).options(lazyload("*"))
    items = standing_for(session().scalars(beside).unique().all())
    if not items:
        return render_template("pages/playlist_empty.html", playlist=found, changeable=changeable)
    place = place_asked(items)
    path = url_for("pages.playlist", playlist_id=playlist_id)
    return _shown(items[place], Stepping(found, items, place, path), changeable=changeable)


def place_asked(items: Sequence[Picture]) -> int:
    """The place of the item that the address names by ``media``, or the first."""
    wanted = request.args.get("media", "")
    return next((place for place, item in enumerate(items) if str(item.medium.id) == wanted), 0)


@page("/pictures/<uuid:media_id>", Permission.MEDIA_READ)
def picture(media_id: UUID) -> str:
    """One picture or film, with what is said about it."""
    found = session().scalars(media.with_origin(select(MediaAsset)).where(MediaAsset.id == media_id)).unique().first()
    if found is None or not found.mime_type.startswith(("image/", "video/")):
        raise missing(MediaAsset, media_id)
    [shown] = standing_for([found])
    return _shown(shown, None, changeable=False)


def _shown(shown: Picture, stepping: Stepping | None, *, changeable: bool) -> str:
    comments = comments_in(Review(shown.medium, stepping.playlist if stepping else None))
    if "fragment" in request.args:
        return render_template("pages/_said.html", comments=comments)
    current, medium = session(), shown.medium
    former = media.former_medium(current, medium)
    newer = media.newer_media(current, [medium.id]).get(medium.id) if may(Permission.PLAYLIST_WRITE) else None
    return render_template(
        "pages/review.html",
        picture=shown,
        medium=medium,
        publish=medium.publish,
        target=medium.shows,
        former=standing_for([former])[0] if former else None,
        newer=newer,
        stepping=stepping,
        films=latest_films(stepping.playlist) if stepping else [],
        film_form=film_form(stepping.media) if stepping and not stepping.playlist.archived_at else None,
        changeable=changeable,
        showing=playlists_showing(medium) if not stepping else [],
        offered=offered_playlists(medium) if may(Permission.PLAYLIST_WRITE) and not stepping else [],
        comments=comments,
    )
