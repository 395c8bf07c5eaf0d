"""Playlists: made and arranged, seen by those they are for, and what is newer than what they show."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import AuditRecord, Job, MediaAsset, PlaylistItem
from service.tasks import notifier
from shared.client import Client
from shared.jobs import JobDocument, JobState
from tests.service.exhibits import add_rows
from tests.service.studio import Api, Json, Production, Reply, StudioUnderTest
from tests.service.test_statements import counting
from tests.service.world import World, unique

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
ANY = {"If-Match": "*"}


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


@pytest.fixture
def client(studio: StudioUnderTest, production: Production) -> Api:
    """The tenant's client, who sees the project of ``production``."""
    clients = {"user_ids": [studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]]}
    path = f"/projects/{production.project['id']}/clients"
    assert studio.admin.put(path, clients, headers=ANY).status == 200
    return studio.api(Role.CLIENT)


def rendered(
    studio: StudioUnderTest, publish: Json | None, *, camera: str = "framed", thumbnail: bool = False, **more: object
) -> str:
    """A still as a render of ``publish`` leaves it, or its thumbnail; answers its id."""
    job_id = uuid4()
    document = JobDocument(str(job_id), state=JobState.COMPLETED).to_json()
    publish_id = UUID(publish["id"]) if publish else None
    job = Job(
        id=job_id, kind="still", queue="render", state="completed", document=document, request={"camera": camera},
        publish_id=publish_id,
    )  # fmt: skip
    values = {"asset_type": "still", "name": "still.png", "mime_type": "image/png", "category_key": "gear", **more}
    path = studio.write(f"{job_id}.png", "picture")
    common = {"path": path, "size": 7, "sha256": "0" * 64, "publish_id": publish_id, "job_id": job_id}
    still = MediaAsset(id=uuid4(), **common, **values)
    small = MediaAsset(id=uuid4(), **common, **{**values, "asset_type": "thumbnail"})
    add_rows(studio, job, still, *([small] if thumbnail else []))
    return str(still.id)


def made(api: Api, production: Production, *media_ids: str, **more: object) -> Json:
    body = {"project_id": production.project["id"], "name": unique(), "media_ids": list(media_ids), **more}
    answer = api.post("/playlists/", body)
    assert answer.status == 201, answer.body
    playlist: Json = answer.data
    return playlist


def shown(playlist: Json) -> list[str]:
    return [item["media_id"] for item in playlist["items"]]


def put(api: Api, playlist: Json, *media_ids: str, version: str = "*") -> Reply:
    path = f"/playlists/{playlist['id']}/items"
    return api.put(path, {"media_ids": list(media_ids)}, headers={"If-Match": version})


# -- made and arranged


def test_a_playlist_shows_what_was_chosen_in_its_order(studio: StudioUnderTest, production: Production) -> None:
    publish = studio.publish(production)
    first, second, third = (rendered(studio, publish) for _ in range(3))
    playlist = made(studio.artist, production, second, first, second)
    assert shown(playlist) == [second, first] and playlist["item_count"] == 2
    assert (playlist["project"], playlist["created_by"], playlist["for_client"]) == (
        production.project["name"], "artist", False,
    )  # fmt: skip
    item = playlist["items"][0]
    assert (item["entity"], item["part"], item["version"], item["publish_id"]) == (
        "asset:gear", "body", 1, publish["id"],
    )  # fmt: skip
    assert item["url"] == f"/api/media/assets/{second}/file"
    assert shown(put(studio.artist, playlist, third, first, second).data) == [third, first, second]
    assert shown(put(studio.artist, playlist, first).data) == [first]
    added = studio.artist.post(f"/playlists/{playlist['id']}/items", {"media_ids": [third, first]}).data
    assert shown(added) == [first, third], "what it shows already stays where it is"
    assert studio.artist.get(f"/playlists/{playlist['id']}").data == added
    [listed] = studio.artist.get("/playlists/", query_string={"project": production.project["name"]}).data["items"]
    assert (listed["name"], listed["item_count"], "items" in listed) == (playlist["name"], 2, False)


