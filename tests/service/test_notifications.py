"""Notifications: one summary for each batch, in the rhythm that each user chose, and nobody is told twice."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from service.accounts.permissions import Role
from service.activity import alerts, events, notifications
from service.activity.mail import MailServer, send_waiting
from service.activity.notices.kinds import KINDS, NOTIFICATION, Notice
from service.database import tenant_session
from service.models import HeldNotification, Job, JobFrame, Notification, Tenant
from service.queue import jobs
from service.tasks import notifier
from shared.errors import InputError
from shared.jobs import JobDocument, JobState
from tests.service.page import Page
from tests.service.studio import Api, Json, StudioUnderTest
from tests.service.world import World

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


def user_id(api: Api) -> UUID:
    return UUID(api.get("/auth/me").data["user"]["id"])


def submit(app: Flask, studio: StudioUnderTest, number: int = 1, batch: str = "") -> list[UUID]:
    """Jobs that the artist submits, together where ``batch`` names them."""
    asset_id = UUID(studio.production().asset["id"])
    with app.app_context(), tenant_session(studio.tenant_id, user_id(studio.artist)) as session:
        request = {"batch": batch} if batch else {}
        return [jobs.create(session, "still", request, asset_id=asset_id).id for _ in range(number)]


def end(app: Flask, studio: StudioUnderTest, job_id: UUID, state: JobState) -> None:
    """What a worker writes at a job's end."""
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        job = jobs.locked(session, job_id)
        document = JobDocument.from_json(job.document)
        document.move_to(JobState.RUNNING)
        job.document, job.state, job.attempt = document.to_json(), document.state.value, job.attempt + 1
        session.flush()
        document.move_to(state)
        if state is JobState.FAILED:
            document.error = {"code": "render.failed", "message": "No light in the scene.", "hint": "", "fields": {}}
        jobs.write_document(session, job, document)


def tell(app: Flask) -> None:
    with app.app_context():
        notifier.tell(app)


def listed(api: Api, query: str = "") -> list[Json]:
    items: list[Json] = api.get(f"/notifications/{query}").data["items"]
    return items


def titles(api: Api) -> list[str]:
    return [item["title"] for item in listed(api, "?channel=notification")]


def choose(api: Api, channel: str, frequency: str, kind: str = "", **more: Any) -> None:
    body = {"preferences": [{"channel": channel, "kind": kind, "frequency": frequency, **more}]}
    assert api.put("/notifications/preferences", body).status == 200


def notify(app: Flask, studio: StudioUnderTest, who: Api, number: int, *, failed: bool = False) -> None:
    """Deliver a number of notices to somebody."""
    audience = frozenset({user_id(who)})
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        for _ in range(number):
            key = uuid4().hex
            title = f"render {key[:4]}"
            notice = Notice(NOTIFICATION, "batch.completed", key, title, audience, failed=failed)
            notifications.deliver(session, notice)


def test_a_batch_is_summed_up_once_when_its_last_job_has_ended(app: Flask, studio: StudioUnderTest) -> None:
    batch = submit(app, studio, 10, batch="b1")
    for job_id in batch[:7]:
        end(app, studio, job_id, JobState.COMPLETED)
    tell(app)
    assert titles(studio.artist) == []
    for job_id in batch[7:]:
        end(app, studio, job_id, JobState.FAILED)
    for _ in range(2):
        tell(app)
    assert titles(studio.artist) == ["10 jobs: 7 of 10 succeeded, 3 failed"]
    summary = listed(studio.artist)[0]
    assert (summary["kind"], summary["failed"], summary["body"]) == ("batch.failed", True, "No light in the scene.")
    assert titles(studio.admin) == [], "only who submitted it is told"


def test_a_job_of_its_own_is_told_by_its_name(app: Flask, studio: StudioUnderTest) -> None:
    first, second, third = (submit(app, studio)[0] for _ in range(3))
    end(app, studio, first, JobState.COMPLETED)
    end(app, studio, second, JobState.FAILED)
    assert studio.artist.post(f"/jobs/{third}/cancel").data["state"] == "cancelled"
    tell(app)
    assert titles(studio.artist) == ["Render still of gear: failed", "Render still of gear: succeeded"]
    link = listed(studio.artist)[0]["link"]
    assert studio.artist.get(link).status == 200
    # Tried again, it is told of again.
    studio.artist.post(f"/jobs/{second}/retry")
    end(app, studio, second, JobState.COMPLETED)
    tell(app)
    assert titles(studio.artist)[0] == "Render still of gear: succeeded" and len(titles(studio.artist)) == 3


