"""The page of an order in a real browser: client and studio write to one another, and the client answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from service.accounts.permissions import Role
from service.models import MediaAsset
from tests.dcc.render.pictures import write_png
from tests.service.browser import KEYS, Browser
from tests.service.exhibits import add_rows
from tests.service.studio import PASSWORD, Json, StudioUnderTest
from tests.service.test_comments import on, say, texts
from tests.service.test_making_pages import SAME_SITE
from tests.service.world import World

HOLD_FETCHED = """
    const ask = window.fetch;
    const released = new Promise((release) => { window.release = release; });
    window.fetch = async (address) => {
      const answer = await ask(address);
      const text = await answer.text();
      window.fetched ||= text.includes("changes requested");
      const { ok, status, redirected } = answer;
      return { ok, status, redirected, text: () => released.then(() => text) };
    };
"""
"""What the page fetches is all there and is kept from it until it is released."""

pytestmark = pytest.mark.usefixtures("quiet_queue")


def picture(studio: StudioUnderTest, asset_id: str, name: str, shade: int) -> str:
    """A picture that was rendered by hand."""
    write_png(studio.root / name, np.full((360, 640, 3), shade, np.uint8))
    medium = MediaAsset(
        id=uuid4(), asset_type="still", name=name, path=name, mime_type="image/png", size=1, sha256="0" * 64,
        width=640, height=360, asset_id=UUID(asset_id),
    )  # fmt: skip
    add_rows(studio, medium)
    return str(medium.id)


def delivered(studio: StudioUnderTest) -> Json:
    """An order of the tenant's client, delivered."""
    order = World(studio).order("accept")
    give(studio, order, "front.png", 90)
    found: Json = studio.admin.post(f"/orders/{order['id']}/deliver").data
    return found


def give(studio: StudioUnderTest, order: Json, name: str, shade: int) -> str:
    [item] = order["items"]
    made = picture(studio, item["asset_id"], name, shade)
    path = f"/orders/{order['id']}/items/{item['id']}/media"
    assert studio.admin.put(path, {"media_ids": [made]}, headers={"If-Match": "*"}).status == 200
    return made


def look(window: Browser, address: str, studio: StudioUnderTest, role: Role, order: Json) -> None:
    window.open(f"{address}/?token={studio.tokens[role]}")
    window.until(lambda: window.text(".who"))
    window.open(f"{address}/orders/{order['id']}")
    window.until(lambda: window.text("#order h1"))


def sources(window: Browser) -> Any:
    return window.run("return [...document.querySelectorAll('#order .gallery img')].map((each) => each.src)")


def press(window: Browser, dialog: str) -> None:
    """Open a dialog of the order, and send its form."""
    window.click(f"[popovertarget={dialog}]")
    window.click(f"#{dialog} button:not([type=button])")


def test_client_and_studio_write_to_one_another_below_an_order(
    window: Browser, address: str, studio: StudioUnderTest
) -> None:
    order = delivered(studio)
    look(window, address, studio, Role.PROJECT_MANAGER, order)
    window.type(".comment-form textarea", "They pay late.")
    window.click(".comment-form button.primary")
    window.until(lambda: "They pay late." in window.text("#said"))
    assert "clients may read it" not in window.text("#said")
    window.type(".comment-form textarea", "Is the red right?")
    window.click("[name=for_client]")
    window.click(".comment-form button.primary")
    window.until(lambda: "Is the red right?" in window.text("#said"))
    assert "clients may read it" in window.text("#said li:first-child")

    look(window, address, studio, Role.CLIENT, order)
    assert "Is the red right?" in window.text("#said") and "They pay late." not in window.text("#said")
    assert not window.run("return document.querySelector('[name=for_client]')")
    window.type(".comment-form textarea", "What I am just typing")
    say(studio.admin, "Or blue?", on(order=order["id"]), for_client=True)
    window.until(lambda: "Or blue?" in window.text("#said"))
    assert window.run("return document.querySelector('.comment-form textarea').value") == "What I am just typing"
    window.click(".comment-form button.primary")
    window.until(lambda: "What I am just typing" in window.text("#said"))
    assert texts(studio.artist, order_id=order["id"])[0] == "What I am just typing"


