"""A small farm: a service, and worker processes whose renderers are stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.stack import Stack, running
from shared.client import Client, Json
from shared.process_tree import descendants

_ROOT = Path(__file__).parents[2]
_OWN_SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "RACEWAY_ROOT", "RACEWAY_SECRET_KEY")
_ITEM = '#usda 1.0\n(defaultPrim = "gear")\ndef Xform "gear" {}\n'


@dataclass
class Farm:
    """``publish_id`` is of an asset that can be rendered."""

    stack: Stack
    client: Client
    publish_id: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """A worker; ``environment`` is of the stand-in, see :mod:`tests.service.stand_in.behaviour`."""
        command = [sys.executable, "-m", "tests.service.stand_in.worker", "--queues", "render", *options]
        variables = {**os.environ, **self.stack.config.to_environment(), **environment}
        self.started.append(subprocess.Popen(command, cwd=_ROOT, env=variables, stderr=subprocess.DEVNULL))
        return self.started[-1]

    def submit(self, kind: str, **settings: object) -> Json:
        return self.client.submit_job(kind, publish_id=self.publish_id, **settings)

    def restart_server(self, name: str) -> None:
        """Stop ``redis`` or ``postgres`` and start it again, as an update of the machine does."""
        server = next(each for each in self.stack._servers._running if each.name == name)
        url = self.stack.config.redis_url if name == "redis" else self.stack.config.database_url
        port = urlsplit(url).port
        assert port
        server.request_stop()
        server.wait_until_stopped()
        server.start(port)

    def stop_workers(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(timeout=30)
        self.started.clear()

    def cancel_running(self, count: int) -> list[float]:
        """Submit stills, cancel each once it runs; answers the seconds from the call to the last process's end.

        Raises AssertionError for a process that lives on. The workers' renderers must run long, with a daemon.
        """
        jobs = [self.submit("still") for _ in range(count)]
        until(lambda: all(self._group(job) and len(descendants(self._group(job))) >= 2 for job in jobs))
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(self._cancel, jobs))

    def _group(self, job: Json) -> int:
        return int(self.client.job(job["id"])["document"]["process_group"] or 0)

    def _cancel(self, job: Json) -> float:
        with Client(self.stack.api_url, self.stack.admin_token) as client:
            group = client.job(job["id"])["document"]["process_group"]
            tree = {group, *descendants(group)}
            began = time.monotonic()
            client.cancel_job(job["id"])
            until(lambda: not any(_lives(pid) for pid in tree), 10)
            seconds = time.monotonic() - began
            until(lambda: client.job(job["id"])["state"] == "cancelled", 10)
        return seconds


@contextmanager
def farm(folder: Path, **settings: str) -> Iterator[Farm]:
    """A farm without workers yet; ``settings`` are environment variables of its service."""
    with pytest.MonkeyPatch.context() as environment:
        for name in _OWN_SERVERS:
            environment.delenv(name, raising=False)
        for name, value in settings.items():
            environment.setenv(name, value)
        with running(folder, workers=0) as stack, Client(stack.api_url, stack.admin_token) as client:
            found = Farm(stack, client)
            found.publish_id = _publish(stack, client)
            try:
                yield found
            finally:
                found.stop_workers()


def until(condition: Callable[[], object], seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _publish(stack: Stack, client: Client) -> str:
    project = client.post("/projects/", {"name": "film"})
    asset = client.post("/assets/", {"project_id": project["id"], "name": "gear"})
    target = {"target_type": "asset", "target_id": asset["id"]}
    task = client.post("/tasks/", {**target, "name": "model", "department": "model"})
    reserved = client.reserve_publish(task_id=task["id"], part_name="body", **target)
    item = stack.root / reserved["item_usd_path"]
    item.parent.mkdir(parents=True, exist_ok=True)
    item.write_text(_ITEM)
    published = client.commit_publish(
        "farm",
        task_id=task["id"],
        **target,
        software="test",
        item_usd_path=reserved["item_usd_path"],
        reservation_id=reserved["reservation_id"],
        metadata={"asset_name": "gear", "part_name": "body"},
    )
    return str(published["id"])
