"""What guests see, who have no account: the playlist of their link, and a form for what they say of it.

No page here asks who is logged in, and none shows anything but what PostgreSQL shows a guest, see
:mod:`service.review.guest_links`. A link that opens nothing is answered alike, whatever it was.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import PurePath
from typing import Annotated, Any, Self
from uuid import UUID

from flask import Response, make_response, redirect, render_template, request
from pydantic import Field, StringConstraints, model_validator
from sqlalchemy import select
from sqlalchemy.orm import lazyload

from service.accounts import auth
from service.accounts.throttle import RateLimitError
from service.api.comments import Drawing, Seconds
from service.api.fields import OneLine
from service.api.listing import missing, row
from service.api.playlists import zipped_playlist
from service.api.routing import Request
from service.api.stored_files import stored_file
from service.database import commit, session
from service.models import MediaAsset, Playlist
from service.pages.comments import drawing_of
from service.pages.forms import read_form
from service.pages.frame import pages, refuse_other_sites, tell_refusal
from service.pages.pictures import standing_for
from service.pages.review import Stepping, place_asked
from service.review import guest_links, playlist_films
from service.review import playlists as service
from service.review.films import frame_at
from service.review.guest_links import PATH, Guest
from shared.errors import ConflictError, InputError, NotFoundError, StorageError

_KNOWN, _NAME = "raceway_guest", "raceway_guest_name"
"""Cookies: of who gave a link's password, for that link alone; and the name that a guest typed."""
_KNOWN_SECONDS, _NAME_SECONDS = 12 * 3600, guest_links.MOST_DAYS * 24 * 3600
_HEADERS = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}
_MOST_COMMENTS = 100
_LONGEST = 4000
_LONGEST_NAME = 60
_REFUSED = "The comment cannot be written so."

_View = Callable[..., Response]


class GuestComment(Request):
    """What the form of a guest sends."""

    media_id: UUID
    name: Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST_NAME, strip_whitespace=True), OneLine]
    text: Annotated[str, StringConstraints(max_length=_LONGEST, strip_whitespace=True)] = ""
    seconds: Seconds | None = None
    drawing: Drawing = Field(default_factory=list)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text or self.drawing):
            raise ValueError("say something, or draw something")
        return self


def _for_guests(path: str, method: str = "GET", *, before_password: bool = False) -> Callable[[_View], _View]:
    """Declare what a link opens below its address. The view gets the guest and the link's address, and what the rest
    of the path says; where the link has a password, the guest has given it, unless it serves ``before_password``."""

    def declare(view: _View) -> _View:
        def serve(token: str, **values: object) -> Response:
            if method == "POST":
                refuse_other_sites()
            address = f"{PATH}/{token}"
            guest = guest_links.enter(token)
            try:
                if guest is None:
                    response = _closed()
                elif before_password or _is_known(guest):
                    response = view(guest, address, **values)
                else:
                    response = _password_page(address) if view is guest_page else _closed()
                commit(session())
            except (NotFoundError, StorageError):
                session().rollback()
                response = _closed()
            response.headers.update(_HEADERS)
            return response

        pages.add_url_rule(f"{PATH}/<token>{path}", view.__name__, serve, methods=[method])
        return view

    return declare


@_for_guests("")
def guest_page(guest: Guest, address: str) -> Response:
    """The playlist, and the picture or film of it that ``media`` names, or its first."""
    if "media" not in request.args:
        guest_links.note_opened(guest)
    playlist = row(Playlist, guest.playlist_id)
    beside = service.media_of(playlist).options(lazyload("*"))
    items = standing_for(session().scalars(beside).unique().all(), f"{address}/media")
    place = place_asked(items)
    medium = items[place].medium if items else None
    said = guest_links.comments_of(session(), medium, _MOST_COMMENTS) if medium and guest.may_comment else ()
    return make_response(
        render_template(
            "pages/guest.html",
            guest=guest,
            address=address,
            playlist=playlist,
            picture=items[place] if items else None,
            medium=medium,
            stepping=Stepping(playlist, items, place, address) if items else None,
            comments=[(comment, frame_at(medium.frame_rate, comment.seconds)) for comment in said] if medium else [],
            film=playlist_films.newest_made(session(), playlist) if medium and guest.may_download else None,
            guest_name=request.cookies.get(_NAME, "")[:_LONGEST_NAME],
            longest=_LONGEST,
            longest_name=_LONGEST_NAME,
        )
    )


