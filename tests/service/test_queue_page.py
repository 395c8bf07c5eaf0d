"""The pages of the queue and of a job: who has which buttons, and renders submitted from the form."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import delete

from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import Worker
from service.pages import new_render
from tests.service.conftest import Submit
from tests.service.page import Page
from tests.service.studio import StudioUnderTest
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("quiet_queue")


def test_buttons_are_for_those_who_may_and_refusals_are_told(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    job = submit("turntable", frames=4, chunk=2)
    worker = uuid4()
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        values = {"name": "node7", "host": "node7", "pid": 1, "queues": ["default"], "state": "up"}
        current.add(Worker(id=worker, **values))
    artist, manager = (studio.browser(role) for role in (Role.ARTIST, Role.PROJECT_MANAGER))
    assert "/queues/render/pause" not in artist.get("/jobs").text and "node7" in artist.get("/jobs").text
    assert artist.post("/queues/render/pause").status_code == 403
    assert f"/workers/{worker}/rest" not in manager.get("/jobs").text
    assert manager.post(f"/workers/{worker}/drain").status_code == 403
    assert manager.post("/queues/render/pause").status_code == 303
    assert "The queue render is paused." in artist.get(f"/jobs/{job['id']}").text
    assert manager.post("/queues/render/resume").status_code == 303
    for wrong in ("1000", "9" * 5000):
        assert artist.post(f"/jobs/{job['id']}/priority?to=queue&page=1", data={"priority": wrong}).status_code == 303
        assert "A priority is a number from 0 to 100." in artist.get("/jobs").text
    studio.artist.post(f"/jobs/{job['id']}/cancel")
    assert artist.post(f"/jobs/{job['id']}/pause?to=queue").status_code == 303
    assert "has ended: it is cancelled" in artist.get("/jobs").text
    assert "has ended" not in artist.get("/jobs").text, "it is said once"
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(delete(Worker).where(Worker.id == worker))


def test_a_render_is_submitted_from_the_page(studio: StudioUnderTest, publish_id: str) -> None:
    artist = studio.browser()
    page = artist.get("/jobs").text
    assert f'<option value="publish_id:{publish_id}">gear (' in page and "<option >stage</option>" in page
    subject = f"publish_id:{publish_id}"
    form = {"subject": subject, "preset": "preview", "lighting": "studio", "camera": "framed", "priority": "70"}
    sent = artist.post("/jobs/new", data={**form, "kind": "turntable", "frames": "12"})
    job = studio.artist.get(f"/jobs/{sent.location.rpartition('/')[2]}").data
    assert (job["kind"], job["priority"], job["request"]["turn_frames"]) == ("turntable", 70, 12)
    assert (job["request"]["lighting"], job["request"]["camera"]) == ("studio", "framed")
    many = {"kind": "turntable", "frames": "9" * 5000}
    for wrong in (many, {"kind": "frames"}, {"kind": "still", "camera": "hero"}, {"kind": "opera"}):
        assert artist.post("/jobs/new", data={**form, **wrong}).location == "/jobs"
        assert 'role="alert"' in artist.get("/jobs").text
    assert "New render" not in studio.browser(Role.CLIENT).get("/jobs").text


def test_jobs_of_one_kind_are_told_apart_by_what_was_asked(studio: StudioUnderTest, publish_id: str) -> None:
    for asked in (
        {"width": 320, "height": 200},
        {"width": 320, "height": 200, "camera": "/gear/cameras/hero", "format": "exr"},
        {"kind": "turntable", "frames": 8, "samples": 256},
    ):
        assert studio.artist.post("/jobs/", {"kind": "still", "publish_id": publish_id, **asked}).status == 201
    asset = studio.artist.get("/jobs/").data["items"][0]["asset_id"]
    for page in ("/jobs", f"/assets/{asset}"):
        text = Page(studio.browser().get(page)).text.replace("\xa0", " ")
        assert "Render still body v001_i001 · 320 × 200 " in text, page
        assert "Render still body v001_i001 · /gear/cameras/hero · exr · 320 × 200 " in text, page
        assert "Render turntable body v001_i001 · frames 1-8 · samples 256 · 960 × 540 " in text, page


def test_a_cad_file_is_rendered_as_it_came(studio: StudioUnderTest) -> None:
    cad = World(studio).converted()
    artist = studio.browser()
    page = artist.get("/jobs").text
    assert f'<option value="cad_file_id:{cad["id"]}">gear: a.step, revision 1 ({cad["project"]})</option>' in page
    form = {"subject": f"cad_file_id:{cad['id']}", "kind": "still", "preset": "preview"}
    sent = artist.post("/jobs/new", data=form)
    job = studio.artist.get(f"/jobs/{sent.location.rpartition('/')[2]}").data
    assert (job["kind"], job["cad_file_id"]) == ("still", cad["id"])


def test_the_page_offers_every_asset_that_is_not_put_away(
    studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_render, "_SUBJECTS", 3)
    small, away, large = studio.production(), studio.production(), studio.production()
    studio.publish(small), studio.publish(away)
    parts = [studio.publish(large, f"part{number}") for number in range(4)]
    assert studio.admin.post(f"/assets/{away.asset['id']}/archive").status == 200
    page = studio.browser().get("/jobs").text
    offered = re.findall(r'<option value="publish_id:[0-9a-f-]{36}">([^<]+)', page)
    names = [f"{each.asset['name']} ({each.project['name']})" for each in (small, large)]
    assert set(names) <= set(offered) and len(offered) == len(set(offered))
    assert f"{away.asset['name']} ({away.project['name']})" not in offered
    assert parts[-1]["id"] in page and parts[0]["id"] not in page


def test_the_page_of_a_job_shows_its_tasks_and_has_its_buttons(studio: StudioUnderTest, submit: Submit) -> None:
    job = submit("turntable", frames=4, chunk=2)
    browser = studio.browser()
    page = browser.get(f"/jobs/{job['id']}").text
    assert page.count("state-queued") >= 3 and f"/jobs/{job['id']}/cancel" in page and "film" in page
    assert browser.post(f"/jobs/{job['id']}/priority", data={"priority": "80"}).status_code in (302, 303)
    assert browser.post(f"/jobs/{job['id']}/pause").status_code in (302, 303)
    changed = studio.artist.get(f"/jobs/{job['id']}").data
    assert (changed["priority"], changed["paused"]) == (80, True)
    assert browser.get("/jobs").text.count(f'href="/jobs/{job["id"]}"') == 1
