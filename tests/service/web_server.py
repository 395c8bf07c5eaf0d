"""The real service, as it runs in production: gunicorn in processes of its own, on the tests' servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests

from service.config import Config
from service.embedded.server import free_port
from shared.processes import kill_tree

_READY_SECONDS = 60
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def serving(
    config: Config, folder: Path, *, app: str = "service.wsgi:app", environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve until the block ends; yields the URL. The log is ``folder/service.log``."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_settings"]
    log = folder / "service.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", app],
            env={**os.environ, **config.to_environment(), **(environment or {})},
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, log)
        yield url
    finally:
        kill_tree(process.pid, grace=5)
        process.wait()


def wait_until_ready(url: str, log: Path) -> None:
    """Wait until the service answers; fails with its log where it does not."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            if requests.get(f"{url}/api/ready", timeout=5).ok:
                return
        time.sleep(0.05)
    raise AssertionError(f"the service did not become ready: {log.read_text()[-2000:]}")