@_for_guests("/media/<uuid:media_id>/<any(file, poster):what>")
def guest_file(guest: Guest, address: str, media_id: UUID, what: str) -> Response:
    """A file of the playlist. Raises NotFoundError for any other one: PostgreSQL does not show it."""
    medium = session().scalars(select(MediaAsset).where(MediaAsset.id == media_id).options(lazyload("*"))).one_or_none()
    path = medium and (medium.path if what == "file" else medium.poster_path)
    if medium is None or not path:
        raise missing(MediaAsset, media_id)
    below = auth.config().tenant_root(guest.storage)
    if what == "poster":
        return stored_file(path, "image/jpeg", f"{PurePath(medium.name).stem}.jpg", below=below)
    return stored_file(path, medium.mime_type, medium.name, below=below)


@_for_guests("/zip")
def guest_zip(guest: Guest, address: str) -> Response:
    """All pictures and films of the playlist, numbered in its order."""
    _check_may_download(guest)
    return zipped_playlist(row(Playlist, guest.playlist_id), below=auth.config().tenant_root(guest.storage))


@_for_guests("/film")
def guest_film(guest: Guest, address: str) -> Response:
    """The film that was made of the playlist as it is now."""
    _check_may_download(guest)
    made = playlist_films.newest_made(session(), row(Playlist, guest.playlist_id))
    if made is None:
        raise NotFoundError("No film shows the playlist as it is now.")
    below = auth.config().tenant_root(guest.storage)
    return stored_file(made.path, "video/mp4", f"{made.name}.mp4", below=below)


@_for_guests("/password", "POST", before_password=True)
def give_guest_password(guest: Guest, address: str) -> Response:
    """Let who knows the link's password in."""
    try:
        is_right = guest_links.check_password(guest, request.form.get("password", "")[:200])
    except RateLimitError as error:
        return _password_page(address, error.hint, error.status)
    if not is_right:
        return _password_page(address, "That is not the password of this link.")
    response = make_response(redirect(address, 303))
    _set_cookie(response, _KNOWN, guest.proof(auth.config().secret_key), address, _KNOWN_SECONDS)
    return response


@_for_guests("/comments", "POST")
def write_guest_comment(guest: Guest, address: str) -> Response:
    """Say what the form has; the guest's name is kept for the next one."""
    if not guest.may_comment:
        raise NotFoundError("Nothing can be said by this link.")
    target = address
    try:
        body = read_form(GuestComment, _given(), _REFUSED)
        medium = row(MediaAsset, body.media_id)
        target = f"{address}?media={medium.id}"
        drawing = [stroke.model_dump() for stroke in body.drawing]
        comment = guest_links.write_comment(
            session(), guest, medium, name=body.name, text=body.text, seconds=body.seconds, drawing=drawing
        )
    except (InputError, ConflictError, RateLimitError) as error:
        tell_refusal(error)
        media_id = request.form.get("media_id", type=UUID)
        return make_response(redirect(f"{address}?media={media_id}" if media_id else address, 303))
    response = make_response(redirect(f"{target}#comment-{comment.id}", 303))
    _set_cookie(response, _NAME, body.name, PATH, _NAME_SECONDS)
    return response


def _check_may_download(guest: Guest) -> None:
    if not guest.may_download:
        raise NotFoundError("Nothing can be taken away by this link.")


def _given() -> dict[str, Any]:
    given: dict[str, Any] = {name: value for name, value in request.form.items() if value.strip()}
    if "drawing" in given:
        given["drawing"] = drawing_of(given["drawing"])
    return given


def _is_known(guest: Guest) -> bool:
    """Whether the link asks for no password, or the guest has given it."""
    known = request.cookies.get(_KNOWN, "")
    proof = guest.proof(auth.config().secret_key)
    return guest.password_hash is None or hmac.compare_digest(known.encode(), proof.encode())


def _set_cookie(response: Response, name: str, value: str, path: str, seconds: int) -> None:
    secure = request.is_secure or auth.config().public_url.startswith("https:")
    response.set_cookie(name, value, max_age=seconds, path=path, httponly=True, samesite="Lax", secure=secure)


def _closed() -> Response:
    return make_response(render_template("pages/guest_closed.html"), 404)


def _password_page(address: str, error: str = "", status: int = 401) -> Response:
    return make_response(render_template("pages/guest_password.html", address=address, error=error), status)
