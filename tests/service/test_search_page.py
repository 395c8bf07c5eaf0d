"""The page that finds everything."""

from __future__ import annotations

import pytest

from service.accounts.permissions import Role
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import Json, StudioUnderTest
from tests.service.world import World


class Searched:
    """A tenant with something called zebra of every kind."""

    def __init__(self, studio: StudioUnderTest) -> None:
        self.studio, admin = studio, studio.admin
        self.project = admin.post("/projects/", {"name": "zebra_film"}).data
        self.asset = admin.post("/assets/", self._of("zebra", title="The animal")).data
        self.sequence = admin.post("/sequences/", self._of("sq010", title="Zebras at night")).data
        self.shot = admin.post("/shots/", {"sequence_id": self.sequence["id"], "name": "zebra_runs"}).data
        about = {"target_type": "asset", "target_id": self.asset["id"], "name": "modelling", "department": "model"}
        self.task = admin.post("/tasks/", about).data
        self.publish = studio.publish(studio.production())
        self.playlist = admin.post("/playlists/", self._of("Zebra dailies")).data
        self.order = admin.post("/orders/", {"title": "Zebras", **self._items()}).data
        email = f"zebra@{studio.name}.example"
        person = {"name": "Zebulon Zebra", "email": email, "role": Role.ARTIST, "password": "correct horse"}
        self.person = admin.post("/artists/", person).data

    def _of(self, name: str, **more: str) -> Json:
        return {"project_id": self.project["id"], "name": name, **more}

    def _items(self) -> Json:
        return {"project_id": self.project["id"], "items": [{"asset_id": self.asset["id"]}]}

    def see(self, query: str, role: Role = Role.TENANT_ADMIN) -> Page:
        answer = self.studio.browser(role).get("/search", query_string={"q": query})
        assert answer.status_code == 200
        page = Page(answer)
        assert page.inline == []
        return page


@pytest.fixture
def searched(studio: StudioUnderTest) -> Searched:
    return Searched(studio)


def test_everything_of_a_name_is_found_in_groups(searched: Searched) -> None:
    page = searched.see("zebra")
    for group in ("Projects 1", "Assets 1", "Sequences 1", "Shots 1", "Tasks 1", "Playlists 1", "Orders 1", "People 1"):
        assert group in page.text
    kinds = ("project", "asset", "sequence", "shot", "task", "playlist", "order")
    assert {f"/{kind}s/{getattr(searched, kind)['id']}" for kind in kinds} <= set(page.links)
    assert f"/people/{searched.person['id']}" in page.links
    assert "zebra · The animal zebra_film / product" in page.text
    # Beginnings, capitals, several words; and of what it belongs to.
    assert f"/sequences/{searched.sequence['id']}" in searched.see("NIGHT zeb").links
    found = searched.see("body gear")
    assert f"/publishes/{searched.publish['id']}" in found.links and "Publishes 1" in found.text
    assert "Nothing is called so" in searched.see("zebra giraffe").text
    for nothing in ("", "&|!", "\u202e"):
        assert "Assets" not in searched.see(nothing).text.replace("Projects, assets", "")


def test_tasks_of_one_name_come_in_the_order_of_their_shots(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "okapi_film"}).data
    sequence = studio.admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"}).data
    for name in ("sh30", "sh2", "sh10"):
        shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": name}).data
        task = {"target_type": "shot", "target_id": shot["id"], "name": "okapi", "department": "lighting"}
        assert studio.admin.post("/tasks/", task).status == 201
    text = Page(studio.browser().get("/search", query_string={"q": "okapi"})).text.partition("Tasks 3")[2]
    assert text.index("sq010 / sh2") < text.index("sq010 / sh10") < text.index("sq010 / sh30")


def test_who_sees_less_finds_less(searched: Searched, other_studio: StudioUnderTest) -> None:
    page = searched.see("zebra", Role.ARTIST)
    assert "Zebulon Zebra" in page.text and f"/people/{searched.person['id']}" not in page.links
    assert "Nothing is called so" in searched.see("zebra", Role.CLIENT).text
    client = searched.studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]
    clients = f"/projects/{searched.project['id']}/clients"
    searched.studio.admin.put(clients, {"user_ids": [client]}, headers={"If-Match": "*"})
    seen = searched.see("zebra", Role.CLIENT)
    assert f"/assets/{searched.asset['id']}" in seen.links
    for group in ("Tasks", "People", "Zebra dailies"):
        assert group not in seen.text
    stranger = other_studio.browser(Role.TENANT_ADMIN).get("/search?q=zebra")
    assert "Nothing is called so" in stranger.text


def test_what_was_archived_is_not_found(searched: Searched) -> None:
    searched.studio.admin.post(f"/assets/{searched.publish['target_id']}/archive")
    assert "Publishes" not in searched.see("body gear").text
    searched.studio.admin.post(f"/projects/{searched.project['id']}/archive")
    assert f"/assets/{searched.asset['id']}" not in searched.see("zebra").links


def test_of_many_some_are_shown(studio: StudioUnderTest) -> None:
    project = World(studio).project()
    for number in range(11):
        studio.admin.post("/assets/", {"project_id": project["id"], "name": f"bolt_{number}"})
    text = Page(studio.browser().get("/search?q=bolt")).text
    assert "Assets 11" in text and "and 3 more" in text


def test_a_key_leads_to_the_search(browser: Browser, address: str, searched: Searched) -> None:
    browser.open(f"{address}/?token={searched.studio.tokens[Role.ARTIST]}")
    browser.until(lambda: browser.text(".who"))
    browser.press("/")
    for letter in "z/b":
        browser.press(letter)
    assert browser.run("return document.activeElement.value") == "z/b"
    browser.type(".everywhere input", "animal")
    browser.press("\ue007")
    browser.until(lambda: "The animal" in browser.text(".found"))
    browser.open(f"{address}/search")
    browser.press("/")
    assert browser.run("return document.activeElement.name") == "q"
