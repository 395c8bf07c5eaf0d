"""Jobs: one worker each, counted once, stopped when told, taken up again when a worker is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from service.database import tenant_session
from service.models import Job, MediaAsset, StaleEntry
from service.queue import jobs, queueing
from service.tasks import recovery, sweeper
from service.tasks.lease import Lease, LeaseLostError, claim
from service.tasks.logs import FOLDER
from shared.files import TEMPORARY_PREFIX
from shared.jobs import JobState
from tests.service.studio import Json, StudioUnderTest, work

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@pytest.fixture
def job_id(app: Flask, studio: StudioUnderTest) -> Iterator[UUID]:
    """A queued job of the studio."""
    asset_id = UUID(studio.production().asset["id"])
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            job = jobs.create(session, "still", {}, asset_id=asset_id)
        yield job.id


def take(studio: StudioUnderTest, job_id: UUID, seconds: float = 30.0) -> Lease | None:
    return claim(studio.tenant_id, job_id, uuid4(), seconds, threading.Event())


def taken(studio: StudioUnderTest, job_id: UUID) -> Lease:
    lease = take(studio, job_id)
    assert lease is not None
    return lease


def shown(studio: StudioUnderTest, job_id: UUID) -> Json:
    job: Json = studio.artist.get(f"/jobs/{job_id}").data
    assert job["document"]["state"] == job["state"]
    return job


def shown_when(studio: StudioUnderTest, job_id: UUID, holds: Callable[[Json], bool]) -> Json:
    """The job once something holds for it, which must be within five seconds."""
    deadline = time.monotonic() + 5
    while not holds(job := shown(studio, job_id)):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def end_lease(studio: StudioUnderTest, job_id: UUID) -> None:
    """What passing time does."""
    with tenant_session(studio.tenant_id) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=past))


def test_one_of_many_workers_gets_a_job(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    def attempt(_: int) -> bool:
        with app.app_context():
            return take(studio, job_id) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert shown(studio, job_id)["attempt"] == 1


def test_another_tenants_job_cannot_be_taken(
    studio: StudioUnderTest, other_studio: StudioUnderTest, job_id: UUID
) -> None:
    assert claim(other_studio.tenant_id, job_id, uuid4(), 30.0, threading.Event()) is None


def test_a_lost_workers_job_is_taken_up_again_and_the_loser_writes_nothing(
    app: Flask, studio: StudioUnderTest, job_id: UUID
) -> None:
    first = taken(studio, job_id)
    sweeper.sweep(app)
    assert shown(studio, job_id)["state"] == "running"
    half = studio.root / FOLDER / f"{TEMPORARY_PREFIX}{job_id}-1" / "half.png"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    end_lease(studio, job_id)
    sweeper.sweep(app)
    assert shown(studio, job_id)["state"] == "queued"
    assert not half.parent.exists(), "nobody else would clear it before the job is taken up again"
    second = taken(studio, job_id)
    assert second.attempt == 2
    medium = MediaAsset(
        id=uuid4(), asset_type="still", name="x", path="x", mime_type="image/png", size=1, sha256="0" * 64
    )
    first.renew()
    assert first.should_stop() and first.lost
    with pytest.raises(LeaseLostError):
        first.complete({}, lambda session: session.add(medium))
    assert studio.artist.get("/media/assets").data["total"] == 0
    second.start_step("store")
    second.complete({}, lambda session: None)
    job = shown(studio, job_id)
    assert (job["state"], job["attempt"]) == ("completed", 2)


def test_a_job_that_loses_every_worker_fails_with_the_reason(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    for _ in range(3):
        taken(studio, job_id)
        end_lease(studio, job_id)
        sweeper.sweep(app)
    job = shown(studio, job_id)
    assert (job["state"], job["document"]["error"]["code"]) == ("failed", "process.worker_lost")
    assert studio.artist.post(f"/jobs/{job_id}/retry").data["state"] == "queued"
    assert taken(studio, job_id).attempt == 4


def test_a_lease_that_is_kept_is_not_taken(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    lease = taken(studio, job_id)
    end_lease(studio, job_id)
    lease.on_event({"event": "progress", "stage": "render", "percent": 40.0, "message": "sample 4"})
    lease.renew()
    assert not lease.should_stop()
    sweeper.sweep(app)
    job = shown(studio, job_id)
    assert (job["state"], job["progress"]["percent"], job["progress"]["stage"]) == ("running", 40.0, "render")


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_worker(
    studio: StudioUnderTest, job_id: UUID
) -> None:
    lease = taken(studio, job_id)
    assert studio.artist.post(f"/jobs/{job_id}/cancel").data["cancel_requested"] is True
    lease.renew()
    assert lease.should_stop() and lease.cancelled
    lease.fail(JobState.CANCELLED, {"code": "process.cancelled", "message": "", "hint": "", "fields": {}})
    assert shown(studio, job_id)["state"] == "cancelled"
    assert studio.artist.post(f"/jobs/{job_id}/cancel").error["code"] == "conflict.job_state"
    assert studio.artist.post(f"/jobs/{job_id}/retry").data["cancel_requested"] is False
    assert studio.artist.post(f"/jobs/{job_id}/cancel").data["state"] == "cancelled"
    assert take(studio, job_id) is None


def test_a_cancelled_job_whose_worker_is_lost_is_not_done_again(
    app: Flask, studio: StudioUnderTest, job_id: UUID
) -> None:
    taken(studio, job_id)
    studio.artist.post(f"/jobs/{job_id}/cancel")
    end_lease(studio, job_id)
    sweeper.sweep(app)
    assert shown(studio, job_id)["state"] == "cancelled"


def test_a_bell_that_was_lost_rings_again(
    app: Flask, studio: StudioUnderTest, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_session(studio.tenant_id) as session:
        jobs.ring_after_commit(session, session.get_one(Job, (studio.tenant_id, job_id)))
    bell = queueing.bell(app)
    assert bell.is_ringing("render", job_id)
    bell.redis.flushdb()
    sweeper.sweep(app)
    assert not bell.is_ringing("render", job_id)
    monkeypatch.setattr(recovery, "UNHEARD", timedelta(0))
    for _ in range(2):
        sweeper.sweep(app)
    assert list(bell.redis.lrange("rq:queue:render", 0, -1)).count(queueing.message_id(job_id).encode()) == 1


def test_a_job_is_not_announced_before_its_commit(app: Flask, studio: StudioUnderTest) -> None:
    with app.app_context(), pytest.raises(ZeroDivisionError), tenant_session(studio.tenant_id) as session:
        jobs.create(session, "still", {})
        raise ZeroDivisionError
    assert queueing.bell(app).redis.llen("rq:queue:render") == 0
    assert studio.artist.get("/jobs/").data["total"] == 0


def test_a_render_of_nothing_is_refused_or_fails_with_its_reason(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    project = production.project["name"]
    nothing = studio.artist.post("/jobs/", {"kind": "still", "asset": "gear", "project": project})
    assert nothing.error["code"] == "conflict.nothing_published"
    for body in ({"kind": "still"}, {"kind": "still", "asset": "gear", "samples": 0}, {"kind": "convert"}):
        assert studio.artist.post("/jobs/", {"project": project, **body}).status == 422
    published = studio.publish(production)
    entry = studio.root / published["entity_usd_path"]
    job = studio.artist.post("/jobs/", {"kind": "still", "asset": "gear", "project": project}).data
    assert (job["state"], job["queue"], job["publish_id"]) == ("queued", "render", published["id"])
    entry.unlink()
    work(app)
    failed = studio.artist.get(f"/jobs/{job['id']}").data
    assert (failed["state"], failed["document"]["error"]["code"]) == ("failed", "render.no_usd")


def test_a_marked_asset_of_any_tenant_is_swept(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    published = studio.publish(production)
    entry = studio.root / published["entity_usd_path"]
    entry.write_text("damaged")
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            long_ago = datetime.now(UTC) - timedelta(minutes=1)
            session.add(
                StaleEntry(id=uuid4(), target_type="asset", target_id=UUID(production.asset["id"]), created_at=long_ago)
            )
        began = time.monotonic()
        sweeper.sweep(app)
        assert time.monotonic() - began < 10
    assert "body/body.usd" in entry.read_text()
