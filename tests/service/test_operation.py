"""What operators rely on: probes, figures for Prometheus, request ids, and an end that loses no request."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from service.accounts.permissions import Role
from service.app import create_app
from service.config import Config
from service.database_role import check_database
from shared.errors import InputError
from shared.locks import file_lock
from shared.process_tree import descendants
from tests.service.studio import StudioUnderTest


def _figures(text: str) -> dict[str, float]:
    """Value of each sample, by its name and labels as they are written."""
    return {
        f"{sample.name}{json.dumps(sample.labels, sort_keys=True)}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/health", "/api/ready"])
def test_probes_need_no_token(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.status_code == 200 and answer.json is not None and answer.json["ok"] is True


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", PROMETHEUS])
def test_errors_of_probes_are_for_programs(app: Flask, accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    for method, path, status, code in (
        ("GET", "/metrics", 401, "auth.missing_token"),
        ("POST", "/health", 405, "input.method"),
        ("DELETE", "/ready/", 405, "input.method"),
    ):
        answer = app.test_client().open(path, method=method, headers=headers)
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
        assert answer.json["ok"] is False and answer.json["error"]["code"] == code
    for path in ("/metrics", "/nowhere"):
        answer = app.test_client().get(path, headers={"Accept": BROWSER} if path == "/metrics" else headers)
        asks_for_json = path == "/nowhere" and accept == "application/json"
        assert answer.mimetype == ("application/json" if asks_for_json else "text/html")


def test_what_keeps_the_service_from_being_ready_is_told_to_an_orchestrator(app: Flask, config: Config) -> None:
    lost = create_app(replace(config, root=config.root / "nowhere", redis_url="redis://127.0.0.1:1/0"))
    answer = lost.test_client().get("/ready")
    assert answer.status_code == 503 and answer.mimetype == "application/json"
    assert {"redis", "storage"} == set(answer.json["error"]["fields"])
    page = lost.test_client().get("/ready", headers={"Accept": BROWSER})
    assert page.status_code == 503 and page.mimetype == "text/html"


def test_figures_are_for_operators_only(app: Flask, studio: StudioUnderTest) -> None:
    assert app.test_client().get("/metrics").status_code == 401
    headers = {"Authorization": f"Bearer {studio.tokens[Role.TENANT_ADMIN]}"}
    assert app.test_client().get("/metrics", headers=headers).status_code == 403


def test_figures_tell_of_jobs_requests_and_storage(app: Flask, studio: StudioUnderTest, quiet_queue: None) -> None:
    headers = {"Authorization": f"Bearer {studio.tokens[Role.GLOBAL_ADMIN]}"}
    before = _figures(app.test_client().get("/metrics", headers=headers).text)
    production = studio.production()
    studio.publish(production)
    job = {"kind": "still", "asset": production.asset["name"], "project": production.project["name"]}
    assert studio.artist.post("/jobs/", job).status == 201
    after = _figures(app.test_client().get("/metrics", headers=headers).text)

    def grown(sample: str) -> float:
        return after[sample] - before.get(sample, 0.0)

    assert grown('raceway_jobs{"state": "queued"}') == 1
    assert grown('raceway_queue_waiting{"queue": "render"}') == 1
    assert sum(grown(name) for name in after if name.startswith("raceway_publishes{")) == 1
    created = '{"method": "POST", "route": "/api/jobs/", "status": "201"}'
    assert grown(f"raceway_http_request_seconds_count{created}") == 1
    assert after["raceway_storage_free_bytes{}"] > 0 and after["raceway_redis_up{}"] == 1
    assert studio.name not in str(after)


def test_a_job_with_many_tasks_is_one_job_in_the_figures(
    app: Flask, studio: StudioUnderTest, quiet_queue: None
) -> None:
    headers = {"Authorization": f"Bearer {studio.tokens[Role.GLOBAL_ADMIN]}"}
    production = studio.production()
    studio.publish(production)
    before = _figures(app.test_client().get("/metrics", headers=headers).text)
    subject = {"asset": production.asset["name"], "project": production.project["name"]}
    assert studio.artist.post("/jobs/", {"kind": "turntable", "frames": 20, "chunk": 2, **subject}).status == 201
    after = _figures(app.test_client().get("/metrics", headers=headers).text)
    jobs = {name: after[name] - before.get(name, 0.0) for name in after if name.startswith("raceway_jobs{")}
    assert {name: number for name, number in jobs.items() if number} == {'raceway_jobs{"state": "queued"}': 1}
    waiting = 'raceway_queue_waiting{"queue": "render"}'
    assert after[waiting] - before.get(waiting, 0.0) == 1


def test_a_proxys_request_id_is_kept_and_a_strange_one_is_not(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "raceway.access"):
        kept = app.test_client().get("/health", headers={"X-Request-Id": "proxy-4711"})
        own = app.test_client().get("/health", headers={"X-Request-Id": 'x" y'})
    assert kept.headers["X-Request-Id"] == "proxy-4711"
    assert '"' not in own.headers["X-Request-Id"] and len(own.headers["X-Request-Id"]) == 12


class _Gunicorn:
    """The service behind its production server, as ``raceway up`` starts it."""

    def __init__(self, config: Config, log: Path, **environment: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.log = log
        settings = ("--config", "python:service.gunicorn_settings", "--preload")
        address = ("--bind", f"fd://{self._listener.fileno()}")
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *settings, *address, "service.wsgi:app"],
                env={**os.environ, **config.to_environment(), **environment},
                pass_fds=(self._listener.fileno(),),
                stdout=stream,
                stderr=stream,
            )
        deadline = time.monotonic() + 60
        while requests.get(f"{self.url}/health", timeout=60).status_code != 200:
            assert time.monotonic() < deadline, log.read_text()

    def stop(self) -> int:
        """Ask it to end, and answer its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self._listener.close()
        return status

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        self.process.kill()
        self.process.wait()
        self._listener.close()


