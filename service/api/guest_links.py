"""Links to a playlist for people without an account: made, listed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import request
from pydantic import Field, StringConstraints
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.fields import Moment, Row, Title
from service.api.listing import ListQuery, Page, missing, page_of, row
from service.api.records import live_row
from service.api.routing import Request, Resource
from service.database import session
from service.models import GuestLink, Playlist
from service.review import guest_links

resource = Resource("guest-links", "/playlists")
RESOURCES = (resource,)

Password = Annotated[str, StringConstraints(max_length=200)]


class GuestLinkOut(Row):
    playlist_id: UUID
    label: str
    state: Literal["open", "expired", "revoked"] = Field(
        description="an open link opens something as long as clients see the playlist"
    )
    may_comment: bool
    may_download: bool
    has_password: bool
    expires_at: datetime
    revoked_at: datetime | None
    created_by: str | None
    last_used_at: datetime | None
    times_opened: int


class NewGuestLinkOut(GuestLinkOut):
    url: str = Field(description="the link; shown only here: whoever has it sees the playlist")


class NewGuestLink(Request):
    label: Annotated[Title, Field(min_length=1, examples=["Agency, first look"], description="for whom it is")]
    expires_at: Moment | None = Field(
        None, description=f"default: in {guest_links.USUAL_DAYS} days; at most {guest_links.MOST_DAYS} days from now"
    )
    may_comment: bool = Field(False, description="guests write comments, which clients may read, too")
    may_download: bool = Field(
        False,
        description="guests take away each picture and film, all as one ZIP, and a film of the playlist",
    )
    password: Password = Field("", description="asked of guests, if it is not empty; tell it them another way")


@resource.declare(
    "GET",
    "/<uuid:playlist_id>/links",
    permission=Permission.PLAYLIST_SHARE,
    query=ListQuery,
    answer=Page[GuestLinkOut],
)
def list_guest_links(playlist_id: UUID, query: ListQuery) -> dict[str, Any]:
    """The links for guests of a playlist, the newest first, with those that ended or were revoked."""
    playlist = row(Playlist, playlist_id)
    page = page_of(
        select(GuestLink).where(GuestLink.playlist_id == playlist.id),
        query,
        key=GuestLink,
        search=(GuestLink.label,),
        sort={
            "created_at": GuestLink.created_at,
            "label": GuestLink.label,
            "expires_at": GuestLink.expires_at,
            "last_used_at": GuestLink.last_used_at,
        },
        default_sort="-created_at",
    )
    page["items"] = [_described(link) for link in page["items"]]
    return page


@resource.declare(
    "POST",
    "/<uuid:playlist_id>/links",
    permission=Permission.PLAYLIST_SHARE,
    body=NewGuestLink,
    answer=NewGuestLinkOut,
    status=201,
)
def create_guest_link(playlist_id: UUID, body: NewGuestLink) -> dict[str, Any]:
    """Make a link by which people without an account see what clients see of a playlist, and nothing else."""
    current, playlist = session(), live_row(Playlist, playlist_id)
    link, secret = guest_links.new_link(
        playlist,
        body.label,
        expires_at=body.expires_at,
        may_comment=body.may_comment,
        may_download=body.may_download,
        password=body.password,
        by=auth.current().user_id,
    )
    current.add(link)
    current.flush()
    current.refresh(link)
    address = auth.config().public_url or request.host_url.rstrip("/")
    return {**_described(link), "url": f"{address}{guest_links.PATH}/{secret}"}


@resource.declare("DELETE", "/<uuid:playlist_id>/links/<uuid:link_id>", permission=Permission.PLAYLIST_SHARE)
def revoke_guest_link(playlist_id: UUID, link_id: UUID) -> None:
    """Revoke a link: from then on it opens nothing. It stays in the list, and what was said by it stays."""
    link = row(GuestLink, link_id, lock=True)
    if link.playlist_id != playlist_id:
        raise missing(GuestLink, link_id)
    link.revoked_at = link.revoked_at or datetime.now(UTC)


def _described(link: GuestLink) -> dict[str, Any]:
    made = {"state", "has_password", "created_by"}
    return {
        **{name: getattr(link, name) for name in GuestLinkOut.model_fields if name not in made},
        "state": guest_links.state_of(link),
        "has_password": link.password_hash is not None,
        "created_by": link.created_by.name if link.created_by else None,
    }
