"""Single sign-on: people whom an identity provider vouches for are logged in, and nobody else.

The provider is a server of its own that speaks OpenID Connect (oidc-provider-mock).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import oidc_provider_mock
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.accounts.single_sign_on.openid import OpenIDProvider
from service.app import create_app
from service.config import Config
from shared.errors import InputError
from tests.service.page import Page
from tests.service.phone import Phone
from tests.service.studio import StudioUnderTest

# Of the provider, which is written for an earlier version of its library.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")
CLIENT = {"RACEWAY_OIDC_CLIENT_ID": "raceway", "RACEWAY_OIDC_CLIENT_SECRET": "of the tests"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread(require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@dataclass
class SignOn:
    """A service that knows the provider, and somebody's browser."""

    app: Flask
    issuer: str
    browser: FlaskClient

    def go(self, **query: str) -> str:
        """Where the service sends the browser: the provider's page."""
        answer = self.browser.get("/login/provider", query_string=query)
        assert answer.status_code == 302, answer.text
        return answer.location

    def agree(self, page: str, email: str, *, verified: object = True, **answer: str) -> str:
        """Log in there as somebody; answers where the provider sends the browser."""
        subject = f"subject-{uuid4().hex}"
        claims = {"email": email} if verified is None else {"email": email, "email_verified": verified}
        assert requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=20).ok
        form = {"sub": subject, **answer}
        return str(requests.post(page, data=form, allow_redirects=False, timeout=20).headers["Location"])

    def come_back(self, address: str) -> TestResponse:
        parts = urlsplit(address)
        return self.browser.get(f"{parts.path}?{parts.query}")

    def log_in(self, email: str, *, verified: object = True, **query: str) -> TestResponse:
        return self.come_back(self.agree(self.go(**query), email, verified=verified))

    def who(self) -> str:
        """The account of whose session the browser has; empty without one."""
        found = self.browser.get("/account")
        return found.text if found.status_code == 200 else ""


@pytest.fixture(scope="module")
def usual(config: Config, issuer: str) -> Flask:
    """A service that is set up as most are; to make one takes longer than to log in to it."""
    return made(config, {"RACEWAY_OIDC_ISSUER": issuer, **CLIENT})


@pytest.fixture
def sign_on(config: Config, issuer: str, usual: Flask) -> Callable[..., SignOn]:
    def start(**environment: str) -> SignOn:
        own = {"RACEWAY_OIDC_ISSUER": issuer, **CLIENT, **environment}
        app = made(config, own) if environment else usual
        return SignOn(app, issuer, app.test_client())

    return start


def made(config: Config, environment: dict[str, str]) -> Flask:
    with pytest.MonkeyPatch.context() as patch:
        for name, text in environment.items():
            patch.setenv(name, text)
        return create_app(config)


def test_who_is_vouched_for_is_logged_in_and_goes_on(studio: StudioUnderTest, sign_on: Callable[..., SignOn]) -> None:
    there = sign_on(RACEWAY_OIDC_NAME="Studio Login")
    assert "Log in with Studio Login" in Page(there.browser.get("/login")).text
    answer = there.log_in(studio.email(Role.ARTIST).upper(), next="/projects")
    assert (answer.status_code, answer.location) == (303, "/projects")
    assert studio.email(Role.ARTIST) in there.who()
    # A page of another site is not gone to.
    assert sign_on().log_in(studio.email(Role.ARTIST), next="//evil.example/").location == "/"


def test_without_a_provider_there_is_no_such_login(app: Flask) -> None:
    browser = app.test_client()
    assert "provider" not in browser.get("/login").text
    assert "no single sign-on here" in Page(browser.get("/login/provider")).text
    assert "no single sign-on here" in Page(browser.get("/login/provider/back?code=x&state=y")).text


def test_nobody_becomes_a_user_by_coming(studio: StudioUnderTest, sign_on: Callable[..., SignOn]) -> None:
    there = sign_on()
    refused = there.log_in(f"stranger@{studio.name}.example")
    assert refused.status_code == 403 and "Ask an administrator for an invitation" in Page(refused).text
    gone = studio.admin.post("/artists/", {"name": "Gone", "email": f"gone@{studio.name}.example"}).data
    studio.admin.post(f"/artists/{gone['id']}/archive")
    assert there.log_in(gone["email"]).status_code == 403
    assert not there.who()


def test_a_second_factor_is_asked_for_after_it(studio: StudioUnderTest, sign_on: Callable[..., SignOn]) -> None:
    there = sign_on()
    recovery_code = Phone(studio.artist).switch_on()[0]
    asked = there.log_in(studio.email(Role.ARTIST), next="/projects")
    assert asked.status_code == 200 and "authenticator app" in Page(asked).text and not there.who()
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', asked.text)
    form = {"ticket": ticket, "code": recovery_code, "next": "/projects"}
    assert there.browser.post("/login/code", data=form).location == "/projects"
    assert studio.email(Role.ARTIST) in there.who()


