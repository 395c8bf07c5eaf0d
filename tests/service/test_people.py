"""People: invited by a link, put away and taken back; one's own account, sessions and tokens; who was seen when."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from service.accounts import auth, password_links
from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import ApiToken, AuditRecord, Event, Notification, Tenant, User
from service.tasks import notifier
from tests.service.browser import Browser
from tests.service.page import Page
from tests.service.studio import PASSWORD, Api, Json, StudioUnderTest
from tests.service.test_notifications import server_of, smtp
from tests.service.world import World

__all__ = ["smtp"]
CHOSEN = "battery staple horse"


def invited(studio: StudioUnderTest, name: str = "Anna Berg", **more: Any) -> Json:
    """Somebody who has no password yet."""
    body = {"name": name, "email": f"n{uuid4().hex[:10]}@studio.example", **more}
    person: Json = studio.admin.post("/artists/", body).data
    return person


def link(studio: StudioUnderTest, person: Json) -> str:
    return str(studio.admin.post(f"/artists/{person['id']}/password-link").data["url"])


def code_of(address: str) -> str:
    return address.partition("#")[2]


def choose(app: Flask, code: str, password: str = CHOSEN) -> Any:
    return Api(app).post("/auth/chosen-password", {"code": code, "password": password})


def can_log_in(app: Flask, person: Json, password: str) -> bool:
    return Api(app).post("/auth/login", {"email": person["email"], "password": password}).status == 200


# -- links


def test_somebody_who_is_invited_chooses_a_password_by_the_link_and_is_in(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio)
    made = studio.admin.post(f"/artists/{person['id']}/password-link").data
    assert not made["mailed"] and made["url"].startswith("http://localhost/password#")
    code = code_of(made["url"])
    owner = Api(app).post("/auth/password-link", {"code": code}).data
    named = {"name": "Anna Berg", "email": person["email"], "tenant": studio.name}
    assert owner == {**named, "is_new": True, "two_factor": False}
    login = choose(app, code).data
    assert login["user"]["id"] == person["id"] and Api(app, login["token"]).get("/auth/me").status == 200
    assert can_log_in(app, person, CHOSEN)


def test_a_link_works_once_and_ends_all_others(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio)
    first, second = code_of(link(studio, person)), code_of(link(studio, person))
    assert choose(app, first).status == 200
    for code in (first, second):
        assert choose(app, code, "another password").error["code"] == "auth.invalid_link"
    assert can_log_in(app, person, CHOSEN) and not can_log_in(app, person, "another password")


@pytest.mark.parametrize("what", ["archived", "address", "reset", "tenant", "old", "forged", "cut"])
def test_a_link_holds_no_longer_than_what_it_was_made_for(
    app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    person = invited(studio)
    code, path = code_of(link(studio, person)), f"/artists/{person['id']}"
    if what == "archived":
        studio.admin.post(f"{path}/archive")
    elif what == "address":
        studio.admin.patch(path, {"email": f"n{uuid4().hex[:10]}@studio.example"})
    elif what == "reset":
        studio.admin.post(f"{path}/reset-password")
    elif what == "tenant":
        with app.app_context(), tenant_session(studio.tenant_id) as current:
            current.get_one(Tenant, studio.tenant_id).archived_at = datetime.now(UTC)
    elif what == "old":
        monkeypatch.setattr(password_links, "LIFETIME", timedelta(seconds=-1))
    elif what == "forged":
        code = code[:10] + ("A" if code[10] != "A" else "B") + code[11:]
    elif what == "cut":
        code = code[:-3]
    for answer in (choose(app, code), Api(app).post("/auth/password-link", {"code": code})):
        assert (answer.status, answer.error["code"]) == (401, "auth.invalid_link")


def test_a_new_password_ends_sessions_and_keeps_tokens_of_programs(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)
    session = Api(app, Api(app).post("/auth/login", {"email": person["email"], "password": PASSWORD}).data["token"])
    farm = Api(app, session.post("/tokens/", {"name": "farm"}).data["token"])
    choose(app, code_of(link(studio, person)))
    assert (session.get("/auth/me").status, farm.get("/auth/me").status) == (401, 200)


def test_a_link_is_made_by_administrators_for_those_who_are_no_stronger(studio: StudioUnderTest) -> None:
    strongest = studio.api(Role.GLOBAL_ADMIN).get("/auth/me").data["user"]
    assert studio.admin.post(f"/artists/{strongest['id']}/password-link").status == 403
    person = invited(studio)
    assert studio.api(Role.PROJECT_MANAGER).post(f"/artists/{person['id']}/password-link").status == 403
    link(studio, person)
    noted = studio.admin.get(f"/audit/?row_id={person['id']}").data["items"]
    assert "password_link" in [each["action"] for each in noted]
    assert "#" not in str(noted)


def test_no_log_and_no_row_has_the_secret_of_a_link(
    app: Flask, studio: StudioUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        code = code_of(link(studio, invited(studio)))
        studio.browser(Role.TENANT_ADMIN).get("/password")
        choose(app, code)
    assert code not in caplog.text
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        for model in (Notification, AuditRecord, Event):
            for each in current.scalars(select(model)):
                assert code not in str(vars(each))
        assert current.scalar(text("SELECT count(*) FROM api_tokens WHERE digest = :code"), {"code": code}) == 0


# -- mail


@pytest.fixture
def mailing(app: Flask, smtp: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A service that knows a mail server and its own address."""
    config = app.extensions["raceway"]
    monkeypatch.setenv("RACEWAY_SMTP_URL", "smtp://mail.studio.example")
    monkeypatch.setitem(app.extensions, "raceway", dataclasses.replace(config, public_url="https://raceway.example"))
    yield smtp


