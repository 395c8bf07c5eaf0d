"""Who sees the film of a playlist: who sees all that it shows."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("bpy", reason="Blender is not installed")

from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import AuditRecord, Event, PlaylistFilm
from service.tasks import notifier
from tests.service.playlist_films import GREEN, RED, ask, fetch, film, film_of, picture, share, uploaded
from tests.service.studio import Api, Production, StudioUnderTest, work
from tests.service.teams import add_to_team, id_of, show
from tests.service.test_playlists import client, made, production, put
from tests.service.test_statements import counting
from tests.service.test_uploads import send

__all__ = ["client", "film", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


def test_a_client_gets_films_of_what_they_see_and_no_others(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api, tmp_path: Path
) -> None:
    first, second = (uploaded(studio, picture(tmp_path, 64, 64, each), "a.png") for each in (RED, GREEN))
    playlist = made(studio.artist, production, first, second)
    before = ask(studio.artist, playlist, captions=False).data
    films = f"/playlists/{playlist['id']}/films"
    assert ask(client, playlist).status == client.get(films).status == 404
    share(studio, playlist)
    assert [each["id"] for each in client.get(films).data["items"]] == [before["id"]]
    assert client.get("/jobs/").status == 403
    work(app)
    assert fetch(client, before).status_code == 200
    # What is put away leaves clients, and so does every film of it.
    studio.artist.post(f"/media/assets/{second}/archive")
    assert client.get(films).data["items"] == []
    assert client.get(f"/playlist-films/{before['id']}").status == fetch(client, before).status_code == 404
    assert fetch(studio.artist, before).status_code == 200
    own = ask(client, playlist, captions=False).data
    assert (own["created_by"], own["item_count"], own["left_out"]) == ("client", 1, [])
    work(app)
    assert film_of(client, own)["state"] == "completed" and fetch(client, own).status_code == 200
    studio.admin.patch(f"/playlists/{playlist['id']}", {"for_client": False})
    assert client.get(f"/playlist-films/{own['id']}").status == fetch(client, own).status_code == 404


def test_a_picture_taken_off_takes_films_of_it_from_clients(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api, tmp_path: Path
) -> None:
    first, second = (uploaded(studio, picture(tmp_path, 64, 64, each), "a.png") for each in (RED, GREEN))
    playlist = made(studio.admin, production, first, second, for_client=True)
    asked = ask(studio.artist, playlist, captions=False).data
    work(app)
    assert fetch(client, asked).status_code == 200
    put(studio.admin, playlist, first)
    assert fetch(client, asked).status_code == 404
    assert film_of(studio.artist, asked)["outdated"]


def test_a_client_asks_on_the_page_and_is_told_when_it_is_ready(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api, tmp_path: Path
) -> None:
    playlist = made(
        studio.admin, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"), for_client=True, name="Monday"
    )
    browser, path = studio.browser(Role.CLIENT), f"/playlists/{playlist['id']}"
    assert "Make a film" in browser.get(path).text
    form = {"size": "1280x720", "still_seconds": "1", "captions": "true"}
    answer = browser.post(f"{path}/films", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303 and "The film waits for a worker" in browser.get(answer.location).text
    work(app)
    with app.app_context():
        notifier.tell(app)
    notices = client.get("/notifications/").data["items"]
    assert ("Film of Monday: succeeded", path) in [(notice["title"], notice["link"]) for notice in notices]
    assert "Download the film" in browser.get(f"{path}/films").text
    [job] = studio.artist.get("/jobs/").data["items"]
    assert (job["name"], job["state"]) == ("Monday", "completed")
    assert f"/jobs/{job['id']}" not in browser.get(path).text


def test_films_of_a_team_s_project_and_their_jobs_are_its_team_s(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    playlist = made(studio.admin, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    asked = ask(studio.admin, playlist, captions=False).data
    show(studio, production.project, "team")
    work(app)
    films = f"/playlists/{playlist['id']}/films"
    assert studio.artist.get(films).status == fetch(studio.artist, asked).status_code == 404
    assert ask(studio.artist, playlist).status == 404
    assert studio.artist.get("/jobs/").data["items"] == []
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        [job_id] = current.scalars(select(PlaylistFilm.job_id))
        told = current.scalars(select(Event).where(Event.subject_id.in_([job_id, UUID(asked["id"])]))).all()
        assert {each.kind for each in told} == {"playlist_film.created", "job.completed"}
        assert {str(each.project_id) for each in told} == {production.project["id"]}
    assert studio.artist.get(f"/jobs/{job_id}").status == studio.artist.get(f"/jobs/{job_id}/log").status == 404
    add_to_team(studio, production.project, id_of(studio.artist))
    assert fetch(studio.artist, asked).status_code == 200 and studio.artist.get(f"/jobs/{job_id}").status == 200


def test_a_film_hides_with_a_picture_that_is_used_where_one_does_not_look(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    lone = str(send(studio, picture(tmp_path, 64, 64), "lone.png").data["id"])
    playlist = made(studio.admin, production, lone)
    asked = ask(studio.admin, playlist, captions=False).data
    work(app)
    assert fetch(studio.artist, asked).status_code == 200
    secret = studio.production()
    show(studio, secret.project, "team")
    made(studio.admin, secret, lone)
    assert studio.artist.get(f"/playlists/{playlist['id']}").data["items"] == []
    assert fetch(studio.artist, asked).status_code == 404
    assert studio.artist.get(f"/playlists/{playlist['id']}/films").data["items"] == []


def test_another_studio_finds_no_film(
    studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    asked = ask(studio.artist, playlist).data
    assert fetch(other_studio.admin, asked).status_code == 404
    assert other_studio.admin.get(f"/playlists/{playlist['id']}/films").status == 404
    assert other_studio.admin.post(f"/playlist-films/{asked['id']}/cancel").status == 404


def test_who_asked_is_recorded(studio: StudioUnderTest, production: Production, tmp_path: Path) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    asked = ask(studio.artist, playlist).data
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        of_film = AuditRecord.row_id == UUID(asked["id"])
        [record] = current.scalars(select(AuditRecord).where(of_film))
        assert (record.action, record.actor_id) == ("create", id_of(studio.artist))


def test_many_films_are_listed_with_as_many_statements_as_one(
    studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    media_ids = [uploaded(studio, picture(tmp_path, 64, 64), f"{number}.png") for number in range(3)]
    playlist = made(studio.artist, production, *media_ids)
    path = f"/playlists/{playlist['id']}/films"

    def statements() -> int:
        with counting(studio.app) as run:
            assert studio.artist.get(path).status == 200
        return len(run)

    ask(studio.artist, playlist)
    one = statements()
    for seconds in (2, 3, 4, 5):
        ask(studio.artist, playlist, still_seconds=seconds)
    assert statements() == one
