"""Logging in with a second factor: set up, asked for, lost, switched off, wanted of everybody; through the API."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from service.accounts import bootstrap, throttle, two_factor
from service.accounts.permissions import Role
from service.activity.notifications import tell_of_events
from service.app import create_app
from service.config import Config
from service.database import tenant_session
from service.logs import JsonFormatter
from service.models import AuditRecord, Event, Notification, User
from service.queue import queueing
from tests.service.phone import Phone
from tests.service.studio import PASSWORD, Api, Json, Reply, StudioUnderTest
from tests.service.world import World

CHOSEN = "battery staple horse"
STEP = two_factor.STEP_SECONDS


@pytest.fixture(autouse=True)
def no_attempts_before(app: Flask) -> Iterator[None]:
    """All tests come from one address, which may only fail so often."""
    redis = queueing.bell(app).redis
    for key in redis.scan_iter("raceway:login:*"):
        redis.delete(key)
    yield


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time by which the service takes codes: it stands still unless it is set."""
    now = Time()
    monkeypatch.setattr(two_factor, "now", lambda: now.seconds)
    return now


@dataclass
class Time:
    """In seconds since 1970; it begins in the middle of a step."""

    seconds: float = 1_800_000_015.0

    def steps(self, count: int) -> float:
        """So many steps later, or before."""
        return self.seconds + count * STEP


@dataclass
class Person:
    """Somebody with two-factor login, and the session in which they set it up."""

    user: Json
    api: Api
    phone: Phone
    recovery_codes: list[str]

    @property
    def email(self) -> str:
        return str(self.user["email"])


def log_in(app: Flask, email: str, password: str = PASSWORD, **more: str) -> Reply:
    return Api(app).post("/auth/login", {"email": email, "password": password, **more})


def session_of(app: Flask, email: str) -> Api:
    return Api(app, log_in(app, email).data["token"])


@pytest.fixture
def person(app: Flask, studio: StudioUnderTest, clock: Time) -> Person:
    """An artist, whose phone showed the code of the step before this one when it was set up."""
    return with_two_factor(studio, clock)


def with_two_factor(studio: StudioUnderTest, clock: Time, role: Role = Role.ARTIST) -> Person:
    user = World(studio).user(role)
    api = session_of(studio.app, user["email"])
    phone = Phone(api)
    return Person(user, api, phone, phone.switch_on(clock.steps(-1)))


def status_of(api: Api) -> Json:
    status: Json = api.get("/auth/me").data["two_factor"]
    return status


# -- setting it up


