"""Playlists: pictures and films of a project, in the order in which they are reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from service.accounts import auth
from service.accounts.permissions import Permission, allows
from service.api.fields import Changes, EditableOut, OneLine
from service.api.listing import EditableQuery, Page, equal, page_of, row
from service.api.records import add, change, declare_archive, live_row, row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.api.stored_files import zipped_media
from service.database import session
from service.models import MediaAsset, Playlist, PlaylistItem, Project
from service.models.playlists import MOST_ITEMS
from service.review import media, playlists
from shared.errors import ConflictError

resource = Resource("playlists", "/playlists")
RESOURCES = (resource,)

PlaylistName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    OneLine,
    Field(examples=["Dailies, Monday"], description="unique in its project"),
]
ForClient = Annotated[
    bool,
    Field(description="clients of the project see it, and with it what it shows; needs playlist.share"),
]
MediaIds = Annotated[
    list[UUID],
    Field(max_length=MOST_ITEMS, description="ids of pictures and films (GET /api/media/assets), in their order"),
]


class PlaylistItemOut(Reply):
    media_id: UUID
    name: str
    asset_type: str
    mime_type: str
    url: str
    width: int | None
    height: int | None
    entity: str = Field(description="what it shows: `asset:NAME` or `shot:SEQUENCE/NAME`, empty where nobody said")
    publish_id: UUID | None
    part: str | None = Field(description="name of the part that was published")
    version: int | None
    iteration: int | None
    newer_media_id: UUID | None = Field(description="what shows the same and is the newest, where this is not")


class ListedPlaylist(EditableOut):
    project_id: UUID
    project: str
    name: str
    for_client: bool
    created_by: str | None
    item_count: int


class PlaylistOut(ListedPlaylist):
    items: list[PlaylistItemOut]


class NewPlaylist(Request):
    project_id: UUID
    name: PlaylistName
    for_client: ForClient = False
    media_ids: MediaIds = Field(default_factory=list)


class PlaylistChanges(Changes):
    name: PlaylistName | None = None
    for_client: ForClient | None = None


class Items(Request):
    media_ids: MediaIds


class NewerItems(Request):
    media_ids: MediaIds | None = Field(None, description="which of its items; default: all")


class PlaylistQuery(EditableQuery):
    project: str = Field("", description="name of the project")
    for_client: bool | None = None


def describe(playlist: Playlist) -> dict[str, Any]:
    """What the API answers for a playlist: two statements for its items, whatever their number."""
    current = session()
    shown = current.scalars(media.with_origin(playlists.media_of(playlist))).unique().all()
    newer = media.newer_media(current, [medium.id for medium in shown])
    items = [_described_item(medium, newer.get(medium.id)) for medium in shown]
    return {**_listed(playlist, len(items)), "items": items}


@resource.declare("GET", "/", permission=Permission.PLAYLIST_READ, query=PlaylistQuery, answer=Page[ListedPlaylist])
def list_playlists(query: PlaylistQuery) -> dict[str, Any]:
    """List playlists, the newest first; clients see those for clients of their projects."""
    wanted = equal((Project.name, query.project), (Playlist.for_client, query.for_client))
    page = page_of(
        select(Playlist).join(Playlist.project).where(*wanted),
        query,
        key=Playlist,
        search=(Playlist, Project),
        sort={
            "created_at": Playlist.created_at,
            "updated_at": Playlist.updated_at,
            "name": Playlist.name,
            "project": Project.name,
        },
        default_sort="-created_at",
        below=(Project,),
    )
    counts = item_counts([playlist.id for playlist in page["items"]])
    page["items"] = [_listed(playlist, counts.get(playlist.id, 0)) for playlist in page["items"]]
    return page


@resource.declare("POST", "/", permission=Permission.PLAYLIST_WRITE, body=NewPlaylist, answer=PlaylistOut, status=201)
def create_playlist(body: NewPlaylist) -> dict[str, Any]:
    """Make a playlist, with what it shows if wanted."""
    if body.for_client:
        auth.require(Permission.PLAYLIST_SHARE)
    project = live_row(Project, body.project_id)
    playlist = Playlist(
        project_id=project.id, name=body.name, for_client=body.for_client, created_by_id=auth.current().user_id
    )
    add(playlist, Playlist.project_id == project.id, Playlist.name == body.name)
    if body.media_ids:
        playlists.set_media(session(), playlist, body.media_ids)
    return describe(written(playlist))


@resource.declare("GET", "/<uuid:playlist_id>", permission=Permission.PLAYLIST_READ, answer=PlaylistOut)
def get_playlist(playlist_id: UUID) -> dict[str, Any]:
    """A playlist and its items: the very pictures and films that were chosen, and whether there are newer ones."""
    return describe(row(Playlist, playlist_id))


@resource.declare("GET", "/<uuid:playlist_id>/zip", permission=Permission.PLAYLIST_READ, media_type="application/zip")
def get_playlist_files(playlist_id: UUID) -> Response:
    """All pictures and films of a playlist, numbered in its order, as one ZIP."""
    return zipped_playlist(row(Playlist, playlist_id))


def zipped_playlist(playlist: Playlist, *, below: Path | None = None) -> Response:
    """What the reader sees of a playlist as one ZIP; ``below`` is the storage root where nobody is logged in."""
    shown = session().scalars(media.with_origin(playlists.media_of(playlist))).unique()
    given = [(medium.shows.name if medium.shows else "", medium) for medium in shown]
    return zipped_media(given, playlist.name, below=below)


@resource.declare(
    "PATCH",
    "/<uuid:playlist_id>",
    permission=Permission.PLAYLIST_WRITE,
    body=PlaylistChanges,
    answer=PlaylistOut,
    if_match="optional",
)
def change_playlist(playlist_id: UUID, body: PlaylistChanges) -> dict[str, Any]:
    """Rename a playlist, show it to clients, or take it back from them."""
    playlist, changes = _to_change(playlist_id), body.given()
    if changes.get("for_client"):
        auth.require(Permission.PLAYLIST_SHARE)
    if changes.get("name", playlist.name) != playlist.name:
        _check_name(playlist, changes["name"])
    return describe(change(playlist, changes))


@resource.declare(
    "PUT",
    "/<uuid:playlist_id>/items",
    permission=Permission.PLAYLIST_WRITE,
    body=Items,
    answer=PlaylistOut,
    if_match="required",
)
def set_playlist_items(playlist_id: UUID, body: Items) -> dict[str, Any]:
    """Replace what a playlist shows as a whole: to add, remove and reorder. What is named twice is shown once."""
    playlist = _to_change(playlist_id)
    playlists.set_media(session(), playlist, body.media_ids)
    return describe(written(playlist))


@resource.declare(
    "POST",
    "/<uuid:playlist_id>/items",
    permission=Permission.PLAYLIST_WRITE,
    body=Items,
    answer=PlaylistOut,
    if_match="optional",
)
def add_playlist_items(playlist_id: UUID, body: Items) -> dict[str, Any]:
    """Put pictures and films at the end of a playlist; what it shows already stays where it is."""
    playlist = _to_change(playlist_id)
    playlists.add_media(session(), playlist, body.media_ids)
    return describe(written(playlist))


@resource.declare(
    "POST",
    "/<uuid:playlist_id>/take-newer",
    permission=Permission.PLAYLIST_WRITE,
    body=NewerItems,
    answer=PlaylistOut,
    if_match="optional",
)
def take_newer_items(playlist_id: UUID, body: NewerItems) -> dict[str, Any]:
    """Let a playlist show the newest instead of what it shows, in the same places."""
    playlist = _to_change(playlist_id)
    playlists.take_newer(session(), playlist, body.media_ids)
    return describe(written(playlist))


def may_change(playlist: Playlist) -> bool:
    """Whether whoever asks may change it: what clients see is a manager's."""
    who, wanted = auth.current(), Permission.PLAYLIST_SHARE if playlist.for_client else Permission.PLAYLIST_WRITE
    return allows(who.role, wanted, who.scopes)


