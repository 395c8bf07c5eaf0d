"""Nobody overwrites what somebody else changed meanwhile, and nobody fetches again what they have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from tests.service.recipes import World, call_of, name_of
from tests.service.studio import StudioUnderTest, make_studio

GET_ROW = [each for each in ENDPOINTS if each.answers_row and each.method == "GET"]
HEEDS = [each for each in ENDPOINTS if each.if_match]
CHANGES_ROW = [each for each in ENDPOINTS if each.method in ("PATCH", "PUT") or each.path.endswith(("ve", "re"))]
NO_ROW = {
    "PUT /api/notifications/preferences": "one's own choices, of which nobody else knows",
    "PUT /api/cad/<uuid:cad_file_id>/source-materials": "a file that is sent as a whole: the newest counts",
    "PATCH /api/jobs/<uuid:job_id>": "a job changes all the time, and only its priority is set: the last word counts",
    "PATCH /api/workers/<uuid:worker_id>": "a worker changes all the time: the last word counts",
    "POST /api/scenes/reserve": "adds a row",
    "POST /api/publishes/reserve": "adds a row",
}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


def test_whatever_changes_a_row_heeds_if_match() -> None:
    heedless = {name_of(each) for each in CHANGES_ROW if not each.if_match} - set(NO_ROW)
    assert heedless == set()
    # What replaces the whole must say what it replaces.
    assert not {name_of(each) for each in ENDPOINTS if each.if_match == "required"} ^ {
        "PUT /api/projects/<uuid:project_id>/clients",
        "PUT /api/orders/<uuid:order_id>/items/<uuid:item_id>/media",
    }


@pytest.mark.parametrize("endpoint", GET_ROW, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_a_row_that_one_has_is_not_sent_again(app: Flask, world: World, endpoint: Endpoint) -> None:
    token = world.studio.tokens[Role.GLOBAL_ADMIN]
    call = call_of(endpoint, world)
    etag = call.send(app, "GET", token).headers["ETag"]
    call.options = {"headers": {"If-None-Match": etag}}
    again = call.send(app, "GET", token)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    call.options = {"headers": {"If-None-Match": '"0-0"'}}
    assert call.send(app, "GET", token).status_code == 200


@pytest.mark.parametrize("endpoint", HEEDS, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_a_change_of_an_older_state_is_refused(app: Flask, world: World, endpoint: Endpoint) -> None:
    token = world.studio.tokens[Role.GLOBAL_ADMIN]
    call = call_of(endpoint, world)
    if call.refuses:
        return
    call.options = {"headers": {"If-Match": '"0"'}}
    stale = call.send(app, endpoint.method, token)
    assert stale.json
    assert (stale.status_code, stale.json["error"]["code"]) == (412, "conflict.stale")
    call.options = {"headers": {"If-Match": "*"}}
    assert call.send(app, endpoint.method, token).status_code < 300


def test_a_stale_change_tells_what_changed_since_and_who_did_it(studio: StudioUnderTest) -> None:
    path = f"/projects/{studio.admin.post('/projects/', {'name': 'film'}).data['id']}"
    read = studio.admin.get(path)
    manager = studio.api(Role.PROJECT_MANAGER)
    manager.patch(path, {"title": "The film"})
    manager.patch(path, {"title": "The long film", "status": "paused"})
    stale = studio.admin.patch(path, {"title": "Another"}, headers={"If-Match": read.headers["ETag"]})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    assert set(stale.error["fields"]) == {"title", "status"}
    assert stale.error["fields"]["title"] == "is now 'The long film', changed by project_manager"
    assert "film" in stale.error["message"] and "project_manager" in stale.error["message"]
    assert studio.admin.get(path).data["title"] == "The long film"


def test_the_revision_of_a_list_is_as_good_as_the_entity_tag(studio: StudioUnderTest) -> None:
    studio.admin.post("/projects/", {"name": "film"})
    listed = studio.admin.get("/projects/").data["items"][0]
    path, tag = f"/projects/{listed['id']}", {"If-Match": f'"{listed["revision"]}"'}
    changed = studio.admin.patch(path, {"title": "x"}, headers=tag)
    assert changed.status == 200 and changed.headers["ETag"] == studio.admin.get(path).headers["ETag"]
    assert studio.admin.patch(path, {"title": "y"}, headers=tag).status == 412
    assert studio.admin.patch(path, {"title": "z"}).status == 200


def test_an_entity_tag_also_tells_of_related_names(studio: StudioUnderTest) -> None:
    world = World(studio)
    user, task = world.user(), world.task()
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_id": user["id"]})
    before = studio.admin.get(f"/tasks/{task['id']}").headers["ETag"]
    studio.admin.patch(f"/artists/{user['id']}", {"name": "Anna"})
    after = studio.admin.get(f"/tasks/{task['id']}", headers={"If-None-Match": before})
    assert after.data["assignee"] == "Anna"
    # The task itself did not change: what was read before may still be changed.
    assert studio.admin.patch(f"/tasks/{task['id']}", {"status": "done"}, headers={"If-Match": before}).status == 200


def test_of_two_changes_at_once_one_wins(studio: StudioUnderTest) -> None:
    path = f"/projects/{studio.admin.post('/projects/', {'name': 'film'}).data['id']}"
    tag = {"If-Match": studio.admin.get(path).headers["ETag"]}
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: studio.admin.patch(path, {"title": f"t{n}"}, headers=tag).status, range(8)))
    assert sorted(statuses) == [200] + [412] * 7
    assert studio.admin.get(path).data["revision"] == 2


def test_what_replaces_the_whole_must_name_what_it_replaces(studio: StudioUnderTest) -> None:
    path = f"/projects/{studio.admin.post('/projects/', {'name': 'film'}).data['id']}"
    assert studio.admin.put(f"{path}/clients", {"user_ids": []}).error["code"] == "input.if_match"
    client = World(studio).client()["id"]
    etag = studio.admin.get(path).headers["ETag"]
    clients = studio.admin.put(f"{path}/clients", {"user_ids": [client]}, headers={"If-Match": etag}).data
    assert [each["user_id"] for each in clients] == [client]
    assert studio.admin.put(f"{path}/clients", {"user_ids": []}, headers={"If-Match": etag}).status == 412
    assert [each["user_id"] for each in studio.admin.get(f"{path}/clients").data] == [client]
