"""All pictures of a playlist or an order as one ZIP: complete, numbered, and only what its reader may see."""

from __future__ import annotations

import io
import zipfile

import pytest
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from tests.service.studio import Api, Json, StudioUnderTest
from tests.service.world import PNG, World

pytestmark = pytest.mark.usefixtures("quiet_queue")


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


def download(studio: StudioUnderTest, who: Api, path: str) -> TestResponse:
    return studio.app.test_client().get(f"/api{path}", headers={"Authorization": f"Bearer {who.token}"})


def contents(answer: TestResponse) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def playlist_of(world: World, *filenames: str) -> tuple[Json, Json]:
    """A playlist of pictures of these names, and the asset that they show."""
    asset = world.asset()
    media_ids = [world.picture(asset, filename=name)["id"] for name in filenames]
    body = {"project_id": asset["project_id"], "name": "Monday: dailies", "media_ids": media_ids}
    return world.post("/playlists/", body), asset


def test_a_playlist_comes_as_numbered_files_of_known_length(studio: StudioUnderTest, world: World) -> None:
    playlist, asset = playlist_of(world, "front.png", "front.png", "Rück|ansicht.png")
    answer = download(studio, studio.artist, f"/playlists/{playlist['id']}/zip")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert answer.headers["Content-Disposition"].endswith('filename="Monday dailies.zip"')
    assert (answer.content_length, answer.cache_control.private) == (len(answer.data), True)
    names = [f"01 {asset['name']} front.png", f"02 {asset['name']} front.png", f"03 {asset['name']} Rück ansicht.png"]
    assert contents(answer) == dict.fromkeys(names, PNG)


def test_names_are_short_enough_for_every_file_system(studio: StudioUnderTest, world: World) -> None:
    playlist, _ = playlist_of(world, f"{'é' * 120}.png")
    (name,) = contents(download(studio, studio.artist, f"/playlists/{playlist['id']}/zip"))
    assert len(name.encode()) <= 255 and name.endswith("é.png")


def test_a_client_gets_an_order_s_files_once_it_is_delivered(studio: StudioUnderTest, world: World) -> None:
    client = studio.api(Role.CLIENT)
    order = world.order_with_medium()
    path = f"/orders/{order['id']}/zip"
    early = download(studio, client, path)
    assert (early.status_code, early.json["error"]["code"]) == (404, "not_found")  # type: ignore[index]
    studio.admin.post(f"/orders/{order['id']}/deliver")
    (name,) = contents(download(studio, client, path))
    assert name == f"01 {order['items'][0]['asset']} gear.png"


def test_a_client_gets_the_playlists_that_are_shown_to_them(studio: StudioUnderTest, world: World) -> None:
    client = studio.api(Role.CLIENT)
    playlist, asset = playlist_of(world, "front.png")
    clients = {"user_ids": [world.client()["id"]]}
    world.admin.put(f"/projects/{asset['project_id']}/clients", clients, headers={"If-Match": "*"})
    path = f"/playlists/{playlist['id']}"
    assert download(studio, client, f"{path}/zip").status_code == 404
    world.admin.patch(path, {"for_client": True})
    assert list(contents(download(studio, client, f"{path}/zip")).values()) == [PNG]


def test_a_file_that_is_gone_is_named_before_anything_is_sent(studio: StudioUnderTest, world: World) -> None:
    playlist, _ = playlist_of(world, "front.png", "back.png")
    lost = studio.artist.get(f"/media/assets/{playlist['items'][1]['media_id']}").data["path"]
    (studio.root / lost).unlink()
    refused = download(studio, studio.artist, f"/playlists/{playlist['id']}/zip")
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "storage.missing")  # type: ignore[index]
    assert lost in refused.json["error"]["message"]  # type: ignore[index]
