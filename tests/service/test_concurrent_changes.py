"""Nobody overwrites what somebody else changed meanwhile, and nobody fetches again what they have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, update

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import tenant_session
from service.models import Job
from tests.service.recipes import Call, call_of, name_of
from tests.service.studio import StudioUnderTest, make_studio
from tests.service.world import World

GET_ROW = [each for each in ENDPOINTS if each.answers_row and each.method == "GET"]
ROWS_BY_ANSWER = {each.answer: each.path.removeprefix("/api") for each in GET_ROW if each.path.count("<") == 1}
ANSWERS_CHANGED_ROW = [each for each in ENDPOINTS if each.method != "GET" and each.answer in ROWS_BY_ANSWER]
HEEDS = [each for each in ENDPOINTS if each.if_match]
CHANGES_ROW = [each for each in ENDPOINTS if each.method in ("PATCH", "PUT") or each.path.endswith(("ve", "re"))]
NO_ROW = {
    "POST /api/scenes/reserve": "adds a row",
    "POST /api/publishes/reserve": "adds a row",
    "POST /api/cad/<uuid:cad_file_id>/restore": "adds a row",
}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


def _with_if_match(call: Call, tag: str) -> None:
    call.options = {**call.options, "headers": {**call.options.get("headers", {}), "If-Match": tag}}


def test_whatever_changes_a_row_heeds_if_match() -> None:
    heedless = {name_of(each) for each in CHANGES_ROW if not each.if_match} - set(NO_ROW)
    assert heedless == set()
    # What replaces the whole must say what it replaces.
    assert not {name_of(each) for each in ENDPOINTS if each.if_match == "required"} ^ {
        "PUT /api/projects/<uuid:project_id>/clients",
        "PUT /api/projects/<uuid:project_id>/team",
        "PUT /api/shots/<uuid:shot_id>/casting",
        "PUT /api/orders/<uuid:order_id>/items/<uuid:item_id>/media",
        "PUT /api/playlists/<uuid:playlist_id>/items",
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
    _with_if_match(call, '"0"')
    stale = call.send(app, endpoint.method, token)
    assert stale.json
    assert (stale.status_code, stale.json["error"]["code"]) == (412, "conflict.stale")
    assert "changed" in stale.json["error"]["message"] and "again" in stale.json["error"]["hint"]
    _with_if_match(call, "*")
    assert call.send(app, endpoint.method, token).status_code < 300


@pytest.mark.parametrize("endpoint", ANSWERS_CHANGED_ROW, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_who_made_or_changed_a_row_has_it(app: Flask, world: World, endpoint: Endpoint) -> None:
    """The entity tag of the answer is that of the row as it is read next."""
    token = world.studio.tokens[Role.GLOBAL_ADMIN]
    call = call_of(endpoint, world)
    if call.refuses:
        return
    answer = call.send(app, endpoint.method, token)
    assert answer.json
    row = Call(ROWS_BY_ANSWER[endpoint.answer].partition("<")[0] + answer.json["data"]["id"])
    assert row.send(app, "GET", token).headers["ETag"] == answer.headers["ETag"]


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


@pytest.mark.parametrize(
    "change",
    [
        "PUT /cad/<uuid:cad_file_id>/source-materials",
        "PUT /notifications/preferences",
        "PATCH /jobs/<uuid:job_id>",
        "PATCH /workers/<uuid:worker_id>",
    ],
)
@pytest.mark.usefixtures("quiet_queue")
def test_what_is_no_editable_row_has_an_entity_tag_all_the_same(app: Flask, world: World, change: str) -> None:
    token = world.studio.tokens[Role.GLOBAL_ADMIN]
    routes = {name_of(each).replace("/api", "", 1): each for each in ENDPOINTS}
    call = call_of(routes[change], world)
    reading = Call(call.path)
    before = reading.send(app, "GET", token).headers["ETag"]
    _with_if_match(call, before)
    assert call.send(app, routes[change].method, token).status_code == 200
    after = reading.send(app, "GET", token).headers["ETag"]
    assert after != before
    assert call.send(app, routes[change].method, token).status_code == 412
    _with_if_match(call, after)
    assert call.send(app, routes[change].method, token).status_code == 200


@pytest.mark.usefixtures("quiet_queue")
def test_the_progress_of_a_job_is_no_change_by_somebody_else(app: Flask, world: World) -> None:
    path = f"/jobs/{world.job()['id']}"
    api = world.studio.admin
    tag = {"If-Match": api.get(path).headers["ETag"]}
    with app.app_context(), tenant_session(world.studio.tenant_id) as current:
        current.execute(update(Job).where(Job.id == UUID(path[6:])).values(started_at=func.now()))
    assert api.patch(path, {"priority": 70}, headers=tag).status == 200
    stale = api.patch(path, {"priority": 10}, headers=tag)
    assert stale.status == 412 and stale.error["fields"]["priority"] == "is now 70"
    assert api.post(f"{path}/cancel", headers=tag).status == 412
    assert api.post(f"{path}/cancel", headers={"If-Match": f'"{api.get(path).data["revision"]}"'}).status == 200