def test_who_arranges_says_what_they_replace(studio: StudioUnderTest, production: Production) -> None:
    publish = studio.publish(production)
    first, second = (rendered(studio, publish) for _ in range(2))
    playlist = made(studio.artist, production, first)
    path = f"/playlists/{playlist['id']}/items"
    assert studio.artist.put(path, {"media_ids": []}).status == 428
    version = studio.artist.get(f"/playlists/{playlist['id']}").headers["ETag"]
    assert put(studio.artist, playlist, second, first, version=version).status == 200
    stale = put(studio.artist, playlist, version=version)
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    assert "items" in stale.error["fields"] and "artist" in stale.error["fields"]["items"]
    same = studio.artist.get(f"/playlists/{playlist['id']}").data["revision"]
    assert put(studio.artist, playlist, second, first).data["revision"] == same, "nothing was changed"


def test_what_changed_is_recorded_and_told(app: Flask, studio: StudioUnderTest, production: Production) -> None:
    picture = rendered(studio, studio.publish(production))
    playlist = made(studio.artist, production)
    put(studio.artist, playlist, picture)
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        records = current.scalars(select(AuditRecord).where(AuditRecord.row_id == UUID(playlist["id"]))).all()
    [change] = [record for record in records if record.action == "change"]
    assert (change.before, change.after) == (
        {"items": [], "item_count": 0}, {"items": [picture], "item_count": 1},
    )  # fmt: skip
    kinds = [each["kind"] for each in studio.artist.get("/activity").data["items"]]
    assert kinds[:2] == ["playlist.changed", "playlist.created"]


def test_names_are_unique_in_a_project(studio: StudioUnderTest, production: Production) -> None:
    playlist, other = made(studio.artist, production, name="Dailies"), made(studio.artist, production)
    body = {"project_id": production.project["id"], "name": " Dailies "}
    assert studio.artist.post("/playlists/", body).error["code"] == "conflict.exists"
    refused = studio.artist.patch(f"/playlists/{other['id']}", {"name": "Dailies"})
    assert (refused.status, refused.error["fields"]["id"]) == (409, playlist["id"])
    assert studio.artist.patch(f"/playlists/{playlist['id']}", {"name": "Dailies"}).status == 200
    assert made(studio.artist, studio.production(), name="Dailies")["name"] == "Dailies"


def test_only_pictures_and_films_of_the_project_are_put_on_a_playlist(
    studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production
) -> None:
    playlist, uploaded = made(studio.artist, production), World(studio).medium()["id"]
    elsewhere = rendered(studio, studio.publish(studio.production()))
    model = rendered(studio, None, mime_type="model/gltf-binary")
    archived = rendered(studio, None)
    studio.admin.post(f"/media/assets/{archived}/archive")
    theirs = World(other_studio).medium()["id"]
    for media_id, status in ((elsewhere, 422), (model, 422), (archived, 422), (theirs, 404), (str(uuid4()), 404)):
        refused = put(studio.artist, playlist, uploaded, media_id)
        assert refused.status == status and media_id in refused.error["fields"]["media_ids"]
    assert shown(put(studio.artist, playlist, uploaded).data) == [uploaded], "of no project: of any"
    studio.admin.post(f"/media/assets/{uploaded}/archive")
    kept = rendered(studio, None)
    assert shown(put(studio.artist, playlist, kept, uploaded).data) == [kept, uploaded], "what stood there stays"


