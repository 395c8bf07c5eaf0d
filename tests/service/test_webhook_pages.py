"""The pages of webhooks, used as an administrator's browser uses them."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.accounts.permissions import Role
from tests.service.page import Page
from tests.service.receiver import receiving
from tests.service.studio import StudioUnderTest
from tests.service.webhooks import deliveries, pass_time, send
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants")
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def browser(studio: StudioUnderTest) -> FlaskClient:
    return studio.browser(Role.TENANT_ADMIN)


def revision(browser: FlaskClient, address: str) -> str:
    found = re.search(r'name="revision" value="(\d+)"', browser.get(address).text)
    assert found
    return found[1]


def test_an_administrator_makes_a_webhook_and_sees_its_secret_once(
    app: Flask, studio: StudioUnderTest, browser: FlaskClient
) -> None:
    assert "No webhooks yet" in browser.get("/webhooks").text and ">Webhooks</a>" in browser.get("/").text
    with receiving() as receiver:
        form = {"name": "Bot", "url": receiver.url, "kinds": "project.*, task.changed", "project_id": ""}
        assert browser.post("/webhooks", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        made = browser.post("/webhooks", data=form, headers=SAME_SITE)
        assert made.status_code == 303
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", unescape(browser.get(made.location).text))
        assert secret and "whsec_" not in browser.get(made.location).text
        studio.admin.post("/projects/", {"name": "film"})
        send(app)
        (message,) = receiver.messages
        assert message.id_if_signed(secret[0])
        page = browser.get(made.location).text
        assert "project.created" in page and "delivered" in page and "200" in page
    (webhook,) = studio.admin.get("/webhooks/").data["items"]
    assert webhook["kinds"] == ["project.*", "task.changed"]
    refused = browser.post("/webhooks", data={**form, "url": "http://169.254.169.254/"}, headers=SAME_SITE)
    assert refused.status_code == 422 and "link-local" in refused.text


def test_a_failed_delivery_says_why_and_is_sent_again_by_its_button(
    app: Flask, studio: StudioUnderTest, browser: FlaskClient
) -> None:
    with receiving(lambda message: 410) as receiver:
        webhook = World(studio).webhook(url=receiver.url)
        address = f"/webhooks/{webhook['id']}"
        assert browser.post(f"{address}/ping", headers=SAME_SITE).status_code == 303
        send(app)
        text = Page(browser.get(address)).text
        assert "Answered 410 Gone" in text and "Switched off by the service" in text and "Send again" not in text
        version = {"revision": revision(browser, address)}
        assert browser.post(f"{address}/on", data=version, headers=SAME_SITE).status_code == 303
        receiver.answer = lambda message: 200
        (failed,) = deliveries(studio, webhook)
        again = browser.post(f"{address}/deliveries/{failed['id']}/send-again", headers=SAME_SITE)
        assert again.status_code == 303 and "It is sent again" in browser.get(address).text
        pass_time(studio, timedelta(seconds=6))
        send(app)
    assert deliveries(studio, webhook)[0]["state"] == "delivered"
    assert "None in this state" in browser.get(f"{address}?state=failed").text


def test_it_is_changed_switched_and_put_away_and_a_stale_page_changes_nothing(
    studio: StudioUnderTest, browser: FlaskClient
) -> None:
    webhook = World(studio).webhook()
    address, stale = f"/webhooks/{webhook['id']}", {"revision": "1"}
    form = {"name": "Better", "url": "https://bot.example/x", "kinds": "", "project_id": "", **stale}
    assert browser.post(f"{address}/change", data=form, headers=SAME_SITE).status_code == 303
    assert browser.post(f"{address}/change", data=form, headers=SAME_SITE).status_code == 412
    for what, active, archived in (("off", False, False), ("archive", False, True), ("restore", False, False)):
        assert browser.post(f"{address}/{what}", data=stale, headers=SAME_SITE).status_code == 412
        version = {"revision": revision(browser, address)}
        assert browser.post(f"{address}/{what}", data=version, headers=SAME_SITE).status_code == 303
        now = studio.admin.get(f"/webhooks/{webhook['id']}").data
        assert (now["active"], bool(now["archived_at"])) == (active, archived)
        assert ("Better" in browser.get("/webhooks").text) is not archived
        assert "Better" in browser.get("/webhooks?archived=1").text
    shown = unescape(browser.get(browser.post(f"{address}/rotate-secret", headers=SAME_SITE).location).text)
    assert "whsec_" in shown and webhook["secret"] not in shown


def test_only_administrators_see_webhooks_and_nothing_inline_is_in_them(
    studio: StudioUnderTest, browser: FlaskClient
) -> None:
    webhook = World(studio).webhook(name="<script>alert(1)</script>")
    for path in ("/webhooks", f"/webhooks/{webhook['id']}"):
        assert studio.browser(Role.PROJECT_MANAGER).get(path).status_code == 403
        page = browser.get(path)
        assert page.status_code == 200 and not Page(page).inline
    assert ">Webhooks</a>" not in studio.browser(Role.PROJECT_MANAGER).get("/").text
