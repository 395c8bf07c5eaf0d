"""The real service, as ``raceway up`` runs it: gunicorn in processes of its own, on the tests' servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from service.config import Config
from service.embedded.server import free_port
from shared.process_tree import kill_tree

_READY_SECONDS = 180
ROOT = Path(__file__).parents[2]


@dataclass
class WebServer:
    """gunicorn at an address that stays the same when it is started again."""

    url: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes]

    def start_again_if_ended(self) -> None:
        """What ``raceway up`` does now and then; returns when the service is ready."""
        if self.process.poll() is not None:
            self.process = _start(self.command, self.environment, self.log)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the service answers; fails with its log where it does not."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                if requests.get(f"{self.url}/api/ready", timeout=5).ok:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the service did not become ready: {self.log.read_text()[-2000:]}")


@contextlib.contextmanager
def serving(
    config: Config, folder: Path, *, app: str = "service.wsgi:app", environment: Mapping[str, str] | None = None
) -> Iterator[WebServer]:
    """Serve until the block ends. The log is ``folder/service.log``."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_settings"]
    command += ["--preload", "--bind", f"127.0.0.1:{port}", app]
    given = {**os.environ, **config.to_environment(), **(environment or {})}
    log = folder / "service.log"
    server = WebServer(f"http://127.0.0.1:{port}", command, given, log, _start(command, given, log))
    try:
        server.wait_until_ready()
        yield server
    finally:
        kill_tree(server.process.pid)
        server.process.wait()


def _start(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True
        )
