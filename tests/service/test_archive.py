"""What is put away leaves the lists and takes no changes, but stays to be read, with all its files."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from service.accounts.permissions import Role
from service.api import ENDPOINTS
from service.api.listing import EditableQuery
from service.api.routing import Endpoint
from tests.service.exhibits import Exhibits
from tests.service.page import Page
from tests.service.recipes import call_of, name_of
from tests.service.studio import Json, Production, StudioUnderTest, make_studio
from tests.service.world import World

ARCHIVES = [each for each in ENDPOINTS if each.path.endswith("/archive") and not each.path.startswith("/api/tenants")]
CHANGES = {re.sub("<.*", "", each.path): each for each in ENDPOINTS if each.method == "PATCH" and "<" in each.path}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(make_studio(app))


def ids(world: World, path: str, **query: str) -> set[str]:
    listed = world.admin.get(path, query_string={"page_size": "500", **query}).data["items"]
    return {each["id"] for each in listed if each["id"]}


@pytest.mark.parametrize("endpoint", ARCHIVES, ids=name_of)
@pytest.mark.usefixtures("quiet_queue")
def test_what_is_archived_leaves_the_list_and_comes_back(app: Flask, world: World, endpoint: Endpoint) -> None:
    token = world.studio.tokens[Role.GLOBAL_ADMIN]
    call = call_of(endpoint, world)
    row_path = call.path.removesuffix("/archive")
    prefix, _, row_id = row_path.rpartition("/")
    # A reserved scene is not in the list of saved ones.
    options = {"state": ""} if prefix == "/scenes" else {}
    assert row_id in ids(world, prefix, **options)
    archived = world.admin.post(f"{row_path}/archive").data
    assert archived["archived_at"]
    assert row_id not in ids(world, prefix, **options)
    assert row_id in ids(world, prefix, archived="1", **options)
    assert world.admin.get(row_path).data == archived
    again = world.admin.post(f"{row_path}/archive").data
    assert (again["archived_at"], again["revision"]) == (archived["archived_at"], archived["revision"])
    if change := CHANGES.get(f"/api{prefix}/"):
        refused = call_of(change, world)
        refused.path = row_path
        answer = refused.send(app, "PATCH", token)
        assert answer.json and (answer.status_code, answer.json["error"]["code"]) == (409, "conflict.archived")
    assert world.admin.post(f"{row_path}/restore").data["archived_at"] is None
    assert row_id in ids(world, prefix, **options)


def test_every_list_of_rows_that_can_be_archived_can_show_them() -> None:
    prefixes = {each.path.partition("/<")[0].rstrip("/") for each in ARCHIVES}
    lists = {each.path.rstrip("/") for each in ENDPOINTS if each.query and issubclass(each.query, EditableQuery)}
    assert prefixes <= lists


def test_what_belongs_to_an_archived_project_goes_and_comes_with_it(studio: StudioUnderTest) -> None:
    world = World(studio)
    task, shot = world.task(), world.shot()
    asset = studio.admin.get(f"/assets/{task['target_id']}").data
    sequence = studio.admin.get(f"/sequences/{shot['sequence_id']}").data

    def shown() -> list[int]:
        return [
            studio.admin.get(path).data["total"] for path in ("/projects", "/assets", "/tasks", "/sequences", "/shots")
        ]

    assert shown() == [2, 1, 1, 1, 1]
    studio.admin.post(f"/projects/{asset['project_id']}/archive")
    assert shown() == [1, 0, 0, 1, 1]
    studio.admin.post(f"/projects/{sequence['project_id']}/archive")
    assert shown() == [0, 0, 0, 0, 0]
    assert studio.admin.get("/tasks/?archived=1").data["total"] == 1
    studio.admin.post(f"/projects/{asset['project_id']}/restore")
    assert shown() == [1, 1, 1, 0, 0]


def test_nothing_is_added_to_what_is_archived(studio: StudioUnderTest) -> None:
    production, shot = studio.production(), World(studio).shot()
    asset, project = production.asset["id"], production.project["id"]
    adds: dict[str, tuple[str, Json]] = {
        "task": ("/tasks/", {"target_type": "asset", "target_id": asset, "name": "x", "department": "look"}),
        "asset": ("/assets/", {"project_id": project, "name": "x"}),
        "sequence": ("/sequences/", {"project_id": project, "name": "x"}),
        "scene": (
            "/scenes/reserve",
            {"task_id": production.task["id"], "name": "x", "software": "x", "suffix": ".hip"},
        ),
    }
    studio.admin.post(f"/projects/{project}/archive")
    for path, body in adds.values():
        answer = studio.admin.post(path, body)
        assert (answer.status, answer.error["code"]) == (409, "conflict.archived"), path
        assert production.project["name"] in answer.error["message"]
    studio.admin.post(f"/sequences/{shot['sequence_id']}/archive")
    refused = studio.admin.post("/shots/", {"sequence_id": shot["sequence_id"], "name": "x"})
    assert refused.error["code"] == "conflict.archived"
    studio.admin.post(f"/projects/{project}/restore")
    for path, body in adds.values():
        assert studio.admin.post(path, body).status == 201


def test_nothing_is_published_for_an_archived_task(studio: StudioUnderTest) -> None:
    production = studio.production()
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.write(reserved["item_usd_path"])
    body = production.publish_body(item, reservation_id=reserved["reservation_id"])
    task = f"/tasks/{production.task['id']}"
    studio.admin.post(f"{task}/archive")
    for path, refused in (("/publishes/reserve", production.reserve_body()), ("/publishes/", body)):
        assert studio.artist.post(path, refused).error["code"] == "conflict.archived"
    studio.admin.post(f"{task}/restore")
    assert studio.artist.post("/publishes/", body).status == 201


def test_what_is_archived_is_composed_no_more_and_stays_composed_as_it_was(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, second = studio.publish(production), studio.publish(production)
    compose, withdraw = f"/publishes/{first['id']}/compose", f"/publishes/{second['id']}/withdraw"
    studio.admin.post(f"/publishes/{first['id']}/archive")
    assert studio.admin.post(compose).error["code"] == "conflict.archived"
    studio.admin.post(f"/publishes/{first['id']}/restore")
    studio.admin.post(f"/assets/{production.asset['id']}/archive")
    assert [studio.admin.post(path).error["code"] for path in (compose, withdraw)] == ["conflict.archived"] * 2
    assert studio.artist.get(f"/publishes/{second['id']}").data["is_latest"] is True
    studio.admin.post(f"/assets/{production.asset['id']}/restore")
    assert studio.admin.post(compose).data["is_latest"] is True


def test_a_task_of_an_archived_project_takes_no_changes(studio: StudioUnderTest) -> None:
    production = studio.production()
    task, project = f"/tasks/{production.task['id']}", f"/projects/{production.project['id']}"
    studio.admin.post(f"{project}/archive")
    refused = studio.admin.patch(task, {"status": "done"})
    assert (refused.status, refused.error["code"]) == (409, "conflict.archived")
    assert production.project["name"] in refused.error["message"]
    # It is put away, and taken out again, by itself.
    assert studio.admin.post(f"{task}/archive").status == studio.admin.post(f"{task}/restore").status == 200
    studio.admin.post(f"{project}/restore")
    assert studio.admin.patch(task, {"status": "done"}).data["status"] == "done"


def test_an_archived_name_stays_taken_and_the_error_says_so(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    studio.admin.post(f"/projects/{project['id']}/archive")
    taken = studio.admin.post("/projects/", {"name": "film"})
    assert (taken.status, taken.error["code"]) == (409, "conflict.exists")
    assert "archived" in taken.error["message"] and taken.error["fields"]["id"] == project["id"]
    assert "Restore" in taken.error["hint"]


def test_files_and_versions_of_what_is_archived_stay(studio: StudioUnderTest) -> None:
    production = studio.production()
    published = studio.publish(production)
    medium = World(studio).medium()
    studio.admin.post(f"/assets/{production.asset['id']}/archive")
    studio.admin.post(f"/media/assets/{medium['id']}/archive")
    assert (studio.root / published["item_usd_path"]).is_file()
    assert (studio.root / published["entity_usd_path"]).is_file()
    assert studio.artist.get(f"/publishes/{published['id']}").data["version"] == 1
    browser = studio.app.test_client()
    headers = {"Authorization": f"Bearer {studio.artist.token}"}
    assert browser.get(f"/api/media/assets/{medium['id']}/file", headers=headers).status_code == 200


def test_an_archived_material_is_worn_and_chosen_no_more(studio: StudioUnderTest) -> None:
    own = studio.admin.post("/materials/", {"name": "Velvet", "label": "Velvet", "base_color": [0.2, 0, 0]}).data
    alias = {"kind": "word", "pattern": "curtain", "material": "Velvet"}
    assert studio.admin.post("/materials/aliases/", alias).status == 201
    studio.admin.post(f"/materials/{own['id']}/archive")
    assert studio.admin.post("/materials/aliases/", {**alias, "pattern": "drape"}).error["code"] == (
        "input.unknown_material"
    )
    names: Callable[[str], set[str]] = lambda query: {  # noqa: E731
        each["name"] for each in studio.artist.get(f"/materials/?page_size=500&{query}").data["items"]
    }
    assert "Velvet" not in names("") and "Velvet" in names("archived=1") and "Steel" in names("")


# -- pages


@pytest.fixture
def gone(studio: StudioUnderTest) -> Production:
    """A project whose asset has a picture and two publishes, to be put away; its client sees it."""
    production = studio.production()
    studio.publish(production), studio.publish(production)
    World(studio).picture(production.asset, asset_type="still")
    studio.let_client_in(production.project["id"], clients_see="all")
    return production


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ARTIST])
@pytest.mark.parametrize("what", ["projects", "assets"])
def test_the_overview_leaves_out_what_is_archived(
    studio: StudioUnderTest, gone: Production, role: Role, what: str
) -> None:
    browser, name = studio.browser(role), gone.project["name"]
    publishes = [each["id"] for each in studio.artist.get("/publishes/").data["items"]]
    names = (f"/?project={name}", f"/assets/{gone.asset['id']}", *(f"/publishes/{each}" for each in publishes))
    page = Page(browser.get("/"))
    assert set(names) <= set(page.links) and f"{name} 1" in page.text
    row = gone.project if what == "projects" else gone.asset
    studio.admin.post(f"/{what}/{row['id']}/archive")
    page = Page(browser.get("/"))
    left = {names[0]} if what == "assets" else set()
    assert set(names) & set(page.links) == left
    assert f"{name} 1" not in page.text and (f"{name} 0" in page.text) == bool(left)
    assert names[1] not in Page(browser.get(f"/?q={gone.asset['name']}")).links
    studio.admin.post(f"/{what}/{row['id']}/restore")
    assert set(names) <= set(Page(browser.get("/")).links)


@pytest.mark.usefixtures("quiet_queue")
def test_an_archived_picture_stands_for_its_asset_no_more(studio: StudioUnderTest, gone: Production) -> None:
    browser, asset = studio.browser(), f"/assets/{gone.asset['id']}"
    [older] = studio.artist.get("/media/assets").data["items"]
    newer = World(studio).picture(gone.asset, asset_type="still")
    for path in ("/", asset):
        assert newer["id"] in browser.get(path).text
    studio.admin.post(f"/media/assets/{newer['id']}/archive")
    for path in ("/", asset):
        answer = browser.get(path).text
        assert newer["id"] not in answer and older["id"] in answer


def test_a_thumbnail_goes_with_the_picture_that_it_stands_for(exhibits: Exhibits) -> None:
    studio, asset = exhibits.studio, f"/assets/{exhibits.ids['asset']}"
    browser, admin = studio.browser(), studio.admin
    [still] = admin.get("/media/assets?asset_type=still").data["items"]
    [thumbnail] = admin.get("/media/assets?asset_type=thumbnail").data["items"]
    shown: Callable[[], list[bool]] = lambda: [  # noqa: E731
        each["id"] in browser.get(path).text for path, each in (("/", thumbnail), (asset, still), (asset, thumbnail))
    ]
    assert shown() == [True, True, False]
    try:
        admin.post(f"/media/assets/{still['id']}/archive")
        assert shown() == [False, False, False]
    finally:
        admin.post(f"/media/assets/{still['id']}/restore")


def test_pages_say_what_is_archived(studio: StudioUnderTest, gone: Production) -> None:
    browser = studio.browser()
    newest, oldest = studio.artist.get("/publishes/?sort=-version").data["items"]
    asset, project = f"/assets/{gone.asset['id']}", f"/projects/{gone.project['id']}"
    pages = (asset, f"/publishes/{newest['id']}", f"/publishes/{oldest['id']}", f"/tasks/{gone.task['id']}")

    def archived() -> list[int]:
        return [Page(browser.get(path)).text.count("archived") for path in pages]

    assert archived() == [0, 0, 0, 0]
    studio.admin.post(f"/publishes/{oldest['id']}/archive")
    assert archived() == [1, 1, 2, 1]
    assert "v001_i001 archived" in Page(browser.get(asset)).text
    assert f"/publishes/{oldest['id']}" not in Page(browser.get("/")).links
    studio.admin.post(f"/publishes/{oldest['id']}/restore")
    studio.admin.post(f"/tasks/{gone.task['id']}/archive")
    assert archived() == [0, 1, 1, 1]
    assert f"/tasks/{gone.task['id']}" not in Page(browser.get(asset)).links
    studio.admin.post(f"{asset}/archive"), studio.admin.post(f"{project}/archive")
    assert Page(browser.get(asset)).text.count("archived") == 2
    assert "archived" in Page(browser.get(project)).text


def test_clients_see_no_tasks_on_pages(studio: StudioUnderTest, gone: Production) -> None:
    artist = studio.artist.get("/auth/me").data["user"]["id"]
    task = studio.admin.patch(f"/tasks/{gone.task['id']}", {"assignee_id": artist, "due": "2031-05-17"}).data
    publish = studio.artist.get("/publishes/").data["items"][0]["id"]
    asset, page = f"/assets/{gone.asset['id']}", f"/publishes/{publish}"
    shown = [Page(studio.browser().get(path)).text for path in (asset, page)]
    assert all(task["name"] in text for text in shown) and "due 2031-05-17" in shown[0]
    for path in (asset, page):
        answer = studio.browser(Role.CLIENT).get(path)
        assert answer.status_code == 200
        assert task["name"] not in answer.text and "2031-05-17" not in answer.text and task["id"] not in answer.text
