"""Deliveries of orders and what clients answer to them; the conversation of a client and the studio below an order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from service.accounts.permissions import Role
from tests.service.studio import Api, Json, StudioUnderTest
from tests.service.teams import add_to_team, id_of, log_in, show
from tests.service.test_comments import on, say, texts, told
from tests.service.test_orders import finish_job
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


@pytest.fixture
def client(studio: StudioUnderTest) -> Api:
    return studio.api(Role.CLIENT)


@pytest.fixture
def manager(studio: StudioUnderTest) -> Api:
    return studio.api(Role.PROJECT_MANAGER)


def other_client(world: World, order: Json) -> Api:
    """Another client of the order's project."""
    other = world.user(Role.CLIENT)
    clients = {"user_ids": [world.client()["id"], other["id"]]}
    world.admin.put(f"/projects/{order['project_id']}/clients", clients, headers={"If-Match": "*"})
    return log_in(world.studio, other["email"])


def project_of(world: World, order: Json) -> Json:
    found: Json = world.admin.get(f"/projects/{order['project_id']}").data
    return found


def address(order: Json) -> str:
    return f"/orders/{order['id']}"


def ask(api: Api, order: Json, text: str = "Brighter, please.", delivery: int = 1) -> Json:
    asked = api.post(f"{address(order)}/request-changes", {"delivery": delivery, "text": text})
    assert asked.status == 200, asked.body
    answer: Json = asked.data
    return answer


def given(api: Api, order: Json, item: int = 0) -> list[str]:
    """Ids of the media of an item that somebody is answered."""
    return [each["id"] for each in api.get(address(order)).data["items"][item]["media"]]


# -- answers


def test_a_client_approves_what_was_delivered(app: Flask, world: World, client: Api, manager: Api) -> None:
    order = world.order_with_medium()
    early = client.post(f"{address(order)}/approve", {"delivery": 1})
    assert (early.status, early.error["code"]) == (409, "conflict.order_state")
    delivered = manager.post(f"{address(order)}/deliver").data
    assert (delivered["state"], delivered["delivery"], delivered["delivered_by"]) == ("delivered", 1, "project_manager")
    assert delivered["next_steps"] == ["approve", "request-changes"]
    told(app, manager)
    approved = client.post(f"{address(order)}/approve", {"delivery": 1}).data
    assert (approved["state"], approved["answered_by"], approved["next_steps"]) == ("approved", "client", [])
    assert approved["answered_at"] and approved["delivered_by"] is None, "who works there is not for clients"
    for step in ("approve", "request-changes"):
        again = client.post(f"{address(order)}/{step}", {"delivery": 1, **({"text": "x"} if step != "approve" else {})})
        assert (again.status, again.error["code"]) == (409, "conflict.order_state")
    assert manager.get("/orders/?state=approved").data["items"][0]["answered_at"] == approved["answered_at"]
    record = manager.get(f"/audit/?row_id={order['id']}").data["items"][0]
    assert (record["after"]["state"], record["actor_id"]) == ("approved", order["client_id"])
    [event, *_] = world.studio.artist.get("/activity", query_string={"subject_id": order["id"]}).data["items"]
    assert (event["kind"], event["payload"]["changes"]["state"]) == ("order.changed", ["delivered", "approved"])


def test_the_studio_delivers_again_after_changes_were_requested(world: World, client: Api, manager: Api) -> None:
    order = world.order_with_medium()
    [first] = given(manager, order)
    manager.post(f"{address(order)}/deliver")
    for text in ("", " \n", "x" * 10_001):
        assert "text" in client.post(f"{address(order)}/request-changes", {"delivery": 1, "text": text}).error["fields"]
    asked = ask(client, order, "Brighter, please.")
    assert (asked["state"], asked["answered_by"], asked["delivery"]) == ("changes_requested", "client", 1)
    assert asked["next_steps"] == ["start", "deliver", "cancel"]
    [comment] = client.get("/comments/", query_string={"order_id": order["id"]}).data["items"]
    assert (comment["text"], comment["delivery"], comment["for_client"]) == ("Brighter, please.", 1, True)

    # What is being made is not the client's to see, and what they got stays.
    [second] = [each["id"] for each in world.choose(order)["items"][0]["media"]]
    assert (given(manager, order), given(client, order)) == ([second], [first])
    assert client.get(f"/media/assets/{second}").status == 404
    again = manager.post(f"{address(order)}/deliver").data
    assert (again["state"], again["delivery"], again["answered_at"], again["answered_by"]) == (
        "delivered", 2, None, None,
    )  # fmt: skip
    assert (given(client, order), given(manager, order)) == ([second], [second])
    assert client.get(f"/media/assets/{first}").status == 200, "what was delivered is not taken back"
    assert client.post(f"{address(order)}/approve", {"delivery": 2}).data["state"] == "approved"


