"""People with a second factor, and a clock that stands still; for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from service.accounts import two_factor
from service.accounts.permissions import Role
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


@pytest.fixture
def required(studio: StudioUnderTest, clock: Time) -> Person:
    """The administrator who wants it of everybody."""
    boss = with_two_factor(studio, clock, Role.TENANT_ADMIN)
    assert boss.api.patch("/settings/", {"require_two_factor": True}).data["require_two_factor"] is True
    return boss