def test_it_is_set_up_with_the_password_and_a_first_code(app: Flask, studio: StudioUnderTest, clock: Time) -> None:
    user = World(studio).user()
    mine = session_of(app, user["email"])
    assert status_of(mine) == {"since": None, "recovery_codes_left": 0, "required": False}
    refused = mine.post("/auth/two-factor", {"current_password": "wrong"})
    assert (refused.status, refused.error["code"]) == (403, "auth.wrong_login")
    begun = mine.post("/auth/two-factor", {"current_password": PASSWORD}).data
    address = urlsplit(begun["uri"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp") and user["email"] in unquote(address.path)
    assert parse_qs(address.query)["secret"] == [begun["secret"]] and len(begun["secret"]) == 32
    assert log_in(app, user["email"]).status == 200, "nothing counts before it is confirmed"
    phone = Phone(mine)
    phone.secret = begun["secret"]
    wrong = mine.post("/auth/two-factor/confirm", {"code": phone.code(clock.steps(9))})
    assert (wrong.status, wrong.error["code"]) == (403, "auth.wrong_code") and status_of(mine)["since"] is None
    codes = mine.post("/auth/two-factor/confirm", {"code": phone.code(clock.seconds)}).data["recovery_codes"]
    assert len(set(codes)) == 10
    now = status_of(mine)
    assert now["since"] and (now["recovery_codes_left"], now["required"]) == (10, False)


def test_the_login_asks_for_a_code_once_the_password_is_right(app: Flask, person: Person, clock: Time) -> None:
    asked = log_in(app, person.email)
    assert (asked.status, asked.error["code"]) == (401, "auth.code_needed")
    assert (log_in(app, person.email, code="000 000").error["code"]) == "auth.wrong_code"
    code = person.phone.code(clock.seconds)
    answer = log_in(app, person.email, code=f" {code[:3]} {code[3:]} ").data
    assert Api(app, answer["token"]).get("/auth/me").data["user"]["id"] == person.user["id"]


def test_a_wrong_password_is_answered_alike_with_and_without_a_code(app: Flask, person: Person, clock: Time) -> None:
    """Nobody learns that there is a second factor, or that the password was right, by what is refused."""
    code = person.phone.code(clock.seconds)
    answers = [
        log_in(app, person.email, "wrong"),
        log_in(app, person.email, "wrong", code=code),
        log_in(app, person.email, "wrong", code=person.recovery_codes[0]),
        log_in(app, "nobody@example.com", "wrong", code=code),
    ]
    assert {(each.status, json.dumps(each.error)) for each in answers} == {(401, json.dumps(answers[0].error))}
    assert log_in(app, person.email, code=code).status == 200, "a code that came with a wrong password is not used up"


def test_who_has_no_second_factor_may_send_a_code(app: Flask, studio: StudioUnderTest) -> None:
    assert log_in(app, studio.email(Role.ARTIST), code="123456").status == 200


def test_switching_it_on_ends_the_other_sessions_and_no_program(
    app: Flask, studio: StudioUnderTest, clock: Time
) -> None:
    user = World(studio).user()
    mine = log_in(app, user["email"]).data
    other, browser = session_of(app, user["email"]), app.test_client()
    browser.post("/login", data={"email": user["email"], "password": PASSWORD})
    program = Api(app, other.post("/tokens/", {"name": "farm"}).data["token"])
    Phone(Api(app, mine["token"])).switch_on(clock.seconds)
    assert Api(app, mine["token"]).get("/auth/me").status == program.get("/auth/me").status == 200
    assert other.get("/auth/me").status == browser.get("/").status_code == 401
    refreshed = Api(app).post("/auth/refresh", {"refresh_token": mine["refresh_token"]})
    assert refreshed.status == 200, "the session in which it was set up goes on"


def test_what_is_on_is_not_begun_again_and_what_was_not_begun_is_not_confirmed(
    studio: StudioUnderTest, person: Person
) -> None:
    again = person.api.post("/auth/two-factor", {"current_password": PASSWORD})
    assert (again.status, again.error["code"]) == (409, "conflict.two_factor")
    for path, body in (
        ("confirm", {"code": "123456"}),
        ("disable", {"code": "123456", "current_password": PASSWORD}),
        ("recovery-codes", {"code": "123456", "current_password": PASSWORD}),
    ):
        assert studio.artist.post(f"/auth/two-factor/{path}", body).error["code"] == "conflict.two_factor"


def test_a_secret_that_was_begun_again_is_another_one(app: Flask, studio: StudioUnderTest, clock: Time) -> None:
    phone, later = Phone(studio.artist).begin(), Phone(studio.artist).begin()
    assert phone.secret != later.secret
    old, new = (each.code(clock.seconds) for each in (phone, later))
    assert studio.artist.post("/auth/two-factor/confirm", {"code": old}).status == 403
    assert studio.artist.post("/auth/two-factor/confirm", {"code": new}).status == 200


# -- codes


def test_a_code_opens_once(app: Flask, person: Person, clock: Time) -> None:
    code = person.phone.code(clock.seconds)
    assert [log_in(app, person.email, code=code).status for _ in range(2)] == [200, 401]
    earlier = person.phone.code(clock.steps(-1))
    assert log_in(app, person.email, code=earlier).status == 401, "it was used to set it up"


def test_an_earlier_code_than_the_last_one_is_refused(app: Flask, person: Person, clock: Time) -> None:
    """Somebody who saw it typed, but came too late."""
    clock.seconds = clock.steps(4)
    seen, next_code = (person.phone.code(clock.steps(each)) for each in (0, 1))
    assert [log_in(app, person.email, code=each).status for each in (next_code, seen)] == [200, 401]


def test_one_of_many_who_come_with_a_code_at_once_gets_in(app: Flask, person: Person, clock: Time) -> None:
    code = person.phone.code(clock.seconds)
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: log_in(app, person.email, code=code).status, range(6)))
    assert sorted(statuses) == [200, *[401] * 5]
    with ThreadPoolExecutor(6) as pool:
        codes = [person.recovery_codes[0]] * 4
        statuses = list(pool.map(lambda each: log_in(app, person.email, code=each).status, codes))
    assert sorted(statuses) == [200, *[401] * 3]


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_a_phone_may_be_one_step_off(app: Flask, person: Person, clock: Time, steps: int, status: int) -> None:
    clock.seconds = clock.steps(100)
    assert log_in(app, person.email, code=person.phone.code(clock.steps(steps))).status == status