def test_frames_are_counted_and_never_told_one_by_one(app: Flask, studio: StudioUnderTest) -> None:
    choose(studio.admin, "activity", "immediate")
    production = studio.production()
    studio.publish(production)
    wanted = {"kind": "frames", "frames": "1-50", "chunk": 25, "format": "png", "width": 64, "height": 36}
    body = {**wanted, "asset": "gear", "project": production.project["name"]}
    job = studio.artist.post("/jobs/", body).data
    done = [*range(1, 26), *range(29, 51)]
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        finished = {"path": "x.png", "finished_at": datetime.now(UTC)}
        session.execute(update(JobFrame).where(JobFrame.frame.in_(done)).values(**finished))
        tasks = [task.id for task in session.scalars(select(Job).where(Job.parent_id == UUID(job["id"]))).unique()]
    tasks.sort(key=lambda task: studio.artist.get(f"/jobs/{task}").data["name"])
    for task_id, state in zip(tasks, (JobState.COMPLETED, JobState.FAILED), strict=True):
        end(app, studio, task_id, state)
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            jobs.update_group(session, UUID(job["id"]))
    tell(app)
    assert titles(studio.artist) == ["Render frames of gear: 47 of 50 succeeded, 3 failed"]
    told = [item for item in listed(studio.admin, "?channel=activity&page_size=200") if item["kind"].startswith("job.")]
    assert [item["kind"] for item in told] == ["job.failed"]


def test_two_tellers_tell_everybody_once(app: Flask, studio: StudioUnderTest) -> None:
    for job_id in submit(app, studio, 6):
        end(app, studio, job_id, JobState.COMPLETED)
    choose(studio.admin, "activity", "hourly")
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(tell, app) for _ in range(8)]:
            future.result()
    assert len(titles(studio.artist)) == 6
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(update(HeldNotification).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(tell, app) for _ in range(8)]:
            future.result()
    digests = listed(studio.admin, "?channel=activity")
    assert len(digests) == 1 and digests[0]["kind"] == "digest.hourly"
    assert len({item["title"] + item["at"] for item in digests[0]["items"]}) == len(digests[0]["items"]) >= 6


def test_workers_turn_to_a_studio_where_something_happened_or_is_due(app: Flask, studio: StudioUnderTest) -> None:
    def is_to_be_told() -> bool:
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            return studio.tenant_id in session.scalars(text("SELECT tenant_id FROM list_tenants_to_tell()")).all()

    def change(statement: Any) -> None:
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            session.execute(statement)

    tell(app)
    assert not is_to_be_told()
    choose(studio.artist, "notification", "hourly")
    [job_id] = submit(app, studio)
    end(app, studio, job_id, JobState.COMPLETED)
    assert is_to_be_told()
    tell(app)
    assert titles(studio.artist) == [] and not is_to_be_told()
    past = datetime.now(UTC) - timedelta(seconds=1)
    change(update(HeldNotification).values(due_at=past))
    assert is_to_be_told()
    tell(app)
    assert [item["kind"] for item in listed(studio.artist)] == ["digest.hourly"] and not is_to_be_told()
    mail = update(Notification).values(email_state="waiting")
    change(mail.values(email_after=past + timedelta(hours=1)))
    assert not is_to_be_told()
    change(mail.values(email_after=past))
    assert is_to_be_told()


@pytest.mark.parametrize("frequency", ["hourly", "daily"])
def test_a_digest_waits_for_its_hour_and_then_holds_everything(
    app: Flask, studio: StudioUnderTest, frequency: str
) -> None:
    choose(studio.artist, "notification", frequency)
    notify(app, studio, studio.artist, 3)
    notify(app, studio, studio.artist, 1, failed=True)
    now = datetime.now(UTC)
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            assert notifications.send_digests(session, now) == 0
        with tenant_session(studio.tenant_id) as session:
            due = notifications.next_digest(frequency, now)
            assert [notifications.send_digests(session, due + timedelta(minutes=1)) for _ in range(2)] == [1, 0]
    [digest] = listed(studio.artist)
    assert digest["title"] == f"4 notifications of the {'hour' if frequency == 'hourly' else 'day'}, 1 about failures"
    assert len(digest["items"]) == 4 and digest["failed"]
    failed = next(item["title"] for item in digest["items"] if item["failed"])
    assert digest["body"].startswith(failed) and digest["body"].endswith("and 1 more")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_a_digest_is_due_at_the_full_hour_or_in_the_morning(now: datetime) -> None:
    hourly, daily = (notifications.next_digest(frequency, now) for frequency in ("hourly", "daily"))
    assert timedelta(0) < hourly - now <= timedelta(hours=1) and hourly.minute == hourly.second == 0
    assert timedelta(0) < daily - now <= timedelta(days=1) and daily.hour == notifications.DAILY_HOUR