def mailed(app: Flask, smtp: Any, to: str) -> str:
    """The text of the one mail that somebody got."""
    with app.app_context():
        notifier.tell(app, server_of(smtp))
    mails = [message_from_string(each, policy=default) for each in smtp.mails]
    [found] = [each for each in mails if to in str(each["To"])]
    return str(found.get_content())


def test_an_invitation_goes_by_mail_where_there_is_a_mail_server(
    app: Flask, studio: StudioUnderTest, mailing: Any
) -> None:
    person = invited(studio)
    made = studio.admin.post(f"/artists/{person['id']}/password-link").data
    assert made["mailed"]
    text = mailed(app, mailing, person["email"])
    [address] = re.findall(r"https://raceway\.example/password#\S+", text)
    assert "invites you" in text and choose(app, code_of(address)).status == 200


def test_a_forgotten_password_is_replaced_by_mail_and_nobody_learns_who_is_known(
    app: Flask, studio: StudioUnderTest, mailing: Any
) -> None:
    person = invited(studio, password=PASSWORD)
    known, unknown = (
        Api(app).post("/auth/forgotten-password", {"email": email}) for email in (person["email"], "nobody@x.example")
    )
    assert (known.status, known.body) == (unknown.status, unknown.body)
    Api(app).post("/auth/forgotten-password", {"email": person["email"]})  # not a second mail within minutes
    [address] = re.findall(r"https://\S+#\S+", mailed(app, mailing, person["email"]))
    choose(app, code_of(address))
    assert can_log_in(app, person, CHOSEN) and not can_log_in(app, person, PASSWORD)


def test_who_asks_again_and_again_is_told_to_wait(app: Flask) -> None:
    email = f"n{uuid4().hex[:10]}@x.example"
    answers = [Api(app).post("/auth/forgotten-password", {"email": email}).status for _ in range(12)]
    assert answers[0] == 200 and answers[-1] == 429


# -- one's own account


def test_one_changes_ones_own_name_and_with_the_password_ones_address(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)
    own = Api(app, Api(app).post("/auth/login", {"email": person["email"], "password": PASSWORD}).data["token"])
    assert own.patch("/auth/me", {"name": "Anna B."}).data["name"] == "Anna B."
    new = f"n{uuid4().hex[:10]}@studio.example"
    assert own.patch("/auth/me", {"email": new}).status == 403
    taken = own.patch("/auth/me", {"email": studio.email(Role.ARTIST), "current_password": PASSWORD})
    assert taken.error["code"] == "conflict.exists"
    assert own.patch("/auth/me", {"email": new, "current_password": PASSWORD}).data["email"] == new
    assert can_log_in(app, {"email": new}, PASSWORD)


def test_sessions_are_listed_and_ended_one_by_one_and_together(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)
    login = {"email": person["email"], "password": PASSWORD}
    logins = [Api(app).post("/auth/login", login).data for _ in range(3)]
    first, second, third = (Api(app, each["token"]) for each in logins)
    listed = first.get("/auth/sessions").data
    assert listed["total"] == 3 and [each["is_current"] for each in listed["items"]].count(True) == 1
    [current] = [each for each in second.get("/auth/sessions").data["items"] if each["is_current"]]
    assert first.delete(f"/auth/sessions/{current['id']}").status == 200
    assert second.get("/auth/me").status == 401
    refreshed = Api(app).post("/auth/refresh", {"refresh_token": logins[1]["refresh_token"]})
    assert refreshed.status == 401, "the refresh token of the session has ended with it"
    assert first.post("/auth/sessions/end-others").status == 200
    assert (first.get("/auth/me").status, third.get("/auth/me").status) == (200, 401)
    assert Api(app).post("/auth/refresh", {"refresh_token": logins[0]["refresh_token"]}).status == 200


