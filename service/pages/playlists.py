"""Playlists on the pages: found, made, arranged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from flask import flash, render_template, request, url_for
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.playlists import (
    NewPlaylist,
    PlaylistChanges,
    change_playlist,
    create_playlist,
    item_counts,
    may_change,
)
from service.api.records import change, written
from service.archiving import check_live
from service.database import session
from service.models import MediaAsset, Playlist, PlaylistItem, Project
from service.pages.forms import read_form
from service.pages.frame import action, may, page, tell_refusal
from service.pages.paging import page_number, paged
from service.pages.pictures import Picture, standing_for
from service.review import media
from service.review import playlists as service
from service.search import matching
from shared.errors import ConflictError, ForbiddenError, InputError, RacewayError

_PAGE = 24
_CHOICE = 36
_PROJECTS = 200
_MOST_OFFERED = 100
_REFUSED = "There cannot be such a playlist."
_IDS: TypeAdapter[list[UUID]] = TypeAdapter(list[UUID])


@page("/playlists", Permission.PLAYLIST_READ)
def playlists() -> str:
    """The newest playlists; ``project`` and ``q`` narrow them."""
    current, chosen, query = session(), request.args.get("project", ""), request.args.get("q", "").strip()
    in_use = select(Project).where(Project.archived_at.is_(None)).order_by(Project.name_order)
    statement = select(Playlist).join(Playlist.project).where(Playlist.archived_at.is_(None))
    statement = statement.where(Project.archived_at.is_(None))
    if chosen:
        statement = statement.where(Project.name == chosen)
    if query:
        statement = statement.where(*matching(query, Playlist))
    number = page_number()
    found, more = paged(statement.order_by(Playlist.created_at.desc(), Playlist.id), number, _PAGE)
    ids = [playlist.id for playlist in found]
    return render_template(
        "pages/playlists.html",
        playlists=found,
        counts=item_counts(ids),
        covers=_covers(ids),
        projects=current.scalars(in_use.limit(_PROJECTS)).all(),
        chosen=chosen,
        query=query,
        number=number,
        more=more,
    )


def newest_playlists(most: int) -> list[tuple[Playlist, int]]:
    """The newest that the reader sees, with how many items each has; two statements."""
    live = select(Playlist).join(Playlist.project).where(Playlist.archived_at.is_(None), Project.archived_at.is_(None))
    found = session().scalars(live.order_by(Playlist.created_at.desc(), Playlist.id).limit(most)).unique().all()
    counts = item_counts([playlist.id for playlist in found])
    return [(playlist, counts.get(playlist.id, 0)) for playlist in found]


@action("/playlists", Permission.PLAYLIST_WRITE)
def make_playlist() -> str:
    """Make an empty playlist, and go on to choose what it shows."""
    project = request.form.get("project_id", "")
    try:
        body = read_form(NewPlaylist, {"project_id": project, **_given("name", "for_client")}, _REFUSED)
        made = create_playlist(body)
    except (InputError, ConflictError) as error:
        tell_refusal(error)
        return url_for("pages.playlists", project=request.args.get("project") or None)
    return url_for("pages.arrange_playlist", playlist_id=made["id"])


@page("/playlists/<uuid:playlist_id>/items", Permission.PLAYLIST_WRITE)
def arrange_playlist(playlist_id: UUID) -> str:
    """What a playlist shows, to be put in order, and what of its project can be added; ``q`` searches that."""
    current, playlist, query = session(), row(Playlist, playlist_id), request.args.get("q", "").strip()
    items = standing_for(current.scalars(media.with_origin(service.media_of(playlist))).unique().all())
    newer = media.newer_media(current, [item.medium.id for item in items])
    shown = select(PlaylistItem.media_id).where(PlaylistItem.playlist_id == playlist.id)
    others = media.with_origin(select(MediaAsset)).where(
        service.reviewable(playlist.project), MediaAsset.id.not_in(shown)
    )
    if query:
        others = others.where(*matching(query, MediaAsset))
    number = page_number()
    choice, more = paged(others.order_by(MediaAsset.created_at.desc(), MediaAsset.id), number, _CHOICE)
    return render_template(
        "pages/playlist_items.html",
        playlist=playlist,
        changeable=playlist.archived_at is None and may_change(playlist),
        items=items,
        newer=newer,
        choice=standing_for(choice),
        query=query,
        number=number,
        more=more,
    )


@action("/playlists/<uuid:playlist_id>", Permission.PLAYLIST_WRITE)
def rename_playlist(playlist_id: UUID) -> str:
    """Give a playlist another name, show it to clients, or take it back from them."""
    given = _given("name")
    if may(Permission.PLAYLIST_SHARE):
        given["for_client"] = request.form.get("for_client", "false")

    def rename(playlist: Playlist) -> None:
        change_playlist(playlist.id, read_form(PlaylistChanges, given, _REFUSED))

    return _changed(playlist_id, rename)


@action("/playlists/<uuid:playlist_id>/items", Permission.PLAYLIST_WRITE)
def set_items(playlist_id: UUID) -> str:
    """Show what the form names, in its order; ``move`` and ``remove`` are its buttons."""

    def arrange(playlist: Playlist) -> None:
        wanted = _ids(request.form.getlist("media"))
        moved, _, step = request.form.get("move", "").partition(" ")
        if moved and step in ("-1", "1") and (place := _place(wanted, moved)) is not None:
            other = max(0, min(place + int(step), len(wanted) - 1))
            wanted[place], wanted[other] = wanted[other], wanted[place]
        if (place := _place(wanted, request.form.get("remove", ""))) is not None:
            del wanted[place]
        service.set_media(session(), playlist, wanted)

    return _changed(playlist_id, arrange)


@action("/playlists/<uuid:playlist_id>/add", Permission.PLAYLIST_WRITE)
def add_items(playlist_id: UUID) -> str:
    """Put what was chosen at the end."""
    return _changed(
        playlist_id,
        lambda playlist: service.add_media(session(), playlist, _ids(request.form.getlist("media"))),
        any_version=True,
    )


@action("/playlists/<uuid:playlist_id>/take-newer", Permission.PLAYLIST_WRITE)
def take_newer_items(playlist_id: UUID) -> str:
    """Show the newest instead of ``media``, or of everything; then on with the newest where one was looked at."""
    media_ids = _ids(request.form.getlist("media")) or None
    newest = media.newer_media(session(), media_ids or [])
    arranged = _changed(
        playlist_id, lambda playlist: service.take_newer(session(), playlist, media_ids), any_version=True
    )
    if "review" in request.form and media_ids:
        return url_for("pages.playlist", playlist_id=playlist_id, media=newest.get(media_ids[0], media_ids[0]))
    return arranged


@action("/playlists/<uuid:playlist_id>/archive", Permission.PLAYLIST_WRITE)
def put_playlist_away(playlist_id: UUID) -> str:
    """Put a playlist away; clients do not see it any more."""
    shown = row(Playlist, playlist_id)

    def put_away(playlist: Playlist) -> None:
        change(playlist, {"archived_at": datetime.now(UTC)})
        flash(f"{playlist.name} was put away.", "done")

    arranged = _changed(playlist_id, put_away, any_version=True)
    return url_for("pages.playlists", project=shown.project.name) if shown.archived_at else arranged


@action("/pictures/<uuid:media_id>/playlist", Permission.PLAYLIST_WRITE)
def add_to_playlist(media_id: UUID) -> str:
    """Put a picture or film at the end of the playlist that the form names, or of a new one of that name."""
    current, medium = session(), row(MediaAsset, media_id)
    shown = url_for("pages.picture", media_id=media_id)
    try:
        if name := request.form.get("name", "").strip():
            project = media.project_of(medium)
            if project is None:
                raise InputError(f"{medium.name} is of no project.", hint="Choose a playlist that there is.")
            made = read_form(NewPlaylist, {"project_id": project.id, "name": name, "media_ids": [media_id]}, _REFUSED)
            label = create_playlist(made)["name"]
        else:
            chosen = request.form.get("playlist", type=UUID)
            if chosen is None:
                raise InputError("No playlist was chosen.", hint="Choose one, or name a new one.")
            playlist = _to_change(chosen)
            service.add_media(current, playlist, [media_id])
            label = playlist.name
    except RacewayError as error:
        if error.status not in (403, 404, 409, 422):
            raise
        tell_refusal(error)
        return shown
    flash(f"It is on the playlist {label}.", "done")
    return shown


def offered_playlists(medium: MediaAsset) -> Sequence[Playlist]:
    """Playlists to which the reader may add a medium, the newest first."""
    statement = select(Playlist).join(Playlist.project)
    statement = statement.where(Playlist.archived_at.is_(None), Project.archived_at.is_(None))
    if project := media.project_of(medium):
        statement = statement.where(Playlist.project_id == project.id)
    if not may(Permission.PLAYLIST_SHARE):
        statement = statement.where(~Playlist.for_client)
    ordered = statement.order_by(Playlist.created_at.desc(), Playlist.id)
    return session().scalars(ordered.limit(_MOST_OFFERED)).unique().all()


def playlists_showing(medium: MediaAsset) -> Sequence[Playlist]:
    """The playlists in use on which a medium is, the newest first."""
    showing = select(PlaylistItem.playlist_id).where(PlaylistItem.media_id == medium.id)
    statement = select(Playlist).where(Playlist.id.in_(showing), Playlist.archived_at.is_(None))
    ordered = statement.order_by(Playlist.created_at.desc(), Playlist.id)
    return session().scalars(ordered.limit(_MOST_OFFERED)).unique().all()


def _covers(playlist_ids: Sequence[UUID]) -> dict[UUID, Picture]:
    """What each playlist shows first, of those that show something; two statements."""
    first = select(PlaylistItem.playlist_id, PlaylistItem.media_id).where(
        PlaylistItem.playlist_id.in_(playlist_ids), PlaylistItem.position == 1
    )
    shown = dict(session().execute(first).all())
    found = session().scalars(select(MediaAsset).where(MediaAsset.id.in_(shown.values()))).unique().all()
    pictures = {picture.medium.id: picture for picture in standing_for(found)}
    return {playlist_id: pictures[media_id] for playlist_id, media_id in shown.items() if media_id in pictures}


def _changed(playlist_id: UUID, work: Callable[[Playlist], None], *, any_version: bool = False) -> str:
    """Change a playlist, and show it being arranged; where that is refused, it says why."""
    target = url_for("pages.arrange_playlist", playlist_id=playlist_id)
    try:
        playlist = _to_change(playlist_id)
        if not any_version and request.form.get("version") != str(playlist.revision):
            raise ConflictError(
                "Somebody else changed the playlist meanwhile.",
                hint="This is how it stands now; repeat your change.",
                code="conflict.stale",
                status=412,
            )
        work(playlist)
        written(playlist)
    except (InputError, ConflictError, ForbiddenError) as error:
        tell_refusal(error)
    return target


def _to_change(playlist_id: UUID) -> Playlist:
    playlist = row(Playlist, playlist_id, lock=True)
    check_live(playlist)
    if not may_change(playlist):
        raise ForbiddenError(
            f"{playlist.name} is for clients, and what they see is a project manager's.",
            hint="Ask one, or make a playlist of your own.",
        )
    return playlist


def _given(*names: str) -> dict[str, object]:
    return {name: request.form[name] for name in names if request.form.get(name)}


def _ids(texts: Sequence[str]) -> list[UUID]:
    """Ids that a form names; none of them where one is no id."""
    try:
        return _IDS.validate_python(list(texts))
    except ValidationError:
        return []


def _place(ids: Sequence[UUID], text: str) -> int | None:
    return next((place for place, each in enumerate(ids) if str(each) == text), None)
