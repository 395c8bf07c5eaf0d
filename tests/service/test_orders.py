"""Orders: a client asks, the studio accepts, makes and delivers, or says why not; a client sees their own only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import Job, MediaAsset
from shared.errors import ConflictError
from shared.jobs import JobState
from shared.orders import OrderState, OrderStep, next_state, steps_from
from tests.service.studio import Api, Json, StudioUnderTest
from tests.service.world import PNG, World, upload

pytestmark = pytest.mark.usefixtures("quiet_queue")


@pytest.fixture
def world(studio: StudioUnderTest) -> World:
    return World(studio)


@pytest.fixture
def client(studio: StudioUnderTest) -> Api:
    return studio.api(Role.CLIENT)


def asset_for_clients(world: World) -> Json:
    """An asset of a project that the tenant's client may see."""
    asset = world.asset()
    clients = {"user_ids": [world.client()["id"]]}
    world.admin.put(f"/projects/{asset['project_id']}/clients", clients, headers={"If-Match": "*"})
    return asset


def body_of(*assets: Json, **more: object) -> Json:
    items = [{"asset_id": asset["id"]} for asset in assets]
    return {"title": "Gear, from the left", "project_id": assets[0]["project_id"], "items": items, **more}


def finish_job(app: Flask, studio: StudioUnderTest, job_id: str) -> str:
    """Let a job be done, as a worker leaves it; answers the id of its picture."""
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        job = session.get_one(Job, (studio.tenant_id, UUID(job_id)))
        for state in (JobState.RUNNING, JobState.COMPLETED):
            job.state, job.document = state.value, {**job.document, "state": state.value}
            session.flush()
        first = {"asset_id": job.asset_id, "job_id": job.id, "size": 1, "sha256": "0" * 64}
        picture = MediaAsset(asset_type="still", name="gear.png", path="gear.png", mime_type="image/png", **first)
        film = MediaAsset(asset_type="film", name="film.mp4", path="film.mp4", mime_type="video/mp4", **first)
        made = [picture, film] if job.kind == "turntable" else [picture]
        session.add_all(made)
        session.flush()
        return str(made[-1].id)


def test_an_order_is_made_and_delivered(app: Flask, studio: StudioUnderTest, world: World, client: Api) -> None:
    production = studio.production()
    studio.publish(production)
    clients = {"user_ids": [world.client()["id"]]}
    studio.admin.put(f"/projects/{production.project['id']}/clients", clients, headers={"If-Match": "*"})
    asset = client.get("/assets/").data["items"][0]
    items = [{"asset_id": asset["id"], "kind": "still", "request": {"width": 320, "height": 200}, "note": "in red"}]
    order = client.post("/orders/", body_of(asset, items=items, due="2027-01-31")).data
    assert (order["state"], order["number"], order["client"]) == ("submitted", 1, "client")
    assert order["next_steps"] == ["accept", "reject", "cancel"]

    path = f"/orders/{order['id']}"
    assert studio.admin.post(f"{path}/accept").data["state"] == "accepted"
    started = studio.admin.post(f"{path}/start").data
    job_id = started["items"][0]["job_id"]
    job = studio.artist.get(f"/jobs/{job_id}").data
    assert (job["request"]["width"], job["asset_id"], started["items"][0]["job_state"]) == (320, asset["id"], "queued")

    early = studio.admin.post(f"{path}/deliver")
    assert (early.status, early.error["code"]) == (409, "conflict.order_incomplete")
    assert "queued" in early.error["message"]
    picture = finish_job(app, studio, job_id)
    assert client.get(f"/media/assets/{picture}").status == 404
    assert client.get(path).data["items"][0]["media"] == []

    delivered = studio.admin.post(f"{path}/deliver").data
    assert delivered["state"] == "delivered" and delivered["delivered_at"]
    assert [each["id"] for each in client.get(path).data["items"][0]["media"]] == [picture]
    assert [each["id"] for each in client.get("/media/assets").data["items"]] == [picture]


def test_a_turntable_is_rendered_frame_by_frame_and_its_film_is_delivered(
    app: Flask, studio: StudioUnderTest, world: World
) -> None:
    production = studio.production()
    studio.publish(production)
    asset = production.asset
    items = [{"asset_id": asset["id"], "kind": "turntable", "request": {"frames": 4, "chunk": 2}}]
    order = world.post("/orders/", body_of(asset, items=items))
    path = f"/orders/{order['id']}"
    world.post(f"{path}/accept")
    job_id = world.post(f"{path}/start")["items"][0]["job_id"]
    tasks = studio.artist.get(f"/jobs/{job_id}/tasks").data["items"]
    assert [task["kind"] for task in tasks] == ["render", "render", "encode"]
    film = finish_job(app, studio, job_id)
    [item] = world.post(f"{path}/deliver")["items"]
    assert [each["id"] for each in item["media"]] == [film]


