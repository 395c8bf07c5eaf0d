"""Events and their streams: nothing told that was rolled back, nothing lost, nothing of another tenant."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from service.accounts import auth
from service.accounts.permissions import Role
from service.activity import events
from service.activity.streams import Streams, Watch, streams_of
from service.database import db, tenant_session
from service.models import ApiToken, Job
from service.queue import jobs, queueing
from service.tasks.lease import Lease, claim
from service.tasks.logs import log_path
from shared.jobs import JobState
from tests.service.studio import Json, StudioUnderTest

pytestmark = pytest.mark.usefixtures("quiet_queue")


@dataclass(frozen=True)
class Message:
    """One message of a stream."""

    event: str
    data: Json
    position: str


class Reader:
    """A client of a stream, which reads as messages come."""

    def __init__(self, studio: StudioUnderTest, path: str, role: Role = Role.ARTIST, position: str = "") -> None:
        headers = {"Authorization": f"Bearer {studio.tokens[role]}"}
        if position:
            headers["Last-Event-ID"] = position
        self.answer: TestResponse = studio.app.test_client().get(f"/api{path}", headers=headers)
        self._chunks: Iterator[Any] = iter(self.answer.response)

    def messages(self) -> Iterator[Message]:
        for chunk in self._chunks:
            for block in bytes(chunk).decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                if "data" in fields:
                    yield Message(fields["event"], json.loads(fields["data"]), fields.get("id", ""))

    def until(self, event: str, **data: Any) -> Message:
        """The next message of that kind that has these data."""
        for message in self.messages():
            if message.event == event and data.items() <= message.data.items():
                return message
        raise AssertionError(f"the stream ended without {event} {data}")

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def job_id(app: Flask, studio: StudioUnderTest) -> Iterator[UUID]:
    """A queued job of the studio."""
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            job = jobs.create(session, "still", {}, asset_id=UUID(studio.production().asset["id"]))
        yield job.id


def take(studio: StudioUnderTest, job_id: UUID) -> Lease:
    lease = claim(studio.tenant_id, job_id, uuid4(), 30.0, threading.Event())
    assert lease is not None
    return lease


def tell(studio: StudioUnderTest, kind: str, subject: UUID, **payload: Any) -> None:
    with tenant_session(studio.tenant_id) as session:
        events.emit(session, kind, "test", subject, payload)


def write_log(studio: StudioUnderTest, job_id: UUID, text: str) -> None:
    place = log_path(studio.root, job_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as stream:
        stream.write(text)


def test_an_event_is_told_after_its_commit_and_only_then(app: Flask, studio: StudioUnderTest) -> None:
    subject = uuid4()
    with closing(Reader(studio, "/events")) as reader:
        reader.until("notifications")
        with app.app_context():
            with pytest.raises(ZeroDivisionError), tenant_session(studio.tenant_id) as session:
                events.emit(session, "test.undone", "test", subject)
                session.flush()
                raise ZeroDivisionError
            began = time.monotonic()
            tell(studio, "test.done", subject, name="x")
        message = next(message for message in reader.messages() if message.event == "event")
        assert message.data["kind"] == "test.done" and message.data["payload"] == {"name": "x"}
        assert time.monotonic() - began < 1.5, "it was not woken, but looked by itself"
    kinds = [item["kind"] for item in studio.artist.get("/activity?kind=test.").data["items"]]
    assert kinds == ["test.done"]


def test_what_people_change_is_activity_with_who_did_it(studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    studio.admin.patch(f"/projects/{project['id']}", {"status": "paused"})
    changed, created = studio.artist.get(f"/activity?subject_id={project['id']}").data["items"]
    assert (created["kind"], created["payload"]["name"]) == ("project.created", "film")
    assert (changed["kind"], changed["payload"]["changes"]) == ("project.changed", {"status": ["active", "paused"]})
    assert changed["actor"] == "tenant_admin" and changed["payload"]["name"] == "film"
    studio.artist.post("/tokens/", {"name": "secret"})
    text = str(studio.admin.get("/activity?page_size=500").body)
    assert "digest" not in text and "password" not in text and "@" not in text
    assert studio.api(Role.CLIENT).get("/activity").status == 403


def test_alerts_are_for_administrators(app: Flask, studio: StudioUnderTest) -> None:
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        events.emit(session, "worker.lost", "worker", uuid4(), {"name": "node7"}, alert=True)
    assert studio.artist.get("/activity?kind=worker.").data["total"] == 0
    assert [item["kind"] for item in studio.admin.get("/activity?channel=alert").data["items"]] == ["worker.lost"]
    tell_in(app, studio, "test.after", uuid4())
    assert "worker.lost" not in kinds_until(Reader(studio, "/events", Role.ARTIST, "1-1@0"), "test.after")
    assert "worker.lost" in kinds_until(Reader(studio, "/events", Role.TENANT_ADMIN, "1-1@0"), "test.after")


def kinds_until(reader: Reader, last: str) -> list[str]:
    """Kinds of the events that a reader gets, up to the ``last``."""
    kinds: list[str] = []
    with closing(reader):
        while last not in kinds:
            kinds.append(reader.until("event").data["kind"])
    return kinds


def tell_in(app: Flask, studio: StudioUnderTest, kind: str, subject: UUID) -> None:
    with app.app_context():
        tell(studio, kind, subject)


def test_a_client_that_comes_back_gets_every_event_once_and_in_order(app: Flask, studio: StudioUnderTest) -> None:
    """Also of transactions that commit in another order than they wrote in."""
    seen: list[str] = []
    position = ""
    writers = 4

    def write(writer: int) -> None:
        with app.app_context():
            for number in range(15):
                with tenant_session(studio.tenant_id) as session:
                    events.emit(session, "test.done", "test", None, {"name": f"{writer}-{number}"})
                    session.flush()
                    time.sleep(0.002 * ((writer + number) % 3))

    with closing(Reader(studio, "/events")) as reader:
        reader.until("notifications")
        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
        for thread in threads:
            thread.start()
        first = reader.until("event")
        seen, position = [first.data["payload"]["name"]], first.position
    while len(seen) < writers * 15:
        with closing(Reader(studio, "/events", position=position)) as reader:
            for _ in range(7):
                message = reader.until("event")
                seen.append(message.data["payload"]["name"])
                position = message.position
                if len(seen) == writers * 15:
                    break
    assert len(set(seen)) == len(seen)
    for writer in range(writers):
        own = [name for name in seen if name.startswith(f"{writer}-")]
        assert own == [f"{writer}-{number}" for number in range(15)]


def test_a_job_is_followed_from_its_start_to_its_end(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    with closing(Reader(studio, f"/jobs/{job_id}/events")) as reader:
        assert reader.answer.mimetype == "text/event-stream"
        assert reader.answer.headers["Cache-Control"] == "no-store"
        assert reader.until("progress").data["state"] == "queued"
        lease = take(studio, job_id)
        write_log(studio, job_id, "reading the scene\nhalf a li")
        lease.on_event(
            {"event": "progress", "stage": "render", "percent": 40.0, "message": "sample 4 of 10", "frame": 12}
        )
        lease.renew()
        log = reader.until("log")
        assert log.data["lines"] == ["reading the scene"]
        progress = reader.until("progress", percent=40.0)
        assert progress.data["state"] == "running" and progress.data["stage"] == "render"
        assert progress.data["message"] == "sample 4 of 10" and "remaining" in progress.data
        write_log(studio, job_id, "ne\nthe last one")
        lease.complete({}, lambda session: None)
        rest = list(reader.messages())
        assert rest[-1].event == "end" and rest[-1].data["state"] == "completed"
        assert [line for message in rest if message.event == "log" for line in message.data["lines"]] == [
            "half a line",
            "the last one",
        ]
    # A client that was cut off gets exactly what it has not had.
    with closing(Reader(studio, f"/jobs/{job_id}/events", position=log.position)) as reader:
        again = list(reader.messages())
    assert [line for message in again if message.event == "log" for line in message.data["lines"]] == [
        "half a line",
        "the last one",
    ]
    assert again[-1].event == "end"
    with closing(Reader(studio, f"/jobs/{job_id}/events", position=rest[-1].position)) as reader:
        assert "log" not in [message.event for message in reader.messages()]


def test_a_failed_job_ends_its_stream_with_the_reason(studio: StudioUnderTest, job_id: UUID) -> None:
    take(studio, job_id).fail(JobState.FAILED, {"code": "render.failed", "message": "No light.", "hint": "Add one."})
    with closing(Reader(studio, f"/jobs/{job_id}/events")) as reader:
        end = reader.until("end")
    assert (end.data["state"], end.data["error"]["hint"]) == ("failed", "Add one.")


@pytest.mark.parametrize("position", ["", "x", "1-2-3", "-", "9" * 400 + "-1@0", "1-1@nan;../../etc/passwd:7", ";;:"])
def test_a_position_that_is_none_begins_anew(studio: StudioUnderTest, job_id: UUID, position: str) -> None:
    studio.artist.post(f"/jobs/{job_id}/cancel")
    with closing(Reader(studio, f"/jobs/{job_id}/events", position=position)) as reader:
        assert reader.until("end").data["state"] == "cancelled"


def test_a_stream_shows_its_own_tenant_only(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, job_id: UUID
) -> None:
    assert other_studio.artist.get(f"/jobs/{job_id}/events").status == 404
    tell(studio, "test.theirs", job_id)
    tell(other_studio, "test.ours", uuid4())
    assert "test.theirs" not in kinds_until(Reader(other_studio, "/events", position="1-1@0"), "test.ours")


def test_a_browser_reads_with_its_cookie_and_a_revoked_token_ends_the_stream(
    app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.activity.live._CHECK_SECONDS", 0.0)
    client = app.test_client()
    client.set_cookie(auth.COOKIE, studio.tokens[Role.ARTIST])
    answer = client.get("/api/events")
    chunks = iter(answer.response)
    assert next(chunks).startswith(b"retry:") and b"notifications" in next(chunks)
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        digest = auth.digest_of(studio.tokens[Role.ARTIST])
        session.delete(session.query(ApiToken).filter_by(digest=digest).one())
    assert list(chunks) == []
    answer.close()


def test_a_stream_that_ends_leaves_the_others_of_its_tenant(app: Flask, studio: StudioUnderTest) -> None:
    streams, subject = streams_of(app), uuid4()

    def hears(watch: Watch) -> bool:
        for _ in range(20):  # Nobody listens to Redis in the first moments.
            tell_in(app, studio, "test.done", subject)
            if str(subject) in watch.wait(0.5):
                return True
        return False

    with streams.watch(studio.tenant_id) as first:
        # This one has heard as much as the first when it ends.
        with streams.watch(studio.tenant_id):
            pass
        assert hears(first)


def test_too_many_streams_of_a_tenant_are_refused_until_one_ends(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_of(app), "_per_tenant", 2)
    first, second = Reader(studio, "/events"), Reader(studio, "/events")
    refused = studio.artist.get("/events")
    assert (refused.status, refused.error["code"]) == (429, "service.too_many_streams")
    assert "RACEWAY_STREAMS_PER_TENANT" in refused.error["hint"]
    Reader(other_studio, "/events").close()
    first.close()
    Reader(studio, "/events").close()
    second.close()
    assert queueing.bell(app).redis.zcard(f"raceway:streams:{studio.tenant_id}") == 0


def test_streams_hold_no_database_connection(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    readers = [Reader(studio, path) for path in ("/events", f"/jobs/{job_id}/events") for _ in range(3)]
    for reader in readers:
        next(reader.messages())
    with app.app_context():
        db.session.remove()
        assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    for reader in readers:
        reader.close()


def test_a_silent_stream_beats_and_a_stopping_process_ends_it(
    app: Flask, studio: StudioUnderTest, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.activity.streams.HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr("service.activity.streams.LOOK_SECONDS", 0.1)
    own = Streams(config.redis_url, per_process=4, per_tenant=4)
    monkeypatch.setitem(app.extensions, "raceway_streams", own)
    reader = Reader(studio, "/events")
    chunks = [next(reader._chunks) for _ in range(4)]
    assert chunks[-1].startswith(b":")
    own.stop()
    assert [chunk for chunk in reader._chunks if not chunk.startswith(b":")] == []
    reader.close()


def test_streams_go_on_while_redis_is_away(
    app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.activity.streams.LOOK_SECONDS", 0.1)
    monkeypatch.setitem(
        app.extensions, "raceway_streams", Streams("redis://127.0.0.1:1/0", per_process=4, per_tenant=4)
    )
    with closing(Reader(studio, "/events")) as reader:
        reader.until("notifications")
        tell_in(app, studio, "test.done", uuid4())
        assert reader.until("event").data["kind"] == "test.done"


def test_progress_alone_is_told_as_a_change(app: Flask, studio: StudioUnderTest, job_id: UUID) -> None:
    with closing(Reader(studio, "/events")) as reader:
        reader.until("notifications")
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            session.execute(update(Job).where(Job.id == job_id).values(attempt=7))
            events.changed(session, job_id)
        assert reader.until("changed").data["ids"] == [str(job_id)]
