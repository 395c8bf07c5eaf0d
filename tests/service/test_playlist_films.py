"""A playlist as one film: asked for, made by a worker, seen by who sees all of it, outdated, cancelled, damaged."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("bpy", reason="Blender is not installed")

import av
from flask import Flask
from sqlalchemy import select, update

from service.database import tenant_session
from service.models import Job, MediaAsset, PlaylistFilm, PlaylistItem
from service.tasks import playlist_film, sweeper
from shared.jobs import JobState
from tests.service.exhibits import add_rows
from tests.service.playlist_films import (
    GREEN,
    RED,
    SMALL,
    ask,
    fetch,
    film,
    film_of,
    frames,
    is_coloured,
    picture,
    share,
    uploaded,
)
from tests.service.studio import Api, Json, Production, Reply, StudioUnderTest, work
from tests.service.test_playlists import client, made, production, put
from tests.service.test_uploads import MP4, send

__all__ = ["client", "film", "production"]  # fixtures
pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


# -- made


def test_a_playlist_becomes_a_film_of_its_pictures_and_films_in_their_order(
    app: Flask, studio: StudioUnderTest, production: Production, film: bytes, tmp_path: Path
) -> None:
    narrow = uploaded(studio, picture(tmp_path, 300, 400), "narrow.png")
    wide = uploaded(studio, picture(tmp_path, 800, 200, GREEN), "wide.png")
    playlist = made(studio.artist, production, narrow, uploaded(studio, film, "a.mp4"), wide)
    planned = studio.artist.get(f"/playlists/{playlist['id']}/film-plan", query_string=SMALL).data
    assert (planned["duration"], planned["item_count"], planned["still_count"]) == (4, 3, 2)
    assert planned["frame_rate"] == "24", "that of the film on it"
    answered = ask(studio.artist, playlist)
    asked = answered.data
    assert (answered.status, asked["state"], asked["url"], asked["created_by"]) == (201, "queued", None, "artist")
    assert fetch(studio.artist, asked).status_code == 409
    work(app)
    ready = film_of(studio.artist, asked)
    assert (ready["state"], ready["error"], ready["outdated"], ready["left_out"]) == ("completed", None, False, [])
    assert (ready["frame_count"], ready["duration"], ready["width"], ready["height"]) == (96, 4, 1280, 720)
    answer = fetch(studio.artist, ready)
    assert (answer.status_code, answer.mimetype, len(answer.data)) == (200, "video/mp4", ready["size"])
    assert f"{playlist['name']}.mp4" in answer.headers["Content-Disposition"]
    assert answer.data.index(b"moov") < answer.data.index(b"mdat"), "it plays while it is being loaded"
    with av.open(io.BytesIO(answer.data)) as container:
        (stream,) = container.streams
        told: Any = stream.codec_context
        assert (told.name, told.pix_fmt, told.width, told.height) == ("h264", "yuv420p", 1280, 720)
        assert (stream.frames, stream.average_rate, told.colorspace, told.color_range) == (96, 24, 1, 1)
    shown = frames(answer.data)
    # 720 high, a picture of 300x400 is 540 wide: from 370 to 910.
    assert is_coloured(shown[12][300, 640], RED) and is_coloured(shown[12][300, 380], RED)
    assert is_coloured(shown[12][300, 360], (0, 0, 0)) and is_coloured(shown[12][300, 920], (0, 0, 0))
    # 960 wide, the film stands from 160 to 1120; its frames are those of the film.
    assert is_coloured(shown[48][300, 100], (0, 0, 0)) and not is_coloured(shown[48][300, 200], (0, 0, 0))
    levels = [int(frame[300, 640].mean()) for frame in shown[24:72]]
    assert levels == sorted(levels) and levels[0] < 5 and 215 < levels[-1] < 240 and len(set(levels)) > 40
    # 1280 wide, a picture of 800x200 is 320 high: from 200 to 520.
    assert is_coloured(shown[84][360, 5], GREEN) and is_coloured(shown[84][210, 640], GREEN)
    assert is_coloured(shown[84][190, 640], (0, 0, 0)) and is_coloured(shown[84][530, 640], (0, 0, 0))
    written = shown[84][694:, :]
    assert written[:, :640].max() > 200 < written[:, 1100:].max(), "what it shows stands left, its number right"
    assert not list(studio.root.rglob(".raceway-tmp*")) and not list(studio.root.rglob("list.json"))


def test_without_captions_nothing_is_written_and_blender_is_not_needed(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playlist_film, "PAINTER", None)
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 160, 90), "a.png"))
    asked = ask(studio.artist, playlist, captions=False, frame_rate="30000/1001", still_seconds=2).data
    work(app)
    ready = film_of(studio.artist, asked)
    assert (ready["frame_count"], ready["frame_rate"], ready["captions"]) == (60, "30000/1001", False)
    [*_, last] = frames(fetch(studio.artist, ready).data)
    assert is_coloured(last.reshape(-1, 3).max(axis=0), RED) and is_coloured(last.reshape(-1, 3).min(axis=0), RED)


def test_what_a_film_cannot_show_is_told_before_and_after(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    first, away = (uploaded(studio, picture(tmp_path, 64, 64), name) for name in ("a.png", "away.png"))
    playlist = made(studio.artist, production, first, away)
    model = MediaAsset(
        id=uuid4(), asset_type="cad_derivative", name="gear.glb", path="gear.glb", mime_type="model/gltf-binary",
        size=1, sha256="0" * 64, asset_id=UUID(production.asset["id"]),
    )  # fmt: skip
    item = PlaylistItem(id=uuid4(), playlist_id=UUID(playlist["id"]), media_id=model.id, position=3)
    add_rows(studio, model, item)
    studio.artist.post(f"/media/assets/{away}/archive")
    out = [("away.png", "archived"), ("gear.glb", "model/gltf-binary is no picture or film")]
    planned = studio.artist.get(f"/playlists/{playlist['id']}/film-plan").data
    assert [(each["name"], each["why"]) for each in planned["left_out"]] == out and planned["item_count"] == 1
    asked = ask(studio.artist, playlist).data
    work(app)
    ready = film_of(studio.artist, asked)
    assert (ready["state"], ready["frame_count"], ready["item_count"]) == ("completed", 25, 1)
    assert sorted((each["name"], each["why"]) for each in ready["left_out"]) == out
    page = studio.browser().get(f"/playlists/{playlist['id']}").text
    assert "away.png (archived)" in page and "gear.glb (model/gltf-binary is no picture or film)" in page


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"still_seconds": 0.5}, "input.invalid"),
        ({"still_seconds": 61}, "input.invalid"),
        ({"size": "640x480"}, "input.invalid"),
        ({"frame_rate": "12"}, "input.invalid"),
    ],
)
def test_settings_that_no_film_has_are_refused(
    studio: StudioUnderTest, production: Production, settings: Json, code: str
) -> None:
    refused = ask(studio.artist, made(studio.artist, production), **settings)
    assert (refused.status, refused.error["code"]) == (422, code)


def test_a_film_of_nothing_or_without_end_is_refused_before_it_starts(
    studio: StudioUnderTest, production: Production, film: bytes, tmp_path: Path
) -> None:
    playlist = made(studio.artist, production)
    assert ask(studio.artist, playlist).error["code"] == "conflict.nothing_to_show"
    long = uploaded(studio, film, "long.mp4")
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(MediaAsset).where(MediaAsset.id == UUID(long)).values(duration=3590.0))
    put(studio.artist, playlist, long, uploaded(studio, picture(tmp_path, 8, 8), "a.png"))
    refused = ask(studio.artist, playlist, still_seconds=20)
    assert (refused.status, refused.error["code"]) == (422, "input.film_too_long")
    assert "3610 s" in refused.error["message"] and "still_seconds" in refused.error["fields"]
    assert studio.artist.get("/jobs/").data["total"] == 0


# -- asked for again


def test_the_same_is_made_once_and_what_changed_is_told(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    first, second = (uploaded(studio, picture(tmp_path, 64, 64, each), "a.png") for each in (RED, GREEN))
    playlist = made(studio.artist, production, first)
    asked = ask(studio.artist, playlist).data
    assert ask(studio.admin, playlist).data["id"] == asked["id"], "while it waits"
    work(app)
    again = ask(studio.admin, playlist).data
    assert (again["id"], again["state"]) == (asked["id"], "completed")
    assert ask(studio.admin, playlist, still_seconds=2).data["id"] != asked["id"]
    assert studio.artist.get("/jobs/", query_string={"kind": "playlist_film"}).data["total"] == 2
    put(studio.artist, playlist, first, second)
    assert film_of(studio.artist, asked)["outdated"]
    assert "made before the playlist changed" in studio.browser().get(f"/playlists/{playlist['id']}").text
    newer = ask(studio.artist, playlist).data
    assert (newer["id"] != asked["id"], newer["outdated"]) == (True, False)
    listed = studio.artist.get(f"/playlists/{playlist['id']}/films").data
    assert (listed["total"], listed["items"][0]["id"]) == (3, newer["id"])
    put(studio.artist, playlist, first)
    assert not film_of(studio.artist, asked)["outdated"] and film_of(studio.artist, newer)["outdated"]


def test_two_who_ask_at_once_get_one_film(studio: StudioUnderTest, production: Production, tmp_path: Path) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    found: list[str] = []
    people = [studio.artist, studio.admin, studio.artist, studio.admin]
    threads = [threading.Thread(target=lambda api=api: found.append(ask(api, playlist).data["id"])) for api in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert studio.artist.get("/jobs/").data["total"] == 1


def test_a_film_whose_file_is_gone_is_made_anew(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    asked = ask(studio.artist, playlist, captions=False).data
    work(app)
    [stored] = studio.root.rglob("playlist-*.mp4")
    stored.unlink()
    assert fetch(studio.artist, asked).status_code == 507
    anew = ask(studio.artist, playlist, captions=False).data
    work(app)
    assert anew["id"] != asked["id"] and fetch(studio.artist, anew).status_code == 200
    assert [each["id"] for each in studio.artist.get(f"/playlists/{playlist['id']}/films").data["items"]] == [
        anew["id"]
    ]


# -- what goes wrong


def test_a_damaged_film_fails_by_name_and_leaves_nothing(
    app: Flask, studio: StudioUnderTest, production: Production, film: bytes, tmp_path: Path
) -> None:
    begins = film.index(b"mdat") + 4
    damaged = uploaded(studio, film[:begins] + b"\xff" * (len(film) - begins - 2000) + film[-2000:], "broken.mp4")
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"), damaged)
    asked = ask(studio.artist, playlist).data
    work(app)
    failed = film_of(studio.artist, asked)
    assert (failed["state"], failed["error"]["code"], failed["url"]) == ("failed", "film.unreadable", None)
    assert "broken.mp4" in failed["error"]["message"] and failed["error"]["hint"]
    assert not list(studio.root.rglob("playlist-*")) and not list(studio.root.rglob("film.mp4"))
    page = studio.browser().get(f"/playlists/{playlist['id']}").text
    assert "The film could not be made" in page and "Try again" in page
    again = ask(studio.artist, playlist).data
    assert (again["id"], again["state"], again["error"]) == (asked["id"], "queued", None)


@pytest.mark.parametrize("lost", ["whole", "half"])
def test_what_was_lost_since_the_upload_is_no_film(
    app: Flask, studio: StudioUnderTest, production: Production, film: bytes, lost: str
) -> None:
    medium = send(studio, film, "a.mp4", asset="gear").data
    playlist, place = made(studio.artist, production, medium["id"]), studio.root / medium["path"]
    asked = ask(studio.artist, playlist, captions=False).data
    if lost == "whole":
        place.unlink()
    else:
        place.write_bytes(film[: len(film) // 2])
    work(app)
    failed = film_of(studio.artist, asked)
    assert (failed["state"], failed["error"]["code"]) == (
        "failed", "storage.missing" if lost == "whole" else "film.unreadable",
    )  # fmt: skip
    assert "a.mp4" in failed["error"]["message"]


def test_a_film_that_nobody_could_read_is_tried_and_named(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    playlist = made(studio.artist, production, uploaded(studio, MP4, "odd.mp4"))
    assert studio.artist.get(f"/playlists/{playlist['id']}/film-plan").data["unknown_count"] == 1
    asked = ask(studio.artist, playlist, captions=False).data
    work(app)
    assert film_of(studio.artist, asked)["error"]["code"] == "film.unreadable"


def test_a_film_is_cancelled_by_who_asked_and_by_the_studio(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api, tmp_path: Path
) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    share(studio, playlist)
    theirs = ask(studio.artist, playlist).data
    path = f"/playlist-films/{theirs['id']}/cancel"
    refused = client.post(path)
    assert (refused.status, refused.error["code"]) == (403, "auth.forbidden")
    assert studio.admin.post(path).data["state"] == "cancelled"
    assert studio.admin.post(path).status == 409
    own = ask(client, playlist, still_seconds=2).data
    assert client.post(f"/playlist-films/{own['id']}/cancel").data["state"] == "cancelled"
    work(app)
    assert film_of(studio.artist, theirs)["state"] == "cancelled"
    again = ask(client, playlist, still_seconds=2).data
    assert (again["id"], again["state"]) == (own["id"], "queued"), "and is tried again when it is asked for again"


def test_cancelled_while_it_is_made_its_tool_ends_and_leaves_nothing(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    playlist = made(studio.artist, production, uploaded(studio, picture(tmp_path, 64, 64), "a.png"))
    asked = ask(studio.artist, playlist, captions=False, size="3840x2160", still_seconds=60, frame_rate="60").data
    seen: set[float] = set()
    answers: list[Reply] = []

    def look_on() -> None:
        while len(seen) < 2 and (now := film_of(studio.artist, asked))["state"] in ("queued", "running"):
            if now["progress"]["percent"] > 5:
                seen.add(now["progress"]["percent"])
        answers.append(studio.artist.post(f"/playlist-films/{asked['id']}/cancel"))

    onlooker = threading.Thread(target=look_on, daemon=True)
    onlooker.start()
    work(app)
    onlooker.join(timeout=60)
    assert len(seen) == 2 and [answer.status for answer in answers] == [200]
    assert film_of(studio.artist, asked)["state"] == "cancelled"
    assert not list(studio.root.rglob("*.mp4")) and not list(studio.root.rglob("list.json"))


# -- cleared away


def test_old_films_are_cleared_away_once_their_playlist_changed(
    app: Flask, studio: StudioUnderTest, production: Production, tmp_path: Path
) -> None:
    first, second = (uploaded(studio, picture(tmp_path, 64, 64, each), "a.png") for each in (RED, GREEN))
    kept, changed = made(studio.artist, production, first), made(studio.artist, production, first)
    films = [ask(studio.artist, each, captions=False).data for each in (kept, changed)]
    work(app)
    put(studio.artist, changed, first, second)
    newer = ask(studio.artist, changed, captions=False).data
    work(app)
    old = datetime.now(UTC) - timedelta(days=31)
    with app.app_context():
        sweeper.tidy(app)
        assert len(list(studio.root.rglob("playlist-*.mp4"))) == 3, "what is outdated is kept for a month"
        with tenant_session(studio.tenant_id) as current:
            of_films = select(PlaylistFilm.job_id).where(PlaylistFilm.id.in_([UUID(each["id"]) for each in films]))
            current.execute(update(Job).where(Job.id.in_(of_films)).values(finished_at=old))
        sweeper.tidy(app)
    assert len(list(studio.root.rglob("playlist-*.mp4"))) == 2
    assert fetch(studio.artist, films[0]).status_code == fetch(studio.artist, newer).status_code == 200
    assert fetch(studio.artist, films[1]).status_code == 404
    assert studio.artist.get("/jobs/", query_string={"state": JobState.COMPLETED}).data["total"] == 3