def test_a_login_is_one_session_as_long_as_it_can_go_on(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)
    login = {"email": person["email"], "password": PASSWORD}
    program, other = (Api(app).post("/auth/login", login).data for _ in range(2))
    exchanged = Api(app).post("/auth/refresh", {"refresh_token": program["refresh_token"]}).data
    looking = Api(app, other["token"])

    def listed() -> list[str]:
        return [each["id"] for each in looking.get("/auth/sessions").data["items"] if not each["is_current"]]

    [session_id] = listed()
    for token in (program["token"], exchanged["token"]):
        own = Api(app, token).get("/auth/sessions").data["items"]
        assert [each["id"] for each in own if each["is_current"]] == [session_id], "the same login, before and after"
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        mine = (ApiToken.user_id == UUID(person["id"]), ApiToken.kind == "session")
        ended = update(ApiToken).where(*mine, ApiToken.digest != auth.digest_of(other["token"]))
        current.execute(ended.values(expires_at=datetime.now(UTC) - timedelta(hours=1)))
    assert listed() == [session_id], "its program may go on at any time"
    assert looking.delete(f"/auth/sessions/{session_id}").status == 200 and listed() == []
    assert Api(app).post("/auth/refresh", {"refresh_token": exchanged["refresh_token"]}).status == 401


def test_nobody_ends_the_session_of_somebody_else(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)
    own = Api(app, Api(app).post("/auth/login", {"email": person["email"], "password": PASSWORD}).data["token"])
    session_id = own.get("/auth/sessions").data["items"][0]["id"]
    assert studio.artist.delete(f"/auth/sessions/{session_id}").status == 404
    assert own.get("/auth/me").status == 200


def test_when_somebody_was_seen_outlives_their_session(app: Flask, studio: StudioUnderTest) -> None:
    person = invited(studio, password=PASSWORD)

    def seen() -> tuple[datetime | None, datetime, int]:
        with app.app_context(), tenant_session(studio.tenant_id) as current:
            user = current.get_one(User, (studio.tenant_id, UUID(person["id"])))
            return user.last_seen_at, user.updated_at, user.revision

    before = seen()
    own = Api(app, Api(app).post("/auth/login", {"email": person["email"], "password": PASSWORD}).data["token"])
    own.get("/projects/")
    own.post("/auth/logout")
    after = seen()
    assert before[0] is None and after[0] is not None and datetime.now(UTC) - after[0] < timedelta(minutes=1)
    assert after[1:] == before[1:], "it is no change of theirs"


# -- pages


@pytest.fixture
def admin(studio: StudioUnderTest) -> FlaskClient:
    return studio.browser(Role.TENANT_ADMIN)


def test_an_administrator_invites_somebody_on_the_page(app: Flask, studio: StudioUnderTest, admin: FlaskClient) -> None:
    email = f"n{uuid4().hex[:10]}@studio.example"
    answer = admin.post("/people", data={"name": "Anna Berg", "email": email, "role": "artist"})
    shown = admin.get(answer.location)
    [address] = re.findall(r'data-copy="(http://localhost/password#[^"]+)"', shown.text)
    assert "/password#" not in admin.get(answer.location).text, "it is shown once"
    listed = Page(admin.get("/people"))
    assert "Anna Berg invited" in listed.text
    chosen = app.test_client().post(
        "/password", data={"code": code_of(address), "password": CHOSEN, "repeated": CHOSEN}
    )
    assert (chosen.status_code, chosen.location) == (303, "/")
    assert can_log_in(app, {"email": email}, CHOSEN)
    assert "Anna Berg invited" not in Page(admin.get("/people")).text


def test_a_link_is_shown_on_the_page_of_whose_it_is_only(studio: StudioUnderTest, admin: FlaskClient) -> None:
    """An administrator with two tabs may look at somebody else before the page that shows a new link."""
    mine, other = invited(studio), invited(studio)
    answer = admin.post(f"/people/{mine['id']}/password-link")
    assert "/password#" not in admin.get(f"/people/{other['id']}").text
    assert "/password#" in admin.get(answer.location).text
    assert "/password#" not in admin.get(answer.location).text, "it is shown once"


def test_the_list_tells_of_each_their_role_and_open_tasks(studio: StudioUnderTest, admin: FlaskClient) -> None:
    person = invited(studio, "Zoe Last", role="project_manager")
    for status in ("todo", "done"):
        task = studio.production().task
        studio.admin.patch(f"/tasks/{task['id']}", {"assignee_ids": [person["id"]], "status": status})
    text = Page(admin.get("/people")).text
    assert f"Zoe Last invited {person['email']} project manager off never 1" in text
    assert "Zoe Last" in Page(admin.get("/people?q=zoe")).text and "Zoe" not in Page(admin.get("/people?q=anna")).text
    assert "Zoe" not in Page(admin.get("/people?role=artist")).text
    assert "modelling" in Page(admin.get(f"/people/{person['id']}")).text


