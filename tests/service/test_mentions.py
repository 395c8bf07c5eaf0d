"""People are offered after an @ in a comment, in a real browser."""

from __future__ import annotations

import pytest

from service.accounts.permissions import Role
from tests.service.browser import KEYS, Browser
from tests.service.studio import StudioUnderTest
from tests.service.world import World, unique

pytestmark = pytest.mark.usefixtures("quiet_queue")
BOX = ".comment-form textarea"
OFFERED = ".offered:not([hidden])"


def open_task(window: Browser, address: str, studio: StudioUnderTest, role: Role = Role.ARTIST) -> str:
    task = studio.production().task
    window.open(f"{address}/?token={studio.tokens[role]}")
    window.until(lambda: window.text(".who"))
    window.open(f"{address}/tasks/{task['id']}")
    window.until(lambda: window.text("h1"))
    return str(task["id"])


def somebody(studio: StudioUnderTest, name: str) -> str:
    body = {"name": name, "email": f"{unique()}@example.com", "role": "artist"}
    return str(studio.admin.post("/artists/", body).data["id"])


def test_who_is_meant_is_chosen_by_key(window: Browser, address: str, studio: StudioUnderTest) -> None:
    family = f"Quill{unique()}"
    first, second = f"{family} Abel", f"{family} Berta"
    ids = [somebody(studio, name) for name in (first, second)]
    task = open_task(window, address, studio)
    window.type(BOX, f"Look, @{family}")
    window.until(lambda: first in window.text(OFFERED) and second in window.text(OFFERED))
    window.press(KEYS["down"], KEYS["enter"])
    assert window.run("return document.querySelector(arguments[0]).value", BOX) == f"Look, @{second} "
    window.until(lambda: not window.text(OFFERED))
    window.click(".comment-form button.primary")
    window.until(lambda: f"to {second}" in window.text("#said"))
    [comment] = studio.artist.get(f"/comments/?task_id={task}").data["items"]
    assert [each["id"] for each in comment["mentions"]] == ids[1:]


def test_it_is_chosen_by_click_and_put_away_by_escape(window: Browser, address: str, studio: StudioUnderTest) -> None:
    name = f"Quill{unique()}"
    somebody(studio, name)
    open_task(window, address, studio)
    window.type(BOX, f"@{name[:-1]}")
    window.until(lambda: window.text(OFFERED))
    window.press(KEYS["escape"])
    assert not window.text(OFFERED)
    window.type(BOX, f"@{name[:-1]}")
    window.until(lambda: window.text(OFFERED))
    window.click(f"{OFFERED} li")
    assert window.run("return document.querySelector(arguments[0]).value", BOX) == f"@{name} "


def test_clients_are_not_told_who_works_there(window: Browser, address: str, studio: StudioUnderTest) -> None:
    order = World(studio).order("accept")
    window.open(f"{address}/?token={studio.tokens[Role.CLIENT]}")
    window.until(lambda: window.text(".who"))
    window.open(f"{address}/orders/{order['id']}")
    window.until(lambda: window.text("#order h1"))
    assert window.run("return document.querySelector(arguments[0]).dataset.people ?? 'none'", BOX) == "none"
