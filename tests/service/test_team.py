"""Teams of projects: who works on what, and whose projects one finds first."""

from __future__ import annotations

import pytest

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_statements import counting
from tests.service.world import World


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


def names(members: list[Json]) -> list[str]:
    return [each["name"] for each in members]


def id_of(studio: StudioUnderTest, role: Role) -> str:
    return str(studio.api(role).get("/auth/me").data["user"]["id"])


def test_a_team_is_added_to_replaced_and_left(studio: StudioUnderTest, world: World) -> None:
    path = f"/projects/{world.project()['id']}/team"
    artist, manager = id_of(studio, Role.ARTIST), id_of(studio, Role.PROJECT_MANAGER)
    assert studio.artist.get(path).data == []
    assert names(studio.admin.post(path, {"user_ids": [artist, artist]}).data) == ["artist"]
    assert names(studio.admin.post(path, {"user_ids": [manager, artist]}).data) == ["artist", "project_manager"]
    etag = studio.admin.get(path.removesuffix("/team")).headers["ETag"]
    replaced = studio.admin.put(path, {"user_ids": [manager]}, headers={"If-Match": etag})
    assert names(replaced.data) == ["project_manager"]
    assert studio.admin.put(path, {"user_ids": []}, headers={"If-Match": etag}).status == 412
    for _ in range(2):
        assert studio.admin.call("DELETE", f"{path}/{manager}").data == []
    assert studio.artist.post(path, {"user_ids": [artist]}).status == 403


def test_many_people_cost_no_more_statements_than_few(studio: StudioUnderTest, world: World) -> None:
    workers = [world.user()["id"] for _ in range(9)]
    clients = [world.user(Role.CLIENT)["id"] for _ in range(9)]

    def cost(count: int) -> tuple[int, int]:
        path, replacing = f"/projects/{world.project()['id']}", {"If-Match": "*"}
        with counting(studio.app) as team:
            assert len(studio.admin.put(f"{path}/team", {"user_ids": workers[:count]}, headers=replacing).data) == count
        with counting(studio.app) as admitted:
            body = {"user_ids": clients[:count]}
            assert len(studio.admin.put(f"{path}/clients", body, headers=replacing).data) == count
        return len(team), len(admitted)

    cost(1)  # also what is done for the first time only
    assert cost(2) == cost(9)


def test_who_cannot_work_on_a_project_is_not_on_its_team(studio: StudioUnderTest, world: World) -> None:
    path, gone = f"/projects/{world.project()['id']}/team", world.user()
    assert studio.admin.post(path, {"user_ids": [id_of(studio, Role.CLIENT)]}).error["fields"]["user_ids"]
    studio.admin.post(path, {"user_ids": [gone["id"]]})
    world.post(f"/artists/{gone['id']}/archive")
    assert studio.artist.get(path).data == []
    assert studio.admin.post(path, {"user_ids": [gone["id"]]}).error["code"] == "conflict.archived"
    world.post(f"/artists/{gone['id']}/restore")
    assert names(studio.artist.get(path).data) == ["Somebody"]
    studio.admin.patch(f"/artists/{gone['id']}", {"role": "client"})
    assert studio.artist.get(path).data == []
    studio.admin.patch(f"/artists/{gone['id']}", {"role": "artist"})
    assert names(studio.artist.get(path).data) == ["Somebody"]


def test_one_finds_ones_own_projects(studio: StudioUnderTest, world: World) -> None:
    mine, _ = world.project(), world.project()
    studio.admin.post(f"/projects/{mine['id']}/team", {"user_ids": [id_of(studio, Role.ARTIST)]})
    found = studio.artist.get("/projects/?mine=true").data
    assert (names(found["items"]), found["total"]) == ([mine["name"]], 1)
    assert studio.artist.get("/projects/").data["total"] == 2
    assert studio.admin.get("/projects/?mine=true").data["total"] == 0


def test_changes_of_a_team_are_recorded_and_told(studio: StudioUnderTest, world: World) -> None:
    project, artist = world.project(), id_of(studio, Role.ARTIST)
    studio.admin.post(f"/projects/{project['id']}/team", {"user_ids": [artist]})
    studio.admin.call("DELETE", f"/projects/{project['id']}/team/{artist}")
    kinds = [each["kind"] for each in studio.admin.get("/activity?kind=project_member.").data["items"]]
    assert kinds == ["project_member.deleted", "project_member.created"]
    [made, gone] = reversed(studio.admin.get("/audit/?table_name=project_members").data["items"])
    assert (made["after"]["user_id"], gone["before"]["project_id"]) == (artist, project["id"])


def test_a_manager_makes_the_team_on_the_page_of_the_project(studio: StudioUnderTest, world: World) -> None:
    project, artist = world.project(), id_of(studio, Role.ARTIST)
    browser, path = studio.browser(Role.PROJECT_MANAGER), f"/projects/{project['id']}/people"
    assert path in Page(browser.get(f"/projects/{project['id']}")).links
    browser.post(f"{path}/team", data={"user_ids": [artist, id_of(studio, Role.TENANT_ADMIN)]})
    assert names(studio.artist.get(f"/projects/{project['id']}/team").data) == ["artist", "tenant_admin"]
    browser.post(f"{path}/team/{artist}/remove")
    assert names(studio.artist.get(f"/projects/{project['id']}/team").data) == ["tenant_admin"]
    assert studio.browser().get(path).status_code == 403


def test_the_team_stands_first_where_tasks_are_given(studio: StudioUnderTest, world: World) -> None:
    production, browser = studio.production(), studio.browser(Role.PROJECT_MANAGER)
    zoe, _ = (world.post("/artists/", {"name": name, "email": f"{name}@studio.example"}) for name in ("Zoe", "Adam"))
    studio.admin.post(f"/projects/{production.project['id']}/team", {"user_ids": [zoe["id"]]})
    for path in (f"/assets/{production.asset['id']}", f"/tasks/{production.task['id']}"):
        text = browser.get(path).text
        assert 0 < text.index("Zoe") < text.index("Adam"), path
