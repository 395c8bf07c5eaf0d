"""Who switches a second factor off, a tenant that wants everybody to have one, and that nothing tells its secret."""

from __future__ import annotations

import io
import logging
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from service.accounts import bootstrap
from service.accounts.permissions import Role
from service.activity.notifications import tell_of_events
from service.config import Config
from service.database import tenant_session
from service.logs import JsonFormatter
from service.models import AuditRecord, Event, Notification, User
from tests.service.phone import Phone
from tests.service.studio import PASSWORD, Api, StudioUnderTest
from tests.service.two_factor import (
    CHOSEN,
    Person,
    Time,
    clock,
    log_in,
    no_attempts_before,
    person,
    required,
    session_of,
    status_of,
    with_two_factor,
)
from tests.service.world import World

__all__ = ["clock", "no_attempts_before", "person", "required"]  # fixtures


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