def test_a_rejected_order_says_why_and_can_be_resubmitted(studio: StudioUnderTest, world: World, client: Api) -> None:
    first, second = asset_for_clients(world), asset_for_clients(world)
    order = client.post("/orders/", body_of(first)).data
    path = f"/orders/{order['id']}"
    assert studio.admin.post(f"{path}/reject", {}).status == 422
    assert studio.admin.post(f"{path}/reject", {"reason": " "}).status == 422
    rejected = studio.admin.post(f"{path}/reject", {"reason": "Which side?"}).data
    assert (rejected["state"], client.get(path).data["reject_reason"]) == ("rejected", "Which side?")
    elsewhere = [{"asset_id": second["id"]}]
    assert client.post(f"{path}/resubmit", {"items": elsewhere}).status == 404
    again = client.post(f"{path}/resubmit", {"title": "The left side", "items": [{"asset_id": first["id"]}] * 2}).data
    assert (again["state"], again["title"], again["reject_reason"]) == ("resubmitted", "The left side", "")
    assert [item["position"] for item in again["items"]] == [1, 2]
    assert studio.admin.post(f"{path}/accept").data["state"] == "accepted"
    assert client.patch(path, {"title": "Too late"}).error["code"] == "conflict.order_state"


@given(state=st.sampled_from(OrderState), step=st.sampled_from(OrderStep))
def test_only_the_steps_that_are_offered_can_be_taken(state: OrderState, step: OrderStep) -> None:
    if step in steps_from(state):
        assert next_state(state, step) is not state
    else:
        with pytest.raises(ConflictError, match=str(state)):
            next_state(state, step)


@given(steps=st.lists(st.sampled_from(OrderStep), max_size=12))
def test_what_is_approved_or_cancelled_stays_so(steps: list[OrderStep]) -> None:
    state = OrderState.SUBMITTED
    for step in steps:
        if step in steps_from(state):
            assert state not in (OrderState.APPROVED, OrderState.CANCELLED)
            state = next_state(state, step)


def test_the_api_refuses_a_step_out_of_turn(studio: StudioUnderTest, world: World) -> None:
    order = world.order()
    for step in ("start", "deliver", "resubmit"):
        refused = studio.admin.post(f"/orders/{order['id']}/{step}")
        assert (refused.status, refused.error["code"]) == (409, "conflict.order_state")
        assert "accept" in refused.error["hint"]
    assert studio.admin.get(f"/orders/{order['id']}").data["state"] == "submitted"


def test_two_managers_at_once_take_an_order_on_once(studio: StudioUnderTest, world: World) -> None:
    order = world.order()
    with ThreadPoolExecutor(4) as pool:
        path = f"/orders/{order['id']}/accept"
        statuses = list(pool.map(lambda _: studio.admin.post(path).status, range(4)))
    assert sorted(statuses) == [200, 409, 409, 409]


def test_orders_of_a_tenant_are_numbered_without_gap_or_double(world: World, client: Api) -> None:
    body = body_of(asset_for_clients(world))
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda _: client.post("/orders/", body).data["number"], range(12)))
    assert sorted(numbers) == list(range(1, 13))


def test_an_order_is_not_larger_than_the_tenant_allows(studio: StudioUnderTest, world: World, client: Api) -> None:
    asset = asset_for_clients(world)
    studio.admin.patch("/settings/", {"max_order_size": 2})
    refused = client.post("/orders/", body_of(asset, asset, asset))
    assert (refused.status, refused.error["code"]) == (422, "input.order_size")
    assert client.post("/orders/", body_of(asset, asset)).status == 201
    assert client.get("/orders/").data["total"] == 1


def test_what_cannot_be_made_cannot_be_ordered(world: World, client: Api) -> None:
    asset, hidden = asset_for_clients(world), world.asset()
    for item in (
        {"asset_id": asset["id"], "kind": "statue"},
        {"asset_id": asset["id"], "request": {"width": -1}},
        {"asset_id": asset["id"], "request": {"colour": "red"}},
    ):
        assert client.post("/orders/", body_of(asset, items=[item])).status == 422
    assert client.post("/orders/", body_of(asset, items=[{"asset_id": hidden["id"]}])).status == 404
    assert client.post("/orders/", body_of(hidden)).status == 404
    assert client.get("/orders/").data["total"] == 0


def test_the_studio_chooses_what_is_delivered(studio: StudioUnderTest, world: World, client: Api) -> None:
    order = world.order_with_medium()
    chosen = order["items"][0]["media"][0]["id"]
    other = world.medium()["id"]
    assert client.get(f"/media/assets/{chosen}").status == 404
    studio.admin.post(f"/orders/{order['id']}/deliver")
    assert client.get(f"/media/assets/{chosen}").data["name"] == "gear.png"
    assert client.get(f"/media/assets/{other}").status == 404
    answer = studio.app.test_client().get(
        f"/api/media/assets/{chosen}/file", headers={"Authorization": f"Bearer {client.token}"}
    )
    assert (answer.status_code, answer.data) == (200, PNG)
    late = {"media_ids": [other]}
    path = f"/orders/{order['id']}/items/{order['items'][0]['id']}/media"
    assert studio.admin.put(path, late, headers={"If-Match": "*"}).error["code"] == "conflict.order_state"