def test_people_choose_by_what_each_kind_tells_and_are_told_titles(app: Flask, studio: StudioUnderTest) -> None:
    shown = Page(studio.browser().get("/notifications")).text
    assert "A task was given to you." in shown and not any(kind in shown for kind in KINDS[NOTIFICATION])
    [job] = submit(app, studio)
    studio.admin.patch(f"/assets/{studio.artist.get(f'/jobs/{job}').data['asset_id']}", {"title": "Ball bearing"})
    end(app, studio, job, JobState.COMPLETED)
    tell(app)
    assert titles(studio.artist) == ["Render still of Ball bearing: succeeded"]


def test_each_kind_has_its_own_frequency(app: Flask, studio: StudioUnderTest) -> None:
    choose(studio.artist, "notification", "never")
    choose(studio.artist, "notification", "immediate", "batch.failed")
    done, failed = submit(app, studio)[0], submit(app, studio)[0]
    end(app, studio, done, JobState.COMPLETED)
    end(app, studio, failed, JobState.FAILED)
    tell(app)
    assert titles(studio.artist) == ["Render still of gear: failed"]
    chosen = studio.artist.get("/notifications/preferences").data
    kinds = {kind["kind"]: kind["frequency"] for kind in chosen["kinds"]}
    assert (kinds["batch.failed"], kinds["batch.completed"]) == ("immediate", "never")
    assert all(kind["help"] for kind in chosen["kinds"]) and chosen["email_available"] is False
    back = studio.artist.delete("/notifications/preferences").data
    assert {channel["channel"]: channel["frequency"] for channel in back["channels"]} == {
        "activity": "never",
        "notification": "immediate",
        "alert": "immediate",
    }
    wrong = studio.artist.put(
        "/notifications/preferences",
        {"preferences": [{"channel": "notification", "kind": "batch.exploded", "frequency": "daily"}]},
    )
    assert wrong.status == 422 and "batch.failed" in wrong.error["hint"]


def test_alerts_reach_administrators_once_an_hour(app: Flask, studio: StudioUnderTest) -> None:
    worker = uuid4()
    for _ in range(5):
        with app.app_context(), tenant_session(studio.tenant_id) as session:
            payload = {"title": "node7 was lost", "message": "It is silent.", "hint": "Look at its log."}
            events.emit(session, "worker.lost", "worker", worker, payload, alert=True)
    tell(app)
    [alert] = listed(studio.admin, "?channel=alert")
    assert (alert["title"], alert["body"], alert["failed"]) == (
        "node7 was lost",
        "It is silent. Look at its log.",
        True,
    )
    assert listed(studio.artist, "?channel=alert") == []


def test_each_queue_that_nobody_serves_is_told_of_once_an_hour(app: Flask, studio: StudioUnderTest) -> None:
    lacking: list[tuple[str, list[str]]] = [("cad", []), ("render", ["gpu"]), ("render", ["gpu", "optix"])]
    for _ in range(2):
        for queue, needs in lacking:
            with app.app_context(), tenant_session(studio.tenant_id) as session:
                alerts.nobody_works(session, queue, 2, needs)
    tell(app)
    assert sorted(alert["title"] for alert in listed(studio.admin, "?channel=alert")) == [
        "No worker serves the queue cad: 2 jobs and tasks wait.",
        "No worker with gpu serves the queue render: 2 jobs and tasks wait.",
        "No worker with gpu, optix serves the queue render: 2 jobs and tasks wait.",
    ]
    told = studio.admin.get("/activity?channel=alert").data["items"]
    assert len([each for each in told if each["kind"] == "queue.no_worker"]) == 3


