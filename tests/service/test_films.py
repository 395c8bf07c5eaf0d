"""Films that are uploaded: what they are is read, a poster stands for them, frames count by their own rate."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av", reason="PyAV is not installed")

from werkzeug.test import TestResponse

from service.database import db, tenant_session
from service.models import MediaAsset
from service.tasks import films
from shared.errors import ProcessError
from shared.processes import run_tool
from tests.dcc.media.films import write_film
from tests.service.studio import Api, Json, StudioUnderTest
from tests.service.test_uploads import MP4, send
from tests.service.world import PNG

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
UNKNOWN = {
    "frame_rate": None, "exact_frame_rate": None, "variable_frame_rate": None, "frame_count": None, "duration": None,
    "codec": None, "start_timecode": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("film") / "a.mp4"
    return write_film(place, rate="24000/1001", count=48, size=(128, 72), codec="libx264").read_bytes()


def fetch(api: Api, address: str) -> TestResponse:
    """A file that the API serves."""
    return api.app.test_client().get(address, headers={"Authorization": f"Bearer {api.token}"})


def test_what_an_uploaded_film_is_is_answered_at_once(studio: StudioUnderTest, film: bytes) -> None:
    medium = send(studio, film, "a.mp4").data
    assert (medium["width"], medium["height"], medium["mime_type"]) == (128, 72, "video/mp4")
    told = dict(medium["film"])
    assert told.pop("frame_rate") == pytest.approx(24000 / 1001)
    assert told.pop("duration") == pytest.approx(2.002)
    assert told == {
        "exact_frame_rate": "24000/1001", "variable_frame_rate": False, "frame_count": 48, "codec": "h264",
        "start_timecode": None,
    }  # fmt: skip
    assert studio.artist.get(f"/media/assets/{medium['id']}").data == medium
    poster = fetch(studio.artist, medium["poster_url"])
    assert (poster.mimetype, poster.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert medium["poster_url"] in studio.browser().get(f"/pictures/{medium['id']}").text


def test_a_comment_names_the_frame_by_the_exact_rate(studio: StudioUnderTest, film: bytes) -> None:
    medium = send(studio, film, "a.mp4").data
    about = {"target_type": "medium", "target_id": medium["id"], "text": "Here."}
    frames = [studio.artist.post("/comments/", {**about, "seconds": at}).data["frame"] for at in (0, 0.0417, 1.98)]
    assert frames == [1, 2, 48]


def test_a_rate_that_varies_is_told_and_counts_no_frames(studio: StudioUnderTest, tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", times=[0, 0.04, 0.08, 0.2, 0.5, 0.54], codec="libx264")
    medium = send(studio, place.read_bytes(), "a.mp4").data
    assert (medium["film"]["frame_rate"], medium["film"]["variable_frame_rate"]) == (None, True)
    about = {"target_type": "medium", "target_id": medium["id"], "text": "Here.", "seconds": 0.3}
    assert studio.artist.post("/comments/", about).data["frame"] is None
    page = studio.browser().get(f"/pictures/{medium['id']}").text
    assert "frame rate varies" in page and "data-frame " not in page


def test_a_film_that_nobody_can_read_is_kept_without(studio: StudioUnderTest) -> None:
    medium = send(studio, MP4, "a.mp4").data
    assert (medium["film"], medium["poster_url"], medium["width"]) == (UNKNOWN, None, None)
    assert studio.artist.get(f"/media/assets/{medium['id']}/poster").status == 404
    assert "frame rate unknown" in studio.browser().get(f"/pictures/{medium['id']}").text


def test_pictures_are_no_films(studio: StudioUnderTest) -> None:
    medium = send(studio, PNG, "a.png").data
    assert (medium["film"], medium["poster_url"]) == (None, None)


def test_a_reader_that_is_killed_costs_nothing_but_what_it_would_have_told(
    studio: StudioUnderTest, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object, **settings: object) -> dict[str, object]:
        raise ProcessError("It used more than 2048 MiB of memory and was stopped.", code="process.memory")

    monkeypatch.setattr("service.review.films.run_tool", killed)
    medium = send(studio, film, "a.mp4")
    assert (medium.status, medium.data["film"]) == (201, UNKNOWN)


def test_no_connection_to_the_database_waits_for_the_reading_of_a_film(
    studio: StudioUnderTest, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use: list[int] = []

    def watched(*arguments: Any, **settings: Any) -> dict[str, Any]:
        in_use.append(db.engine.pool.checkedout())  # type: ignore[attr-defined]
        return run_tool(*arguments, **settings)

    monkeypatch.setattr("service.review.films.run_tool", watched)
    about = {"target_type": "task", "target_id": studio.production().task["id"], "text": "See."}
    files = [(io.BytesIO(film), "a.mp4"), (io.BytesIO(film), "b.mp4")]
    commented = studio.browser().post("/comments", data={**about, "files": files})
    assert commented.status_code == 303 and send(studio, film, "c.mp4").data["film"]
    assert in_use == [0, 0, 0]


def test_workers_read_the_films_that_were_there_before(studio: StudioUnderTest, film: bytes) -> None:
    medium = send(studio, film, "a.mp4").data
    lost = send(studio, film + b"\0\0\0\x08free", "b.mp4").data
    names = ("frame_rate", "frame_count", "duration", "width", "poster_path", "film_read_at")
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        for each in session.query(MediaAsset):
            for name in names:
                setattr(each, name, None)
    (studio.root / lost["path"]).unlink()
    assert studio.artist.get(f"/media/assets/{medium['id']}").data["film"] is None
    with studio.app.app_context():
        assert films.read_films(studio.app) >= 2
    after = studio.artist.get(f"/media/assets/{medium['id']}").data
    assert after["film"] == medium["film"] and after["poster_url"] and after["width"] == 128
    assert studio.artist.get(f"/media/assets/{lost['id']}").data["film"]["frame_rate"] is None
    with studio.app.app_context():
        assert films.read_films(studio.app) == 0, "each is tried once"


def test_a_film_whose_place_cannot_be_looked_at_keeps_no_other_from_being_read(
    studio: StudioUnderTest, film: bytes
) -> None:
    first, last = (send(studio, film + end, "a.mp4").data["id"] for end in (b"", b"\0\0\0\x08free"))
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        for each in session.query(MediaAsset):
            each.film_read_at = None
            if str(each.id) == last:
                each.path = f"{'x' * 300}.mp4"
    with studio.app.app_context():
        films.read_films(studio.app)
    read = {media_id: studio.artist.get(f"/media/assets/{media_id}").data["film"] for media_id in (first, last)}
    assert read[first] and read[last] is None


# -- of shots


def shot_of(studio: StudioUnderTest) -> tuple[Json, Json]:
    project = studio.production().project
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    return project, studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh0010"}).data


def test_a_film_of_a_shot_is_filed_found_shown_and_reviewed_there(studio: StudioUnderTest, film: bytes) -> None:
    project, shot = shot_of(studio)
    ways: list[Json] = [
        {"shot": "sq010/sh0010", "project": project["name"]},
        {"shot": "sh0010"},
        {"target_type": "shot", "target_id": shot["id"]},
    ]
    media = [send(studio, PNG, f"{number}.png", **way).data for number, way in enumerate(ways)]
    media.append(send(studio, film, "a.mp4", asset_type="playblast", **ways[0]).data)
    assert {(each["shot_id"], each["shot"], each["asset"]) for each in media} == {(shot["id"], "sq010/sh0010", None)}
    ids = {each["id"] for each in media}
    for query in ({"shot": "sq010/sh0010"}, {"shot": "sh0010"}, {"project": project["name"]}):
        found = studio.artist.get("/media/assets", query_string=query).data["items"]
        assert {each["id"] for each in found} == ids
    assert studio.artist.get("/media/assets", query_string={"shot": "sq020/sh0010"}).data["total"] == 0
    page = studio.browser().get(f"/shots/{shot['id']}").text
    assert all(f"/pictures/{media_id}" in page for media_id in ids) and media[-1]["poster_url"] in page
    body = {"project_id": project["id"], "name": "Dailies", "media_ids": [media[-1]["id"]]}
    playlist = studio.artist.post("/playlists/", body).data
    assert playlist["items"][0]["entity"] == "shot:sq010/sh0010"
    newer = send(studio, film, "a.mp4", asset_type="playblast", **ways[0]).data
    [item] = studio.artist.get(f"/playlists/{playlist['id']}").data["items"]
    assert item["newer_media_id"] == newer["id"]


def test_an_asset_is_named_by_its_id_too(studio: StudioUnderTest) -> None:
    asset = studio.production().asset
    medium = send(studio, PNG, "a.png", target_type="asset", target_id=asset["id"]).data
    assert (medium["asset_id"], medium["shot_id"]) == (asset["id"], None)


def test_what_names_no_one_thing_to_show_is_refused(studio: StudioUnderTest) -> None:
    _, shot = shot_of(studio)
    asset = studio.production().asset
    for wrong, status in (
        ({"shot": "sh0010", "asset": asset["name"]}, 422),
        ({"shot": "sh0010", "target_type": "shot", "target_id": shot["id"]}, 422),
        ({"target_type": "shot"}, 422),
        ({"target_id": shot["id"]}, 422),
        ({"target_type": "shot", "target_id": asset["id"]}, 404),
        ({"shot": "sq010/sh0020"}, 404),
    ):
        assert send(studio, PNG, "a.png", **wrong).status == status, wrong


def test_nothing_is_added_to_an_archived_shot(studio: StudioUnderTest) -> None:
    _, shot = shot_of(studio)
    studio.admin.post(f"/shots/{shot['id']}/archive")
    for way in ({"shot": "sh0010"}, {"target_type": "shot", "target_id": shot["id"]}):
        refused = send(studio, PNG, "a.png", **way)
        assert (refused.status, refused.error["code"]) == (409, "conflict.archived")


def test_clients_see_a_shots_film_on_a_playlist_of_theirs_and_its_poster_with_it(
    studio: StudioUnderTest, film: bytes
) -> None:
    project, _ = shot_of(studio)
    medium = send(studio, film, "a.mp4", shot="sh0010").data
    client = studio.let_client_in(project["id"], clients_see="all")
    assert client.get(f"/media/assets/{medium['id']}").status == 404
    assert fetch(client, medium["poster_url"]).status_code == 404
    body = {"project_id": project["id"], "name": "For them", "for_client": True, "media_ids": [medium["id"]]}
    assert studio.admin.post("/playlists/", body).status == 201
    assert client.get(f"/media/assets/{medium['id']}").data["film"] == medium["film"]
    assert fetch(client, medium["poster_url"]).status_code == 200