def test_a_client_asks_for_changes_and_approves_what_comes_then(
    window: Browser, address: str, studio: StudioUnderTest
) -> None:
    order = delivered(studio)
    look(window, address, studio, Role.CLIENT, order)
    assert "Delivery 1 waits for your answer" in window.text("#order")
    [first] = sources(window)
    window.click("[popovertarget=request-changes]")
    window.type("#request-changes textarea", "Brighter, please.")
    window.click("#request-changes button.primary")
    window.until(lambda: "changes requested" in window.text("h1"))
    assert "Brighter, please." in window.text("#order .note.bad")
    assert "changes to delivery 1" in window.text("#said li")
    assert not window.run("return document.querySelector('[popovertarget=approve]')")

    made = give(studio, order, "brighter.png", 200)
    assert sources(window) == [first], "what is being made is not theirs to see"
    studio.admin.post(f"/orders/{order['id']}/deliver")
    # The page follows by itself.
    window.until(lambda: "Delivery 2 waits for your answer" in window.text("#order"))
    assert made in sources(window)[0] and first in sources(window)[1:], "and the first one is still there, folded"
    press(window, "approve")
    window.until(lambda: "approved" in window.text("h1"))
    found = studio.admin.get(f"/orders/{order['id']}").data
    assert (found["state"], found["delivery"], found["answered_by"]) == ("approved", 2, "client")
    window.open(f"{address}/orders")
    window.until(lambda: window.text("tbody"))
    assert "approved delivery 2" in " ".join(window.text("tbody").split())


def test_what_was_replaced_while_a_client_looked_is_not_approved(
    window: Browser, address: str, studio: StudioUnderTest
) -> None:
    order = delivered(studio)
    look(window, address, studio, Role.CLIENT, order)
    window.click("[popovertarget=approve]")
    path = f"/orders/{order['id']}"
    studio.admin.post(f"{path}/request-changes", {"delivery": 1, "text": "The client called."})
    studio.admin.post(f"{path}/deliver")
    window.click("#approve button.primary")
    window.until(lambda: "not the last one, which is delivery 2" in window.text(".note.bad"))
    assert "Delivery 2 waits for your answer" in window.text("#order")
    assert studio.admin.get(path).data["state"] == "delivered"


def test_a_question_opened_while_the_page_fetches_what_changed_stays(
    window: Browser, address: str, studio: StudioUnderTest
) -> None:
    order = delivered(studio)
    look(window, address, studio, Role.CLIENT, order)
    window.run(HOLD_FETCHED)
    studio.admin.post(f"/orders/{order['id']}/request-changes", {"delivery": 1, "text": "The client called."})
    window.until(lambda: window.run("return window.fetched"))
    window.click("[popovertarget=approve]")
    window.run("window.release(); return new Promise((refreshed) => setTimeout(refreshed))")
    assert window.text("#approve:popover-open")
    window.press(KEYS["escape"])
    window.until(lambda: "changes requested" in window.text("h1"))


def test_who_works_there_answers_for_no_client(window: Browser, address: str, studio: StudioUnderTest) -> None:
    order = delivered(studio)
    look(window, address, studio, Role.ARTIST, order)
    for what in ("approve", "request-changes"):
        assert not window.run(f"return document.querySelector('[popovertarget={what}]')")
    assert window.run("return document.querySelector('.comment-form')") is not None
    look(window, address, studio, Role.PROJECT_MANAGER, order)
    assert not window.run("return document.querySelector('[popovertarget=approve]')")
    window.click("[popovertarget=request-changes]")
    window.type("#request-changes textarea", "The client called: brighter.")
    window.click("#request-changes button.primary")
    window.until(lambda: "Deliver again" in window.text("#order"))
    window.click("form[action$='/deliver'] button")
    window.until(lambda: "Delivery 2" in window.text(".facts"))
    assert texts(studio.api(Role.CLIENT), order_id=order["id"]) == ["The client called: brighter."]


def test_strangers_find_no_order(studio: StudioUnderTest, other_studio: StudioUnderTest) -> None:
    order = delivered(studio)
    world = World(studio)
    other = world.user(Role.CLIENT)
    clients = {"user_ids": [world.client()["id"], other["id"]]}
    studio.admin.put(f"/projects/{order['project_id']}/clients", clients, headers={"If-Match": "*"})
    visitor = studio.app.test_client()
    login = {"email": other["email"], "password": PASSWORD}
    assert visitor.post("/login", data=login, headers=SAME_SITE).status_code == 303
    for browser in (visitor, other_studio.browser(Role.TENANT_ADMIN)):
        path = f"/orders/{order['id']}"
        for fragment in ("", "?fragment=order", "?fragment=comments"):
            assert browser.get(f"{path}{fragment}").status_code == 404
        for what, form in (("approve", {}), ("request-changes", {"text": "Darker."})):
            answer = browser.post(f"{path}/{what}", data={"delivery": "1", **form}, headers=SAME_SITE)
            assert answer.status_code == 404