def test_what_nobody_chose_anew_is_delivered_again(world: World, client: Api, manager: Api) -> None:
    asset = world.production().asset
    project = world.studio.let_client_in(asset["project_id"], clients_see="shared") and asset["project_id"]
    items = [{"asset_id": asset["id"]}, {"asset_id": asset["id"]}]
    order = client.post("/orders/", {"title": "Two", "project_id": project, "items": items}).data
    manager.post(f"{address(order)}/accept")
    world.choose(order, 0), world.choose(order, 1)
    manager.post(f"{address(order)}/deliver")
    before = given(client, order, 1)
    ask(client, order)
    world.choose(order, 0)
    manager.post(f"{address(order)}/deliver")
    assert given(client, order, 1) == before != given(client, order, 0)
    ask(client, order, delivery=2)
    assert manager.post(f"{address(order)}/deliver").data["delivery"] == 3
    assert given(client, order, 1) == before


def test_an_order_is_rendered_again_for_its_next_delivery(app: Flask, world: World, client: Api, manager: Api) -> None:
    production = world.production()
    world.studio.publish(production)
    world.studio.let_client_in(production.project["id"], clients_see="shared")
    items = [{"asset_id": production.asset["id"]}]
    order = client.post("/orders/", {"title": "Gear", "project_id": production.project["id"], "items": items}).data
    manager.post(f"{address(order)}/accept")
    first = finish_job(app, world.studio, manager.post(f"{address(order)}/start").data["items"][0]["job_id"])
    manager.post(f"{address(order)}/deliver")
    ask(client, order)
    restarted = manager.post(f"{address(order)}/start").data
    assert restarted["state"] == "in_progress" and given(client, order) == [first]
    early = manager.post(f"{address(order)}/deliver")
    assert early.error["code"] == "conflict.order_incomplete" and "queued" in early.error["message"]
    second = finish_job(app, world.studio, restarted["items"][0]["job_id"])
    manager.post(f"{address(order)}/deliver")
    assert given(client, order) == [second] != [first]


def test_a_delivery_that_was_replaced_is_not_answered_unseen(world: World, client: Api, manager: Api) -> None:
    order = world.delivered_order()
    ask(manager, order, "The client called: brighter.")
    manager.post(f"{address(order)}/deliver")
    for step, more in (("approve", {}), ("request-changes", {"text": "Darker."})):
        stale = client.post(f"{address(order)}/{step}", {"delivery": 1, **more})
        assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
        assert "which is delivery 2" in stale.error["message"]
        assert client.post(f"{address(order)}/{step}", more).error["fields"]["delivery"]
    assert client.get(address(order)).data["state"] == "delivered"
    assert texts(client, order_id=order["id"]) == ["The client called: brighter."]
    old = client.post(f"{address(order)}/approve", {"delivery": 2}, headers={"If-Match": '"1"'})
    assert (old.status, old.error["code"]) == (412, "conflict.stale")
    assert client.post(f"{address(order)}/approve", {"delivery": 2}).status == 200


def test_two_answers_at_once_are_one(world: World, client: Api) -> None:
    order = world.delivered_order()
    calls = [("approve", {"delivery": 1}), ("request-changes", {"delivery": 1, "text": "Darker."})] * 2
    with ThreadPoolExecutor(4) as pool:
        path = address(order)
        statuses = list(pool.map(lambda call: client.post(f"{path}/{call[0]}", call[1]).status, calls))
    assert sorted(statuses) == [200, 409, 409, 409]
    state = client.get(path).data["state"]
    assert texts(client, order_id=order["id"]) == (["Darker."] if state == "changes_requested" else [])


