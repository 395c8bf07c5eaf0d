"""The web pages as a browser reads them: what stands there, that nothing can be injected, and what they cost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import event

from service.database import db, tenant_session
from service.models import Asset, CadFile, Comment, Conversion, MediaAsset, Part, Task, TenantRow
from service.pages import error_page, formats
from shared.errors import RacewayError
from shared.jobs import JobState
from tests.service.exhibits import EVIL, Exhibits, add_rows, make_job, make_publish
from tests.service.page import Page
from tests.service.studio import StudioUnderTest
from tests.service.world import World

MOST_ALIKE = 8
"""Addresses that differ only by the values of their parameters, of which the links are followed."""


def test_every_link_of_every_page_leads_somewhere(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    waiting, seen = ["/"], set[str]()
    alike: Counter[tuple[str, ...]] = Counter()
    while waiting:
        address = waiting.pop(0)
        if address in seen or not address.startswith("/"):
            continue
        # The pages of a calendar lead to one another without end.
        path, _, query = address.partition("?")
        form = (path, *sorted(parse_qs(query)))
        if query and alike[form] >= MOST_ALIKE:
            continue
        alike[form] += 1
        seen.add(address)
        answer = browser.get(address, follow_redirects=True)
        if not address.endswith("/log"):  # no tool ran here, so the API has no log to give
            assert answer.status_code == 200, address
        if answer.mimetype == "text/html" and not address.startswith("/api"):
            page = Page(answer)
            assert not page.inline, address
            waiting += [link.partition("#")[0] for link in page.links]
    assert {f"/assets/{exhibits.ids['empty']}", f"/jobs/{exhibits.ids['failed']}", "/pages/static/raceway.js"} <= seen


def test_parts_tell_their_material_and_where_it_came_from(exhibits: Exhibits) -> None:
    answer = exhibits.studio.browser().get(f"/assets/{exhibits.ids['asset']}")
    text = Page(answer).text
    assert "1 of 4 parts has no material" in text
    assert 'STEP material "Steel" is a library material' in text
    assert "Black rubber manual chosen by hand" in text
    assert "row/ball_2 Red plastic manual chosen by hand" in text
    assert "Ring is not closed." in text and "bearing.step" in text
    rows = re.findall(r'<tr (class="failed")? id="part-\w+" data-text="(\w+)', answer.text)
    assert rows[0] == ('class="failed"', "xj_47")
    assert [flag for flag, _ in rows[1:]] == ["", "", ""]


def test_parts_are_searched_on_the_server_too(exhibits: Exhibits) -> None:
    text = Page(exhibits.studio.browser().get(f"/assets/{exhibits.ids['asset']}?part=fallback")).text
    assert "1 part matches “fallback”" in text
    assert "XJ_47" in text and "row/ball_2" not in text


def test_publishes_show_who_when_and_where(exhibits: Exhibits) -> None:
    page = exhibits.studio.browser().get(f"/assets/{exhibits.ids['asset']}")
    text = Page(page).text
    assert "look v001_i001 composed now artist" in text
    assert "bearing_v001_i001.blend" in text
    assert 'data-copy="demo/assets/bearing/usd/look/data/look_v001_i001.usd"' in page.text
    publish = Page(exhibits.studio.browser().get(f"/publishes/{exhibits.ids['publish']}")).text
    assert "demo/assets/bearing/usd/look/look.usd" in publish and "demo/assets/bearing/usd/bearing.usd" in publish


def test_an_asset_tells_what_it_composes_and_not_what_is_newest(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, *_ = [studio.publish(production) for _ in range(7)]
    lid = studio.publish(production, "lid")
    studio.admin.post(f"/publishes/{first['id']}/compose")
    studio.admin.post(f"/publishes/{lid['id']}/withdraw")
    text = Page(studio.browser().get(f"/assets/{production.asset['id']}")).text
    assert "Composes body v001_i001" in text and "Composes body v001_i001, lid" not in text
    assert "v007_i001 " in text and "v001_i001 composed now" in text


def test_jobs_show_their_device_error_and_worker(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    done = Page(browser.get(f"/jobs/{exhibits.ids['done']}")).text
    assert "CPU asked for auto; no GPU was found" in done
    failed = Page(browser.get(f"/jobs/{exhibits.ids['failed']}")).text
    assert "The converter crashed. Export again. process.crashed" in failed
    assert "worker-7" in Page(browser.get(f"/jobs/{exhibits.ids['running']}")).text
    assert "The converter crashed." in Page(browser.get("/jobs?state=failed")).text
    assert "Convert CAD" not in Page(browser.get("/jobs?state=completed")).text


def test_only_what_can_still_change_is_refreshed(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    for name, live in (("done", False), ("running", True)):
        fragment = browser.get(f"/jobs/{exhibits.ids[name]}?fragment=1")
        assert "<html" not in fragment.text
        assert ("data-refresh" in fragment.text) is live
    queue = browser.get("/jobs?state=failed&fragment=1")
    assert "/jobs?state=failed&amp;fragment=1" in queue.text and "<html" not in queue.text
    assert "data-reload" in browser.get(f"/assets/{exhibits.ids['asset']}?fragment=1").text


def test_pictures_are_served_to_the_session(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    page = Page(browser.get(f"/assets/{exhibits.ids['asset']}"))
    address = f"/api/media/assets/{exhibits.ids['still']}/file"
    assert address in page.links
    assert browser.get(address).data == b"picture still"
    assert f"/api/media/assets/{exhibits.ids['thumbnail']}/file" in Page(browser.get("/")).links


def test_archived_pictures_are_marked(studio: StudioUnderTest) -> None:
    world, browser = World(studio), studio.browser()
    playlist = world.playlist()
    picture = playlist["items"][0]["media_id"]
    job = world.job()
    made = {
        "asset_type": "still",
        "mime_type": "image/png",
        "size": 9,
        "sha256": "0" * 64,
        "path": "x",
        "name": "x.png",
    }
    still = MediaAsset(id=uuid4(), job_id=UUID(job["id"]), **made)
    add_rows(studio, still)
    path = f"/playlists/{playlist['id']}"
    addresses = (path, f"{path}/items", "/playlists", f"/jobs/{job['id']}", f"/pictures/{picture}")
    for address in addresses:
        assert "archived" not in Page(browser.get(address)).text, address
    for media_id in (picture, still.id):
        assert studio.admin.post(f"/media/assets/{media_id}/archive").status == 200
    for address in addresses:
        assert "archived" in Page(browser.get(address)).text, address


def test_empty_pages_say_what_to_do_next(exhibits: Exhibits) -> None:
    text = Page(exhibits.studio.browser().get(f"/assets/{exhibits.ids['empty']}")).text
    assert "No CAD file yet" in text and "project=demo&asset=housing" in text
    assert "Nothing is published yet" in text and "raceway launcher" in text
    assert "No asset matches" in Page(exhibits.studio.browser().get("/?q=%25")).text


def test_a_missing_manifest_leaves_the_rest_of_the_page(exhibits: Exhibits) -> None:
    hidden = (exhibits.studio.root / "manifest.json").rename(exhibits.studio.root / "hidden.json")
    try:
        answer = exhibits.studio.browser().get(f"/assets/{exhibits.ids['asset']}")
    finally:
        hidden.rename(exhibits.studio.root / "manifest.json")
    assert answer.status_code == 200
    assert "The parts cannot be shown" in Page(answer).text and "v001_i001" in Page(answer).text


def test_a_conversion_tells_that_it_runs_or_why_it_failed(exhibits: Exhibits) -> None:
    asset = Asset(id=uuid4(), project_id=exhibits.ids["project"], name="converted")
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
    add_rows(exhibits.studio, *rows)
    browser = exhibits.studio.browser()
    newest = Page(browser.get(f"/assets/{asset.id}"))
    assert "converting.step is being converted" in newest.text
    (earlier,) = [link for link in newest.links if str(rows[2].id) in link and link.startswith("/assets")]
    assert "failed.step failed The kernel crashed. Export it again." in Page(browser.get(earlier)).text


# -- safety and cost


def test_text_of_a_cad_file_never_becomes_code(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    searches = (f"/assets/{{asset}}?part={EVIL}", f"/?q={EVIL}")
    for path in ("/assets/{asset}", "/publishes/{publish}", "/jobs/{done}", *searches):
        answer = browser.get(path.format(**exhibits.ids))
        assert answer.status_code == 200
        assert EVIL not in answer.text and "alert(" in unescape(answer.text)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/assets/{task}", 404),
        ("/logout", 405),
        ("/?q=%00", 400),
        ("/?page=-1&q=%FF", 200),
        ("/jobs?endpoint=x", 200),
        ("/notifications?endpoint=x", 200),
        ("/workflows?endpoint=x", 200),
    ],
)
def test_wrong_addresses_are_answered_by_a_page(exhibits: Exhibits, path: str, status: int) -> None:
    answer = exhibits.studio.browser().get(path.format(**exhibits.ids))
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert ("Go to the overview" in Page(answer).text) is (status >= 400)


def test_a_defect_has_a_page(exhibits: Exhibits) -> None:
    with exhibits.app.test_request_context("/somewhere"):
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


_COUNTED = ("/", "/jobs", "/assets/{asset}", "/tasks/{task}", "/publishes/{publish}")


def test_the_number_of_statements_does_not_grow_with_the_rows(exhibits: Exhibits) -> None:
    browser = exhibits.studio.browser()
    paths = [path.format(**exhibits.ids) for path in _COUNTED]

    def costs() -> list[int]:
        found = []
        for path in paths:
            with _counted(exhibits.app) as count:
                assert browser.get(path).status_code == 200
                found.append(count())
        return found

    browser.get("/")  # notes that the session's token was used, once a minute
    few = costs()
    with exhibits.app.app_context(), tenant_session(exhibits.studio.tenant_id) as current:
        asset = current.get_one(Asset, (exhibits.studio.tenant_id, exhibits.ids["asset"]))
        part = current.get_one(Part, (exhibits.studio.tenant_id, exhibits.ids["part"]))
        task = current.get_one(Task, (exhibits.studio.tenant_id, exhibits.ids["task"]))
        current.add_all(make_publish(part, task, version) for version in range(2, 22))
        for about in ({"task_id": task.id}, {"publish_id": exhibits.ids["publish"]}):
            current.add_all(Comment(author_id=UUID(task.assignee_ids[0]), text=EVIL, **about) for _ in range(20))
        current.add_all(make_job("still", JobState.COMPLETED, asset) for _ in range(20))
        current.add_all(Asset(project_id=exhibits.ids["project"], name=f"other{index}") for index in range(20))
    assert all(now <= before for now, before in zip(costs(), few, strict=True))
    assert max(few) <= 21


# -- formats


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.25, "4.2 s"), (31, "31 s"), (59.96, "1 min 00 s"), (185.4, "3 min 05 s"), (7260, "2 h 01 min")],
)
def test_durations(value: float, text: str) -> None:
    assert formats.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (1_900_000, "1.9 MB")])
def test_sizes(value: int, text: str) -> None:
    assert formats.size(value) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("look: https://example.com/a?b=1&c=2.", "https://example.com/a?b=1&amp;c=2"),
        ("(http://localhost:8430/tasks/1)", "http://localhost:8430/tasks/1"),
        ('https://example.com/"onclick=x', "https://example.com/"),
    ],
)
def test_web_addresses_in_what_people_write_are_links(text: str, address: str) -> None:
    link = f'<a href="{address}" rel="noopener" target="_blank">{address}</a>'
    assert link in formats.linked(text)


@pytest.mark.parametrize("text", ["<b>bold</b> & more", "javascript:alert(1)", "@anna@studio.example", "https://"])
def test_other_text_that_people_write_stays_text(text: str) -> None:
    assert "<" not in formats.linked(text) and formats.linked(text).unescape() == text
