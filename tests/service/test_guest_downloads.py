"""What guests take away by a link that lets them: each picture and film, all of them, the film of the playlist."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("bpy", reason="Blender is not installed")

from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.models import PlaylistFilm
from tests.service.page import Page
from tests.service.playlist_films import GREEN, ask, fetch, picture, share, uploaded
from tests.service.studio import Api, Json, Production, StudioUnderTest, work
from tests.service.test_guest_links import as_guest, is_closed, link_to, opened, path_of
from tests.service.test_playlists import made, production, put

__all__ = ["production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@pytest.fixture
def manager(studio: StudioUnderTest) -> Api:
    return studio.api(Role.PROJECT_MANAGER)


@pytest.fixture
def playlist(studio: StudioUnderTest, production: Production, tmp_path: Path) -> Json:
    """Two pictures, for clients."""
    media = (uploaded(studio, picture(tmp_path, 60, 40, GREEN), name) for name in ("front.png", "side.png"))
    return made(studio.admin, production, *media, for_client=True)


def offered(app: Flask, link: Json) -> list[str]:
    """What the link's page has to download."""
    page = Page(opened(app, link))
    return [text for text in ("Download this picture", "Download all", "Download as one film") if text in page.text]


def test_pictures_are_taken_away_one_by_one_and_all_together(
    app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    link = link_to(manager, playlist, may_download=True)
    assert (link["may_download"], link["may_comment"]) == (True, False)
    assert offered(app, link) == ["Download this picture", "Download all"]
    page = opened(app, link).text
    first = f"{path_of(link)}/media/{playlist['items'][0]['media_id']}/file"
    assert f'href="{first}" download="front.png"' in page and f'href="{path_of(link)}/zip" download' in page
    answer = opened(app, link, "/zip")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Cache-Control"] == "private, no-store"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as files:
        assert files.namelist() == ["01 gear front.png", "02 gear side.png"]
        assert files.read("01 gear front.png") == opened(app, link, first.removeprefix(path_of(link))).data
    listed = studio.browser(Role.PROJECT_MANAGER).get(f"/playlists/{playlist['id']}/links")
    assert "look, download" in Page(listed).text


def test_the_film_is_taken_away_while_it_shows_what_the_playlist_does(
    app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    link = link_to(manager, playlist, may_download=True)
    film = ask(studio.artist, playlist, captions=False).data
    assert "Download as one film" not in offered(app, link) and is_closed(opened(app, link, "/film"))
    work(app)
    assert "Download as one film" in offered(app, link)
    answer = opened(app, link, "/film")
    assert (answer.status_code, answer.mimetype) == (200, "video/mp4")
    assert answer.data == fetch(studio.artist, film).data
    assert f"{playlist['name']}.mp4" in answer.headers["Content-Disposition"]
    assert put(studio.admin, playlist, playlist["items"][1]["media_id"]).status == 200
    assert offered(app, link) == ["Download this picture"] and is_closed(opened(app, link, "/film"))


def test_a_film_of_what_guests_do_not_see_is_none_of_theirs(
    app: Flask, studio: StudioUnderTest, manager: Api, production: Production, playlist: Json, tmp_path: Path
) -> None:
    """Neither one with a picture that was taken back, nor one of another playlist."""
    hidden = uploaded(studio, picture(tmp_path, 60, 40), "hidden.png")
    other = made(studio.admin, production, hidden)
    share(studio, other)
    for each in (playlist, other):
        ask(studio.artist, each, captions=False)
    work(app)
    looking, taking = link_to(manager, playlist), link_to(manager, playlist, may_download=True)
    with as_guest(studio, taking) as current:
        assert [row.playlist_id for row in current.scalars(select(PlaylistFilm))] == [UUID(playlist["id"])]
    with as_guest(studio, looking) as current:
        assert current.scalars(select(PlaylistFilm.id)).all() == []
    assert studio.admin.post(f"/media/assets/{playlist['items'][0]['media_id']}/archive").status == 200
    with as_guest(studio, taking) as current:
        assert current.scalars(select(PlaylistFilm.id)).all() == []
    assert is_closed(opened(app, taking, "/film"))


def test_a_link_that_is_for_looking_takes_nothing_away(
    app: Flask, studio: StudioUnderTest, manager: Api, playlist: Json
) -> None:
    ask(studio.artist, playlist, captions=False)
    work(app)
    link = link_to(manager, playlist, may_comment=True)
    assert link["may_download"] is False and offered(app, link) == []
    for path in ("/zip", "/film"):
        assert is_closed(opened(app, link, path)), path
    locked = link_to(manager, playlist, may_download=True, password="open sesame")
    for path in ("/zip", "/film"):
        assert is_closed(opened(app, locked, path)), path