def test_a_recovery_code_opens_once_however_it_is_typed(app: Flask, person: Person) -> None:
    first, second, *_ = person.recovery_codes
    assert log_in(app, person.email, code=first.upper().replace("-", " ")).status == 200
    assert log_in(app, person.email, code=first).error["code"] == "auth.wrong_code"
    assert status_of(person.api)["recovery_codes_left"] == 9
    assert log_in(app, person.email, code=second).status == 200


def test_new_recovery_codes_take_the_place_of_the_old(app: Flask, person: Person, clock: Time) -> None:
    path = "/auth/two-factor/recovery-codes"
    body = {"current_password": PASSWORD, "code": person.phone.code(clock.seconds)}
    assert person.api.post(path, {**body, "current_password": "wrong"}).status == 403
    assert person.api.post(path, {**body, "code": "000000"}).error["code"] == "auth.wrong_code"
    new = person.api.post(path, body).data["recovery_codes"]
    assert len(new) == 10 and not set(new) & set(person.recovery_codes)
    assert [log_in(app, person.email, code=each).status for each in (person.recovery_codes[0], new[0])] == [401, 200]


def test_wrong_codes_close_the_account_for_an_hour_and_the_password_does_not_open_it(
    app: Flask, person: Person, clock: Time
) -> None:
    def attempt(code: str, address: str = "10.7.0.1") -> Reply:
        body = {"email": person.email, "password": PASSWORD, "code": code}
        return Api(app).post("/auth/login", body, environ_overrides={"REMOTE_ADDR": address})

    statuses = []
    for number in range(throttle.ATTEMPTS_PER_ACCOUNT + 1):
        statuses.append(attempt("000000", f"10.7.0.{number}").status)
        # The right password alone does not begin the count anew.
        assert log_in(app, person.email).error["code"] == "auth.code_needed"
    assert statuses == [401] * throttle.ATTEMPTS_PER_ACCOUNT + [429]
    refused = attempt(person.phone.code(clock.seconds))
    assert (refused.status, refused.error["code"]) == (429, "auth.rate_limited")
    assert throttle.WINDOW_SECONDS < int(refused.headers["Retry-After"]) <= throttle.CODE_WINDOW_SECONDS
    assert attempt(person.recovery_codes[0]).status == 429


def test_somebody_of_another_tenant_with_the_same_address_does_not_open_it_again(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, person: Person
) -> None:
    body = {"name": "Twin", "email": person.email, "password": CHOSEN}
    other_studio.admin.post("/artists/", body)
    for _ in range(throttle.ATTEMPTS_PER_ACCOUNT):
        assert log_in(app, person.email, code="000000").status == 401
        assert log_in(app, person.email, CHOSEN).status == 200
    assert log_in(app, person.email, code="000000").status == 429


def test_codes_are_anothers_in_another_tenant(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, person: Person, clock: Time
) -> None:
    """The same address and password at two studios: each has its own second factor, or none."""
    twin = other_studio.admin.post("/artists/", {"name": "T", "email": person.email, "password": PASSWORD}).data
    code = person.phone.code(clock.seconds)
    assert "tenant" in log_in(app, person.email, code=code).error["fields"]
    assert log_in(app, person.email, tenant=studio.name).error["code"] == "auth.code_needed"
    there = log_in(app, person.email, tenant=other_studio.name).data
    assert there["user"]["id"] == twin["id"]
    Phone(Api(app, there["token"])).switch_on(clock.seconds)
    assert log_in(app, person.email, tenant=other_studio.name, code=code).status == 401
    assert log_in(app, person.email, tenant=studio.name, code=code).status == 200


