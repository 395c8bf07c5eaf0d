"""Two-factor login on the pages, in a real browser: set up, asked for, lost, wanted of everybody."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pyotp
import pytest
from flask import Flask

from service.accounts import two_factor
from service.accounts.permissions import Role
from service.queue import queueing
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import PASSWORD, Json, StudioUnderTest
from tests.service.two_factor import Person, Time, clock, log_in, person, required, status_of, with_two_factor
from tests.service.world import World

__all__ = ["clock", "person", "required"]
CHOSEN = "battery staple horse"


@pytest.fixture(autouse=True)
def no_attempts_before(app: Flask) -> None:
    """All tests come from one address, which may only fail so often."""
    redis = queueing.bell(app).redis
    for key in redis.scan_iter("raceway:login:*"):
        redis.delete(key)


def enter(browser: Browser, address: str, email: str, password: str = PASSWORD) -> None:
    browser.open(f"{address}/login")
    browser.type("[name=email]", email)
    browser.type("[name=password]", password)
    browser.click("form.login button")


def path(browser: Browser) -> str:
    return str(browser.run("return location.pathname"))


def test_it_is_set_up_in_a_browser_and_asked_for_at_the_next_login(
    app: Flask, studio: StudioUnderTest, address: str, browser: Browser, clock: Time
) -> None:
    email = World(studio).user()["email"]
    enter(browser, address, email)
    browser.until(lambda: path(browser) == "/")
    browser.open(f"{address}/account")
    browser.open(f"{address}/account/two-factor")
    browser.type("[name=current_password]", PASSWORD)
    browser.click("form.field-form button.primary")
    browser.until(lambda: browser.text(".set-up"))
    secret = browser.run("return document.querySelector('.set-up [data-copy]').dataset.copy")
    assert browser.run("const p = document.querySelector('.set-up img'); return p.complete && p.naturalWidth > 100")
    browser.type("[name=code]", "000000")
    browser.click(".set-up form button")
    browser.until(lambda: "The code is wrong" in browser.text("main"))
    assert browser.run("return document.querySelector('.set-up [data-copy]').dataset.copy") == secret, "it goes on"
    browser.type("[name=code]", pyotp.TOTP(secret).at(int(clock.seconds)))
    browser.click(".set-up form button")
    browser.until(lambda: browser.text(".codes"))
    codes = browser.run("return [...document.querySelectorAll('.codes code')].map(each => each.textContent)")
    assert len(codes) == 10
    assert browser.run("return document.querySelector('[data-copy]').dataset.copy").split() == codes
    file = browser.run("return document.querySelector('[download]').href")
    assert unquote(file.partition(",")[2]).split() == codes
    browser.open(f"{address}/account/two-factor")
    assert codes[0] not in browser.text("main"), "they are shown once"
    browser.open(f"{address}/account")
    browser.click(".top form button")
    browser.until(lambda: path(browser) == "/login")
    enter(browser, address, email)
    browser.until(lambda: "authenticator" in browser.text("form.login"))
    browser.type("[name=code]", "123")
    browser.click("form.login button")
    browser.until(lambda: "wrong" in browser.text("form.login"))
    browser.type("[name=code]", codes[4])
    browser.click("form.login button")
    browser.until(lambda: path(browser) == "/")
    assert "Log out" in browser.text("header")


def test_a_link_for_a_new_password_asks_for_a_code_where_there_is_a_second_factor(
    studio: StudioUnderTest, address: str, browser: Browser, person: Person, clock: Time
) -> None:
    def open_link(user: Json) -> None:
        url = studio.admin.post(f"/artists/{user['id']}/password-link").data["url"]
        browser.open(f"{address}/login")
        browser.open(f"{address}/password#{url.partition('#')[2]}")
        browser.until(lambda: user["email"] in browser.text("[data-owner]"))

    open_link(World(studio).user())
    assert "authenticator" not in browser.text("form")
    open_link(person.user)
    assert "authenticator" in browser.text("form")
    for field in ("password", "repeated"):
        browser.type(f"[name={field}]", CHOSEN)
    browser.type("[name=two_factor_code]", "000000")
    browser.click("form[data-link] button")
    browser.until(lambda: "The code is wrong" in browser.text("form"))
    for field in ("password", "repeated"):
        browser.type(f"[name={field}]", CHOSEN)
    browser.type("[name=two_factor_code]", person.phone.code(clock.seconds))
    browser.click("form[data-link] button")
    browser.until(lambda: path(browser) == "/")
    assert "Log out" in browser.text("header")


def test_who_has_to_set_it_up_is_led_there_from_everywhere(
    studio: StudioUnderTest, address: str, browser: Browser, required: Person, clock: Time
) -> None:
    email = World(studio).user()["email"]
    enter(browser, address, email)
    browser.until(lambda: path(browser) == "/account/two-factor")
    assert "wants everybody" in browser.text("main") and "Projects" not in browser.text("header")
    browser.open(f"{address}/projects")
    assert path(browser) == "/account/two-factor"
    browser.type("[name=current_password]", PASSWORD)
    browser.click("form.field-form button.primary")
    browser.until(lambda: browser.text(".set-up"))
    secret = browser.run("return document.querySelector('.set-up [data-copy]').dataset.copy")
    browser.type("[name=code]", pyotp.TOTP(secret).at(int(clock.seconds)))
    browser.click(".set-up form button")
    browser.until(lambda: browser.text(".codes"))
    browser.click("a.button.primary")
    browser.until(lambda: path(browser) == "/")
    assert "Projects" in browser.text("header")


def test_a_page_that_is_open_while_it_becomes_required_leads_there(
    studio: StudioUnderTest, address: str, browser: Browser, clock: Time
) -> None:
    """Its sections keep themselves up to date: none of them shows another page within itself."""
    boss = with_two_factor(studio, clock, Role.TENANT_ADMIN)
    enter(browser, address, studio.email(Role.ARTIST))
    browser.until(lambda: path(browser) == "/")
    browser.open(f"{address}/jobs")
    browser.until(lambda: browser.run("return document.querySelector('[data-refresh]') !== null"))
    boss.api.patch("/settings/", {"require_two_factor": True})
    browser.until(lambda: path(browser) == "/account/two-factor")


def test_an_administrator_sees_who_has_it_and_switches_it_off_and_requires_it(
    app: Flask, studio: StudioUnderTest, address: str, browser: Browser, person: Person, clock: Time
) -> None:
    boss = with_two_factor(studio, clock, Role.TENANT_ADMIN)
    enter(browser, address, boss.email)
    browser.until(lambda: browser.text("[name=code]") is not None and "authenticator" in browser.text("form.login"))
    browser.type("[name=code]", boss.phone.code(clock.seconds))
    browser.click("form.login button")
    browser.until(lambda: path(browser) == "/")
    browser.open(f"{address}/people?without_code=1")
    assert studio.email(Role.ARTIST) in browser.text("table.people") and person.email not in browser.text(
        "table.people"
    )
    browser.open(f"{address}/people/{person.user['id']}")
    assert "Two-factor login" in browser.text("dl.facts")
    browser.click("[popovertarget=two-factor-off]")
    browser.click("#two-factor-off button.danger")
    browser.until(lambda: "logs in with the password alone" in browser.text("main .note"))
    assert log_in(app, person.email).status == 200
    browser.open(f"{address}/people")
    browser.click("[name=require_two_factor][value=yes]")
    browser.click("[aria-labelledby=two-factor] form button")
    browser.until(lambda: "Saved." in browser.text("main .note"))
    assert status_of(boss.api)["required"]


def test_new_recovery_codes_and_off_on_the_page(
    app: Flask, address: str, browser: Browser, person: Person, clock: Time
) -> None:
    enter(browser, address, person.email)
    browser.until(lambda: "authenticator" in browser.text("form.login"))
    browser.type("[name=code]", person.recovery_codes[0])
    browser.click("form.login button")
    browser.until(lambda: path(browser) == "/")
    browser.open(f"{address}/account/two-factor")
    browser.type("[aria-labelledby=renew] [name=current_password]", PASSWORD)
    browser.type("[aria-labelledby=renew] [name=code]", person.phone.code(clock.seconds))
    browser.click("[aria-labelledby=renew] button")
    browser.until(lambda: browser.text(".codes"))
    new = browser.run("return document.querySelector('.codes code').textContent")
    assert new not in person.recovery_codes
    browser.open(f"{address}/account/two-factor")
    browser.type("[aria-labelledby=off] [name=current_password]", PASSWORD)
    browser.type("[aria-labelledby=off] [name=code]", new)
    browser.click("[aria-labelledby=off] button")
    browser.until(lambda: path(browser) == "/account")
    assert log_in(app, person.email).status == 200


# -- without a browser: what forms may not do


def test_a_ticket_of_the_first_step_is_worth_nothing_alone_or_later(
    app: Flask, studio: StudioUnderTest, person: Person, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = app.test_client()
    first = browser.post("/login", data={"email": person.email, "password": PASSWORD, "next": "/jobs"})
    assert first.status_code == 200 and "Set-Cookie" not in first.headers
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', first.text)
    assert PASSWORD not in first.text and browser.get("/account").status_code == 401
    assert "wrong" in browser.post("/login/code", data={"ticket": ticket, "code": "000000"}).text
    code = person.phone.code(clock.seconds)
    for forged in ("", ticket[:-2], ticket.replace(".", "x", 1)):
        assert browser.post("/login/code", data={"ticket": forged, "code": code}).status_code == 401
    monkeypatch.setattr(two_factor, "TICKET_SECONDS", -1)
    assert "took too long" in browser.post("/login/code", data={"ticket": ticket, "code": code}).text
    monkeypatch.undo()


def test_a_ticket_ends_with_the_password_and_the_account(app: Flask, studio: StudioUnderTest, clock: Time) -> None:
    def attempt(change: str) -> int:
        person = with_two_factor(studio, clock)
        browser = app.test_client()
        first = browser.post("/login", data={"email": person.email, "password": PASSWORD})
        [ticket] = re.findall(r'name="ticket" value="([^"]+)"', first.text)
        path = f"/artists/{person.user['id']}"
        if change:
            assert studio.admin.post(f"{path}/{change}").status == 200
        sent = {"ticket": ticket, "code": person.recovery_codes[0]}
        return browser.post("/login/code", data=sent).status_code

    assert [attempt(each) for each in ("", "reset-password", "archive")] == [303, 401, 401]


def test_a_form_of_another_site_is_no_second_step(app: Flask, person: Person) -> None:
    answer = app.test_client().post("/login/code", data={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_the_list_of_people_says_who_has_it(studio: StudioUnderTest, person: Person) -> None:
    text = Page(studio.browser(Role.TENANT_ADMIN).get("/people")).text
    assert f"{person.email} artist on" in text and f"{studio.email(Role.ARTIST)} artist off" in text
