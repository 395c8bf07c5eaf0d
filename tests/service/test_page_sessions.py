"""Who gets to see the pages: logging in and out in a browser, forms of other sites, other tenants and roles."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.accounts import auth
from service.accounts.permissions import Role
from tests.service.exhibits import Exhibits
from tests.service.page import Page
from tests.service.studio import PASSWORD, StudioUnderTest


@pytest.mark.parametrize("path", ["/", "/jobs", "/assets/{asset}", "/publishes/{publish}", "/jobs/{done}"])
def test_without_a_session_there_is_only_the_login(exhibits: Exhibits, path: str) -> None:
    address = path.format(**exhibits.ids)
    answer = exhibits.app.test_client().get(address)
    assert answer.status_code == 401
    assert f'name="next" value="{address}"' in answer.text
    assert "bearing" not in Page(answer).text


def test_a_token_in_the_address_becomes_a_session(exhibits: Exhibits) -> None:
    browser = exhibits.app.test_client()
    answer = browser.get("/jobs", query_string={"state": "open", "token": exhibits.studio.tokens[Role.ARTIST]})
    assert (answer.status_code, answer.location) == (303, "/jobs?state=open")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and exhibits.studio.tokens[Role.ARTIST] not in cookie
    assert browser.get(answer.location).status_code == 200


def test_a_token_given_to_the_login_leads_to_the_first_page(exhibits: Exhibits) -> None:
    answer = exhibits.app.test_client().get("/login", query_string={"token": exhibits.studio.tokens[Role.ARTIST]})
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_wrong_token_gives_no_session(exhibits: Exhibits) -> None:
    answer = exhibits.app.test_client().get("/jobs?token=rw_guessed&state=open")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "wrong or revoked" in Page(answer).text
    assert "rw_guessed" not in answer.text


def test_login_leads_back_to_the_page_that_was_asked_for(exhibits: Exhibits) -> None:
    browser = exhibits.app.test_client()
    wanted = f"/assets/{exhibits.ids['asset']}"
    form = {"email": exhibits.studio.email(Role.ARTIST), "password": PASSWORD, "next": wanted}
    answer = browser.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, wanted)
    assert "Log out" in Page(browser.get(wanted)).text


def test_a_wrong_password_keeps_the_form_filled(exhibits: Exhibits) -> None:
    form = {"email": exhibits.studio.email(Role.ARTIST), "password": "guess", "next": "/jobs"}
    answer = exhibits.app.test_client().post("/login", data=form)
    assert answer.status_code == 401
    assert f'value="{exhibits.studio.email(Role.ARTIST)}"' in answer.text and 'name="next" value="/jobs"' in answer.text
    assert "guess" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_forms_of_other_sites_are_refused(exhibits: Exhibits, path: str, headers: dict[str, str]) -> None:
    browser = exhibits.studio.browser()
    form = {"email": exhibits.studio.email(Role.ARTIST), "password": PASSWORD}
    answer = browser.post(path, data=form, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert browser.get("/").status_code == 200


def test_logout_ends_the_session_for_every_copy_of_its_cookie(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    cookie = browser.get_cookie(auth.COOKIE)
    assert cookie is not None
    assert browser.post("/logout", headers={"Origin": "http://localhost"}).status_code == 303
    assert browser.get_cookie(auth.COOKIE) is None
    copied = exhibits.app.test_client()
    copied.set_cookie(auth.COOKIE, cookie.value)
    assert copied.get("/").status_code == 401


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.one_of(
        # An address with a null character is refused as a whole.
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "/%5cevil"]),
        st.from_regex(r"/[/\\]?[a-z.@:]{0,10}", fullmatch=True),
    )
)
def test_nobody_is_sent_to_another_site(exhibits: Exhibits, target: str) -> None:
    answer = exhibits.app.test_client().get("/login", query_string={"next": target})
    match = re.search(r'name="next" value="([^"]*)"', answer.text)
    assert match
    kept = unescape(match[1])
    assert kept.startswith("/") and not kept.startswith("//") and "\\" not in kept and kept.isprintable()
    assert not urlsplit(kept).netloc


def test_a_client_sees_pictures_and_publishes_but_neither_cad_nor_jobs(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser(Role.CLIENT)
    page = Page(browser.get(f"/assets/{exhibits.ids['asset']}"))
    assert "look" in page.text and f"/api/media/assets/{exhibits.ids['still']}/file" in page.links
    assert "Parts and materials" not in page.text and "bearing.step" not in page.text
    assert not any(link.startswith("/jobs") for link in page.links)
    answer = browser.get("/jobs")
    assert answer.status_code == 403
    assert "client" in Page(answer).text


def test_another_tenants_rows_are_not_there(exhibits: Exhibits, other_studio: StudioUnderTest) -> None:
    browser = exhibits.app.test_client()
    browser.get("/", query_string={"token": other_studio.tokens[Role.GLOBAL_ADMIN]})
    assert "bearing" not in Page(browser.get("/")).text
    assert "No jobs yet" in Page(browser.get("/jobs")).text
    for path in ("/assets/{asset}", "/publishes/{publish}", "/jobs/{done}", "/api/media/assets/{still}/file"):
        assert browser.get(path.format(**exhibits.ids)).status_code == 404