def test_a_new_key_of_the_service_leaves_recovery_codes(config: Config, person: Person, clock: Time) -> None:
    other = create_app(dataclasses.replace(config, secret_key="another key of the tests"))
    assert log_in(other, person.email, code=person.phone.code(clock.seconds)).status == 401
    assert log_in(other, person.email, code=person.recovery_codes[0]).status == 200


# -- off


def test_it_is_switched_off_with_password_and_code(app: Flask, person: Person, clock: Time) -> None:
    path, code = "/auth/two-factor/disable", person.phone.code(clock.seconds)
    assert person.api.post(path, {"current_password": "wrong", "code": code}).error["code"] == "auth.wrong_login"
    wrong = person.api.post(path, {"current_password": PASSWORD, "code": "000000"})
    assert (wrong.status, wrong.error["code"]) == (403, "auth.wrong_code")
    assert person.api.post(path, {"current_password": PASSWORD, "code": code}).status == 200
    assert status_of(person.api) == {"since": None, "recovery_codes_left": 0, "required": False}
    assert log_in(app, person.email).status == 200


def test_a_recovery_code_switches_it_off_as_well(app: Flask, person: Person) -> None:
    body = {"current_password": PASSWORD, "code": person.recovery_codes[3]}
    assert person.api.post("/auth/two-factor/disable", body).status == 200
    assert log_in(app, person.email).status == 200


def test_an_administrator_switches_it_off_for_who_lost_the_phone_and_they_are_told(
    app: Flask, studio: StudioUnderTest, person: Person
) -> None:
    path = f"/artists/{person.user['id']}/two-factor"
    assert studio.api(Role.PROJECT_MANAGER).delete(path).status == 403
    assert studio.admin.delete(path).status == 200
    assert log_in(app, person.email).status == 200
    assert studio.admin.delete(path).error["code"] == "conflict.two_factor"
    record = studio.admin.get(f"/audit/?row_id={person.user['id']}").data["items"][0]
    assert record["actor_id"] == studio.admin.get("/auth/me").data["user"]["id"]
    assert record["before"]["two_factor_at"] and record["after"]["two_factor_at"] is None
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        while tell_of_events(current):
            pass
    told = person.api.get("/notifications/").data["items"]
    assert [each["title"] for each in told] == ["tenant_admin switched off your two-factor login"]


def test_an_administrator_does_so_for_nobody_stronger_and_not_for_themselves(
    app: Flask, studio: StudioUnderTest, clock: Time
) -> None:
    boss = with_two_factor(studio, clock, Role.GLOBAL_ADMIN)
    assert studio.admin.delete(f"/artists/{boss.user['id']}/two-factor").status == 403
    own = boss.api.delete(f"/artists/{boss.user['id']}/two-factor")
    assert (own.status, own.error["code"]) == (409, "conflict.oneself")
    assert status_of(boss.api)["since"]


def test_nobody_switches_it_on_for_somebody_else(app: Flask, studio: StudioUnderTest) -> None:
    """Not even with a token in their name: that takes the password."""
    user = World(studio).user()
    theirs = Api(app, studio.admin.post("/tokens/", {"name": "x", "user_id": user["id"]}).data["token"])
    assert theirs.post("/auth/two-factor", {"current_password": "guess"}).status == 403
    assert log_in(app, user["email"]).status == 200


def test_a_link_for_a_new_password_does_not_get_around_it(
    app: Flask, studio: StudioUnderTest, person: Person, clock: Time
) -> None:
    url = studio.admin.post(f"/artists/{person.user['id']}/password-link").data["url"]
    body = {"code": url.partition("#")[2], "password": CHOSEN}
    assert Api(app).post("/auth/password-link", {"code": body["code"]}).data["two_factor"] is True
    asked = Api(app).post("/auth/chosen-password", body)
    assert (asked.status, asked.error["code"]) == (401, "auth.code_needed")
    wrong = Api(app).post("/auth/chosen-password", {**body, "two_factor_code": "000000"})
    assert (wrong.status, wrong.error["code"]) == (401, "auth.wrong_code")
    assert log_in(app, person.email).error["code"] == "auth.code_needed", "the password is the one it was"
    right = {**body, "two_factor_code": person.phone.code(clock.seconds)}
    assert Api(app).post("/auth/chosen-password", right).status == 200
    assert log_in(app, person.email, CHOSEN).error["code"] == "auth.code_needed"