def test_a_longer_playlist_costs_no_more_statements(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    media = [rendered(studio, studio.publish(production)) for _ in range(6)]

    def cost(count: int) -> int:
        path = f"/playlists/{made(studio.artist, production, *media[:count])['id']}"
        studio.artist.get(path)
        with counting(app) as statements:
            assert len(studio.artist.get(path).data["items"]) == count
        return len(statements)

    assert cost(2) == cost(6) <= 6


def test_pictures_of_shots_are_found_and_shown_with_their_shot(studio: StudioUnderTest) -> None:
    production, api = studio.production(), studio.admin
    project = production.project
    sequence = api.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    shot = api.post("/shots/", {"sequence_id": sequence["id"], "name": "sh0010"}).data
    target = {"target_type": "shot", "target_id": shot["id"]}
    task = api.post("/tasks/", {**target, "name": "light", "department": "lighting"}).data
    reserved = api.post("/publishes/reserve", {**target, "task_id": task["id"], "part_name": "lamps"}).data
    body = {**target, "task_id": task["id"], "software": "test", "reservation_id": reserved["reservation_id"]}
    item = studio.write(reserved["item_usd_path"])
    publish = api.post("/publishes/", {**body, "item_usd_path": item, "metadata": {"part_name": "lamps"}}).data
    of_shot, of_asset = rendered(studio, publish), rendered(studio, studio.publish(production))
    rendered(studio, studio.publish(studio.production()))

    def found(**query: str) -> set[str]:
        return {each["id"] for each in api.get("/media/assets", query_string=query).data["items"]}

    assert found(project=project["name"]) == {of_shot, of_asset}
    assert found(publish_id=publish["id"]) == {of_shot}
    playlist = made(studio.artist, production)
    offered = studio.browser().get(f"/playlists/{playlist['id']}/items").text
    assert of_shot in offered and of_asset in offered
    assert put(studio.artist, playlist, of_shot).data["items"][0]["entity"] == "shot:sq010/sh0010"
    shown = studio.browser().get(f"/pictures/{of_shot}").text
    assert "sq010 / sh0010" in shown and f"/shots/{shot['id']}" in shown
    assert f"/pictures/{of_shot}" in studio.browser().get(f"/shots/{shot['id']}").text


# -- what is newer


def test_what_is_newer_is_told_and_taken_in_one_call(studio: StudioUnderTest, production: Production) -> None:
    old, new = studio.publish(production), studio.publish(production)
    other_part = studio.publish(production, "lid")
    newest, first, side = (
        rendered(studio, new), rendered(studio, old), rendered(studio, old, camera="/cameras/side"),
    )  # fmt: skip
    rendered(studio, other_part), rendered(studio, new, category_key="x"), rendered(studio, new, asset_type="wedge")
    again = rendered(studio, old)
    playlist = made(studio.artist, production, first, side, newest, again)
    newer = {item["media_id"]: item["newer_media_id"] for item in playlist["items"]}
    assert newer == {first: newest, side: None, newest: None, again: newest}, "of a newer publish, whenever rendered"
    path = f"/playlists/{playlist['id']}/take-newer"
    assert studio.artist.post(path, {"media_ids": [str(uuid4())]}).status == 404
    assert shown(studio.artist.post(path, {"media_ids": [side]}).data) == [first, side, newest, again]
    assert shown(studio.artist.post(path).data) == [newest, side], "each is shown once"
    studio.admin.post(f"/publishes/{new['id']}/withdraw")
    assert studio.admin.post(f"/publishes/{new['id']}/archive").status == 200
    assert made(studio.artist, production, first)["items"][0]["newer_media_id"] == again
    studio.admin.post(f"/media/assets/{again}/archive")
    assert made(studio.artist, production, first)["items"][0]["newer_media_id"] is None


def test_of_uploads_one_of_the_same_name_is_newer(studio: StudioUnderTest, production: Production) -> None:
    world, asset = World(studio), production.asset
    first, other = (world.picture(asset, filename=name)["id"] for name in ("front.png", "side.png"))
    second = world.picture(asset, filename="front.png")["id"]
    playlist = made(studio.artist, production, first, other, second)
    assert [item["newer_media_id"] for item in playlist["items"]] == [second, None, None]


# -- clients


def test_clients_see_what_is_for_them_and_its_pictures(
    studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish = studio.publish(production)
    picture, internal = rendered(studio, publish, thumbnail=True), rendered(studio, publish)
    playlist = made(studio.admin, production, picture, for_client=True)
    hidden = made(studio.admin, production, internal)
    foreign = made(studio.admin, studio.production(), for_client=True)
    assert [each["id"] for each in client.get("/playlists/").data["items"]] == [playlist["id"]]
    assert shown(client.get(f"/playlists/{playlist['id']}").data) == [picture]
    for unseen in (hidden, foreign):
        assert client.get(f"/playlists/{unseen['id']}").status == 404
    seen = client.get("/media/assets").data["items"]
    assert {each["id"] for each in seen if each["asset_type"] == "still"} == {picture}
    assert len(seen) == 2, "and the thumbnail that stands for it"
    assert client.get(f"/media/assets/{internal}").status == 404
    for call in (client.patch(f"/playlists/{playlist['id']}", {"name": "x"}), put(client, playlist)):
        assert call.status == 403
    path = f"/playlists/{playlist['id']}"
    for change in (
        lambda: studio.admin.patch(path, {"for_client": False}),
        lambda: studio.admin.post(f"{path}/archive"),
    ):
        studio.admin.post(f"{path}/restore"), studio.admin.patch(path, {"for_client": True})
        assert client.get(path).status == 200
        change()
        assert client.get(path).status == 404 and client.get(f"/media/assets/{picture}").status == 404


def test_what_is_archived_is_taken_back_from_clients(
    studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish = studio.publish(production)
    wrong, right = (rendered(studio, publish, thumbnail=True) for _ in range(2))
    path = f"/playlists/{made(studio.admin, production, wrong, right, for_client=True)['id']}"
    every = client.get("/media/assets").data["items"]
    assert len(every) == 4

    def files() -> set[int]:
        browser, headers = studio.app.test_client(), {"Authorization": f"Bearer {client.token}"}
        return {browser.get(each["url"], headers=headers).status_code for each in every}

    def listed() -> int:
        [playlist] = client.get("/playlists/").data["items"]
        return int(playlist["item_count"])

    assert listed() == 2 and files() == {200}
    studio.admin.post(f"/media/assets/{wrong}/archive")
    seen = client.get(path).data
    assert (shown(seen), seen["item_count"], listed()) == ([right], 1, 1)
    seen_media = client.get("/media/assets").data["items"]
    assert len(seen_media) == 2, "its thumbnail went with it"
    browser = studio.browser(Role.CLIENT)
    assert browser.get(f"/pictures/{wrong}").status_code == 404 and wrong not in browser.get(path).text
    assert files() == {200, 404}
    assert shown(studio.artist.get(path).data) == [wrong, right], "the studio sees what it chose"
    studio.admin.post(f"/media/assets/{wrong}/restore")
    assert shown(client.get(path).data) == [wrong, right]
    project = f"/projects/{production.project['id']}"
    studio.admin.post(f"{project}/archive")
    assert (client.get(path).status, files()) == (404, {404}) and browser.get(path).status_code == 404
    studio.admin.post(f"{project}/restore")
    assert (client.get(path).status, files()) == (200, {200})


def test_a_playlist_of_an_archived_project_takes_no_changes(studio: StudioUnderTest, production: Production) -> None:
    picture = rendered(studio, studio.publish(production))
    playlist = made(studio.artist, production, picture)
    path, project = f"/playlists/{playlist['id']}", f"/projects/{production.project['id']}"
    studio.admin.post(f"{project}/archive")
    refused = [studio.admin.patch(path, {"name": "x"}), put(studio.admin, playlist)]
    assert [each.error["code"] for each in refused] == ["conflict.archived"] * 2
    studio.admin.post(f"{project}/restore")
    assert studio.admin.patch(path, {"name": "x"}).status == 200


def test_what_clients_see_is_a_managers(studio: StudioUnderTest, production: Production) -> None:
    picture, manager = rendered(studio, studio.publish(production)), studio.api(Role.PROJECT_MANAGER)
    body = {"project_id": production.project["id"], "name": "Clients", "for_client": True}
    assert studio.artist.post("/playlists/", body).status == 403
    own = made(studio.artist, production, picture)
    assert studio.artist.patch(f"/playlists/{own['id']}", {"for_client": True}).status == 403
    assert manager.patch(f"/playlists/{own['id']}", {"for_client": True}).data["for_client"]
    assert put(studio.artist, own).status == 403
    for path, change in (("/items", {"media_ids": []}), ("/take-newer", {}), ("/archive", {})):
        assert studio.artist.post(f"/playlists/{own['id']}{path}", change).status == 403
    assert studio.artist.patch(f"/playlists/{own['id']}", {"for_client": False}).status == 403
    assert shown(put(manager, own).data) == []


def test_clients_are_told_of_a_playlist_when_they_may_see_it(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api
) -> None:
    def told() -> list[tuple[str, str]]:
        with app.app_context():
            notifier.tell(app)
        items = client.get("/notifications/", query_string={"channel": "notification"}).data["items"]
        return [(item["kind"], item["link"]) for item in items]

    publish = studio.publish(production)
    pictures = [rendered(studio, publish) for _ in range(12)]
    playlist = made(studio.admin, production, *pictures)
    path = f"/playlists/{playlist['id']}"
    studio.admin.patch(path, {"name": "For you"})
    assert told() == []
    studio.admin.patch(path, {"for_client": True})
    assert told() == [("playlist.shared", path)]
    studio.admin.patch(path, {"name": "For you, too"})
    put(studio.admin, playlist, *pictures[1:])
    for for_client in (False, True, False, True):
        studio.admin.patch(path, {"for_client": for_client})
    assert len(told()) == 1, "nobody is told twice of what was taken back for a moment"
    made(studio.admin, production, *pictures, for_client=True)
    assert len(told()) == 2


def test_clients_are_told_of_an_empty_playlist_when_there_is_something_to_see(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api
) -> None:
    def told() -> list[str]:
        with app.app_context():
            notifier.tell(app)
        items = client.get("/notifications/", query_string={"channel": "notification"}).data["items"]
        return [item["link"] for item in items]

    publish = studio.publish(production)
    pictures = [rendered(studio, publish) for _ in range(12)]
    empty = made(studio.admin, production, for_client=True)
    taken_back = made(studio.admin, production, pictures[0])
    for for_client in (True, False):
        studio.admin.patch(f"/playlists/{taken_back['id']}", {"for_client": for_client})
    assert told() == []
    # Of so many, the event does not say which they are.
    put(studio.admin, empty, *pictures)
    assert told() == [f"/playlists/{empty['id']}"]
    put(studio.admin, empty), put(studio.admin, empty, *pictures)
    assert len(told()) == 1


def test_items_never_leave_their_tenant(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production
) -> None:
    playlist = made(studio.artist, production, rendered(studio, studio.publish(production)))
    with app.app_context(), tenant_session(other_studio.tenant_id) as current:
        assert current.scalars(select(PlaylistItem)).all() == []
    stranger = other_studio.api(Role.GLOBAL_ADMIN)
    assert stranger.get(f"/playlists/{playlist['id']}").status == 404
    assert stranger.get(f"/pictures/{shown(playlist)[0]}".replace("/pictures", "/media/assets")).status == 404


def test_programs_make_and_change_playlists(studio: StudioUnderTest, production: Production, address: str) -> None:
    publish = studio.publish(production)
    first, second = rendered(studio, publish), rendered(studio, publish)
    with Client(address, studio.artist.token) as api:
        playlist = api.create_playlist(production.project["id"], "Dailies", [first])
        assert shown(api.add_to_playlist(playlist["id"], [second])) == [first, second]
        assert shown(api.set_playlist(playlist["id"], [first])) == [first]
        assert shown(api.take_newer(playlist["id"], [first])) == [second]
        assert [each["name"] for each in api.playlists(project=production.project["name"])] == ["Dailies"]
        said = api.comment("publish", publish["id"], "Rounder.", media_id=second, drawing=[])
        assert api.playlist(playlist["id"])["items"][0]["media_id"] == said["media_id"] == second
