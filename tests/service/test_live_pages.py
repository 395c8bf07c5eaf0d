"""The pages of notifications and workflows, used as a browser uses them; and event streams over real HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from flask import Flask

from service.accounts.permissions import Role
from service.activity import events
from service.config import Config
from service.database import tenant_session
from service.tasks import notifier
from tests.service.studio import StudioUnderTest
from tests.service.test_workflows import BRANCHES, picture, start

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def test_the_bell_counts_and_a_form_marks_as_read(app: Flask, studio: StudioUnderTest) -> None:
    task = studio.production("look").task
    artist = studio.artist.get("/auth/me").data["user"]["id"]
    studio.admin.patch(f"/tasks/{task['id']}", {"assignee_id": artist})
    with app.app_context():
        notifier.tell(app)
    page = studio.browser()
    text = page.get("/notifications").text
    assert "A task for you" in text and 'aria-label="Notifications, 1 unread"' in text
    assert page.post("/notifications/read", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert studio.artist.get("/notifications/unread").data["unread"] == 1
    assert page.post("/notifications/read", headers=SAME_SITE).status_code == 303
    assert 'aria-label="Notifications, 0 unread"' in page.get("/").text
    form = {"frequency notification": "hourly", "frequency notification task.assigned": "never"}
    assert page.post("/notifications/preferences", data=form, headers=SAME_SITE).status_code == 303
    chosen = studio.artist.get("/notifications/preferences").data
    assert {c["channel"]: c["frequency"] for c in chosen["channels"]}["notification"] == "hourly"
    assert next(k["frequency"] for k in chosen["kinds"] if k["kind"] == "task.assigned") == "never"
    assert page.post("/notifications/read", data={"id": "x"}, headers=SAME_SITE).status_code == 422


def test_a_run_is_drawn_cancelled_and_tried_again_by_its_page(studio: StudioUnderTest) -> None:
    run = start(studio, BRANCHES, pictures=picture(studio))
    page = studio.browser()
    drawn = page.get("/workflows").text
    assert len(re.findall(r'<g class="node node-(queued|waiting)">', drawn)) == 4
    assert len(re.findall(r'<path class="edge', drawn)) == 2
    address = f"/workflows/runs/{run['id']}"
    assert "data-refresh" in page.get(address).text
    assert page.post(f"{address}/cancel", data={"node": "a"}, headers=SAME_SITE).status_code == 303
    assert page.post(f"{address}/cancel", headers=SAME_SITE).status_code == 303
    assert studio.artist.get(address).data["state"] == "cancelled"
    assert page.post(f"{address}/cancel", headers=SAME_SITE).status_code == 303, "it was cancelled by somebody else"
    assert "Retry what failed" in page.get(address).text
    assert page.post(f"{address}/retry", headers=SAME_SITE).status_code == 303
    assert studio.artist.get(address).data["state"] == "running"
    assert studio.browser(Role.CLIENT).get("/workflows").status_code == 403
    assert page.post("/workflows/runs", data={"workflow": "step_to_picture"}, headers=SAME_SITE).status_code == 422


def test_names_of_a_workflow_cannot_become_markup(studio: StudioUnderTest) -> None:
    body = {"graph": BRANCHES, "title": "<script>alert(1)</script>", "inputs": {"pictures": picture(studio)}}
    assert studio.artist.post("/workflows/runs", body).status == 201
    assert "<script>alert" not in studio.browser().get("/workflows").text


@pytest.fixture
def server(config: Config) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The service under gunicorn, as it runs in a studio."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        environment = {**os.environ, **config.to_environment(), "WEB_CONCURRENCY": "1"}
        command = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_settings"]
        process = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}", "service.wsgi:app"],
            cwd=Path(__file__).parents[2],
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        deadline = time.monotonic() + 40
        while True:
            try:
                if requests.get(f"{url}/health", timeout=5).ok:
                    break
            except requests.RequestException:
                assert time.monotonic() < deadline and process.poll() is None
        yield url, process
        process.kill()
        process.wait()


def test_streams_leave_room_for_requests_and_end_when_the_service_is_stopped(
    app: Flask, studio: StudioUnderTest, server: tuple[str, subprocess.Popen[bytes]]
) -> None:
    url, process = server
    headers = {"Authorization": f"Bearer {studio.tokens[Role.ARTIST]}"}
    streams = [requests.get(f"{url}/events", headers=headers, stream=True, timeout=30) for _ in range(20)]
    lines = [stream.iter_lines(decode_unicode=True) for stream in streams]
    assert all(next(each) == "retry: 1000" for each in lines)
    began = time.monotonic()
    assert requests.get(f"{url}/auth/me", headers=headers, timeout=10).ok
    assert time.monotonic() - began < 5
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        events.emit(session, "test.done", "test", uuid4(), {"name": "x"})
    for each in lines:
        data = next(line for line in each if line.startswith("data:") and "test.done" in line)
        assert json.loads(data.removeprefix("data: "))["payload"] == {"name": "x"}
    stopped = time.monotonic()
    process.send_signal(signal.SIGTERM)
    for each in lines:
        assert not [line for line in each if line.startswith("event: event")]
    assert process.wait(timeout=20) == 0 and time.monotonic() - stopped < 8