def test_a_password_that_an_administrator_gave_does_not_get_around_it(
    app: Flask, studio: StudioUnderTest, person: Person
) -> None:
    password = studio.admin.post(f"/artists/{person.user['id']}/reset-password").data["password"]
    assert log_in(app, person.email, password).error["code"] == "auth.code_needed"


def test_a_lone_administrator_is_helped_from_the_machine_of_the_service(
    app: Flask, config: Config, studio: StudioUnderTest, clock: Time
) -> None:
    """Who can start the service comes in, and makes another administrator, who helps."""
    boss = with_two_factor(studio, clock, Role.GLOBAL_ADMIN)
    token = bootstrap.ensure_studio(config, CHOSEN, tenant=studio.name, email=boss.email).token
    assert app.test_client().get("/", query_string={"token": token}).status_code == 303
    body = {"name": "Helper", "email": "helper@example.com", "role": "global_admin", "password": PASSWORD}
    assert Api(app, token).post("/artists/", body).status == 201
    helper = Api(app, log_in(app, body["email"], tenant=studio.name).data["token"])
    assert helper.delete(f"/artists/{boss.user['id']}/two-factor").status == 200
    assert log_in(app, boss.email).status == 200


# -- wanted of everybody


@pytest.fixture
def required(studio: StudioUnderTest, clock: Time) -> Person:
    """The administrator who wants it of everybody."""
    boss = with_two_factor(studio, clock, Role.TENANT_ADMIN)
    assert boss.api.patch("/settings/", {"require_two_factor": True}).data["require_two_factor"] is True
    return boss


def test_who_wants_it_of_everybody_has_it(studio: StudioUnderTest, required: Person) -> None:
    assert required.api.patch("/settings/", {"require_two_factor": False}).status == 200
    refused = studio.admin.patch("/settings/", {"require_two_factor": True})
    assert (refused.status, refused.error["code"]) == (409, "conflict.two_factor")
    assert studio.admin.get("/settings/").data["require_two_factor"] is False


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ARTIST, Role.GLOBAL_ADMIN])
def test_who_lacks_it_may_only_set_it_up(
    app: Flask, studio: StudioUnderTest, required: Person, clock: Time, role: Role
) -> None:
    user = World(studio).user(role)
    login = log_in(app, user["email"]).data
    mine = Api(app, login["token"])
    for method, path in (("GET", "/projects/"), ("GET", "/auth/sessions"), ("POST", "/tokens/"), ("PATCH", "/auth/me")):
        refused = mine.call(method, path, {"name": "x"} if method != "GET" else None)
        assert (refused.status, refused.error["code"]) == (403, "auth.two_factor_required"), path
        assert "/account/two-factor" in refused.error["message"]
    me = mine.get("/auth/me").data
    assert me["permissions"] == [] and me["two_factor"]["required"] is True
    Phone(mine).switch_on(clock.seconds)
    assert mine.get("/projects/").status == 200 and mine.get("/auth/me").data["permissions"]
    assert Api(app).post("/auth/refresh", {"refresh_token": login["refresh_token"]}).status == 200


def test_who_logs_in_again_without_it_gets_no_further_by_staying_logged_in(
    app: Flask, studio: StudioUnderTest, required: Person
) -> None:
    login = log_in(app, studio.email(Role.ARTIST)).data
    fresh = Api(app).post("/auth/refresh", {"refresh_token": login["refresh_token"]}).data
    assert Api(app, fresh["token"]).get("/projects/").error["code"] == "auth.two_factor_required"
    assert Api(app, fresh["token"]).post("/auth/logout").status == 200