def test_tasks_that_one_spreadsheet_gives_or_moves_are_told_of_once(app: Flask, studio: StudioUnderTest) -> None:
    project = studio.admin.post("/projects/", {"name": "film"}).data
    manager = studio.api(Role.PROJECT_MANAGER)

    def send(lines: list[str]) -> None:
        table = "\n".join(["asset,task,department,assignee,task status", *lines])
        options = {"data": table.encode(), "headers": {"Content-Type": "text/csv"}}
        assert manager.call("POST", f"/projects/{project['id']}/sheet", **options).status == 200
        tell(app)

    artist, admin = studio.email(Role.ARTIST), studio.email(Role.TENANT_ADMIN)
    # More than are handled in one transaction, and interleaved with somebody else's.
    send([f"part{number},model,model,{artist if number % 2 else admin}," for number in range(300)])
    (told,) = listed(studio.artist, "?channel=notification")
    assert (told["kind"], told["title"]) == ("task.assigned", "150 tasks for you")
    assert told["body"] == "model of part1 (film); model of part3 (film); model of part5 (film); and 147 more"
    assert told["link"] == f"/projects/{project['id']}"
    assert studio.browser(Role.ARTIST).get(told["link"]).status_code == 200
    assert titles(studio.admin) == ["150 tasks for you"]
    send(["part1,model,,,in_progress", "part3,model,,,in_progress", f"part2,model,,{artist},in_progress"])
    assert sorted(titles(studio.artist)) == [
        *("150 tasks for you", "2 tasks have another status", "A task for you: model of part2 (film)"),
    ]