def test_somebody_is_given_another_role_and_put_away_and_taken_back(
    app: Flask, studio: StudioUnderTest, admin: FlaskClient
) -> None:
    person = invited(studio, password=PASSWORD)
    path = f"/people/{person['id']}"
    form = {"name": "Anna", "email": person["email"], "role": "project_manager", "version": "1"}
    admin.post(f"{path}/change", data=form)
    changed = studio.admin.get(f"/artists/{person['id']}").data
    assert (changed["name"], changed["role"]) == ("Anna", "project_manager")
    refused = admin.post(
        f"{path}/change", data={**form, "name": "Bert"}, headers={"Referer": f"http://localhost{path}"}
    )
    assert "Somebody else changed" in admin.get(refused.location).text
    admin.post(f"{path}/archive", data={"version": changed["revision"]})
    assert not can_log_in(app, person, PASSWORD) and person["email"] not in admin.get("/people").text
    assert "archived" in Page(admin.get("/people?archived=1")).text
    admin.post(f"{path}/restore", data={"version": changed["revision"] + 1})
    assert can_log_in(app, person, PASSWORD)


def test_nobody_puts_themselves_away_or_changes_who_is_stronger(studio: StudioUnderTest, admin: FlaskClient) -> None:
    me = studio.admin.get("/auth/me").data["user"]
    assert admin.post(f"/people/{me['id']}/archive", data={"version": me["revision"]}).status_code == 409
    strongest = studio.api(Role.GLOBAL_ADMIN).get("/auth/me").data["user"]
    for what in ("archive", "restore", "change", "password-link"):
        sent = {"version": strongest["revision"], "name": "Me"}
        assert admin.post(f"/people/{strongest['id']}/{what}", data=sent).status_code == 403, what
    world = World(studio)
    other = f"/artists/{world.user(Role.GLOBAL_ADMIN)['id']}"
    world.post(f"{other}/archive")
    assert studio.admin.post(f"{other}/restore").status == 403
    assert studio.admin.get(other).data["archived_at"]


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ARTIST, Role.PROJECT_MANAGER])
def test_people_are_an_administrators_and_the_account_is_everybodys(studio: StudioUnderTest, role: Role) -> None:
    browser = studio.browser(role)
    assert browser.get("/people").status_code == 403
    page = Page(browser.get("/account"))
    assert "/people" not in page.links and "Where you are logged in" in page.text


def test_the_account_page_changes_the_password_and_makes_and_revokes_tokens(
    app: Flask, studio: StudioUnderTest
) -> None:
    browser, email = studio.browser(), studio.email(Role.ARTIST)
    new = {"current_password": PASSWORD, "new_password": CHOSEN}
    differs = browser.post("/account/password", data={**new, "repeated": "something else"})
    assert differs.status_code == 422 and can_log_in(app, {"email": email}, PASSWORD)
    assert browser.post("/account/password", data={**new, "repeated": CHOSEN}).status_code == 303
    assert can_log_in(app, {"email": email}, CHOSEN)
    browser.post("/account/tokens", data={"name": "farm", "days": "30"})
    [token] = re.findall(r'data-copy="(rw_[^"]+)"', browser.get("/account").text)
    assert Api(app, token).get("/auth/me").data["user"]["email"] == email
    assert token not in browser.get("/account").text
    [farm] = Api(app, token).get("/tokens/?q=farm").data["items"]
    browser.post(f"/account/tokens/{farm['id']}/revoke")
    assert Api(app, token).get("/auth/me").status == 401


def test_a_link_opens_in_a_browser_without_its_secret_in_any_address(
    app: Flask, studio: StudioUnderTest, address: str, browser: Browser
) -> None:
    person = invited(studio)
    code = code_of(link(studio, person))
    browser.open(f"{address}/password#{code}")
    browser.until(lambda: person["email"] in browser.text("[data-owner]"))
    assert browser.run("return location.href") == f"{address}/password"
    for field in ("password", "repeated"):
        browser.type(f"[name={field}]", CHOSEN)
    browser.click("form[data-link] button")
    browser.until(lambda: browser.run("return location.pathname") == "/")
    assert "Anna Berg" in browser.text("header")
    look(browser, f"{address}/account")


def look(browser: Browser, address: str) -> None:
    """Nothing of a page is wider than a narrow window."""
    browser.resize(420, 900)
    browser.open(address)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_an_administrator_chooses_what_clients_see_of_new_projects(studio: StudioUnderTest, admin: FlaskClient) -> None:
    assert admin.post("/people/clients-see", data={"clients_see": "all"}).status_code == 303
    assert studio.production().project["clients_see"] == "all"
    assert admin.post("/people/clients-see", data={"clients_see": "nothing"}).status_code == 422
    assert studio.browser(Role.PROJECT_MANAGER).post("/people/clients-see", data={}).status_code == 403
