"""Jobs with tasks and frames: divided, ordered, retried, skipped, paused; done with stand-ins for the renderers."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.exc import IntegrityError

from service.database import db, tenant_session
from service.models import AuditRecord, Job, Tenant
from service.queue import jobs, queueing
from service.queue.queueing import QUEUES
from service.tasks import frames, recovery, runner
from service.tasks.lease import Lease, claim_next
from shared.errors import ProcessError, RacewayError
from shared.jobs import TRANSITIONS, JobDocument, JobState
from tests.service.conftest import Submit
from tests.service.studio import Json, StudioUnderTest, make_studio, work
from tests.service.test_publish_lists import published_of_shot

pytestmark = pytest.mark.usefixtures("quiet_queue", "stand_ins")


def shown(studio: StudioUnderTest, job: Json) -> Json:
    found: Json = studio.artist.get(f"/jobs/{job['id']}").data
    return found


def tasks(studio: StudioUnderTest, job: Json) -> list[Json]:
    found: list[Json] = studio.artist.get(f"/jobs/{job['id']}/tasks").data["items"]
    return found


def take_next(app: Flask, *tenants: UUID, able: tuple[str, ...] = (), worker_id: UUID | None = None) -> Lease | None:
    with app.app_context():
        return claim_next(worker_id or uuid4(), QUEUES, able, 30.0, threading.Event(), set(tenants))


def let_time_pass(app: Flask, studio: StudioUnderTest) -> None:
    """To the moment when what failed is tried again."""
    with app.app_context():
        with tenant_session(studio.tenant_id) as current:
            past = datetime.now(UTC) - timedelta(seconds=1)
            current.execute(update(Job).where(Job.not_before.is_not(None)).values(not_before=past))
        recovery.recover(studio.tenant_id, studio.root, queueing.bell(app))


def test_a_turntable_becomes_frames_and_a_film(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    job = submit("turntable", frames=5, chunk=2, width=64, height=36)
    assert [(task["name"], task["state"]) for task in tasks(studio, job)] == [
        ("1-2", "queued"),
        ("3-4", "queued"),
        ("5", "queued"),
        ("film", "pending"),
    ]
    work(app)
    done = shown(studio, job)
    assert (done["state"], done["progress"]["percent"]) == ("completed", 100.0)
    steps = done["document"]["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [("render", "completed"), ("encode", "completed")]
    assert all(step["started"] and step["completed"] and step["duration"] >= 0 and step["output"] for step in steps)
    assert done["document"]["result"]["device"] == {
        "requested": "auto",
        "used": "CPU",
        "why": "a stand-in has no GPU",
    }
    media = {medium["asset_type"]: medium for medium in done["media"]}
    assert media["film"]["mime_type"] == "video/mp4"
    film = (studio.root / media["film"]["path"]).read_text()
    assert film.splitlines() == [f"frame {number}" for number in range(1, 6)]
    found = studio.artist.get(f"/jobs/{job['id']}/frames").data["items"]
    assert [(frame["frame"], frame["state"]) for frame in found] == [(number, "completed") for number in range(1, 6)]
    assert not list((studio.root / ".jobs").glob(".tmp-*"))
    # Tasks are seen below their job only.
    assert studio.artist.get("/jobs/").data["total"] == 1
    assert (
        "stand-in begins"
        in studio.app.test_client()
        .get(f"/api/jobs/{job['id']}/log?lines=5", headers={"Authorization": f"Bearer {studio.artist.token}"})
        .text
    )


def test_a_crashed_chunk_renders_only_what_was_missing(
    app: Flask, studio: StudioUnderTest, submit: Submit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STAND_IN_MARKS", str(tmp_path))
    monkeypatch.setenv("STAND_IN_CRASH", "4")
    job = submit(frames="1-5", chunk=5)
    work(app)
    task = tasks(studio, job)[0]
    assert (task["state"], task["document"]["error"]["code"]) == ("queued", "render.crashed")
    assert datetime.fromisoformat(task["not_before"]) > datetime.now(UTC)
    rendered = studio.artist.get(f"/jobs/{job['id']}/frames").data["items"]
    assert [frame["attempt"] for frame in rendered] == [1, 1, 1, None, None]
    let_time_pass(app, studio)
    work(app)
    assert shown(studio, job)["state"] == "completed"
    rendered = studio.artist.get(f"/jobs/{job['id']}/frames").data["items"]
    assert [frame["attempt"] for frame in rendered] == [1, 1, 1, 2, 2]
    assert len(shown(studio, job)["media"]) == 5


def test_frames_that_always_fail_are_retried_or_skipped_by_people(
    app: Flask, studio: StudioUnderTest, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAIL", "2,5")
    job = submit("turntable", frames=6, chunk=1)
    for _ in range(3):
        work(app)
        let_time_pass(app, studio)
    failed = shown(studio, job)
    assert failed["state"] == "failed" and "2 of 7 tasks failed" in failed["document"]["error"]["message"]
    states = {task["name"]: task["state"] for task in tasks(studio, job)}
    assert (states["2"], states["5"], states["film"], states["1"]) == ("failed", "failed", "pending", "completed")
    second, fifth = (task for task in tasks(studio, job) if task["name"] in ("2", "5"))
    assert second["attempt"] == 3
    studio.artist.post(f"/jobs/{second['id']}/skip")
    monkeypatch.delenv("STAND_IN_FAIL")
    assert studio.artist.post(f"/jobs/{fifth['id']}/retry").data["state"] == "queued"
    assert shown(studio, job)["state"] == "queued"
    work(app)
    done = shown(studio, job)
    assert (done["state"], done["document"]["result"]["skipped"]) == ("completed", ["2"])
    film = next(medium for medium in done["media"] if medium["asset_type"] == "film")
    assert (studio.root / film["path"]).read_text().splitlines() == [f"frame {number}" for number in (1, 3, 4, 5, 6)]


def test_all_failed_tasks_are_retried_at_once(
    app: Flask, studio: StudioUnderTest, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAIL", "1,3")
    job = submit(frames="1-4", chunk=1)
    for _ in range(3):
        work(app)
        let_time_pass(app, studio)
    monkeypatch.delenv("STAND_IN_FAIL")
    studio.artist.post(f"/jobs/{job['id']}/retry")
    assert [task["state"] for task in tasks(studio, job)] == ["queued", "completed", "queued", "completed"]
    work(app)
    assert shown(studio, job)["state"] == "completed"
    assert studio.artist.post(f"/jobs/{job['id']}/retry").error["code"] == "conflict.job_state"


def test_a_worker_that_failed_three_times_gets_no_more_of_the_job(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    job = submit(frames="1-4", chunk=1)
    bad, good = uuid4(), uuid4()
    error = {"code": "render.crashed", "message": "It crashed.", "hint": "", "fields": {}}
    with app.app_context():
        for _ in range(3):
            lease = take_next(app, studio.tenant_id, worker_id=bad)
            assert lease is not None
            lease.try_again(error)
    assert take_next(app, studio.tenant_id, worker_id=bad) is None
    lease = take_next(app, studio.tenant_id, worker_id=good)
    assert lease is not None and str(lease.job.parent_id) == job["id"]


def test_the_highest_priority_comes_first(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    low, middle, late = submit("still", priority=10), submit("still"), submit("still", priority=10)
    studio.artist.patch(f"/jobs/{late['id']}", {"priority": 100})
    order = [take_next(app, studio.tenant_id) for _ in range(3)]
    assert [str(lease.job.id) for lease in order if lease] == [late["id"], middle["id"], low["id"]]
    assert studio.artist.post("/jobs/", {"kind": "still", "priority": 101}).status == 422


def test_tenants_take_turns(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    other = make_studio(app)
    for _ in range(3):
        submit("still", priority=100)
    published = other.publish(other.production())
    for _ in range(2):
        other.artist.post("/jobs/", {"kind": "still", "publish_id": published["id"]})
    both = (studio.tenant_id, other.tenant_id)
    taken = [lease.tenant_id for _ in range(4) if (lease := take_next(app, *both))]
    assert sorted(taken[:2], key=str) == sorted(both, key=str) == sorted(taken[2:], key=str)


def test_no_more_renders_run_than_the_tenant_may_have(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    for _ in range(8):
        submit("still")
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(Tenant).values(max_concurrent_renders=3))
    with ThreadPoolExecutor(8) as pool:
        taken = [lease for lease in pool.map(lambda _: take_next(app, studio.tenant_id), range(8)) if lease]
    assert len(taken) == 3
    with app.app_context():
        taken[0].complete({}, lambda current: None)
    assert take_next(app, studio.tenant_id) is not None
    assert take_next(app, studio.tenant_id) is None


def test_jobs_are_found_by_their_project(studio: StudioUnderTest) -> None:
    """Those of its assets, and those of its shots, which are of no asset."""
    film, other = studio.production(), studio.production()
    shot = published_of_shot(studio, film.project)
    jobs_of = {
        each["name"]: {studio.artist.post("/jobs/", {"kind": "still", "publish_id": published["id"]}).data["id"]}
        for each, published in ((each.project, studio.publish(each)) for each in (film, other))
    }
    frames_of_shot = {"kind": "frames", "frames": "1-4", "publish_id": shot["id"]}
    jobs_of[film.project["name"]].add(studio.artist.post("/jobs/", frames_of_shot).data["id"])
    for project, ids in jobs_of.items():
        found = studio.artist.get(f"/jobs/?project={project}").data
        assert ({job["id"] for job in found["items"]}, found["total"]) == (ids, len(ids))
    assert studio.artist.get(f"/jobs/?project={other.project['name']}&asset=gear&kind=still").data["total"] == 1
    assert studio.artist.get("/jobs/?project=nowhere").data["total"] == 0


def test_needs_are_met_by_capabilities(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    job = submit("still", device="gpu", needs=["blender-5.0"])
    assert job["needs"] == ["blender-5.0", "gpu"]
    assert take_next(app, studio.tenant_id, able=("gpu",)) is None
    bell = queueing.bell(app)
    heard = [
        name for name in queueing.bells_of(QUEUES, ("gpu", "blender-5.0")) if bell.is_ringing(name, UUID(job["id"]))
    ]
    assert heard == ["render+blender-5.0+gpu"]
    assert take_next(app, studio.tenant_id, able=("gpu", "blender-5.0")) is not None


def test_husk_runs_only_where_there_is_houdini(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    job = submit("husk", frames="1-4", chunk=2)
    assert (job["needs"], job["request"]["format"]) == (["houdini"], "exr")
    assert take_next(app, studio.tenant_id) is None
    for _ in range(2):
        lease = take_next(app, studio.tenant_id, able=("houdini",))
        assert lease is not None
        with app.app_context():
            # This machine has none, and that is what it says: nothing else renders in its place.
            lease.fail(JobState.FAILED, tried_here(app, studio, lease))
    assert "husk" in shown(studio, job)["document"]["error"]["message"]


def tried_here(app: Flask, studio: StudioUnderTest, lease: Lease) -> Json:
    with pytest.raises(RacewayError) as caught:
        frames.run(lease, app.extensions["raceway"], studio.root)
    return caught.value.to_json()


def test_a_queue_that_several_pause_at_once_is_paused_once(app: Flask, studio: StudioUnderTest) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: studio.admin.post("/queues/cad/pause"), range(8)))
        assert {(answer.status, answer.data["paused"]) for answer in answers} == {(200, True)}
        studio.admin.post("/queues/cad/resume")
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        of_queue = select(AuditRecord).where(AuditRecord.table_name == "paused_queues")
        records = current.scalars(of_queue.order_by(AuditRecord.created_at)).all()
    assert [record.action for record in records] == ["create", "delete"] * 3
    assert [record.after for record in records[::2]] == [record.before for record in records[1::2]]


def test_paused_jobs_and_queues_wait(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    job = submit()
    assert studio.artist.post(f"/jobs/{job['id']}/pause").data["paused"] is True
    assert take_next(app, studio.tenant_id) is None
    studio.artist.post(f"/jobs/{job['id']}/resume")
    assert studio.artist.post("/queues/render/pause").status == 403
    assert studio.admin.post("/queues/render/pause").data == {
        "name": "render", "paused": True, "queued": 3, "running": 0
    }  # fmt: skip
    work(app)
    assert shown(studio, job)["state"] == "queued"
    studio.admin.post("/queues/render/resume")
    work(app)
    assert shown(studio, job)["state"] == "completed"


def test_a_cancelled_job_keeps_what_is_finished_and_goes_on_when_retried(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    job = submit()
    lease = take_next(app, studio.tenant_id)
    assert lease is not None
    studio.artist.post(f"/jobs/{job['id']}/cancel")
    assert [task["state"] for task in tasks(studio, job)] == ["running", "cancelled", "cancelled"]
    with app.app_context():
        lease.renew()
        assert lease.cancelled
        lease.fail(JobState.CANCELLED, {"code": "process.cancelled", "message": "", "hint": "", "fields": {}})
    assert shown(studio, job)["state"] == "cancelled"
    studio.artist.post(f"/jobs/{job['id']}/retry")
    work(app)
    assert shown(studio, job)["state"] == "completed"


def test_a_job_that_was_paused_and_cancelled_goes_on_when_retried(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    for kind, more in (("still", {}), ("turntable", {"frames": 2})):
        job = submit(kind, **more)
        for step in ("pause", "cancel", "retry"):
            assert studio.artist.post(f"/jobs/{job['id']}/{step}").status == 200
        work(app)
        assert shown(studio, job)["state"] == "completed"


def test_a_lease_that_is_renewed_too_late_cancels_no_job(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    job = submit("still")
    lease = take_next(app, studio.tenant_id)
    assert lease is not None
    lease.renewed_at -= 1000
    assert lease.should_stop(), "another worker may have it by now"
    with app.app_context():
        lease.renew()
        assert lease.should_stop() and not lease.lost
        runner._end_without_result(lease, ProcessError("The renderer was stopped.", code="process.cancelled"))
    assert shown(studio, job)["state"] == "queued"
    work(app)
    assert shown(studio, job)["state"] == "completed"


def test_a_silent_renderer_is_stopped_and_tried_again(
    app: Flask, studio: StudioUnderTest, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_HANG", "1")
    config = app.extensions["raceway"]
    monkeypatch.setitem(app.extensions, "raceway", dataclasses.replace(config, stall_seconds=1))
    job = submit(frames="1", chunk=1)
    work(app)
    task = tasks(studio, job)[0]
    assert (task["state"], task["document"]["error"]["code"]) == ("queued", "render.stalled")
    alerts = studio.admin.get("/activity?channel=alert").data["items"]
    assert [(alert["kind"], alert["subject_id"]) for alert in alerts] == [("job.stalled", job["id"])]
    told = alerts[0]["payload"]
    assert told["title"] == "A render stalled and was stopped: frame 1 of gear, attempt 1."
    assert "no progress for 1 s" in told["message"] and told["message"].endswith("It is tried again.")
    monkeypatch.delenv("STAND_IN_HANG")
    monkeypatch.setitem(app.extensions, "raceway", config)
    let_time_pass(app, studio)
    work(app)
    assert shown(studio, job)["state"] == "completed"


def test_a_database_that_goes_away_before_the_renderer_starts_fails_no_job(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    job = submit(frames="1", chunk=1)
    config = app.extensions["raceway"]
    with app.app_context():
        engine = db.engine
    ended: list[str] = []

    def end_connection(connection: object, cursor: Any, statement: str, *rest: object) -> None:
        if not ended and statement.startswith("SELECT job_frames.frame"):
            ended.append(statement)
            own = cursor.connection.info.backend_pid
            with psycopg2.connect(config.database_url) as other, other.cursor() as beside:
                beside.execute("SELECT pg_terminate_backend(%s)", (own,))

    event.listen(engine, "before_cursor_execute", end_connection)
    try:
        work(app)
    finally:
        event.remove(engine, "before_cursor_execute", end_connection)
    assert ended
    task = tasks(studio, job)[0]
    assert (task["state"], task["document"]["error"]["code"]) == ("queued", "service.database")
    let_time_pass(app, studio)
    work(app)
    assert shown(studio, job)["state"] == "completed"


def test_administrators_hear_of_jobs_that_nobody_can_do_once(
    app: Flask, studio: StudioUnderTest, submit: Submit
) -> None:
    submit("still", needs=["quantum"]), submit("still", needs=["quantum"])
    paused = submit("still", needs=["abacus"])
    studio.artist.post(f"/jobs/{paused['id']}/pause")

    def alerts() -> list[Json]:
        with app.app_context():
            recovery.recover(studio.tenant_id, studio.root, queueing.bell(app))
        return list(studio.admin.get("/activity?channel=alert").data["items"])

    assert alerts() == [], "not at once: a worker may be starting"
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(Job).values(updated_at=datetime.now(UTC) - timedelta(minutes=3)))
    for _ in range(2):
        (told,) = alerts()
    assert told["payload"]["title"] == "No worker with quantum serves the queue render: 2 jobs and tasks wait."
    assert studio.artist.get("/activity?channel=alert").data["items"] == []


def test_a_full_disk_is_one_alert(app: Flask, studio: StudioUnderTest, submit: Submit) -> None:
    full = {"code": "storage.full", "message": "The disk is full.", "hint": "Free some space.", "fields": {}}
    for _ in range(2):
        submit("still")
        lease = take_next(app, studio.tenant_id)
        assert lease is not None
        with app.app_context():
            lease.fail(JobState.FAILED, full)
    (told,) = studio.admin.get("/activity?channel=alert").data["items"]
    expected = ("storage.failed", "The storage failed while Render still of gear was done.")
    assert (told["kind"], told["payload"]["title"]) == expected


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "frames"}, "frames"),
        ({"kind": "frames", "frames": "9-1"}, "frames"),
        ({"kind": "frames", "frames": 4}, "frames"),
        ({"kind": "turntable", "frames": "1-4"}, "frames"),
        ({"kind": "turntable", "width": 63}, "width"),
        ({"kind": "turntable", "background": "transparent"}, "background"),
        ({"kind": "frames", "frames": "1-90000", "chunk": 1}, "chunk"),
        ({"kind": "still", "format": "mp4"}, "format"),
        ({"kind": "still", "engine": "arnold"}, "engine"),
        ({"kind": "still", "needs": ["GPU!"]}, "needs"),
        ({"kind": "still", "samples": 0}, "samples"),
        ({"kind": "still", "lighting": "candles"}, "lighting"),
        ({"kind": "still", "camera": "hero"}, "camera"),
        ({"kind": "husk", "frames": "1-4", "camera": "framed"}, "camera"),
    ],
)
def test_what_cannot_be_rendered_is_refused_by_field(
    studio: StudioUnderTest, publish_id: str, fields: Json, field: str
) -> None:
    refused = studio.artist.post("/jobs/", {"publish_id": publish_id, **fields})
    assert refused.status == 422 and field in refused.error["fields"] and refused.error["hint"]


def test_an_engine_that_the_tenant_does_not_allow_is_refused(
    app: Flask, studio: StudioUnderTest, publish_id: str
) -> None:
    with app.app_context(), tenant_session(studio.tenant_id) as current:
        current.execute(update(Tenant).values(render_engines_allowed=["eevee"]))
    refused = studio.artist.post("/jobs/", {"kind": "still", "publish_id": publish_id, "engine": "cycles"})
    assert (refused.status, refused.error["code"]) == (422, "input.engine_not_allowed")


def test_presets_fill_in_what_is_left_out(submit: Submit) -> None:
    request = submit("still", preset="production", samples=7)["request"]
    assert (request["width"], request["height"], request["samples"]) == (1920, 1080, 7)


@pytest.mark.parametrize("before", list(JobState))
def test_the_database_refuses_the_moves_that_the_state_machine_does(
    app: Flask, studio: StudioUnderTest, before: JobState
) -> None:
    for after in JobState:
        allowed = after is before or after in TRANSITIONS[before]
        with app.app_context():
            with tenant_session(studio.tenant_id) as current:
                job = Job(id=uuid4(), kind="still", queue="cad", request={}, paused=True)
                job.state, job.document = before.value, JobDocument(str(job.id), before).to_json()
                # The other tests' sweepers take its worker for alive.
                job.lease_until = datetime.now(UTC) + timedelta(days=1)
                current.add(job)
            try:
                with tenant_session(studio.tenant_id) as current:
                    values = {"state": after.value, "document": JobDocument(str(job.id), after).to_json()}
                    current.execute(update(Job).where(Job.id == job.id).values(values))
            except IntegrityError as error:
                assert not allowed and "cannot go from" in str(error)
            else:
                assert allowed


def test_only_the_service_s_administrator_manages_workers(app: Flask, studio: StudioUnderTest) -> None:
    assert studio.admin.call("PATCH", f"/workers/{uuid4()}", {"wanted": "rest"}).status == 403


def test_jobs_names_the_same_priority_as_the_table() -> None:
    assert int(str(Job.__table__.c.priority.server_default.arg)) == jobs.PRIORITY  # type: ignore[union-attr]
