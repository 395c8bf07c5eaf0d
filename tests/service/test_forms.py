"""Every form of every page: what it asks may be refused, and then it says why and nothing that was typed is lost."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import delete
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from service.accounts.permissions import Role
from service.config import Config
from service.database import tenant_session
from service.models import ApiToken
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import StudioUnderTest, make_studio
from tests.service.test_revision_pages import make_revised
from tests.service.web_server import serving
from tests.service.world import PNG, World

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
SIGN_IN = {"pages.log_in", "pages.logout", "pages.login", "pages.password", "pages.forgotten_password"} | {
    "pages.choose_password", "pages.forget_password", "pages.ask_provider", "pages.back_from_provider",
    "pages.log_in_with_code", "pages.take_answer", "pages.provider_metadata",
}  # fmt: skip
"""Of nobody yet: these pages show themselves again."""
OF_GUESTS = {
    *("pages.guest_page", "pages.guest_file", "pages.guest_zip", "pages.guest_film"),
    *("pages.give_guest_password", "pages.write_guest_comment"),
}
"""Of nobody at all: a link that opens nothing says so, whatever is sent by it."""
BY_SCRIPT = {"pages.upload_cad", "pages.upload_picture", "pages.save_cell"}
"""Not sent by a form."""

KEPT = """
const problems = [], names = [];
for (const form of document.querySelectorAll("form[method=post]")) {
  const controls = [...form.querySelectorAll("input, textarea, select")]
    .filter((each) => each.name && !each.disabled && !["hidden", "file", "password"].includes(each.type));
  const typed = [];
  for (const each of controls) {
    if (["checkbox", "radio"].includes(each.type)) {
      if (each.checked) continue;
      each.checked = true;
    } else if (each.tagName === "SELECT") {
      if (each.options.length < 2) continue;
      each.selectedIndex = (each.selectedIndex + 1) % each.options.length;
    } else {
      const values = { number: "7", date: "2031-05-06", color: "#123456", email: "a@b.example", url: "http://b.c" };
      each.value = values[each.type] ?? "typed";
      if (each.type === "range") each.value = each.max;
    }
    typed.push(each.name);
  }
  if (!typed.length) continue;
  sessionStorage.clear();
  form.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
  const kept = JSON.parse(sessionStorage.getItem("raceway:typed") ?? '{"typed": []}').typed.map((each) => each.name);
  const action = form.getAttribute("action");
  names.push(action);
  problems.push(...typed.filter((name) => !kept.includes(name)).map((name) => `${action} ${name}`));
}
sessionStorage.clear();
return { problems, forms: names };
"""
"""Fills every form of a page, and tells what would be lost if it were sent now and refused."""


def rules(app: Flask, method: str) -> list[Rule]:
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]
    return [rule for rule in found if method in (rule.methods or ()) and rule.endpoint != "pages.static"]


def test_a_refused_form_is_never_a_dead_end(app: Flask, studio: StudioUnderTest) -> None:
    browser = studio.browser(Role.GLOBAL_ADMIN)
    headers = {**SAME_SITE, "Referer": "http://localhost/projects?sort=-name"}
    for rule in rules(app, "POST"):
        if rule.endpoint in SIGN_IN | OF_GUESTS | BY_SCRIPT:
            continue
        path = re.sub(r"<any\(([^,)]+)[^>]*>", r"\1", rule.rule)
        path = re.sub(r"<uuid:\w+>", lambda _: str(uuid4()), path)
        answer = browser.post(re.sub(r"<\w+>", "x", path), data={"name": "?"}, headers=headers)
        assert answer.status_code == 303, (rule.rule, answer.text)


def test_a_refusal_leads_back_to_the_page_of_the_form(studio: StudioUnderTest) -> None:
    headers = {**SAME_SITE, "Referer": "http://localhost/projects?sort=-name"}
    answer = studio.browser(Role.PROJECT_MANAGER).post("/projects", data={"name": "?"}, headers=headers)
    assert (answer.status_code, answer.location) == (303, "/projects?sort=-name")


def test_a_refusal_never_leads_to_another_site(studio: StudioUnderTest) -> None:
    browser = studio.browser(Role.PROJECT_MANAGER)
    for page in ("http://evil.example/", "//evil.example", "http://localhost//evil.example", "javascript:alert(1)", ""):
        answer = browser.post("/projects", data={"name": "?"}, headers={**SAME_SITE, "Referer": page})
        assert answer.status_code == 422, page


@pytest.fixture(scope="module")
def studio_with_all(app: Flask) -> StudioUnderTest:
    """A tenant with something of every kind that has a page."""
    studio = make_studio(app)
    world = World(studio)
    shot, asset = world.cast()
    about = {"target_type": "shot", "target_id": shot["id"], "name": "light", "department": "lighting"}
    task = world.post("/tasks/", about)
    world.post("/comments/", {"target_type": "task", "target_id": task["id"], "text": "Brighter."})
    world.post("/custom-fields/", {"target_type": "asset", "name": "finish", "type": "tags", "choices": ["a", "b"]})
    world.post("/custom-fields/", {"target_type": "shot", "name": "lens", "type": "number"})
    for make in (world.converted, world.failed, world.playlist, world.webhook, world.delivery, world.run, world.frame):
        make()
    make_revised(studio)
    world.order("reject")
    world.order_with_medium()
    world.order()
    admin = studio.api(Role.TENANT_ADMIN)
    admin.post("/orders/", {"title": "Ours", "project_id": asset["project_id"], "items": [{"asset_id": asset["id"]}]})
    return studio


def pages_of(app: Flask, studio: StudioUnderTest, role: Role) -> dict[str, str]:
    """An address of each page that links lead to, by its endpoint."""
    browser, urls = studio.browser(role), app.url_map.bind("localhost")
    waiting, seen, found = ["/", "/search"], set[str](), dict[str, str]()
    while waiting:
        address = waiting.pop(0)
        path = address.partition("?")[0]
        if path in seen or not path.startswith("/") or path.startswith(("/api", "/pages")):
            continue
        seen.add(path)
        try:
            endpoint, _ = urls.match(path)
        except HTTPException:
            continue
        answer = browser.get(address)
        assert answer.status_code == 200, address
        found.setdefault(endpoint, address)
        waiting += [link.partition("#")[0] for link in Page(answer).links]
    return found


@pytest.fixture(scope="module")
def web(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service as it runs in production."""
    with serving(config, tmp_path_factory.mktemp("web")) as server:
        yield server.url