def test_where_everybody_has_a_second_factor_who_has_no_password_has_it_at_the_provider(
    studio: StudioUnderTest, sign_on: Callable[..., SignOn]
) -> None:
    Phone(studio.admin).switch_on()
    studio.admin.patch("/settings/", {"require_two_factor": True})
    there, email = sign_on(), f"n{uuid4().hex[:10]}@example.com"
    studio.admin.post("/artists/", {"name": "Without", "email": email})
    there.log_in(email)
    assert there.browser.get("/projects").status_code == 200
    assert "You have no password here" in Page(there.browser.get("/account/two-factor")).text
    there.log_in(studio.email(Role.ARTIST))
    assert there.browser.get("/projects").location == "/account/two-factor"


@pytest.mark.parametrize("verified", [None, False, "false", "no"])
def test_an_address_that_was_not_verified_counts_only_where_all_are_the_studios(
    studio: StudioUnderTest, sign_on: Callable[..., SignOn], verified: object
) -> None:
    there = sign_on()
    assert "has not verified the address" in Page(there.log_in(studio.email(Role.ARTIST), verified=verified)).text
    assert not there.who()
    trusting = sign_on(RACEWAY_OIDC_TRUST_EMAIL="1")
    assert trusting.log_in(studio.email(Role.ARTIST), verified=verified).status_code == 303


def test_who_is_known_in_several_tenants_chooses_one(
    studio: StudioUnderTest, other_studio: StudioUnderTest, sign_on: Callable[..., SignOn]
) -> None:
    email = f"both@{studio.name}.example"
    for each in (studio, other_studio):
        each.admin.post("/artists/", {"name": f"Both of {each.name}", "email": email})
    there = sign_on()
    asked = there.log_in(email, next="/projects")
    ways = [link for link in Page(asked).links if "/login/provider?" in link]
    assert len(ways) == 2 and not there.who()
    [way] = [link for link in ways if other_studio.name in link]
    page = there.browser.get(way).location
    assert there.come_back(there.agree(page, email)).location == "/projects"
    assert f"Both of {other_studio.name}" in there.who()


def test_an_answer_that_was_not_asked_for_is_refused(studio: StudioUnderTest, sign_on: Callable[..., SignOn]) -> None:
    there, email = sign_on(), studio.email(Role.TENANT_ADMIN)
    back = there.agree(there.go(), email)
    # Of somebody else's browser, with another state, and with a code that was used.
    stranger = there.app.test_client()
    query = {name: texts[0] for name, texts in parse_qs(urlsplit(back).query).items()}
    for browser, changed in ((stranger, {}), (there.browser, {"state": "other"}), (there.browser, {"code": "other"})):
        refused = browser.get(f"/login/provider/back?{urlencode({**query, **changed})}")
        assert refused.status_code == 401
        assert browser.get("/projects").status_code == 401
    fresh = there.agree(there.go(), email)
    assert there.come_back(fresh).status_code == 303
    there.browser.delete_cookie("raceway_session")
    assert there.come_back(fresh).status_code == 401


def test_who_declines_is_told_and_may_try_again(studio: StudioUnderTest, sign_on: Callable[..., SignOn]) -> None:
    there = sign_on()
    page = there.go(next="/projects")
    declined = requests.post(page, data={"action": "deny"}, allow_redirects=False, timeout=20).headers["Location"]
    answer = there.come_back(declined)
    assert answer.status_code == 401 and 'value="/projects"' in answer.text
    assert there.log_in(studio.email(Role.ARTIST)).status_code == 303


def test_logins_that_were_given_up_leave_the_later_ones_alone(
    studio: StudioUnderTest, sign_on: Callable[..., SignOn]
) -> None:
    there = sign_on()
    pages = [there.go() for _ in range(30)]
    cookie = there.browser.get_cookie("session")
    assert cookie is not None and len(cookie.value) < 4000
    # Two tabs, the one that was begun first ends last.
    for page in (pages[-1], pages[-3]):
        assert there.come_back(there.agree(page, studio.email(Role.ARTIST))).status_code == 303


def test_a_provider_that_is_away_is_told_and_passwords_still_work(
    studio: StudioUnderTest, sign_on: Callable[..., SignOn]
) -> None:
    there = sign_on(RACEWAY_OIDC_ISSUER="http://127.0.0.1:9")
    answer = there.browser.get("/login/provider")
    assert answer.status_code == 503 and "log in with your password" in Page(answer).text
    assert "Password" in Page(answer).text


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"RACEWAY_OIDC_ISSUER": "https://login.example"}, "RACEWAY_OIDC_CLIENT_ID"),
        ({"RACEWAY_OIDC_CLIENT_SECRET": "s3cret"}, "RACEWAY_OIDC_ISSUER"),
        ({"RACEWAY_OIDC_ISSUER": "login.example", **CLIENT}, "is no address"),
    ],
)
def test_half_a_configuration_is_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as refused:
        OpenIDProvider.from_environment(environment)
    assert told in f"{refused.value} {refused.value.fields}" and "s3cret" not in f"{refused.value} {refused.value.hint}"


def test_a_provider_is_named_by_its_issuer_or_its_configuration() -> None:
    for issuer in ("https://login.example/realm", "https://login.example/realm/.well-known/openid-configuration"):
        found = OpenIDProvider.from_environment({"RACEWAY_OIDC_ISSUER": issuer, **CLIENT})
        assert found and found.issuer == "https://login.example/realm" and "of the tests" not in repr(found)
    assert OpenIDProvider.from_environment({}) is None