@pytest.mark.parametrize(("kind", "right", "wrong"), [("still", "medium", "film"), ("turntable", "film", "medium")])
def test_a_film_is_no_still_and_a_picture_no_film(world: World, client: Api, kind: str, right: str, wrong: str) -> None:
    asset = asset_for_clients(world)
    order = client.post("/orders/", body_of(asset, items=[{"asset_id": asset["id"], "kind": kind}])).data
    world.post(f"/orders/{order['id']}/accept")
    path = f"/orders/{order['id']}/items/{order['items'][0]['id']}/media"
    given = {each: getattr(world, each)() for each in (right, wrong)}
    media = {"media_ids": [given[right]["id"], given[wrong]["id"]]}
    refused = world.admin.put(path, media, headers={"If-Match": "*"})
    assert (refused.status, refused.error["code"]) == (422, "input.order_medium")
    assert f"asks for a {kind}, and {given[wrong]['name']} is a" in refused.error["message"]
    assert world.admin.get(f"/orders/{order['id']}").data["items"][0]["media"] == []
    chosen = world.admin.put(path, {"media_ids": [given[right]["id"]]}, headers={"If-Match": "*"}).data
    assert [each["id"] for each in chosen["items"][0]["media"]] == [given[right]["id"]]


def test_an_order_with_nothing_to_render_is_made_by_hand(studio: StudioUnderTest, world: World) -> None:
    order = world.order("accept")
    path = f"/orders/{order['id']}"
    refused = studio.admin.post(f"{path}/start")
    assert (refused.status, refused.error["code"]) == (409, "conflict.nothing_to_render")
    assert order["items"][0]["asset"] in refused.error["message"] and "made by hand" in refused.error["hint"]
    now = studio.admin.get(path).data
    assert (now["state"], now["revision"], now["items"][0]["job_id"]) == ("accepted", order["revision"], None)
    assert studio.admin.post(f"{path}/deliver").error["code"] == "conflict.order_incomplete"
    world.choose(order)
    assert studio.admin.post(f"{path}/deliver").data["state"] == "delivered"


def test_a_client_sees_only_what_is_meant_for_them(studio: StudioUnderTest, world: World, client: Api) -> None:
    mine, hidden = asset_for_clients(world), world.asset()
    theirs = world.user(Role.CLIENT)
    login = Api(studio.app).post("/auth/login", {"email": theirs["email"], "password": "correct horse battery"})
    other = Api(studio.app, login.data["token"])
    order = client.post("/orders/", body_of(mine)).data
    world.medium()
    world.publish()
    assert [each["id"] for each in client.get("/projects/").data["items"]] == [mine["project_id"]]
    assert [each["id"] for each in client.get("/assets/").data["items"]] == [mine["id"]]
    assert client.get("/assets/?q=n").data["total"] == 1
    assert client.get(f"/assets/{hidden['id']}").status == 404
    assert client.get("/media/assets").data["total"] == client.get("/publishes/").data["total"] == 0
    assert client.get(f"/orders/{order['id']}").status == 200
    for path in ("/projects/", "/assets/", "/sequences/", "/shots/", "/orders/", "/publishes/", "/media/assets"):
        assert other.get(path).data["total"] == 0, path
    assert other.get(f"/orders/{order['id']}").status == 404
    assert other.post(f"/orders/{order['id']}/cancel").status == 404
    assert other.post("/orders/", body_of(mine)).status == 404
    assert client.post("/orders/", body_of(mine, client_id=theirs["id"])).status == 403
    # Taken off the project, a client keeps their orders and sees nothing else of it.
    studio.admin.put(f"/projects/{mine['project_id']}/clients", {"user_ids": []}, headers={"If-Match": "*"})
    assert client.get("/assets/").data["total"] == 0
    assert client.get(f"/orders/{order['id']}").data["project"] is None
    assert studio.admin.get("/orders/").data["total"] == 1


def test_orders_are_found_by_state_client_and_words(studio: StudioUnderTest, world: World, client: Api) -> None:
    asset = asset_for_clients(world)
    first = client.post("/orders/", body_of(asset)).data
    studio.admin.post("/orders/", body_of(asset, title="Poster", note="for the fair"))
    studio.admin.post(f"/orders/{first['id']}/accept")

    def found(query: str) -> list[int]:
        return [order["number"] for order in studio.admin.get(f"/orders/?{query}").data["items"]]

    assert found("sort=number") == [1, 2] and found("sort=client,-number") == [1, 2]
    assert found("state=accepted") == found("q=gear left") == found(f"client_id={first['client_id']}") == [1]
    assert found("q=fair") == found("q=2") == [2]
    assert found("q=2+gear") == []


def test_uploaded_media_can_be_delivered(studio: StudioUnderTest) -> None:
    answer = studio.artist.call("POST", "/media/assets", **upload(PNG, filename="proof.png", category_key="press"))
    assert (answer.status, answer.data["width"], answer.data["height"]) == (201, 8, 4)
