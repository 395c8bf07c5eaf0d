"""The web pages as a browser reads them: who may see what, what stands there, and that nothing can be injected."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from werkzeug.test import TestResponse

from service.accounts import auth
from service.accounts.permissions import Role
from service.database import db, tenant_session
from service.models import Asset, CadFile, Conversion, Part, Task, TenantRow
from service.pages import error_page, formats
from service.pages.parts import PLACE_LIMIT, ROW_LIMIT, parts_table
from shared.errors import RacewayError
from shared.jobs import JobState
from shared.manifest import EffectiveMaterial
from shared.material_library import LIBRARY
from tests.service.exhibits import EVIL, Exhibits, add_rows, make_exhibits, make_job, make_publish
from tests.service.studio import PASSWORD, StudioUnderTest
from tests.shared.parts import make_manifest, make_part


@pytest.fixture(scope="module")
def shown(app: Flask) -> Exhibits:
    """A tenant whose rows the tests look at and leave as they are."""
    return make_exhibits(app)


class Page(HTMLParser):
    """What the tests ask of a page: its text, its links, and what could run in a browser."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self._words: list[str] = []
        self._script = False
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._script = tag == "script"
        self.links += [link for name in ("href", "src", "data-refresh") if (link := values.get(name))]
        self.inline += [f"{tag} {name}" for name in values if name == "style" or name.startswith("on")]
        if (tag == "script" and "src" not in values) or tag == "style":
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._script:
            self._words.append(data)


# -- who may see what


@pytest.mark.parametrize("path", ["/", "/jobs", "/assets/{asset}", "/publishes/{publish}", "/jobs/{done}"])
def test_without_a_session_there_is_only_the_login(shown: Exhibits, path: str) -> None:
    address = path.format(**shown.ids)
    answer = shown.app.test_client().get(address)
    assert answer.status_code == 401
    assert f'name="next" value="{address}"' in answer.text
    assert "bearing" not in Page(answer).text


def test_a_token_in_the_address_becomes_a_session(shown: Exhibits) -> None:
    browser = shown.app.test_client()
    answer = browser.get("/jobs", query_string={"state": "open", "token": shown.studio.tokens[Role.ARTIST]})
    assert (answer.status_code, answer.location) == (303, "/jobs?state=open")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and shown.studio.tokens[Role.ARTIST] not in cookie
    assert browser.get(answer.location).status_code == 200


def test_a_token_given_to_the_login_leads_to_the_first_page(shown: Exhibits) -> None:
    answer = shown.app.test_client().get("/login", query_string={"token": shown.studio.tokens[Role.ARTIST]})
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_wrong_token_gives_no_session(shown: Exhibits) -> None:
    answer = shown.app.test_client().get("/jobs?token=rw_guessed&state=open")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "wrong or revoked" in Page(answer).text
    assert "rw_guessed" not in answer.text


def test_login_leads_back_to_the_page_that_was_asked_for(shown: Exhibits) -> None:
    browser = shown.app.test_client()
    wanted = f"/assets/{shown.ids['asset']}"
    form = {"email": shown.studio.email(Role.ARTIST), "password": PASSWORD, "next": wanted}
    answer = browser.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, wanted)
    assert "Log out" in Page(browser.get(wanted)).text


def test_a_wrong_password_keeps_the_form_filled(shown: Exhibits) -> None:
    form = {"email": shown.studio.email(Role.ARTIST), "password": "guess", "next": "/jobs"}
    answer = shown.app.test_client().post("/login", data=form)
    assert answer.status_code == 401
    assert f'value="{shown.studio.email(Role.ARTIST)}"' in answer.text and 'name="next" value="/jobs"' in answer.text
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
def test_forms_of_other_sites_are_refused(shown: Exhibits, path: str, headers: dict[str, str]) -> None:
    browser = shown.studio.browser()
    form = {"email": shown.studio.email(Role.ARTIST), "password": PASSWORD}
    answer = browser.post(path, data=form, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert browser.get("/").status_code == 200


def test_logout_ends_the_session_for_every_copy_of_its_cookie(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    cookie = browser.get_cookie(auth.COOKIE)
    assert cookie is not None
    assert browser.post("/logout", headers={"Origin": "http://localhost"}).status_code == 303
    assert browser.get_cookie(auth.COOKIE) is None
    copied = shown.app.test_client()
    copied.set_cookie(auth.COOKIE, cookie.value)
    assert copied.get("/").status_code == 401


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.one_of(
        # An address with a null character is refused as a whole.
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "/%5cevil"]),
        st.from_regex(r"/[/\\]?[a-z.@:]{0,10}", fullmatch=True),
    )
)
def test_nobody_is_sent_to_another_site(shown: Exhibits, target: str) -> None:
    answer = shown.app.test_client().get("/login", query_string={"next": target})
    match = re.search(r'name="next" value="([^"]*)"', answer.text)
    assert match
    kept = unescape(match[1])
    assert kept.startswith("/") and not kept.startswith("//") and "\\" not in kept and kept.isprintable()
    assert not urlsplit(kept).netloc