@pytest.fixture
def gunicorn(config: Config, tmp_path: Path) -> Iterator[_Gunicorn]:
    server = _Gunicorn(config, tmp_path / "log")
    yield server
    if server.process.poll() is None:
        server.stop()


def test_every_process_counts_the_requests_of_all(gunicorn: _Gunicorn, studio: StudioUnderTest) -> None:
    for _ in range(20):
        # A new connection each time, so that both processes get some.
        requests.get(f"{gunicorn.url}/api/health", headers={"Connection": "close"}, timeout=10)
    headers = {"Authorization": f"Bearer {studio.tokens[Role.GLOBAL_ADMIN]}", "Connection": "close"}
    for _ in range(4):
        figures = _figures(requests.get(f"{gunicorn.url}/metrics", headers=headers, timeout=10).text)
        assert (
            figures['raceway_http_request_seconds_count{"method": "GET", "route": "/api/health", "status": "200"}']
            == 20
        )


def test_what_a_killed_service_left_is_cleared_at_the_next_start(config: Config, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {f"raceway-figures-{ended.pid}", f"raceway-figures-{os.getpid()}", "raceway-figures-of-mine"}
    for name in names:
        (temporary / name).mkdir()
    first = _Gunicorn(config, tmp_path / "first.log", TMPDIR=str(temporary))
    (killed,) = {path.name for path in temporary.glob("raceway-figures-*")} - names
    second = _Gunicorn(config, tmp_path / "second.log", TMPDIR=str(temporary))
    assert (temporary / killed).is_dir(), "what runs keeps its folder"
    first.kill()
    with file_lock(temporary / killed / "lock", wait_seconds=30) as ended_too:
        assert ended_too, "its workers die with it"
    third = _Gunicorn(config, tmp_path / "third.log", TMPDIR=str(temporary))
    left = {path.name for path in temporary.glob("raceway-figures-*")}
    assert killed not in left and f"raceway-figures-{ended.pid}" not in left
    assert {f"raceway-figures-{os.getpid()}", "raceway-figures-of-mine"} < left, "processes that live, other names"
    assert len(left) == 4
    assert second.stop() == third.stop() == 0
    assert len(list(temporary.glob("raceway-figures-*"))) == 2


def test_a_request_under_way_is_answered_before_the_end(gunicorn: _Gunicorn, studio: StudioUnderTest) -> None:
    production = studio.production()
    status: list[int] = []
    half_sent = threading.Event()

    def body() -> Iterator[bytes]:
        yield b"ISO-10303-21;\n"
        half_sent.set()
        # The rest comes only when the server has been told to end.
        assert told.wait(30)
        yield b"HEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"

    told = threading.Event()

    def upload() -> None:
        answer = requests.post(
            f"{gunicorn.url}/api/cad/",
            params={"project": production.project["name"], "asset": production.asset["name"], "filename": "a.step"},
            data=body(),
            headers={
                "Authorization": f"Bearer {studio.tokens[Role.ARTIST]}",
                "Content-Type": "application/octet-stream",
            },
            timeout=60,
        )
        status.append(answer.status_code)

    thread = threading.Thread(target=upload)
    thread.start()
    assert half_sent.wait(30)
    gunicorn.process.send_signal(signal.SIGTERM)
    told.set()
    thread.join(60)
    assert status == [201]
    assert gunicorn.process.wait(timeout=60) == 0
    assert "Traceback" not in gunicorn.log.read_text()


def test_the_logs_are_lines_of_json_without_secrets(gunicorn: _Gunicorn, studio: StudioUnderTest) -> None:
    token = studio.tokens[Role.ARTIST]
    requests.get(f"{gunicorn.url}/api/auth/me", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    requests.get(f"{gunicorn.url}/?token={token}", timeout=10)
    login = {"email": studio.email(Role.ARTIST), "password": "my very secret password"}
    requests.post(f"{gunicorn.url}/api/auth/login", json=login, timeout=10)
    gunicorn.stop()
    log = gunicorn.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line.get("path") == "/api/auth/me"]
    assert asked and asked[0]["request_id"] and asked[0]["status"] == 200 and asked[0]["milliseconds"] > 0
    assert token not in log and "secret" not in log


class _Relay(socketserver.ThreadingTCPServer):
    """A way to a server that can be open or not; ``port`` is its own from the start."""

    allow_reuse_address = True
    daemon_threads = True
    is_open = False

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.target = (host, port)
        self.server_bind()
        self.port = self.server_address[1]

    def open(self) -> None:
        """Until now connections are refused."""
        self.server_activate()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.is_open = True

    def close(self) -> None:
        """Let nothing through any more."""
        if self.is_open:
            self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        with socket.create_connection(self.target) as target:
            back = threading.Thread(target=self._pass_on, args=(target, request), daemon=True)
            back.start()
            self._pass_on(request, target)
            back.join()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def test_the_service_starts_before_its_database_and_is_ready_with_it(config: Config, tmp_path: Path) -> None:
    url = make_url(config.database_url)
    assert url.host and url.port
    relay = _Relay(url.host, url.port)
    through_relay = url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)
    server = _Gunicorn(replace(config, database_url=through_relay), tmp_path / "log")
    try:
        refused = requests.get(f"{server.url}/api/ready", timeout=30)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service.database")
        # A process that ends meanwhile is started again, and takes the others along no more than before.
        killed = min(descendants(server.process.pid))
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(descendants(server.process.pid) - {killed}) < 2:
            assert time.monotonic() < deadline and server.process.poll() is None, server.log.read_text()
            time.sleep(0.05)
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
        relay.open()
        for _ in range(6):
            # A new connection each time, so that both processes are asked.
            assert requests.get(f"{server.url}/ready", headers={"Connection": "close"}, timeout=30).status_code == 200
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.stop()
        relay.close()
    assert "starting without the database" in server.log.read_text()


def test_a_role_that_sees_other_tenants_is_refused_whenever_it_comes(config: Config, tmp_path: Path) -> None:
    app = create_app(replace(config, database_url=config.database_owner_url))
    with pytest.raises(InputError, match="row-level security"):
        check_database(app)
    answer = app.test_client().post("/api/auth/login", json={"email": "a@example.com", "password": "x"})
    assert answer.status_code == 503 and answer.json is not None
    assert "raceway_owner" in answer.json["error"]["message"]
