"""Links of a playlist for guests: made, shown once, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import flash, get_flashed_messages, render_template, request, url_for
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api import guest_links as api
from service.api.listing import row
from service.models import GuestLink, Playlist
from service.pages.forms import read_form
from service.pages.frame import action, page
from service.pages.paging import page_number, paged
from service.review.guest_links import MOST_DAYS, USUAL_DAYS, state_of

_URL = "guest link"
"""A message from one page to the next: the address of a new link, shown once."""
_PAGE = 50


@page("/playlists/<uuid:playlist_id>/links", Permission.PLAYLIST_SHARE)
def guest_links(playlist_id: UUID) -> str:
    """The links of a playlist, the newest first, and one that was just made."""
    playlist = row(Playlist, playlist_id)
    statement = select(GuestLink).where(GuestLink.playlist_id == playlist.id)
    number = page_number()
    found, more = paged(statement.order_by(GuestLink.created_at.desc(), GuestLink.id), number, _PAGE)
    made = get_flashed_messages(category_filter=[_URL])
    return render_template(
        "pages/guest_links.html",
        playlist=playlist,
        links=[(link, state_of(link)) for link in found],
        takes_links=playlist.for_client and not (playlist.archived_at or playlist.project.archived_at),
        days=(1, 7, USUAL_DAYS, 30, 90, MOST_DAYS),
        usual_days=USUAL_DAYS,
        made=made[0] if made else "",
        number=number,
        more=more,
    )


@action("/playlists/<uuid:playlist_id>/links", Permission.PLAYLIST_SHARE)
def make_guest_link(playlist_id: UUID) -> str:
    """Make a link, and show it."""
    form = request.form
    given: dict[str, object] = {name: form.get(name, "") for name in ("label", "password")}
    given |= {name: name in form for name in ("may_comment", "may_download")}
    days = form.get("days", "")
    if days.isdecimal() and len(days) < 4:
        given["expires_at"] = (datetime.now(UTC) + timedelta(days=int(days))).isoformat()
    made = api.create_guest_link(playlist_id, read_form(api.NewGuestLink, given, "No link was made."))
    flash(made["url"], _URL)
    return url_for("pages.guest_links", playlist_id=playlist_id)


@action("/playlists/<uuid:playlist_id>/links/<uuid:link_id>/revoke", Permission.PLAYLIST_SHARE)
def revoke_guest_link(playlist_id: UUID, link_id: UUID) -> str:
    """Revoke a link."""
    api.revoke_guest_link(playlist_id, link_id)
    flash("The link was revoked: it opens nothing any more.", "done")
    return url_for("pages.guest_links", playlist_id=playlist_id)