def enter(browser: Browser, address: str, studio: StudioUnderTest, role: Role = Role.TENANT_ADMIN) -> None:
    browser.open(f"{address}/?token={studio.tokens[role]}")
    browser.until(lambda: browser.text(".who"))


def test_every_form_keeps_what_was_typed(
    app: Flask, browser: Browser, web: str, studio_with_all: StudioUnderTest
) -> None:
    pages = pages_of(app, studio_with_all, Role.GLOBAL_ADMIN)
    # Each page is led to, or a form on it might be forgotten here.
    assert {rule.endpoint for rule in rules(app, "GET")} - SIGN_IN - OF_GUESTS <= pages.keys()
    enter(browser, web, studio_with_all, Role.GLOBAL_ADMIN)
    forms: set[str] = set()
    for address in pages.values():
        browser.open(f"{web}{address}")
        browser.until(lambda: browser.run("return document.readyState") == "complete")
        told: dict[str, Any] = browser.run(KEPT)
        assert told["problems"] == [], address
        forms |= set(told["forms"])
    assert {"/projects", "/playlists", "/webhooks", "/jobs/new"} <= forms


def value(browser: Browser, selector: str) -> str:
    return str(browser.run("return document.querySelector(arguments[0]).value", selector))


def refused(browser: Browser, form: str) -> str:
    """Send a form that is refused; what the page says then. What the browser itself would refuse is sent, too."""
    browser.run("document.querySelector(arguments[0]).noValidate = true", form)
    browser.run("document.querySelector(arguments[0]).requestSubmit()", form)
    browser.until(lambda: browser.text(".note.bad"))
    return browser.text(".note.bad")


def test_what_was_typed_for_a_webhook_a_playlist_and_a_render_stays(
    browser: Browser, web: str, studio: StudioUnderTest
) -> None:
    studio.publish(studio.production())
    enter(browser, web, studio)
    browser.open(f"{web}/webhooks")
    form = "form[action='/webhooks']"
    browser.type(f"{form} [name=name]", "Bot")
    browser.type(f"{form} [name=url]", "http://bot.example/")
    browser.type(f"{form} [name=kinds]", "task.* Everything")
    assert "Events: must be a kind of event, or all of a thing, such as task.*" in refused(browser, form)
    assert (value(browser, f"{form} [name=name]"), value(browser, f"{form} [name=kinds]")) == (
        "Bot",
        "task.* Everything",
    )
    browser.open(f"{web}/playlists")
    form = "form[action^='/playlists']"
    browser.type(f"{form} [name=name]", "Dailies\u202e, Monday")
    assert "Name: must not have characters that change the direction of writing" in refused(browser, form)
    assert value(browser, f"{form} [name=name]") == "Dailies\u202e, Monday"
    browser.open(f"{web}/jobs")
    form = "form[action='/jobs/new']"
    browser.click(".new-render summary")
    browser.run(f'document.querySelector("{form} [name=kind]").value = "frames"')
    browser.type(f"{form} [name=frames]", "1001-1x")
    refused(browser, form)
    assert (value(browser, f"{form} [name=frames]"), value(browser, f"{form} [name=kind]")) == ("1001-1x", "frames")