def test_only_whose_order_it_is_approves_it(
    world: World, client: Api, manager: Api, other_studio: StudioUnderTest
) -> None:
    order = world.delivered_order()
    approval, changes = {"delivery": 1}, {"delivery": 1, "text": "Darker."}
    for stranger in (other_client(world, order), other_studio.admin):
        assert stranger.post(f"{address(order)}/approve", approval).status == 404
        assert stranger.post(f"{address(order)}/request-changes", changes).status == 404
    assert world.studio.artist.post(f"{address(order)}/request-changes", changes).status == 403
    for staff in (world.studio.artist, manager, world.admin):
        refused = staff.post(f"{address(order)}/approve", approval)
        assert (refused.status, refused.error["code"]) == (403, "auth.forbidden")
    assert "only they approve" in refused.error["message"]
    limited = client.post("/tokens/", {"name": "bot", "scopes": ["order.read"]}).data["token"]
    assert Api(world.studio.app, limited).post(f"{address(order)}/approve", approval).error["code"] == "auth.scope"
    assert client.get(address(order)).data["state"] == "delivered"
    world.post(f"{address(order)}/archive")
    assert client.post(f"{address(order)}/approve", approval).error["code"] == "conflict.archived"


def test_an_order_that_was_delivered_keeps_its_items(world: World, client: Api, manager: Api) -> None:
    order = world.choose(world.order("accept", "start", published=True))
    manager.post(f"{address(order)}/deliver")
    before = given(client, order)
    ask(client, order)
    manager.post(f"{address(order)}/start")
    manager.post(f"{address(order)}/reject", {"reason": "It cannot be brighter."})
    items = [{"asset_id": each["asset_id"]} for each in order["items"]]
    refused = client.post(f"{address(order)}/resubmit", {"items": items})
    assert (refused.status, refused.error["code"]) == (409, "conflict.order_state")
    assert client.post(f"{address(order)}/resubmit", {"note": "As it is, then."}).data["state"] == "resubmitted"
    assert client.post(f"{address(order)}/cancel").data["state"] == "cancelled"
    assert given(client, order) == before


def test_the_studio_is_told_of_the_answer(app: Flask, world: World, client: Api, manager: Api) -> None:
    order = world.order()
    manager.post(f"{address(order)}/accept")
    world.choose(order)
    manager.post(f"{address(order)}/deliver")
    told(app, manager), told(app, world.studio.admin)
    ask(client, order, "@artist: brighter, please.")
    asked = ("order.state", "Changes are requested for order 1: Gear")
    assert told(app, manager)[0] == asked and asked not in told(app, world.studio.admin)
    note = manager.get("/notifications/").data["items"][0]
    [comment] = client.get("/comments/").data["items"]
    assert (note["body"], note["link"]) == (comment["text"], f"{address(order)}#comment-{comment['id']}")
    assert [kind for kind, _ in told(app, manager)].count("comment.created") == 0, "it is told of once"
    assert told(app, world.studio.artist)[0] == (
        "comment.mention",
        "client mentioned you in a comment on order 1, Gear",
    )
    manager.post(f"{address(order)}/deliver")
    assert told(app, client)[0] == ("order.state", "Order 1 is delivered again")
    client.post(f"{address(order)}/approve", {"delivery": 2})
    assert told(app, manager)[0] == ("order.state", "Order 1 is approved: Gear")


# -- the conversation


