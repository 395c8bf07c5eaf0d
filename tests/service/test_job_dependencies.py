"""Jobs that wait for others: begun after them, and cancelled with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from service.database import db, tenant_session
from service.models import Job
from tests.service.conftest import Submit
from tests.service.farm import until
from tests.service.studio import Json, StudioUnderTest, work
from tests.service.test_render_jobs import shown, take_next, tasks

pytestmark = pytest.mark.usefixtures("quiet_queue", "stand_ins")


def test_jobs_wait_for_those_they_depend_on(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    first, second = submit("still"), submit("still")
    last = submit("turntable", frames=2, depends_on=[first["id"], second["id"]])
    assert last["state"] == "pending" and {task["state"] for task in tasks(studio, last)} == {"pending"}
    listed = studio.artist.get(f"/jobs/{last['id']}/dependencies").data
    assert {item["id"] for item in listed} == {first["id"], second["id"]}
    one = take_next(app, studio.tenant_id)
    assert one is not None
    with app.app_context():
        one.complete({}, lambda current: None)
    assert shown(studio, last)["state"] == "pending"
    work(app)
    assert shown(studio, last)["state"] == "completed"


def test_what_depends_on_a_cancelled_job_is_cancelled(studio: StudioUnderTest, submit: Submit) -> None:
    first = submit("still")
    second = submit("turntable", frames=2, depends_on=[first["id"]])
    third = submit("still", depends_on=[second["id"]])
    studio.artist.post(f"/jobs/{first['id']}/cancel")
    assert {shown(studio, job)["state"] for job in (first, second, third)} == {"cancelled"}
    refused = studio.artist.post(
        "/jobs/", {"kind": "still", "publish_id": first["publish_id"], "depends_on": [first["id"]]}
    )
    assert (refused.status, refused.error["code"]) == (409, "conflict.job_state")


def test_two_who_cancel_in_a_diamond_at_once_never_wait_for_each_other(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    top = submit("still")
    left, right = sorted((submit("still", depends_on=[top["id"]]) for _ in range(2)), key=lambda job: str(job["id"]))
    bottom = submit("still", depends_on=[left["id"], right["id"]])

    def cancel(job: Json) -> int:
        return studio.artist.post(f"/jobs/{job['id']}/cancel").status

    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with (
        app.app_context(),
        ThreadPoolExecutor(2) as pool,
        db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looking,
    ):
        with tenant_session(studio.tenant_id) as beside:
            beside.execute(select(Job.id).where(Job.id == UUID(bottom["id"])).with_for_update())
            above = pool.submit(cancel, top)
            until(lambda: looking.scalar(waiting) >= 1)
            beneath = pool.submit(cancel, right)
            until(lambda: looking.scalar(waiting) >= 2)
        assert above.result() == 200 and beneath.result() in (200, 409)
    assert {shown(studio, job)["state"] for job in (top, left, right, bottom)} == {"cancelled"}
