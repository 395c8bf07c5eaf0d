"""Logging in by an identity provider that speaks SAML 2.0: whose answer holds comes in, and nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from lxml import etree
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from service.accounts.permissions import Role
from service.accounts.single_sign_on import provider_from, saml
from service.app import create_app
from service.config import Config
from shared.errors import InputError
from tests.service.page import Page
from tests.service.phone import Phone
from tests.service.saml_provider import EMAIL, NAMES, PERSISTENT, Answer, Key, Request, metadata, serving_saml
from tests.service.saml_sign_on import BACK, ENTITY, LOGIN, SERVICE, Start, sign_on
from tests.service.studio import StudioUnderTest

__all__ = ["sign_on"]  # fixtures

CERTIFICATE = Path(__file__).with_name("localhost.pem")
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


def test_who_is_vouched_for_is_logged_in_and_goes_on(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on(RACEWAY_SAML_NAME="Studio Login")
    assert "Log in with Studio Login" in Page(there.browser.get("/login")).text
    answer = there.log_in(studio.email(Role.ARTIST).upper(), query={"next": "/projects"})
    assert (answer.status_code, answer.location) == (303, "/projects")
    assert studio.email(Role.ARTIST) in there.who()
    # A page of another site is not gone to.
    assert sign_on().log_in(studio.email(Role.ARTIST), query={"next": "//evil.example/"}).location == "/"


def test_the_provider_is_asked_by_a_request_of_the_protocol(sign_on: Start) -> None:
    there = sign_on()
    address = there.browser.get("/login/provider").location
    assert address.startswith(f"{LOGIN}&SAMLRequest=")
    request = Request.of(address)
    assert not isinstance(OneLogin_Saml2_XML.validate_xml(request.document, "saml-schema-protocol-2.0.xsd"), str)
    assert (request.issuer, request.consumer) == (f"{SERVICE}/login/provider/metadata", BACK)
    assert request.document.get("Destination") == LOGIN and request.id != there.go().id


def test_our_metadata_says_what_to_register(sign_on: Start) -> None:
    answer = sign_on().app.test_client().get("/login/provider/metadata")
    assert (answer.status_code, answer.mimetype) == (200, "application/samlmetadata+xml")
    document = etree.fromstring(answer.data)
    assert not isinstance(OneLogin_Saml2_XML.validate_xml(document, "saml-schema-metadata-2.0.xsd"), str)
    assert document.get("entityID") == f"{SERVICE}/login/provider/metadata"
    [consumer] = document.iterfind(".//md:AssertionConsumerService", NAMES)
    assert consumer.get("Location") == BACK and consumer.get("Binding").endswith(":HTTP-POST")
    [described] = document
    assert described.get("WantAssertionsSigned") == "true"


@pytest.mark.parametrize(
    "changes",
    [
        {"signed": ("Response",)},
        {"signed": ("Assertion", "Response")},
        {"signature": "rsa-sha512", "digest": "sha384"},
        {"key": ("next",)},
        {"key": ("elliptic", "ecdsa"), "signature": "ecdsa-sha256"},
        {"destination": None},
        {"until": None},
    ],
    ids=str,
)
def test_answers_of_every_lawful_form_hold(studio: StudioUnderTest, sign_on: Start, changes: dict[str, Any]) -> None:
    there = sign_on(metadata(ENTITY, LOGIN, [Key.make(), Key.make("next"), Key.make("elliptic", "ecdsa")]))
    key = Key.make(*changes.get("key", ()))
    assert there.log_in(studio.email(Role.ARTIST), **{**changes, "key": key}).status_code == 303
    assert studio.email(Role.ARTIST) in there.who()


@pytest.mark.parametrize("attribute", ["email", "mail", MAIL, CLAIM])
def test_the_address_may_be_in_an_attribute(studio: StudioUnderTest, sign_on: Start, attribute: str) -> None:
    told = [("role", "a"), ("role", "b"), (attribute, studio.email(Role.ARTIST))]
    there = sign_on()
    assert there.log_in("x7f3a9", name_format=PERSISTENT, attributes=told).status_code == 303
    assert studio.email(Role.ARTIST) in there.who()


def test_the_studio_may_say_which_attribute_counts(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on(RACEWAY_SAML_EMAIL="workMail")
    admin = studio.email(Role.TENANT_ADMIN)
    told = [("mail", admin), ("workMail", studio.email(Role.ARTIST))]
    assert there.log_in(admin, attributes=told).status_code == 303
    assert studio.email(Role.ARTIST) in there.who()
    refused = sign_on(RACEWAY_SAML_EMAIL="workMail").log_in(admin, attributes=told[:1])
    assert refused.status_code == 401 and "the attribute workMail" in Page(refused).text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name_format": PERSISTENT}, "does not tell your e-mail address"),
        ({"name_format": PERSISTENT, "attributes": [("mail", "a@a.example"), ("mail", "b@a.example")]}, "several"),
        # Some of a text that has elements inside is no text.
        ({"name_format": PERSISTENT, "attributes": [("mail", "{}<b>x</b>.evil.example")]}, "does not tell"),
    ],
)
def test_who_has_no_one_address_is_told(
    studio: StudioUnderTest, sign_on: Start, changes: dict[str, Any], told: str
) -> None:
    there, email = sign_on(), studio.email(Role.ARTIST)
    attributes = [(name, text.format(email)) for name, text in changes.get("attributes", ())]
    refused = there.log_in(email, **{**changes, "attributes": attributes})
    assert refused.status_code == 401 and told in Page(refused).text and not there.who()


def test_nobody_becomes_a_user_by_coming(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    refused = there.log_in(f"stranger@{studio.name}.example")
    assert refused.status_code == 403 and "Ask an administrator for an invitation" in Page(refused).text
    gone = studio.admin.post("/artists/", {"name": "Gone", "email": f"gone@{studio.name}.example"}).data
    studio.admin.post(f"/artists/{gone['id']}/archive")
    assert there.log_in(gone["email"]).status_code == 403
    assert not there.who()


def test_a_second_factor_is_asked_for_after_it(studio: StudioUnderTest, sign_on: Start) -> None:
    there = sign_on()
    recovery_code = Phone(studio.artist).switch_on()[0]
    asked = there.log_in(studio.email(Role.ARTIST), query={"next": "/projects"})
    assert asked.status_code == 200 and "authenticator app" in Page(asked).text and not there.who()
    [ticket] = re.findall(r'name="ticket" value="([^"]+)"', asked.text)
    form = {"ticket": ticket, "code": recovery_code, "next": "/projects"}
    assert there.browser.post("/login/code", data=form).location == "/projects"


def test_who_is_known_in_several_tenants_chooses_one(
    studio: StudioUnderTest, other_studio: StudioUnderTest, sign_on: Start
) -> None:
    email = f"both@{studio.name}.example"
    for each in (studio, other_studio):
        each.admin.post("/artists/", {"name": f"Both of {each.name}", "email": email})
    there = sign_on()
    asked = there.log_in(email, query={"next": "/projects"})
    [way] = [link for link in Page(asked).links if "/login/provider?" in link and other_studio.name in link]
    request = Request.of(there.browser.get(way).location)
    assert there.post(Answer.to(request, ENTITY, email).encoded()).location == "/projects"
    assert f"Both of {other_studio.name}" in there.who()


def test_an_answer_counts_in_the_browser_that_began_the_login_and_once(studio: StudioUnderTest, sign_on: Start) -> None:
    there, email = sign_on(), studio.email(Role.TENANT_ADMIN)
    answer = Answer.to(there.go(), ENTITY, email).encoded()
    # Somebody else's browser: without a login that was begun, and with one of its own.
    stranger = there.app.test_client()
    for _ in range(2):
        refused = there.post(answer, stranger)
        assert refused.status_code == 401 and "did not begin that login" in Page(refused).text
        assert stranger.get("/projects").status_code == 401
        stranger.get("/login/provider")
    begun = there.browser.get_cookie("session")
    assert begun is not None and there.post(answer).status_code == 303
    there.browser.delete_cookie("raceway_session")
    assert there.post(answer).status_code == 401
    # Nor with the cookie of before.
    there.browser.set_cookie("session", begun.value)
    assert there.post(answer).status_code == 401 and not there.who()


def test_an_answer_is_fetched_at_once_and_a_login_ended_within_an_hour(
    studio: StudioUnderTest, sign_on: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, email = sign_on(), studio.email(Role.ARTIST)
    assert "there is no answer" in Page(there.browser.get("/login/provider/back")).text
    there.browser.set_cookie("raceway_vouched", "forged", path="/login/provider/back")
    assert "there is no answer" in Page(there.browser.get("/login/provider/back")).text
    for lifetime, told in (("VOUCHED_SECONDS", "not fetched in time"), ("BEGUN_SECONDS", "did not begin that login")):
        with monkeypatch.context() as late:
            late.setattr(saml, lifetime, -1)
            assert told in Page(there.log_in(email)).text
    assert there.log_in(email).status_code == 303


def test_a_refused_answer_leaves_the_logins_under_way_alone(studio: StudioUnderTest, sign_on: Start) -> None:
    there, email = sign_on(), studio.email(Role.ARTIST)
    pages = [there.go(next="/projects") for _ in range(60)]
    cookie = there.browser.get_cookie("session")
    assert cookie is not None and len(cookie.value) < 800
    assert there.post(Answer.to(pages[-1], ENTITY, email, signed=()).encoded()).status_code == 401
    stranger = there.app.test_client().post("/login/provider/back", data={"SAMLResponse": "x"})
    assert stranger.status_code == 401 and not stranger.headers.getlist("Set-Cookie")
    # Two tabs, the one that was begun first ends last.
    for page in (pages[-1], pages[-3]):
        assert there.post(Answer.to(page, ENTITY, email).encoded()).status_code == 303


def test_metadata_is_fetched_by_https_and_kept(
    studio: StudioUnderTest, sign_on: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_saml(CERTIFICATE) as server:
        there = sign_on(RACEWAY_SAML_METADATA=f"{server.url}/metadata")
        answer = there.browser.get("/login/provider")
        assert answer.status_code == 503 and "log in with your password" in Page(answer).text and not server.fetched
        # What an administrator sets for a studio's own authority.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
        for _ in range(2):
            request = there.go()
            assert there.post(Answer.to(request, server.url, studio.email(Role.ARTIST)).encoded()).status_code == 303
        assert server.fetched == 1
        server.redirects = True
        assert sign_on(RACEWAY_SAML_METADATA=f"{server.url}/metadata").browser.get("/login/provider").status_code == 503


@pytest.mark.parametrize(
    "text",
    [
        "no XML",
        "<html/>",
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{metadata(ENTITY, LOGIN)}',
        metadata(ENTITY, LOGIN, more=metadata("https://other.example", LOGIN)),
        metadata(ENTITY, LOGIN, attributes={"validUntil": "2020-01-01T00:00:00Z"}),
        metadata(ENTITY, LOGIN, binding="HTTP-Artifact"),
        metadata(ENTITY, "javascript:alert(1)"),
        metadata(ENTITY, LOGIN, []),
        metadata(ENTITY, LOGIN, use="encryption"),
        metadata(ENTITY, LOGIN, [Key(None, "bm8gY2VydGlmaWNhdGU=")]),
    ],
    ids=["text", "HTML", "DTD", "two", "expired", "binding", "login", "unsigned", "encryption", "certificate"],
)
def test_metadata_of_no_use_is_told_and_passwords_still_work(sign_on: Start, text: str) -> None:
    answer = sign_on(text).browser.get("/login/provider")
    assert answer.status_code == 503 and "RACEWAY_SAML_METADATA" in Page(answer).text
    assert "Password" in Page(answer).text


def test_metadata_may_come_after_the_service(sign_on: Start, tmp_path: Path) -> None:
    there = sign_on(RACEWAY_SAML_METADATA=str(tmp_path / "late.xml"))
    assert there.browser.get("/login/provider").status_code == 503
    (tmp_path / "late.xml").write_text(metadata(ENTITY, LOGIN))
    assert there.go().consumer == BACK


@pytest.mark.parametrize(
    ("environment", "public_url", "told"),
    [
        ({"RACEWAY_SAML_METADATA": "/etc/provider.xml"}, "", "RACEWAY_PUBLIC_URL"),
        ({"RACEWAY_SAML_METADATA": "http://login.example/metadata"}, SERVICE, "https://"),
        ({"RACEWAY_SAML_METADATA": "https://"}, SERVICE, "https://"),
        (
            {
                "RACEWAY_SAML_METADATA": "/etc/provider.xml",
                "RACEWAY_OIDC_ISSUER": "https://login.example",
                "RACEWAY_OIDC_CLIENT_ID": "raceway",
                "RACEWAY_OIDC_CLIENT_SECRET": "s3cret",
            },
            SERVICE,
            "twice",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(environment: dict[str, str], public_url: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        provider_from(public_url, environment)
    assert refused.value.code == "input.config" and told in str(refused.value)


def test_without_saml_there_are_no_answers_and_no_metadata(app: Flask) -> None:
    for answer in (app.test_client().get("/login/provider/metadata"), app.test_client().post("/login/provider/back")):
        assert answer.status_code == 401 and "no single sign-on here" in Page(answer).text


def test_openid_connect_takes_no_forms_and_has_no_metadata(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"ISSUER": "https://login.example", "CLIENT_ID": "raceway", "CLIENT_SECRET": "x"}.items():
        monkeypatch.setenv(f"RACEWAY_OIDC_{name}", text)
    browser = create_app(config).test_client()
    assert browser.post("/login/provider/back", data={"SAMLResponse": "x"}).status_code == 401
    answer = browser.get("/login/provider/metadata")
    assert answer.status_code == 404 and BACK in Page(answer).text


def test_the_log_says_why_an_answer_was_refused_and_not_of_whom(
    sign_on: Start, caplog: pytest.LogCaptureFixture
) -> None:
    there, email = sign_on(), f"n{uuid4().hex}@example.com"
    assert there.log_in(email, audience="https://other.example").status_code == 401
    assert "is not a valid audience" in caplog.text and email not in caplog.text and EMAIL not in caplog.text
