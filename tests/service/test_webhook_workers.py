"""Workers that send to webhooks: each event at least once and in order, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from service.config import driver_url
from shared.client import Client
from tests.service.farm import Farm, farm, until
from tests.service.receiver import Message, receiving


@pytest.fixture(scope="module")
def studio_with_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    with farm(tmp_path_factory.mktemp("webhooks")) as made:
        yield made


def start_worker(made: Farm, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.commands.worker", *options]
    variables = {**os.environ, **made.stack.config.to_environment()}
    made.started.append(subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL))
    return made.started[-1]


def test_what_a_killed_worker_was_sending_is_sent_by_another(studio_with_workers: Farm) -> None:
    made, client = studio_with_workers, studio_with_workers.client
    killed, held = threading.Event(), threading.Event()

    def hold_the_first(message: Message) -> int:
        if not held.is_set():
            held.set()
            killed.wait(30)
        return 200

    with receiving(hold_the_first) as receiver:
        webhook = client.post("/webhooks/", {"name": "bot", "url": receiver.url, "kinds": ["project.*"]})
        worker = start_worker(made, "--queues", "default")
        project = client.post("/projects/", {"name": "killed"})
        assert held.wait(30)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        killed.set()
        client.patch(f"/projects/{project['id']}", {"title": "Later"})
        with create_engine(driver_url(made.stack.config.database_owner_url)).begin() as connection:
            # What passing time does: the dead worker's claim runs out.
            connection.execute(text("SELECT set_config('app.current_tenant', id::text, true) FROM tenants"))
            ended = connection.execute(text("UPDATE webhooks SET busy_until = now() WHERE busy_until > now()"))
            assert ended.rowcount == 1
        start_worker(made, "--queues", "default")
        path = f"/webhooks/{webhook['id']}/deliveries"
        until(lambda: [each["state"] for each in client.pages(path)] == ["delivered"] * 2)
        made.stop_workers()
    ids = [message.id_if_signed(webhook["secret"]) for message in receiver.messages]
    assert receiver.kinds == ["project.created", "project.created", "project.changed"]
    assert ids[0] == ids[1] != ids[2], "sent twice, under one id"


def test_two_workers_send_each_event_once_and_in_order(studio_with_workers: Farm) -> None:
    made, client = studio_with_workers, studio_with_workers.client
    with receiving() as receiver:
        webhook = client.post("/webhooks/", {"name": "counter", "url": receiver.url, "kinds": ["project.changed"]})
        project = client.post("/projects/", {"name": "counted"})
        workers = [start_worker(made, "--queues", "default") for _ in range(2)]
        with Client(made.stack.api_url, made.stack.admin_token) as other:
            for number in range(40):
                (client, other)[number % 2].patch(f"/projects/{project['id']}", {"title": str(number)})
        until(lambda: len(receiver.messages) >= 40)
        path = f"/webhooks/{webhook['id']}/deliveries"
        until(lambda: all(each["state"] == "delivered" for each in client.pages(path)))
        assert all(worker.poll() is None for worker in workers)
        made.stop_workers()
    titles = [message.json["payload"]["changes"]["title"][1] for message in receiver.messages]
    assert titles == [str(number) for number in range(40)]
