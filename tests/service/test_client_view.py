"""What clients see of a project that shows them only what was shared: every table, every route, every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from service.accounts.permissions import MINIMUM_ROLE, Role
from service.api import ENDPOINTS
from service.api.routing import Endpoint
from service.database import db, tenant_session
from service.models import Comment, Job, MediaAsset, Part, PlaylistItem, Publish, TenantRow
from tests.service.exhibits import add_rows
from tests.service.page import Page
from tests.service.recipes import name_of
from tests.service.studio import Api, Json, Production, StudioUnderTest, make_studio
from tests.service.test_comments import on, say, told
from tests.service.world import World

_ENDS_THE_SESSION = ("log_out", "change_password")
OPEN_TO_CLIENTS = [
    each
    for each in ENDPOINTS
    if MINIMUM_ROLE.get(each.permission) is Role.CLIENT and each.name not in _ENDS_THE_SESSION
]


@dataclass
class Shown:
    """A project that shows clients what was shared: of one part a version that was marked for them and a newer one that
    was not, of another one with a picture on a playlist for them, of a third nothing."""

    studio: StudioUnderTest
    production: Production
    marked: Json
    newer: Json
    pictured: Json
    unseen: Json
    picture: str
    playlist: Json

    @property
    def client(self) -> Api:
        return self.studio.api(Role.CLIENT)

    @property
    def hidden(self) -> list[Json]:
        return [self.newer, self.unseen]

    def share(self, publish: Json, *, for_client: bool = True) -> None:
        assert self.studio.admin.patch(f"/publishes/{publish['id']}", {"for_client": for_client}).status == 200

    def seen(self) -> set[str]:
        """Ids of the publishes that the client is answered."""
        return {each["id"] for each in self.client.get("/publishes/?archived=1").data["items"]}

    @contextmanager
    def as_client(self) -> Iterator[Session]:
        """A session to which PostgreSQL shows what it shows the client."""
        user_id = UUID(id_of(self.client))
        with self.studio.app.app_context(), Session(db.engine) as current:
            current.info.update(tenant_id=self.studio.tenant_id, actor_id=user_id, client_id=user_id)
            yield current


def id_of(api: Api) -> str:
    return str(api.get("/auth/me").data["user"]["id"])


def picture_of(studio: StudioUnderTest, publish: Json) -> str:
    """A picture that was rendered of a publish."""
    job = Job(id=uuid4(), kind="still", queue="render", state="completed", document={}, request={})
    medium = MediaAsset(
        id=uuid4(), asset_type="still", name="front.png", path=studio.write("front.png", "picture"),
        mime_type="image/png", size=7, sha256="0" * 64, publish_id=UUID(publish["id"]), job_id=job.id,
    )  # fmt: skip
    add_rows(studio, job, medium)
    return str(medium.id)


@pytest.fixture
def shown(studio: StudioUnderTest) -> Shown:
    return share_some(studio)


@pytest.fixture(scope="module")
def lasting(app: Flask) -> Shown:
    """For tests that only read."""
    return share_some(make_studio(app))


def share_some(studio: StudioUnderTest) -> Shown:
    production = studio.production()
    studio.let_client_in(production.project["id"], clients_see="shared")
    marked, newer = (studio.publish(production, "body") for _ in range(2))
    pictured, unseen = studio.publish(production, "look"), studio.publish(production, "unannounced")
    picture = picture_of(studio, pictured)
    body = {"project_id": production.project["id"], "name": "For you", "media_ids": [picture], "for_client": True}
    playlist = studio.admin.post("/playlists/", body).data
    found = Shown(studio, production, marked, newer, pictured, unseen, picture, playlist)
    found.share(marked)
    return found


def test_a_clients_overview_shows_what_was_uploaded_and_leads_to_their_playlists(studio: StudioUnderTest) -> None:
    world, production = World(studio), studio.production()
    studio.let_client_in(production.project["id"], clients_see="shared")
    asset = {**production.asset, "project": production.project["name"]}
    shown, kept = (world.picture(asset, filename=f"{name}.png")["id"] for name in ("shown", "kept"))
    made = {"project_id": production.project["id"]}
    studio.admin.post("/playlists/", {**made, "name": "Among us", "media_ids": [kept]})
    seen = studio.admin.post("/playlists/", {**made, "name": "For you", "media_ids": [shown], "for_client": True}).data
    overview = Page(studio.browser(Role.CLIENT).get("/"))
    assert f"/playlists/{seen['id']}" in overview.links and "For you 1 picture or film" in overview.text
    assert f"/api/media/assets/{shown}/file" in overview.links and "No picture yet" not in overview.text
    assert "Among us" not in overview.text
    assert f"/api/media/assets/{kept}/file" in Page(studio.browser().get("/")).links, "the newest for the studio"


def test_new_projects_show_clients_what_the_tenant_has_set(studio: StudioUnderTest) -> None:
    def made(**more: Any) -> str:
        name = f"p_{uuid4().hex[:8]}"
        return str(studio.admin.post("/projects/", {"name": name, **more}).data["clients_see"])

    assert studio.artist.get("/settings/").data["clients_see"] == "shared"
    assert (made(), made(clients_see="all")) == ("shared", "all")
    assert studio.admin.patch("/settings/", {"clients_see": "all"}).status == 200
    assert (made(), made(clients_see="shared")) == ("all", "shared")
    assert studio.admin.patch("/settings/", {"clients_see": "nothing"}).error["fields"]["clients_see"]


def test_a_client_sees_the_publishes_that_were_shared_and_all_where_the_project_says_so(shown: Shown) -> None:
    shared = {shown.marked["id"], shown.pictured["id"]}
    assert shown.seen() == shared
    project = f"/projects/{shown.production.project['id']}"
    assert shown.studio.admin.patch(project, {"clients_see": "all"}).status == 200
    assert shown.seen() == shared | {each["id"] for each in shown.hidden}
    assert shown.studio.admin.patch(project, {"clients_see": "shared"}).status == 200
    assert shown.seen() == shared


def test_what_is_taken_back_is_gone_at_once(shown: Shown) -> None:
    admin = shown.studio.admin
    shown.share(shown.marked, for_client=False)
    assert shown.seen() == {shown.pictured["id"]}
    admin.patch(f"/playlists/{shown.playlist['id']}", {"for_client": False})
    assert shown.seen() == set()
    shown.share(shown.marked)
    admin.post(f"/publishes/{shown.marked['id']}/archive")
    assert shown.seen() == set()
    admin.post(f"/publishes/{shown.marked['id']}/restore")
    assert shown.seen() == {shown.marked["id"]}
    admin.put(f"/projects/{shown.production.project['id']}/clients", {"user_ids": []}, headers={"If-Match": "*"})
    assert shown.seen() == set()


def test_only_managers_share(shown: Shown) -> None:
    path, studio = f"/publishes/{shown.newer['id']}", shown.studio
    assert studio.artist.patch(path, {"for_client": True}).error["code"] == "auth.forbidden"
    assert studio.artist.patch(path, {"status": "approved"}).data["for_client"] is False
    assert studio.api(Role.PROJECT_MANAGER).patch(path, {"for_client": True}).data["for_client"] is True
    listed = studio.artist.get(f"/publishes/?project={shown.production.project['name']}&for_client=1").data
    assert {each["id"] for each in listed["items"]} == {shown.marked["id"], shown.newer["id"]}
    changes = studio.admin.get(f"/audit/?row_id={shown.newer['id']}").data["items"]
    assert [False, True] in [[each["before"].get("for_client"), each["after"].get("for_client")]
                             for each in changes if each["action"] == "change"]  # fmt: skip


def test_postgresql_shows_a_client_no_row_of_what_was_not_shared(shown: Shown) -> None:
    studio, hidden = shown.studio, {each["id"] for each in shown.hidden}
    unshown = picture_of(studio, shown.newer)
    say(studio.admin, "Not yet.", on(publish=shown.newer["id"]), for_client=True)
    heard = say(studio.admin, "Here.", on(publish=shown.marked["id"]), for_client=True)
    say(studio.admin, "Between us.", on(publish=shown.marked["id"]))
    expected: dict[type[TenantRow], set[str]] = {
        Publish: {shown.marked["id"], shown.pictured["id"]},
        MediaAsset: {shown.picture},
        Comment: {heard["id"]},
    }
    with shown.as_client() as current:
        for model, ids in expected.items():
            assert {str(each) for each in current.scalars(select(model.id))} == ids, model
        assert set(current.scalars(select(Part.name))) == {"body", "look"}
        assert [str(each) for each in current.scalars(select(PlaylistItem.media_id))] == [shown.picture]
        for function in ("client_publishes", "client_parts", "client_media_assets"):
            answered = {str(each) for each in current.scalars(text(f"SELECT {function}()"))}
            assert not answered & {*hidden, unshown}, function


@pytest.mark.parametrize("endpoint", OPEN_TO_CLIENTS, ids=name_of)
def test_no_route_tells_a_client_of_what_was_not_shared(lasting: Shown, endpoint: Endpoint) -> None:
    """As a list, and with the ids of what they must not see, and of what they see beside it, in its place."""
    secrets = {text for each in lasting.hidden for text in (each["id"], each["item_usd_path"])} | {"unannounced"}
    places = {"publish_id": [each["id"] for each in (*lasting.hidden, lasting.marked, lasting.pictured)]}
    places |= {f"{name}_id": [getattr(lasting.production, name)["id"]] for name in ("project", "asset")}
    places |= {"playlist_id": [lasting.playlist["id"]], "media_id": [lasting.picture]}
    [name] = re.findall(r"<uuid:([a-z_]+)>", endpoint.path) or [""]
    for row_id in places.get(name, [lasting.unseen["id"]]):
        for body in bodies(lasting, endpoint):
            answer = lasting.client.app.test_client().open(
                re.sub(r"<uuid:[a-z_]+>", row_id, endpoint.path),
                method=endpoint.method,
                json=None if endpoint.method == "GET" else body,
                headers={"Authorization": f"Bearer {lasting.client.token}"},
            )
            # A ZIP has names and pictures as they are.
            told = answer.data.decode(errors="replace")
            assert answer.status_code < 500, told
            asked = {each for each in secrets if each in f"{row_id} {body}"}
            assert {each for each in secrets - asked if each in told} == set()


def bodies(shown: Shown, endpoint: Endpoint) -> list[Json]:
    """What is asked in so many words where an id in the address is not enough."""
    used = [*shown.hidden, shown.marked, shown.pictured]
    if endpoint.name == "check_outdated":
        return [
            {"references": [{"publish_id": each["id"]} for each in used]},
            {"item_usd_paths": [shown.marked["item_usd_path"]]},
            {"references": [{"part_usd_path": each["part_usd_path"], "version": "v001_i001"} for each in used[1:3]]},
        ]
    if endpoint.name == "create_comment":
        return [{"target_type": "publish", "target_id": each["id"], "text": "?"} for each in shown.hidden]
    return [{}]


def test_what_is_outdated_by_a_publish_that_they_do_not_see_is_not_for_clients(shown: Shown) -> None:
    asked = {"references": [{"publish_id": shown.marked["id"]}, {"publish_id": shown.newer["id"]}]}
    first, second = shown.client.post("/publishes/outdated", asked).data
    assert (first["known"], first["outdated"], first["withdrawn"], first["latest_version"]) == (
        True,
        False,
        False,
        None,
    )
    assert not second["known"]
    first, second = shown.studio.artist.post("/publishes/outdated", asked).data
    assert (first["outdated"], first["latest_publish_id"], second["known"]) == (True, shown.newer["id"], True)
    shown.share(shown.newer)
    assert shown.client.post("/publishes/outdated", asked).data[0]["latest_publish_id"] == shown.newer["id"]


def test_a_pin_and_a_count_tell_a_client_no_more_than_the_list(shown: Shown) -> None:
    pin = shown.client.get(f"/publishes/{shown.pictured['id']}/pinned-entry").data
    assert [each["part_name"] for each in pin["parts"]] == ["look"] and "body" not in pin["text"]
    project = shown.production.project["name"]
    for query in ("", f"?project={project}", "?q=gear", "?page_size=1", f"?project={project}&page_size=1&page=2"):
        assert shown.client.get(f"/publishes/{query}").data["total"] == 2, query
    assert shown.client.get("/publishes/?q=unannounced").data["items"] == []
    assert shown.client.get("/publishes/?latest_per_part=1").data["items"][0]["id"] == shown.pictured["id"]


def test_no_page_shows_a_client_what_was_not_shared(lasting: Shown) -> None:
    browser, production = lasting.studio.browser(Role.CLIENT), lasting.production
    paths = ["/", "/playlists", f"/playlists/{lasting.playlist['id']}", f"/pictures/{lasting.picture}"]
    paths += [f"/publishes/{lasting.marked['id']}", f"/publishes/{lasting.pictured['id']}"]
    paths += [f"/projects/{production.project['id']}", f"/assets/{production.asset['id']}"]
    paths += ["/search?q=gear", "/search?q=body"]
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        for each in lasting.hidden:
            assert each["id"] not in answer.text and each["item_usd_path"] not in answer.text, path
    for each in lasting.hidden:
        assert browser.get(f"/publishes/{each['id']}").status_code == 404
    assert lasting.marked["id"] in browser.get("/search?q=body").text
    assert lasting.newer["id"] in lasting.studio.browser().get("/search?q=body").text


def test_a_client_hears_of_a_comment_once_they_see_what_it_is_about(app: Flask, shown: Shown) -> None:
    admin = shown.studio.admin
    say(admin, "@client: look at this.", on(publish=shown.newer["id"]), for_client=True)
    assert [kind for kind, _ in told(app, shown.client)] == ["playlist.shared"]
    shown.share(shown.newer)
    say(admin, "@client: now.", on(publish=shown.newer["id"]), for_client=True)
    assert [kind for kind, _ in told(app, shown.client)] == ["comment.mention", "playlist.shared"]


def test_who_becomes_a_client_is_not_told_of_the_tasks_that_they_had(app: Flask, shown: Shown) -> None:
    """Nor of what is published for these and not shown to clients."""
    admin, task = shown.studio.admin, f"/tasks/{shown.production.task['id']}"
    person = {"name": "Ex", "email": f"{uuid4().hex[:8]}@x.example", "password": "correct horse battery"}
    made = admin.post("/artists/", person).data
    admin.patch(task, {"assignee_ids": [made["id"]]})
    token = Api(app).post("/auth/login", {name: person[name] for name in ("email", "password")}).data["token"]
    before = told(app, Api(app, token))
    assert "task.assigned" in [kind for kind, _ in before]
    admin.patch(f"/artists/{made['id']}", {"role": "client"})
    shown.studio.publish(shown.production, "secret")
    admin.patch(task, {"status": "review"})
    assert told(app, Api(app, token)) == before


def test_of_a_picture_on_a_playlist_they_read_what_is_said_for_them(shown: Shown) -> None:
    about = on(publish=shown.pictured["id"])
    say(shown.studio.admin, "Brighter?", about, for_client=True, media_id=shown.picture)
    answered = say(shown.client, "Yes.", about, media_id=shown.picture)
    assert answered["for_client"]
    assert {each["text"] for each in shown.client.get("/comments/").data["items"]} == {"Brighter?", "Yes."}
    page = shown.studio.browser(Role.CLIENT).get(f"/playlists/{shown.playlist['id']}").text
    assert "Brighter?" in page


def test_what_was_delivered_shows_its_publish_to_who_ordered_it(world: World) -> None:
    order = world.order_with_medium()
    [item] = order["items"]
    [medium] = item["media"]
    publish = world.studio.publish(world.production())
    with world.studio.app.app_context(), tenant_session(world.studio.tenant_id) as current:
        current.get_one(MediaAsset, (world.studio.tenant_id, UUID(medium["id"]))).publish_id = UUID(publish["id"])
    project = world.admin.get(f"/projects/?q={publish['project']}").data["items"][0]
    client = world.studio.let_client_in(project["id"], clients_see="shared")
    seen = client.get(f"/publishes/{publish['id']}").status
    world.post(f"/orders/{order['id']}/deliver")
    assert (seen, client.get(f"/publishes/{publish['id']}").status) == (404, 200)


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


def test_who_works_in_the_studio_pays_nothing_for_what_clients_see(shown: Shown) -> None:
    """Of the conditions for clients none is looked at, and PostgreSQL expects as many rows as with the old ones."""
    statement = "SELECT p.id FROM publishes p JOIN parts t ON t.id = p.part_id ORDER BY p.created_at DESC LIMIT 50"
    with shown.studio.app.app_context(), tenant_session(shown.studio.tenant_id) as current:
        plan = current.scalars(text(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}")).all()
    asked = [line for line in plan if "client_" in line or "ProjectSet" in line]
    assert asked and not [line for line in plan if "ProjectSet" in line and "never executed" not in line], plan


def test_a_manager_shares_and_takes_back_on_the_page_of_the_publish(shown: Shown) -> None:
    manager, path = shown.studio.browser(Role.PROJECT_MANAGER), f"/publishes/{shown.newer['id']}"
    assert "do not see it" in manager.get(path).text and "Clients</dt>" not in shown.studio.browser().get(path).text
    for version, sent, seen in ((1, {"for_client": "on"}, True), (2, {}, False)):
        assert manager.post(f"{path}/share", data={"version": version, **sent}).status_code == 303
        assert (shown.newer["id"] in shown.seen()) is seen
    assert shown.studio.browser().post(f"{path}/share", data={"version": 3, "for_client": "on"}).status_code == 403


def test_a_manager_says_on_a_page_who_the_clients_are_and_what_they_see(shown: Shown) -> None:
    manager, path = shown.studio.browser(Role.PROJECT_MANAGER), f"/projects/{shown.production.project['id']}/people"
    revision = shown.studio.admin.get(f"/projects/{shown.production.project['id']}").data["revision"]
    manager.post(f"{path}/clients-see", data={"clients_see": "all", "version": revision})
    assert shown.newer["id"] in shown.seen()
    assert manager.post(f"{path}/clients-see", data={"clients_see": "shared", "version": revision}).status_code == 412
    manager.post(f"{path}/clients/{id_of(shown.client)}/remove")
    assert shown.seen() == set()
    manager.post(f"{path}/clients", data={"user_ids": [id_of(shown.client)]})
    assert shown.newer["id"] in shown.seen()