def test_a_stale_edit_shows_what_others_saved_and_keeps_the_rest(
    browser: Browser, web: str, studio: StudioUnderTest
) -> None:
    asset = studio.production().asset
    page = f"/assets/{asset['id']}"
    enter(browser, web, studio, Role.PROJECT_MANAGER)
    browser.open(f"{web}{page}")
    browser.click("[popovertarget=edit-row]")
    studio.admin.patch(page, {"status": "on_hold"})
    browser.type("#edit-row [name=title]", "The gear")
    assert "Status is now 'on_hold', changed by tenant_admin." in refused(browser, "#edit-row form")
    assert browser.run("return document.querySelector('#edit-row').matches(':popover-open')")
    assert value(browser, "#edit-row [name=status]") == "on hold"
    browser.click("#edit-row button.primary")
    browser.until(lambda: "The gear" in browser.text("h1"))
    found = studio.admin.get(page).data
    assert (found["title"], found["status"]) == ("The gear", "on_hold")


def test_what_was_typed_outlives_the_session(browser: Browser, web: str, studio: StudioUnderTest) -> None:
    enter(browser, web, studio, Role.PROJECT_MANAGER)
    browser.open(f"{web}/projects")
    browser.type("[name=title]", "A long title")
    browser.type("[name=name]", "film")
    with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(delete(ApiToken).where(ApiToken.kind == "session"))
    browser.click("form[action='/projects'] button")
    browser.until(lambda: browser.text("form.login"))
    assert "stands there again when you have logged in" in browser.text("form.login")
    browser.type("[name=email]", studio.email(Role.PROJECT_MANAGER))
    browser.type("[name=password]", "correct horse battery")
    browser.click("form.login button")
    browser.until(lambda: browser.text(".who"))
    assert (value(browser, "[name=name]"), value(browser, "[name=title]")) == ("film", "A long title")


def test_a_link_that_opens_nothing_any_more_asks_for_no_password(browser: Browser, web: str) -> None:
    browser.open(f"{web}/password#used-before")
    browser.until(lambda: browser.text(".failure"))
    assert "Choose it" not in browser.text("form.login")


DROP = """
const files = new DataTransfer();
files.items.add(new File([arguments[0]], arguments[1]));
document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
"""


def test_a_file_is_dropped_onto_an_asset(browser: Browser, web: str, studio: StudioUnderTest) -> None:
    asset = studio.production().asset
    enter(browser, web, studio, Role.ARTIST)
    browser.open(f"{web}/assets/{asset['id']}")
    browser.until(lambda: browser.text(".drop"))
    browser.run(DROP, "x" * 5_000_000, "large.step")
    assert "large.step has 4.8 MiB, and the service takes 4.0." in browser.text(".drop")
    browser.run(DROP, "x" * 3_000_000, "notes.txt")
    browser.until(lambda: "notes.txt is not a STEP file" in browser.text(".drop"))
    assert studio.admin.get("/cad/").data["total"] == 0
    browser.run(DROP, "ISO-10303-21;", "Gear No. 7.step")
    browser.until(lambda: "Gear No. 7.step is being converted" in browser.text("main"))
    assert studio.admin.get("/cad/").data["items"][0]["filename"] == "Gear No. 7.step"


DROP_PICTURES = """
const files = new DataTransfer();
for (const name of arguments[1]) {
  const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
  files.items.add(new File([bytes], name));
}
document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
"""


@pytest.mark.parametrize("kind", ["assets", "shots"])
def test_pictures_are_dropped_onto_what_they_show(
    browser: Browser, web: str, studio: StudioUnderTest, kind: str
) -> None:
    shown = studio.production().asset if kind == "assets" else World(studio).shot()
    enter(browser, web, studio, Role.ARTIST)
    browser.open(f"{web}/{kind}/{shown['id']}")
    browser.until(lambda: "Drop pictures" in browser.text("main"))
    picture = base64.b64encode(PNG).decode()
    browser.run(DROP_PICTURES, picture, ["front.png", "back.png"])
    browser.until(lambda: browser.run("return document.querySelectorAll('main .gallery img').length") == 2)
    media = studio.admin.get("/media/assets").data["items"]
    assert {each["name"] for each in media} == {"front.png", "back.png"}
    assert {each[f"{kind[:-1]}_id"] for each in media} == {shown["id"]}
    browser.run(DROP_PICTURES, picture, ["film.mp4"])
    browser.until(lambda: "film.mp4 holds image/png" in browser.text("main"))
