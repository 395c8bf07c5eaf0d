"""64 clients publish 50 times each to one part, over HTTP, through the service as it runs in production."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from service.accounts.permissions import Role
from service.config import Config
from service.database import tenant_session
from service.models import Publish, StaleEntry
from tests.service.studio import StudioUnderTest, make_studio
from tests.service.web_server import ROOT, serving

CLIENTS, EACH, PROCESSES = 64, 50, 2


def clients(job: dict[str, Any]) -> list[dict[str, Any]]:
    """A share of the clients: each on a thread and a connection of its own, all starting at once.

    Each checks after every answer that the part's entry composes its publish or a newer one.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    ready = Barrier(job["clients"])
    entry = Path(job["entry"])
    headers = {"Authorization": f"Bearer {job['token']}", "Content-Type": "application/json"}

    def one(number: int) -> list[dict[str, Any]]:
        # Every other client leaves out what it may: nulls must not slip through a unique constraint.
        body = {**job["body"], **(job["fields"] if number % 2 else dict.fromkeys(job["fields"]))}
        connection = http.client.HTTPConnection(job["host"], timeout=60)
        answers = []
        ready.wait()
        for turn in range(job["each"]):
            name = f"{job['name']}_{number}_{turn}.usd"
            sent = json.dumps({**body, "item_usd_path": f"{job['folder']}/{name}"})
            connection.request("POST", "/api/publishes/", sent, headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
            assert reply.status == 201, answer
            composed = re.findall(r"@\./data/(\w+\.usd)@", entry.read_text())
            answers.append({"version": answer["data"]["version"], "item": name, "composed": composed})
        connection.close()
        return answers

    with ThreadPoolExecutor(job["clients"]) as pool:
        return [answer for answers in pool.map(one, range(job["clients"])) for answer in answers]


@pytest.fixture(scope="module")
def service(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(config, tmp_path_factory.mktemp("load")) as web:
        yield web.url


@pytest.fixture
def studio(app: Flask) -> StudioUnderTest:
    return make_studio(app)


def test_every_version_is_given_out_once_and_none_is_left_out(service: str, studio: StudioUnderTest) -> None:
    production = studio.production()
    folder = f"{production.project['name']}/assets/gear/usd/body/data"
    for process in range(PROCESSES):
        for number in range(CLIENTS // PROCESSES):
            for turn in range(EACH):
                studio.write(f"{folder}/given{process}_{number}_{turn}.usd")
    entry = studio.root / folder.removesuffix("/data") / "body.usd"
    job = {
        "host": urlsplit(service).netloc,
        "token": studio.tokens[Role.ARTIST],
        "clients": CLIENTS // PROCESSES,
        "each": EACH,
        "folder": folder,
        "entry": str(entry),
        "body": production.publish_body(""),
        "fields": {"source_version": 3, "source_iteration": 12, "reservation_id": None, "idempotency_key": None},
    }
    command = [sys.executable, "-m", __name__]
    processes = []
    for number in range(PROCESSES):
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**job, "name": f"given{number}"}).encode())
        process.stdin.close()
        processes.append(process)
    answers = [answer for process in processes for answer in json.load(process.stdout or sys.stdin)]
    assert [process.wait() for process in processes] == [0] * PROCESSES

    every = list(range(1, CLIENTS * EACH + 1))
    assert sorted(answer["version"] for answer in answers) == every
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        rows = session.execute(select(Publish.version, Publish.item_usd_path).order_by(Publish.version)).all()
        assert session.scalars(select(StaleEntry.id)).all() == []
    assert [version for version, _ in rows] == every
    # Nobody saw an entry older than the publish that had just been answered.
    version_of = {path.rpartition("/")[2]: version for version, path in rows}
    assert all(version_of[answer["item"]] == answer["version"] for answer in answers)
    assert all(version_of[answer["composed"][0]] >= answer["version"] for answer in answers)
    assert f"@./data/{rows[-1][1].rpartition('/')[2]}@" in entry.read_text()


if __name__ == "__main__":
    print(json.dumps(clients(json.load(sys.stdin))))
