"""Logging in with a second factor, through the API: set up, asked for, and what codes open."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask

from service.accounts import throttle
from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config
from tests.service.phone import Phone
from tests.service.studio import PASSWORD, Api, Reply, StudioUnderTest
from tests.service.two_factor import (
    CHOSEN,
    Person,
    Time,
    clock,
    log_in,
    no_attempts_before,
    person,
    session_of,
    status_of,
)
from tests.service.world import World

__all__ = ["clock", "no_attempts_before", "person"]  # fixtures


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
