"""A login by SAML in a real browser: the provider's page is another site, whose form brings none of our cookies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask import request

from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config
from service.embedded.server import free_port
from tests.service.address import at_address
from tests.service.browser import Browser
from tests.service.saml_provider import SamlServer, metadata, serving_saml
from tests.service.studio import StudioUnderTest


@pytest.fixture
def provider() -> Iterator[SamlServer]:
    with serving_saml() as server:
        yield server


@pytest.fixture
def posts() -> list[dict[str, str]]:
    """The cookies that came with each form."""
    return []


@pytest.fixture
def address(
    config: Config,
    provider: SamlServer,
    posts: list[dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    place = tmp_path / "provider.xml"
    place.write_text(metadata(provider.url, f"{provider.url}/login"))
    monkeypatch.setenv("RACEWAY_SAML_METADATA", str(place))
    monkeypatch.setenv("RACEWAY_SAML_NAME", "Studio Login")
    port = free_port()
    app = create_app(replace(config, public_url=f"http://127.0.0.1:{port}"))

    @app.before_request
    def note() -> None:
        if request.method == "POST":
            posts.append(dict(request.cookies))

    with at_address(app, port) as address:
        yield address


def test_people_come_back_from_another_site_and_go_on(
    studio: StudioUnderTest, provider: SamlServer, address: str, posts: list[dict[str, str]], window: Browser
) -> None:
    window.open(f"{address}/projects?sort=-name")
    # What somebody else has begun, to log this browser in under their name.
    provider.email = studio.email(Role.TENANT_ADMIN)
    begun = requests.get(f"{address}/login/provider", allow_redirects=False, timeout=20).headers["Location"]
    window.open(begun)
    window.until(lambda: "did not begin that login" in window.text("main"))
    window.open(f"{address}/projects?sort=-name")
    window.until(lambda: window.text(".provider"))
    provider.email = studio.email(Role.ARTIST)
    window.click(".provider a")
    window.until(lambda: window.run("return location.href") == f"{address}/projects?sort=-name")
    window.open(f"{address}/account")
    window.until(lambda: studio.email(Role.ARTIST) in window.run("return document.documentElement.outerHTML"))
    assert urlsplit(provider.url).hostname != urlsplit(address).hostname
    assert posts == [{}, {}], "browsers keep our cookies from such posts"