def test_a_client_sees_pictures_and_publishes_but_neither_cad_nor_jobs(shown: Exhibits) -> None:
    browser = shown.studio.browser(Role.CLIENT)
    page = Page(browser.get(f"/assets/{shown.ids['asset']}"))
    assert "look" in page.text and f"/api/media/assets/{shown.ids['still']}/file" in page.links
    assert "Parts and materials" not in page.text and "bearing.step" not in page.text
    assert not any(link.startswith("/jobs") for link in page.links)
    answer = browser.get("/jobs")
    assert answer.status_code == 403
    assert "client" in Page(answer).text


def test_another_tenants_rows_are_not_there(shown: Exhibits, other_studio: StudioUnderTest) -> None:
    browser = shown.app.test_client()
    browser.get("/", query_string={"token": other_studio.tokens[Role.GLOBAL_ADMIN]})
    assert "bearing" not in Page(browser.get("/")).text
    assert "No jobs yet" in Page(browser.get("/jobs")).text
    for path in ("/assets/{asset}", "/publishes/{publish}", "/jobs/{done}", "/api/media/assets/{still}/file"):
        assert browser.get(path.format(**shown.ids)).status_code == 404


# -- what stands there


def test_every_link_of_every_page_leads_somewhere(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    waiting, seen = ["/"], set[str]()
    while waiting:
        address = waiting.pop()
        if address in seen or not address.startswith("/"):
            continue
        seen.add(address)
        answer = browser.get(address, follow_redirects=True)
        if not address.endswith("/log"):  # no tool ran here, so the API has no log to give
            assert answer.status_code == 200, address
        if answer.mimetype == "text/html" and not address.startswith("/api"):
            page = Page(answer)
            assert not page.inline, address
            waiting += [link.partition("#")[0] for link in page.links]
    assert {f"/assets/{shown.ids['empty']}", f"/jobs/{shown.ids['failed']}", "/pages/static/raceway.js"} <= seen


def test_parts_tell_their_material_and_where_it_came_from(shown: Exhibits) -> None:
    answer = shown.studio.browser().get(f"/assets/{shown.ids['asset']}")
    text = Page(answer).text
    assert "1 of 4 parts has no material" in text
    assert 'STEP material "Steel" is a library material' in text
    assert "Black rubber manual chosen by hand" in text
    assert "row/ball_2 Red plastic manual chosen by hand" in text
    assert "Ring is not closed." in text and "bearing.step" in text
    rows = re.findall(r'<tr (class="failed")? id="part-\w+" data-text="(\w+)', answer.text)
    assert rows[0] == ('class="failed"', "xj_47")
    assert [flag for flag, _ in rows[1:]] == ["", "", ""]


def test_parts_are_searched_on_the_server_too(shown: Exhibits) -> None:
    text = Page(shown.studio.browser().get(f"/assets/{shown.ids['asset']}?part=fallback")).text
    assert "1 part matches “fallback”" in text
    assert "XJ_47" in text and "row/ball_2" not in text


def test_publishes_show_who_when_and_where(shown: Exhibits) -> None:
    page = shown.studio.browser().get(f"/assets/{shown.ids['asset']}")
    text = Page(page).text
    assert "look v001_i001 composed now artist" in text
    assert "bearing_v001_i001.blend" in text
    assert 'data-copy="demo/assets/bearing/usd/look/data/look_v001_i001.usd"' in page.text
    publish = Page(shown.studio.browser().get(f"/publishes/{shown.ids['publish']}")).text
    assert "demo/assets/bearing/usd/look/look.usd" in publish and "demo/assets/bearing/usd/bearing.usd" in publish


def test_jobs_show_their_device_error_and_worker(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    done = Page(browser.get(f"/jobs/{shown.ids['done']}")).text
    assert "CPU asked for auto; no GPU was found" in done
    failed = Page(browser.get(f"/jobs/{shown.ids['failed']}")).text
    assert "The converter crashed. Export again. process.crashed" in failed
    assert "worker-7" in Page(browser.get(f"/jobs/{shown.ids['running']}")).text
    assert "The converter crashed." in Page(browser.get("/jobs?state=failed")).text
    assert "Convert CAD" not in Page(browser.get("/jobs?state=completed")).text


def test_only_what_can_still_change_is_refreshed(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    for name, live in (("done", False), ("running", True)):
        fragment = browser.get(f"/jobs/{shown.ids[name]}?fragment=1")
        assert "<html" not in fragment.text
        assert ("data-refresh" in fragment.text) is live
    queue = browser.get("/jobs?state=failed&fragment=1")
    assert "/jobs?state=failed&amp;fragment=1" in queue.text and "<html" not in queue.text
    assert "data-reload" in browser.get(f"/assets/{shown.ids['asset']}?fragment=1").text


def test_pictures_are_served_to_the_session(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    page = Page(browser.get(f"/assets/{shown.ids['asset']}"))
    address = f"/api/media/assets/{shown.ids['still']}/file"
    assert address in page.links
    assert browser.get(address).data == b"picture still"
    assert f"/api/media/assets/{shown.ids['thumbnail']}/file" in Page(browser.get("/")).links


def test_empty_pages_say_what_to_do_next(shown: Exhibits) -> None:
    text = Page(shown.studio.browser().get(f"/assets/{shown.ids['empty']}")).text
    assert "No CAD file yet" in text and "project=demo&asset=housing" in text
    assert "Nothing is published yet" in text and "raceway launcher" in text
    assert "No asset matches" in Page(shown.studio.browser().get("/?q=%25")).text


def test_a_missing_manifest_leaves_the_rest_of_the_page(shown: Exhibits) -> None:
    hidden = (shown.studio.root / "manifest.json").rename(shown.studio.root / "hidden.json")
    try:
        answer = shown.studio.browser().get(f"/assets/{shown.ids['asset']}")
    finally:
        hidden.rename(shown.studio.root / "manifest.json")
    assert answer.status_code == 200
    assert "The parts cannot be shown" in Page(answer).text and "v001_i001" in Page(answer).text


def test_a_conversion_tells_that_it_runs_or_why_it_failed(shown: Exhibits) -> None:
    asset = Asset(id=uuid4(), project_id=shown.ids["project"], name="converted")
    crash = {"code": "process.crashed", "message": "The kernel crashed.", "hint": "Export it again.", "fields": {}}
    rows: list[TenantRow] = [asset]
    for revision, (state, error) in enumerate((("failed", crash), ("converting", None)), start=1):
        conversion = Conversion(
            id=uuid4(), sha256="ef" * 32, settings_key=state, settings={}, source_path="x", state=state, error=error
        )
        cad = CadFile(
            id=uuid4(),
            asset_id=asset.id,
            conversion_id=conversion.id,
            filename=f"{state}.step",
            size=1,
            lineage="converted",
            revision=revision,
            created_at=datetime.now(UTC) + timedelta(seconds=revision),
        )
        rows += [conversion, cad]
    add_rows(shown.studio, *rows)
    browser = shown.studio.browser()
    newest = Page(browser.get(f"/assets/{asset.id}"))
    assert "converting.step is being converted" in newest.text
    (earlier,) = [link for link in newest.links if str(rows[2].id) in link and link.startswith("/assets")]
    assert "failed.step failed The kernel crashed. Export it again." in Page(browser.get(earlier)).text


# -- safety and cost


def test_text_of_a_cad_file_never_becomes_code(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    searches = (f"/assets/{{asset}}?part={EVIL}", f"/?q={EVIL}")
    for path in ("/assets/{asset}", "/publishes/{publish}", "/jobs/{done}", *searches):
        answer = browser.get(path.format(**shown.ids))
        assert answer.status_code == 200
        assert EVIL not in answer.text and "alert(" in unescape(answer.text)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/assets/{task}", 404), ("/logout", 405), ("/?q=%00", 400), ("/?page=-1&q=%FF", 200)],
)
def test_wrong_addresses_are_answered_by_a_page(shown: Exhibits, path: str, status: int) -> None:
    answer = shown.studio.browser().get(path.format(**shown.ids))
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert ("Go to the overview" in Page(answer).text) is (status >= 400)


def test_a_defect_has_a_page(shown: Exhibits) -> None:
    with shown.app.test_request_context("/somewhere"):
        answer = error_page(RacewayError("The service met an error of its own.", hint="Report it."))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.get_data(as_text=True)


@contextmanager
def _counted(app: Flask) -> Iterator[Callable[[], int]]:
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield lambda: len(statements)
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_the_rows(shown: Exhibits) -> None:
    browser = shown.studio.browser()
    paths = [path.format(**shown.ids) for path in ("/", "/jobs", "/assets/{asset}", "/publishes/{publish}")]

    def costs() -> list[int]:
        found = []
        for path in paths:
            with _counted(shown.app) as count:
                assert browser.get(path).status_code == 200
                found.append(count())
        return found

    browser.get("/")  # notes that the session's token was used, once a minute
    few = costs()
    with shown.app.app_context(), tenant_session(shown.studio.tenant_id) as current:
        asset = current.get_one(Asset, (shown.studio.tenant_id, shown.ids["asset"]))
        part = current.get_one(Part, (shown.studio.tenant_id, shown.ids["part"]))
        task = current.get_one(Task, (shown.studio.tenant_id, shown.ids["task"]))
        current.add_all(make_publish(part, task, version) for version in range(2, 22))
        current.add_all(make_job("still", JobState.COMPLETED, asset) for _ in range(20))
        current.add_all(Asset(project_id=shown.ids["project"], name=f"other{index}") for index in range(20))
    assert all(now <= before for now, before in zip(costs(), few, strict=True))
    assert max(few) <= 16


# -- the parts table and the formats


def _worn(name: str, layer: str = "auto") -> EffectiveMaterial:
    return EffectiveMaterial(name, layer, "because")  # type: ignore[arg-type]


def test_a_large_assembly_shows_its_unresolved_parts_first_and_counts_all() -> None:
    parts = [
        dataclasses.replace(make_part(f"P{index}", f"Part {index}"), material=_worn("Steel"))
        for index in range(ROW_LIMIT + 50)
    ]
    parts[-1] = dataclasses.replace(parts[-1], material=_worn("FailedMaterial", "fallback"))
    table = parts_table(make_manifest(*parts), LIBRARY)
    assert (table.total, table.matching, len(table.rows)) == (ROW_LIMIT + 50, ROW_LIMIT + 50, ROW_LIMIT)
    assert table.rows[0].failed and table.failed == 1
    assert parts_table(make_manifest(*parts), LIBRARY, f"part {ROW_LIMIT + 10}").matching == 1


def test_occurrences_with_their_own_material_are_never_among_the_unlisted() -> None:
    places = dict.fromkeys(f"row/{index}" for index in range(PLACE_LIMIT + 5))
    part = make_part("Ball", "Ball", occurrences=places)
    last = dataclasses.replace(part.occurrences[-1], material=_worn("Brass", "manual"))
    part = dataclasses.replace(part, material=_worn("Steel"), occurrences=(*part.occurrences[:-1], last))
    (row,) = parts_table(make_manifest(part), LIBRARY).rows
    assert row.places[0].worn is not None and row.places[0].worn.label == "Brass"
    assert (row.own_materials, row.unlisted) == (1, 5)


def test_a_material_that_left_the_library_is_shown_by_its_name() -> None:
    part = dataclasses.replace(make_part("Ball", "Ball"), material=_worn("Unobtainium", "manual"))
    (row,) = parts_table(make_manifest(part), LIBRARY).rows
    assert (row.worn.label, row.worn.layer, row.failed) == ("Unobtainium", "manual", False)


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.25, "4.2 s"), (31, "31 s"), (59.96, "1 min 00 s"), (185.4, "3 min 05 s"), (7260, "2 h 01 min")],
)
def test_durations(value: float, text: str) -> None:
    assert formats.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (1_900_000, "1.9 MB")])
def test_sizes(value: int, text: str) -> None:
    assert formats.size(value) == text
