"""Orders on the pages, as clients and the studio use them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from service.accounts.permissions import Role
from tests.service.studio import Json, StudioUnderTest
from tests.service.test_making_pages import SAME_SITE, Office
from tests.service.world import World


@pytest.fixture
def manager(studio: StudioUnderTest) -> Office:
    return Office(studio)


@pytest.fixture
def client(studio: StudioUnderTest) -> Office:
    return Office(studio, Role.CLIENT)


@pytest.fixture
def asset(studio: StudioUnderTest, client: Office) -> Json:
    """Of a project that the client sees."""
    asset = studio.production().asset
    clients = {"user_ids": [studio.api(Role.CLIENT).get("/auth/me").data["user"]["id"]]}
    studio.admin.put(f"/projects/{asset['project_id']}/clients", clients, headers={"If-Match": "*"})
    return asset


def ordered(client: Office, asset: Json, **more: Any) -> str:
    """Order a turntable; the order's address."""
    form = {"project_id": asset["project_id"], "title": "For the catalogue", "asset": asset["id"]}
    form |= {f"kind.{asset['id']}": "turntable", f"note.{asset['id']}": "from the front", **more}
    assert "was sent" in client.told("/orders", "/orders/new", **form)
    return f"/orders/{client.rows('/orders/')[0]['id']}"


def press(office: Office, order: str, what: str, **form: Any) -> str:
    version = office.studio.admin.get(order).data["revision"]
    return office.told(f"{order}/{what}", order, **{"version": version, **form})


def test_a_client_orders_and_gets_what_was_ordered(manager: Office, client: Office, asset: Json) -> None:
    assert "You have ordered nothing yet" in client.see("/")
    assert "gear" in client.see(f"/orders/new?project={asset['project_id']}")
    order = ordered(client, asset, due="2027-01-31", note="With\r\nlove")
    made = manager.studio.admin.get(order).data
    assert (made["due"], made["note"], made["items"][0]["kind"]) == ("2027-01-31", "With\nlove", "turntable")
    assert "For the catalogue submitted" in client.see("/")
    seen = manager.see(order)
    assert "Turntable of gear" in seen and "from the front" in seen
    assert "Accept" in seen and "Reject" in seen
    press(manager, order, "accept")
    assert "there is nothing for item 1 (gear)" in press(manager, order, "deliver")
    film = World(manager.studio).film()
    assert "Choose what the client gets" in manager.see(order)
    item = made["items"][0]["id"]
    press(manager, order, f"items/{item}/media", media=film["id"])
    assert film["id"] not in client.browser.get(order).text
    assert "delivered" in press(manager, order, "deliver")
    assert film["id"] in client.browser.get(order).text
    assert "Archive" in manager.see(order), "a client may never answer"
    history = client.see(order).partition("History")[2]
    manager_history = manager.see(order).partition("History")[2]
    for state in ("delivered", "accepted", "submitted"):
        assert state in manager_history
    assert "Accept" not in history


def test_what_an_order_waits_for_stands_beside_its_buttons(manager: Office, client: Office, asset: Json) -> None:
    order, world = ordered(client, asset), World(manager.studio)
    press(manager, order, "accept")
    buttons = lambda: re.findall(r"<button ([^>]*)>(Start the renders|Deliver)<", manager.browser.get(order).text)  # noqa: E731
    can = lambda: {label: "disabled" not in attributes for attributes, label in buttons()}  # noqa: E731
    assert can() == {"Start the renders": False, "Deliver": False}
    seen = manager.see(order)
    assert "Nothing can be rendered" in seen and "there is nothing for item 1 (gear)" in seen
    assert "Nothing can be" not in client.see(order), "it is the studio's to know"

    picture, film = world.picture(asset), world.film(asset)
    assert picture["id"] not in manager.browser.get(order).text, "a film was ordered"
    [item] = manager.studio.admin.get(order).data["items"]
    told = press(manager, order, f"items/{item['id']}/media", media=picture["id"])
    assert "asks for a turntable, and view.png is a picture" in told
    press(manager, order, f"items/{item['id']}/media", media=film["id"])
    assert can() == {"Start the renders": False, "Deliver": True}
    assert "Nothing can be delivered yet" not in manager.see(order)