def test_people_hear_of_their_tasks_and_of_what_they_build_on(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production("look")
    task, artist = production.task["id"], str(user_id(studio.artist))
    studio.admin.patch(f"/tasks/{task}", {"assignee_id": artist})
    studio.admin.patch(f"/tasks/{task}", {"status": "retake"})
    studio.artist.patch(f"/tasks/{task}", {"status": "in_progress"})
    studio.publish(production)
    tell(app)
    place = f"modelling of gear ({production.project['name']})"
    assert titles(studio.artist) == [f"{place} is now Retake", f"A task for you: {place}"]


def test_an_order_is_told_of_to_who_can_accept_it_and_then_to_its_client(app: Flask, studio: StudioUnderTest) -> None:
    World(studio).order("accept")
    tell(app)
    assert titles(studio.api(Role.PROJECT_MANAGER)) == ["Order 1 waits for you: Gear"]
    assert titles(studio.api(Role.CLIENT)) == ["Order 1 is accepted"]
    assert titles(studio.artist) == []


def test_a_tenant_that_switched_notifications_off_gets_none(app: Flask, studio: StudioUnderTest) -> None:
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(update(Tenant).values(notifications_enabled=False))
    end(app, studio, submit(app, studio)[0], JobState.COMPLETED)
    tell(app)
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(update(Tenant).values(notifications_enabled=True))
    tell(app)
    assert titles(studio.artist) == [], "what happened meanwhile is not told later either"
    assert studio.artist.get("/activity?kind=job.completed").data["total"] == 1


def test_notifications_are_read_one_by_one_or_all_at_once(app: Flask, studio: StudioUnderTest) -> None:
    notify(app, studio, studio.artist, 5)
    notify(app, studio, studio.admin, 1)
    page = studio.artist.get("/notifications/?page_size=2").data
    assert (page["total"], page["unread"], len(page["items"])) == (5, 5, 2)
    first = page["items"][0]["id"]
    assert studio.artist.post(f"/notifications/{first}/read").data == {"marked": 1, "unread": 4}
    assert studio.artist.post(f"/notifications/{first}/read").data == {"marked": 0, "unread": 4}
    assert studio.artist.get("/notifications/?unread=true").data["total"] == 4
    assert studio.artist.get("/notifications/unread").data == {"unread": 4, "channels": {"notification": 4}}
    assert studio.artist.post("/notifications/read", {"ids": [first], "read": False}).data["unread"] == 5
    assert studio.artist.post("/notifications/read", {}).data == {"marked": 5, "unread": 0}
    theirs = listed(studio.admin)[0]["id"]
    assert studio.artist.post(f"/notifications/{theirs}/read").status == 404
    assert studio.artist.post("/notifications/read", {"ids": [theirs]}).data["marked"] == 0
    assert studio.admin.get("/notifications/unread").data["unread"] == 1


# -- mail


class _Smtp(socketserver.StreamRequestHandler):
    """As much of a mail server as hands in mails; ``refuse`` names an address it does not know, ``on_mail`` is called
    before one is taken."""

    def handle(self) -> None:
        server: Any = self.server
        self.wfile.write(b"220 test\r\n")
        data: list[str] | None = None
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if data is not None:
                if line == ".":
                    server.on_mail()
                    server.mails.append("\n".join(data))
                    data = None
                    self.wfile.write(b"250 taken\r\n")
                else:
                    data.append(line)
            elif line.upper().startswith("DATA"):
                data = []
                self.wfile.write(b"354 go on\r\n")
            elif line.upper().startswith("RCPT") and server.refuse and server.refuse in line:
                self.wfile.write(b"550 unknown\r\n")
            elif line.upper().startswith("QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def smtp() -> Iterator[Any]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp) as server:
        server.daemon_threads = True
        server.mails, server.refuse, server.on_mail = [], "", lambda: None  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def server_of(smtp: Any) -> MailServer:
    server = MailServer.from_environment({"RACEWAY_SMTP_URL": f"smtp://127.0.0.1:{smtp.server_address[1]}"})
    assert server is not None
    return server


def test_who_wishes_it_gets_a_mail_once(app: Flask, studio: StudioUnderTest, smtp: Any) -> None:
    choose(studio.artist, "notification", "immediate", email=True)
    end(app, studio, submit(app, studio)[0], JobState.FAILED)
    notify(app, studio, studio.admin, 1)
    with app.app_context():
        for _ in range(3):
            notifier.tell(app, server_of(smtp))
    [mail] = [mail for mail in smtp.mails if f"@{studio.name}.example" in mail]
    assert f"To: artist <{studio.email(Role.ARTIST)}>" in mail
    assert "Subject: [Raceway] Render still of gear: failed" in mail and "No light in the scene." in mail
    assert "Message-ID: <" in mail and "Auto-Submitted: auto-generated" in mail


def test_a_mail_waits_while_the_server_is_away_and_one_refused_holds_up_no_other(
    app: Flask, studio: StudioUnderTest, smtp: Any
) -> None:
    for who in (studio.artist, studio.admin):
        choose(who, "notification", "immediate", email=True)
        notify(app, studio, who, 1)
    away = MailServer("127.0.0.1", 1, "raceway@studio.example", encrypted=False)
    smtp.refuse = studio.email(Role.ARTIST)
    now = datetime.now(UTC)
    with app.app_context():
        for server, later in ((away, 0), (server_of(smtp), 0), (server_of(smtp), 10)):
            with tenant_session(studio.tenant_id) as session:
                send_waiting(session, server, "", now + timedelta(minutes=later))
        assert len(smtp.mails) == 1 and studio.email(Role.TENANT_ADMIN) in smtp.mails[0]
        for hours in range(1, 30):
            with tenant_session(studio.tenant_id) as session:
                send_waiting(session, server_of(smtp), "", now + timedelta(hours=hours))
        with tenant_session(studio.tenant_id) as session:
            states = dict(session.execute(select(Notification.email_state, Notification.email_attempts)).all())  # type: ignore[arg-type]
    assert set(states) == {"sent", "failed"} and states["failed"] == 8


def test_a_mail_server_that_takes_its_time_holds_up_nobody(app: Flask, studio: StudioUnderTest, smtp: Any) -> None:
    choose(studio.artist, "notification", "immediate", email=True)
    notify(app, studio, studio.artist, 2)
    marked: list[int] = []
    smtp.on_mail = lambda: marked.append(studio.artist.post("/notifications/read", {}).data["marked"])
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            assert send_waiting(session, server_of(smtp), "") == 2
        assert marked == [2, 0]
        with tenant_session(studio.tenant_id) as session:
            assert send_waiting(session, server_of(smtp), "", datetime.now(UTC) + timedelta(days=1)) == 0


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://", "smtp://host:port"])
def test_a_mail_server_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(InputError, match="RACEWAY_SMTP_URL"):
        MailServer.from_environment({"RACEWAY_SMTP_URL": url})


def test_secrets_of_the_mail_server_are_not_shown() -> None:
    server = MailServer.from_environment({"RACEWAY_SMTP_URL": "smtps://me:p%40ss@mail.example"})
    assert server is not None and (server.port, server.password, server.encrypted) == (465, "p@ss", True)
    assert "p@ss" not in repr(server)
    assert MailServer.from_environment({}) is None