def _check_may_change(playlist: Playlist) -> None:
    if playlist.for_client:
        auth.require(Permission.PLAYLIST_SHARE)


declare_archive(resource, Playlist, Permission.PLAYLIST_WRITE, PlaylistOut, describe=describe, check=_check_may_change)


def item_counts(playlist_ids: list[UUID]) -> dict[UUID, int]:
    """How many items each playlist has; one statement."""
    statement = select(PlaylistItem.playlist_id, func.count()).group_by(PlaylistItem.playlist_id)
    return dict(session().execute(statement.where(PlaylistItem.playlist_id.in_(playlist_ids))).all())


def _to_change(playlist_id: UUID) -> Playlist:
    playlist = row_to_change(Playlist, playlist_id)
    _check_may_change(playlist)
    return playlist


def _check_name(playlist: Playlist, name: str) -> None:
    same = select(Playlist).where(Playlist.project_id == playlist.project_id, Playlist.name == name)
    if known := session().scalars(same).unique().first():
        raise ConflictError(
            f"There is already a playlist {name} in {playlist.project.name}.",
            hint="Choose another name.",
            code="conflict.exists",
            fields={"name": "is taken", "id": str(known.id)},
        )


def _listed(playlist: Playlist, count: int) -> dict[str, Any]:
    made = {"project", "created_by", "item_count"}
    return {
        **{name: getattr(playlist, name) for name in ListedPlaylist.model_fields if name not in made},
        "project": playlist.project.name,
        "created_by": playlist.created_by.name if playlist.created_by else None,
        "item_count": count,
    }


def _described_item(medium: MediaAsset, newer: UUID | None) -> dict[str, Any]:
    publish = medium.publish
    return {
        "media_id": medium.id,
        **{name: getattr(medium, name) for name in ("name", "asset_type", "mime_type", "width", "height")},
        "url": f"/api/media/assets/{medium.id}/file",
        "entity": str(medium.shows.entity) if medium.shows else "",
        "publish_id": medium.publish_id,
        "part": publish.part.name if publish else None,
        "version": publish.version if publish else None,
        "iteration": publish.iteration if publish else None,
        "newer_media_id": newer,
    }