def test_a_rejected_order_says_why_and_is_submitted_again(manager: Office, client: Office, asset: Json) -> None:
    order = ordered(client, asset)
    assert "Reason: must not be empty" in press(manager, order, "reject", reason=" ")
    press(manager, order, "reject", reason="The shaft\nis missing.")
    seen = client.see(order)
    assert "The shaft is missing." in seen and "Submit again" in seen
    told = press(client, order, "resubmit", title="Without the shaft", note="", due="")
    assert "Without the shaft resubmitted" in told
    assert "The shaft is missing." in manager.see(order).partition("History")[2]
    press(client, order, "cancel")
    assert "cancelled" in client.see(order)
    press(manager, order, "archive")
    assert "Without the shaft" not in manager.see("/orders")
    assert "archived" in manager.see("/orders?archived=1")


def test_an_order_is_changed_and_cancelled_by_whose_it_is_and_by_managers(
    manager: Office, client: Office, asset: Json
) -> None:
    order = ordered(client, asset)
    artist, browser = Office(manager.studio, Role.ARTIST), manager.studio.browser(Role.ARTIST)
    seen = artist.see(order)
    assert "Turntable of gear" in seen and "Edit" not in seen and "Cancel" not in seen
    for what in ("change", "cancel"):
        refused = browser.post(f"{order}/{what}", data={"version": "1", "title": "Taken"}, headers=SAME_SITE)
        assert refused.status_code == 403
    refusal = manager.studio.artist.post(f"{order}/cancel", {})
    assert refusal.status == 403 and "is that of client" in refusal.error["message"]
    press(client, order, "change", title="Without the shaft")
    press(manager, order, "reject", reason="Which gear?")
    assert manager.studio.artist.post(f"{order}/resubmit", {}).status == 403
    press(client, order, "cancel")
    assert manager.studio.admin.get(order).data["state"] == "cancelled"


def test_products_are_offered_in_the_order_in_which_people_count(manager: Office, client: Office, asset: Json) -> None:
    for name in ("bolt10", "bolt2"):
        manager.studio.admin.post("/assets/", {"project_id": asset["project_id"], "name": name})
    text = client.see(f"/orders/new?project={asset['project_id']}")
    assert text.index("bolt2") < text.index("bolt10")


def test_a_client_is_not_told_how_the_studio_publishes(client: Office, asset: Json) -> None:
    seen = client.see(f"/assets/{asset['id']}")
    assert "Nothing was shared with you yet" in seen
    assert "launcher" not in seen and "submit a render" not in seen and "Blender" not in client.see("/")


def test_orders_are_narrowed_by_state_and_words(manager: Office, client: Office, asset: Json) -> None:
    ordered(client, asset, title="One")
    press(manager, ordered(client, asset, title="Two"), "accept")

    def shown(query: str) -> list[str]:
        text = manager.see(f"/orders?{query}")
        return [title for title in ("One", "Two") if f" {title} " in text]

    assert shown("") == shown("state=open") == ["One", "Two"]
    assert (shown("state=accepted"), shown("q=one"), shown("state=rejected")) == (["Two"], ["One"], [])
    assert "No order here" in manager.see("/orders?q=three")


def test_what_others_did_meanwhile_is_told(manager: Office, client: Office, asset: Json) -> None:
    order = ordered(client, asset)
    seen = manager.studio.admin.get(order).data["revision"]
    press(client, order, "change", title="Changed", note="", due="")
    told = manager.told(f"{order}/accept", order, version=seen)
    assert "Somebody else changed the order meanwhile" in told and "Title is now 'Changed'" in told
    press(manager, order, "accept")
    assert "cannot be changed any more" in press(client, order, "change", title="Again", note="", due="")
    assert "Nothing was ordered. Choose at least one product." in client.told("/orders", project_id=asset["project_id"])


def test_who_may_not_sees_no_button(
    manager: Office, client: Office, asset: Json, other_studio: StudioUnderTest
) -> None:
    order = ordered(client, asset)
    seen = client.see(order)
    assert "Cancel the order" in seen and "Edit" in seen
    for word in ("Accept", "Reject", "Deliver", "Archive"):
        assert word not in seen
    artist = Office(manager.studio, Role.ARTIST)
    assert "Accept" not in artist.see(order)
    for what in ("accept", "reject", "deliver", "archive"):
        for role in (Role.CLIENT, Role.ARTIST):
            browser = manager.studio.browser(role)
            assert browser.post(f"{order}/{what}", data={"version": "1"}, headers=SAME_SITE).status_code == 403
    stranger = other_studio.browser(Role.TENANT_ADMIN)
    assert stranger.get(order).status_code == 404
    assert stranger.post(f"{order}/accept", data={"version": "1"}, headers=SAME_SITE).status_code == 404