def test_client_and_studio_write_to_one_another(app: Flask, world: World, client: Api, manager: Api) -> None:
    order = world.order()
    asked = say(client, "In red?", on(order=order["id"]))
    assert (asked["target_type"], asked["target_id"], asked["for_client"]) == ("order", order["id"], True)
    commented = ("comment.created", "client commented on order 1, Gear")
    assert commented in told(app, manager), "nobody has accepted it yet"
    manager.post(f"{address(order)}/accept")
    say(manager, "In red it is.", on(order=order["id"]), for_client=True)
    say(world.studio.artist, "We have no red.", on(order=order["id"]))
    assert texts(client, order_id=order["id"]) == ["In red it is.", "In red?"]
    assert len(texts(world.studio.artist, order_id=order["id"])) == 3
    assert [title for kind, title in told(app, client) if kind.startswith("comment.")] == [
        "project_manager commented on order 1, Gear"
    ]
    hidden = "artist commented on order 1, Gear"
    assert hidden in [title for _, title in told(app, manager)]
    say(client, "Blue, then.", on(order=order["id"]))
    assert commented in told(app, world.studio.artist), "who wrote is told of what comes after"
    link = world.studio.artist.get("/notifications/").data["items"][0]["link"]
    assert link.startswith(f"{address(order)}#comment-")


def test_what_is_between_us_is_not_the_clients(world: World, client: Api, manager: Api) -> None:
    order = world.order()
    note = say(manager, "Too cheap.", on(order=order["id"]))
    assert client.get(f"/comments/{note['id']}").status == 404 and texts(client) == []
    said = say(client, "Is it too cheap?", on(order=order["id"]))
    path = f"/comments/{said['id']}"
    for api in (client, manager):
        kept = api.patch(path, {"for_client": False})
        assert (kept.status, list(kept.error["fields"])) == (422, ["for_client"])
    assert client.patch(path, {"text": "Is it?"}).data["revision"] == 2
    assert client.patch(f"/comments/{note['id']}", {"text": "x"}).status == 404
    for body in ({"media_id": world.medium()["id"]}, {"status": "done"}):
        assert manager.post("/comments/", {**on(order=order["id"]), "text": "x", **body}).status == 422
    world.post(f"{address(order)}/archive")
    late = client.post("/comments/", {**on(order=order["id"]), "text": "Hello?"})
    assert (late.status, late.error["code"]) == (409, "conflict.archived")
    assert texts(manager) == [] and len(texts(manager, archived="1")) == 2


def test_nobody_else_reads_along(world: World, client: Api, manager: Api, other_studio: StudioUnderTest) -> None:
    order, file = world.order(), world.medium()["id"]
    internal = world.medium()["id"]
    shown = say(manager, "Like this?", on(order=order["id"]), for_client=True, attachments=[file])
    say(manager, "Or this.", on(order=order["id"]), attachments=[internal])
    assert [each["id"] for each in client.get(f"/comments/{shown['id']}").data["attachments"]] == [file]
    assert client.get(f"/media/assets/{file}").status == 200
    assert client.get(f"/media/assets/{internal}").status == 404
    for stranger in (other_client(world, order), other_studio.admin):
        assert texts(stranger) == texts(stranger, order_id=order["id"]) == []
        for path in (f"/comments/{shown['id']}", f"/media/assets/{file}"):
            assert stranger.get(path).status == 404
        assert stranger.post("/comments/", {**on(order=order["id"]), "text": "Hello?"}).status == 404
    world.post(f"/comments/{shown['id']}/archive")
    assert client.get(f"/media/assets/{file}").status == 404


def test_of_a_project_of_its_team_only_the_team_reads_along(
    app: Flask, world: World, client: Api, manager: Api
) -> None:
    order, file, artist = world.order(), world.medium()["id"], world.studio.artist
    project = project_of(world, order)
    say(artist, "I was here.", on(order=order["id"]))
    show(world.studio, project, "team")
    said = say(client, "@artist: a secret.", on(order=order["id"]))
    say(manager, "Of theirs.", on(order=order["id"]), attachments=[file])
    assert texts(artist) == [] and artist.get(f"/comments/{said['id']}").status == 404
    assert artist.get(f"/media/assets/{file}").status == 404
    assert artist.post("/comments/", {**on(order=order["id"]), "text": "Hello?"}).status == 404
    assert said["id"] not in str(artist.get("/activity").body)
    assert [title for kind, title in told(app, artist) if kind.startswith("comment.")] == []
    assert len(texts(manager, order_id=order["id"])) == 3
    add_to_team(world.studio, project, id_of(artist))
    assert len(texts(artist, order_id=order["id"])) == 3 and artist.get(f"/media/assets/{file}").status == 200
