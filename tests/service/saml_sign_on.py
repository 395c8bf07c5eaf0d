"""A service that knows the provider of the tests, and somebody's browser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.config import Config
from tests.service.saml_provider import Answer, Request, metadata

ENTITY = "https://login.example/saml"
LOGIN = "https://login.example/saml/login?realm=studio&kind=a"
SERVICE = "http://localhost"
BACK = f"{SERVICE}/login/provider/back"


@dataclass
class SignOn:
    app: Flask
    browser: FlaskClient

    def go(self, **query: str) -> Request:
        """What the service sends the browser to the provider with."""
        answer = self.browser.get("/login/provider", query_string=query)
        assert answer.status_code == 302, answer.text
        return Request.of(answer.location)

    def post(self, answer: str, browser: FlaskClient | None = None) -> TestResponse:
        """Come back with an answer, as browsers do: without our cookies to the post, with them to where it leads."""
        stranger = self.app.test_client()
        posted = stranger.post("/login/provider/back", data={"SAMLResponse": answer}, headers={"Origin": ENTITY})
        if posted.status_code != 303:
            return posted
        vouched = stranger.get_cookie("raceway_vouched", path="/login/provider/back")
        assert vouched is not None and posted.location == "/login/provider/back" and vouched.http_only
        browser = browser or self.browser
        browser.set_cookie("raceway_vouched", vouched.value, path="/login/provider/back")
        return browser.get(posted.location)

    def log_in(self, email: str, *, query: dict[str, str] | None = None, **changes: Any) -> TestResponse:
        return self.post(Answer.to(self.go(**query or {}), ENTITY, email, **changes).encoded())

    def who(self) -> str:
        """The account of whose session the browser has; empty without one."""
        found = self.browser.get("/account")
        return found.text if found.status_code == 200 else ""


@dataclass
class Start:
    """Starts services with a file of metadata: the provider's own, or ``text``.

    Most tests share one of the usual kind: to make an application takes longer than to log in to it.
    """

    config: Config
    folder: Path
    _usual: Flask | None = None

    def __call__(self, text: str = "", **environment: str) -> SignOn:
        if text or environment:
            app = self._make(text or metadata(ENTITY, LOGIN), environment)
        else:
            app = self._usual = self._usual or self._make(metadata(ENTITY, LOGIN), {})
        return SignOn(app, app.test_client())

    def _make(self, text: str, environment: dict[str, str]) -> Flask:
        place = self.folder / f"{uuid4()}.xml"
        place.write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"RACEWAY_SAML_METADATA": str(place), **environment}.items():
                patch.setenv(name, value)
            return create_app(replace(self.config, public_url=SERVICE))


@pytest.fixture(scope="module")
def sign_on(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Start:
    return Start(config, tmp_path_factory.mktemp("providers"))
