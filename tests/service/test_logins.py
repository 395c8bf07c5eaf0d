"""Logging in, staying in, being thrown out: what is short-lived ends, what is revoked is refused at once."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from werkzeug.serving import make_server

from service.accounts import throttle
from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config
from service.database import db, tenant_session
from service.logs import JsonFormatter
from service.models import ApiToken, User
from service.queue import queueing
from shared.client import Client
from shared.errors import AuthError
from tests.service.farm import until
from tests.service.studio import PASSWORD, Api, Json, StudioUnderTest
from tests.service.world import World, unique


@pytest.fixture(autouse=True)
def no_attempts_before(app: Flask) -> Iterator[None]:
    """All tests come from one address, which may only fail so often."""
    redis = queueing.bell(app).redis

    def forget() -> None:
        for key in redis.scan_iter("raceway:login:*"):
            redis.delete(key)

    forget()
    yield
    forget()


def login(studio: StudioUnderTest, email: str, password: str = PASSWORD) -> Json:
    answer: Json = Api(studio.app).post("/auth/login", {"email": email, "password": password}).data
    return answer


def attempt(studio: StudioUnderTest, email: str, password: str, address: str = "127.0.0.1") -> int:
    api = Api(studio.app)
    body = {"email": email, "password": password}
    return api.post("/auth/login", body, environ_overrides={"REMOTE_ADDR": address}).status


def test_a_login_says_who_where_and_with_which_role(studio: StudioUnderTest) -> None:
    answer = login(studio, f" {studio.email(Role.PROJECT_MANAGER).upper()} ")
    assert answer["tenant"] == {"id": str(studio.tenant_id), "name": studio.name}
    assert (answer["role"], answer["user"]["role"]) == ("project_manager", "project_manager")
    hours = (datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)) / timedelta(hours=1)
    assert 11.9 < hours <= 12
    me = Api(studio.app, answer["token"]).get("/auth/me").data
    assert "order.manage" in me["permissions"] and "user.write" not in me["permissions"]


def test_a_logout_ends_the_login_with_its_refresh_token(studio: StudioUnderTest) -> None:
    answer = login(studio, studio.email(Role.ARTIST))
    mine = Api(studio.app, answer["token"])
    assert mine.post("/auth/logout").status == 200
    assert mine.get("/auth/me").error["code"] == "auth.invalid_token"
    assert Api(studio.app).post("/auth/refresh", {"refresh_token": answer["refresh_token"]}).status == 401


def test_a_refresh_token_works_once_and_stealing_it_ends_the_login(studio: StudioUnderTest) -> None:
    first = login(studio, studio.email(Role.ARTIST))
    second = Api(studio.app).post("/auth/refresh", {"refresh_token": first["refresh_token"]}).data
    assert Api(studio.app, second["token"]).get("/auth/me").status == 200
    again = Api(studio.app).post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (again.status, again.error["code"]) == (401, "auth.refresh_used")
    # Two programs of one user may collide; long after it was used, somebody else has it.
    assert Api(studio.app, second["token"]).get("/auth/me").status == 200
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        used = ApiToken.replaced_at.is_not(None)
        session.execute(update(ApiToken).where(used).values(replaced_at=long_ago))
    assert Api(studio.app).post("/auth/refresh", {"refresh_token": first["refresh_token"]}).status == 401
    for token in (first["token"], second["token"]):
        assert Api(studio.app, token).get("/auth/me").status == 401
    assert Api(studio.app).post("/auth/refresh", {"refresh_token": second["refresh_token"]}).status == 401
    stolen = studio.admin.get("/audit/?action=refresh_token_reused").data
    assert stolen["total"] == 1
    # Another login of the same user is not concerned.
    assert Api(studio.app, studio.tokens[Role.ARTIST]).get("/auth/me").status == 200


def test_refresh_tokens_and_session_tokens_are_not_one_another(studio: StudioUnderTest) -> None:
    answer = login(studio, studio.email(Role.ARTIST))
    assert Api(studio.app, answer["refresh_token"]).get("/auth/me").status == 401
    assert Api(studio.app).post("/auth/refresh", {"refresh_token": answer["token"]}).status == 401


def test_one_refresh_of_many_at_once_succeeds(studio: StudioUnderTest) -> None:
    body = {"refresh_token": login(studio, studio.email(Role.ARTIST))["refresh_token"]}
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: Api(studio.app).post("/auth/refresh", body).status, range(6)))
    assert sorted(statuses) == [200, 401, 401, 401, 401, 401]


def test_an_expired_session_is_refused_and_can_be_refreshed(studio: StudioUnderTest) -> None:
    answer = login(studio, studio.email(Role.ARTIST))
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(
            update(ApiToken)
            .where(ApiToken.kind == "session", ApiToken.name == "login")
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert Api(studio.app, answer["token"]).get("/auth/me").error["code"] == "auth.expired_token"
    fresh = Api(studio.app).post("/auth/refresh", {"refresh_token": answer["refresh_token"]}).data
    assert Api(studio.app, fresh["token"]).get("/auth/me").status == 200


def test_a_program_that_logged_in_stays_so(studio: StudioUnderTest) -> None:
    """The client exchanges an expired token by itself; a token that was only handed to it ends."""
    server = make_server("127.0.0.1", 0, studio.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with Client(url) as client:
            first = client.login(studio.email(Role.ARTIST), PASSWORD)["token"]
            with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
                expired = datetime.now(UTC) - timedelta(seconds=1)
                session.execute(update(ApiToken).where(ApiToken.kind == "session").values(expires_at=expired))
            assert client.me()["user"]["role"] == "artist"
            assert client.token != first
        with Client(url, first) as other, pytest.raises(AuthError) as caught:
            other.me()
        assert caught.value.code == "auth.expired_token"
    finally:
        server.shutdown()
        thread.join()


# -- guessing


def test_wrong_logins_are_refused_alike(studio: StudioUnderTest) -> None:
    archived = World(studio).user()
    studio.admin.post(f"/artists/{archived['id']}/archive")
    without_password = studio.admin.post("/artists/", {"name": "x", "email": f"{unique()}@example.com"}).data
    answers = [
        Api(studio.app).post("/auth/login", {"email": email, "password": password})
        for email, password in (
            (studio.email(Role.ARTIST), "wrong password"),
            (f"{unique()}@example.com", PASSWORD),
            (archived["email"], PASSWORD),
            (without_password["email"], PASSWORD),
            (without_password["email"], ""),
        )
    ]
    assert {(answer.status, json.dumps(answer.error)) for answer in answers} == {(401, json.dumps(answers[0].error))}


def test_an_account_is_closed_for_a_while_after_wrong_passwords_from_anywhere(studio: StudioUnderTest) -> None:
    email = studio.email(Role.ARTIST)
    statuses = [attempt(studio, email, "wrong", f"10.0.0.{n}") for n in range(throttle.ATTEMPTS_PER_ACCOUNT + 2)]
    assert statuses == [401] * throttle.ATTEMPTS_PER_ACCOUNT + [429] * 2
    refused = Api(studio.app).post("/auth/login", {"email": email.upper(), "password": PASSWORD})
    assert (refused.status, refused.error["code"]) == (429, "auth.rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= throttle.WINDOW_SECONDS
    assert attempt(studio, studio.email(Role.CLIENT), PASSWORD) == 200


def test_an_address_is_closed_after_wrong_passwords_for_many_accounts(
    studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 4)
    assert [attempt(studio, f"{n}@example.com", "wrong", "10.1.0.1") for n in range(5)] == [401] * 4 + [429]
    assert attempt(studio, studio.email(Role.ARTIST), PASSWORD, "10.1.0.1") == 429
    assert attempt(studio, studio.email(Role.ARTIST), PASSWORD, "10.1.0.2") == 200


def test_many_attempts_at_once_are_no_more_than_one_after_the_other(studio: StudioUnderTest) -> None:
    email = studio.email(Role.ARTIST)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: attempt(studio, email, "wrong"), range(24)))
    assert sorted(statuses) == [401] * throttle.ATTEMPTS_PER_ACCOUNT + [429] * (24 - throttle.ATTEMPTS_PER_ACCOUNT)


def _attempts_through_proxy(app: Flask, forwarded: list[str], address: str = "10.3.0.1") -> list[int]:
    """Statuses of wrong logins that all come from the proxy at ``address``, with what it says of their origin."""
    body = {"email": "nobody@example.com", "password": "wrong"}
    return [
        app.test_client()
        .post(
            "/api/auth/login",
            json={**body, "email": f"{unique()}@example.com"},
            headers={"X-Forwarded-For": origin},
            environ_overrides={"REMOTE_ADDR": address},
        )
        .status_code
        for origin in forwarded
    ]


def test_what_a_client_says_of_its_address_is_not_believed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 3)
    assert _attempts_through_proxy(app, [f"10.4.0.{n}" for n in range(5)]) == [401] * 3 + [429] * 2


def test_behind_a_proxy_each_client_has_its_own_count(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 3)
    app = create_app(replace(config, trusted_proxies=1))
    assert _attempts_through_proxy(app, ["10.5.0.1"] * 4 + ["10.5.0.2"]) == [401] * 3 + [429, 401]
    # What the client itself put before the proxy's word counts for nothing.
    assert _attempts_through_proxy(app, [f"10.6.0.{n}, 10.5.0.1" for n in range(2)]) == [429] * 2


def test_behind_a_proxy_cookies_and_forms_are_for_the_address_that_was_asked_for(
    config: Config, studio: StudioUnderTest
) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "raceway.example", "Host": "127.0.0.1:8430"}
    form = {"email": studio.email(Role.ARTIST), "password": PASSWORD}
    headers = {**forwarded, "Origin": "https://raceway.example"}
    direct = studio.app.test_client().post("/login", data=form, headers=headers)
    assert direct.status_code == 403
    behind = create_app(replace(config, trusted_proxies=1)).test_client().post("/login", data=form, headers=headers)
    assert behind.status_code == 303
    assert "; Secure" in behind.headers["Set-Cookie"] and behind.headers["Location"].startswith("/")


def test_what_a_page_tells_the_next_is_sent_to_secure_addresses_only_where_the_service_has_one(
    config: Config, studio: StudioUnderTest
) -> None:
    """It may be a new token, or a link to choose a password."""
    for public_url, is_secure in (("https://raceway.example", True), ("", False)):
        app = create_app(replace(config, public_url=public_url))
        browser = app.test_client()
        base = public_url or "http://localhost"
        browser.get("/", query_string={"token": studio.tokens[Role.ARTIST]}, base_url=base)
        made = browser.post("/account/tokens", data={"name": "a program"}, base_url=base)
        [cookie] = [each for each in made.headers.getlist("Set-Cookie") if each.startswith("session=")]
        assert ("; Secure" in cookie, "; SameSite=Lax" in cookie, "; HttpOnly" in cookie) == (is_secure, True, True)
        assert "rw_" in browser.get("/account", base_url=base).text


def test_logins_that_succeed_are_not_counted(studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ATTEMPTS_PER_ADDRESS", 3)
    for _ in range(throttle.ATTEMPTS_PER_ACCOUNT + 1):
        assert attempt(studio, studio.email(Role.ARTIST), PASSWORD, "10.2.0.1") == 200


# -- what ends a login


def test_a_new_role_counts_at_once(studio: StudioUnderTest) -> None:
    user = World(studio).user(Role.PROJECT_MANAGER)
    mine = Api(studio.app, login(studio, user["email"])["token"])
    assert mine.post("/projects/", {"name": "film"}).status == 201
    studio.admin.patch(f"/artists/{user['id']}", {"role": "artist"})
    assert mine.post("/projects/", {"name": "other"}).error["code"] == "auth.forbidden"
    studio.admin.patch(f"/artists/{user['id']}", {"role": "tenant_admin"})
    assert mine.get("/tokens/", query_string={"user_id": user["id"]}).status == 200


def test_somebody_archived_is_out_at_once_and_can_come_back(studio: StudioUnderTest) -> None:
    user = World(studio).user()
    mine = Api(studio.app, login(studio, user["email"])["token"])
    personal = Api(studio.app, mine.post("/tokens/", {"name": "farm"}).data["token"])
    studio.admin.post(f"/artists/{user['id']}/archive")
    assert mine.get("/auth/me").status == personal.get("/auth/me").status == 401
    assert attempt(studio, user["email"], PASSWORD) == 401
    studio.admin.post(f"/artists/{user['id']}/restore")
    assert personal.get("/auth/me").status == 401
    assert attempt(studio, user["email"], PASSWORD) == 200


def test_changing_a_password_ends_the_other_sessions(studio: StudioUnderTest) -> None:
    user = World(studio).user()
    mine, other = (Api(studio.app, login(studio, user["email"])["token"]) for _ in range(2))
    personal = Api(studio.app, mine.post("/tokens/", {"name": "farm"}).data["token"])
    body = {"current_password": PASSWORD, "new_password": "battery staple horse"}
    assert mine.post("/auth/password", {**body, "current_password": "wrong"}).status == 403
    assert "new_password" in mine.post("/auth/password", {**body, "new_password": "short"}).error["fields"]
    assert mine.post("/auth/password", body).status == 200
    assert (mine.get("/auth/me").status, personal.get("/auth/me").status, other.get("/auth/me").status) == (
        200,
        200,
        401,
    )
    assert attempt(studio, user["email"], PASSWORD) == 401
    assert attempt(studio, user["email"], "battery staple horse") == 200


def test_an_administrator_resets_a_password(studio: StudioUnderTest) -> None:
    user = World(studio).user()
    mine = Api(studio.app, login(studio, user["email"])["token"])
    personal = Api(studio.app, mine.post("/tokens/", {"name": "farm"}).data["token"])
    password = studio.admin.post(f"/artists/{user['id']}/reset-password").data["password"]
    assert mine.get("/auth/me").status == personal.get("/auth/me").status == 401
    assert attempt(studio, user["email"], PASSWORD) == 401
    assert attempt(studio, user["email"], password) == 200
    chief = studio.api(Role.GLOBAL_ADMIN).get("/auth/me").data["user"]["id"]
    assert studio.admin.post(f"/artists/{chief}/reset-password").status == 403


def test_nobody_takes_their_own_rights_away_or_gives_more_than_theirs(studio: StudioUnderTest) -> None:
    me = studio.admin.get("/auth/me").data["user"]["id"]
    assert studio.admin.post(f"/artists/{me}/archive").error["code"] == "conflict.oneself"
    assert studio.admin.patch(f"/artists/{me}", {"role": "client"}).error["code"] == "conflict.oneself"
    other = World(studio).user()["id"]
    assert studio.admin.patch(f"/artists/{other}", {"role": "global_admin"}).status == 403


def test_a_cookie_may_read_but_not_write(studio: StudioUnderTest) -> None:
    client = studio.app.test_client()
    client.set_cookie("raceway_session", studio.tokens[Role.TENANT_ADMIN])
    assert client.get("/api/projects/").status_code == 200
    assert client.post("/api/projects/", json={"name": "film"}).status_code == 401


# -- logs


def test_no_secret_is_in_a_log(studio: StudioUnderTest) -> None:
    """Everything that any logger says at any level while people log in, fail, and make tokens."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level, engine = root.level, logging.getLogger("sqlalchemy.engine")
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    engine.setLevel(logging.INFO)
    try:
        user = World(studio).user()
        attempt(studio, user["email"], "a wrong password")
        session = login(studio, user["email"])
        mine = Api(studio.app, session["token"])
        fresh = Api(studio.app).post("/auth/refresh", {"refresh_token": session["refresh_token"]}).data
        personal = mine.post("/tokens/", {"name": "farm"}).data["token"]
        mine.post("/auth/password", {"current_password": PASSWORD, "new_password": "battery staple horse"})
        reset = studio.admin.post(f"/artists/{user['id']}/reset-password").data["password"]
        browser = studio.app.test_client()
        browser.get("/", query_string={"token": personal})
        browser.post("/login", data={"email": user["email"], "password": reset})
        Api(studio.app, personal).post("/projects/", {"name": "x" * 500})
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        engine.setLevel(logging.NOTSET)
    text = said.getvalue()
    assert "/api/auth/login" in text
    secrets = [PASSWORD, "a wrong password", "battery staple horse", reset, personal]
    secrets += [each[name] for each in (session, fresh) for name in ("token", "refresh_token")]
    assert not [secret for secret in secrets if secret in text]
    assert "$argon2" not in text


def test_whoever_waits_for_somebodys_account_does_not_hold_their_own_meanwhile(studio: StudioUnderTest) -> None:
    """Of two administrators who change each other, seen just then for the first time, none would come through."""
    other = UUID(World(studio).user()["id"])
    with (
        ThreadPoolExecutor(1) as pool,
        studio.app.app_context(),
        db.engine.connect() as looking,
        tenant_session(studio.tenant_id) as beside,
    ):
        beside.scalars(select(User.id).where(User.id == other).with_for_update(key_share=True)).one()
        answer = pool.submit(studio.admin.patch, f"/artists/{other}", {"name": "Anna"})
        until(lambda: looking.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
        asking = select(User.id).where(User.role == Role.TENANT_ADMIN)
        own = beside.scalars(asking.with_for_update(key_share=True, nowait=True)).one()
        beside.scalars(select(ApiToken.id).where(ApiToken.user_id == own).with_for_update(nowait=True)).all()
        beside.rollback()
        assert answer.result().data["name"] == "Anna"