def test_programs_go_on(app: Flask, studio: StudioUnderTest, required: Person) -> None:
    """Their tokens are neither sessions nor is anybody there who could type a code."""
    assert studio.artist.get("/projects/").status == 200
    browser = app.test_client()
    browser.get("/", query_string={"token": studio.tokens[Role.ARTIST]})
    assert browser.get("/api/projects/").status_code == 403, "but with one, nobody gets into the pages"


def test_other_tenants_are_not_concerned(required: Person, other_studio: StudioUnderTest, app: Flask) -> None:
    assert session_of(app, other_studio.email(Role.ARTIST)).get("/projects/").status == 200


def test_administrators_find_who_lacks_it(studio: StudioUnderTest, person: Person) -> None:
    def found(value: str) -> set[str]:
        listed = studio.admin.get(f"/artists/?two_factor={value}&page_size=100").data["items"]
        return {each["email"] for each in listed}

    assert found("true") == {person.email}
    assert person.email not in found("false") and studio.email(Role.ARTIST) in found("false")
    assert studio.artist.get("/artists/?two_factor=false").status == 403


# -- secrets


def test_neither_a_log_nor_a_row_nor_an_answer_has_a_secret(
    app: Flask, studio: StudioUnderTest, clock: Time, caplog: pytest.LogCaptureFixture
) -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(JsonFormatter())
    root, engine = logging.getLogger(), logging.getLogger("sqlalchemy.engine")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    engine.setLevel(logging.INFO)
    try:
        person = with_two_factor(studio, clock)
        code, recovery = person.phone.code(clock.seconds), person.recovery_codes[0]
        for each in (code, code, recovery):
            log_in(app, person.email, code=each)
        body = {"current_password": PASSWORD, "code": person.recovery_codes[1]}
        new = person.api.post("/auth/two-factor/recovery-codes", body).data["recovery_codes"]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        engine.setLevel(logging.NOTSET)
    row_id = person.user["id"]
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        user = current.get_one(User, (studio.tenant_id, UUID(row_id)))
        rows = [
            user,
            *(each for model in (AuditRecord, Event, Notification) for each in current.scalars(select(model))),
        ]
        kept = " ".join(str(vars(each)) for each in rows)
        told = [str(vars(each)) for each in rows[1:]]
        hidden = [str(user.two_factor_salt), *user.recovery_digests]
    answers = [person.api.get("/auth/me"), studio.admin.get(f"/artists/{row_id}"), studio.admin.get("/artists/")]
    answers += [studio.admin.get(f"/audit/?row_id={row_id}"), studio.admin.get("/activity/")]
    answered = " ".join(str(each.body) for each in answers)
    assert "/api/auth/two-factor/confirm" in said.getvalue()
    secrets = [person.phone.secret, code, *person.recovery_codes, *new]
    secrets += [each.replace("-", "") for each in secrets]
    for where in (said.getvalue(), kept, answered):
        assert not [each for each in secrets if each in where]
    for where in (said.getvalue(), answered, *told):
        assert not [each for each in hidden if each in where]


def test_the_audit_log_has_what_happened(app: Flask, studio: StudioUnderTest, person: Person, clock: Time) -> None:
    log_in(app, person.email, code="000000")
    log_in(app, person.email, code=person.recovery_codes[0])
    body = {"current_password": PASSWORD, "code": person.phone.code(clock.seconds)}
    person.api.post("/auth/two-factor/disable", body)
    items = studio.admin.get(f"/audit/?row_id={person.user['id']}").data["items"]
    happened: list[tuple[str, Any]] = [(each["action"], each["after"]) for each in items]
    off, used, failed, on, begun, _ = happened
    assert off[0] == "change" and off[1]["two_factor_at"] is None and off[1]["recovery_codes"] == []
    assert used == ("recovery_code", {"left": 9}) and failed[0] == "failed_code"
    assert on[1]["two_factor_at"] and on[1]["recovery_codes"] == "(hidden)"
    assert begun == ("change", {"two_factor_secret": "(hidden)"})
    assert studio.admin.get(f"/artists/{person.user['id']}").data["revision"] == 4, "logins are no changes"
