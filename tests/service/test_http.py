"""What arrives over the wire, byte by byte, at the real server: whole, cut off, damaged, too long, or no HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from service.accounts.permissions import Role
from service.config import Config
from shared.process_tree import descendants
from tests.service.studio import Json, StudioUnderTest, make_studio
from tests.service.web_server import WebServer, serving
from tests.service.world import PNG

BINARY = "Content-Type: application/octet-stream"
_MORE_THAN_THREADS = 80
STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n"


@pytest.fixture(scope="module")
def server(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with serving(config, tmp_path_factory.mktemp("server")) as server:
        yield server


@dataclass
class Wire:
    """A client that writes its requests by hand."""

    server: WebServer
    studio: StudioUnderTest

    def send(self, start: str, *headers: str, body: bytes = b"") -> tuple[http.client.HTTPResponse, Json]:
        """Send a request as the artist, stop sending, and read the answer."""
        token = f"Authorization: Bearer {self.studio.tokens[Role.ARTIST]}"
        head = "\r\n".join((f"{start} HTTP/1.1", "Host: raceway", "Connection: close", token, *headers, "", ""))
        return self.send_bytes(head.encode() + body)

    def send_bytes(self, request: bytes) -> tuple[http.client.HTTPResponse, Json]:
        place = urlsplit(self.server.url)
        with socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=20) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer, json.loads(answer.read())


@pytest.fixture(scope="module")
def wire(app: Flask, server: WebServer) -> Wire:
    return Wire(server, make_studio(app))


def clients_of(process: int, port: int) -> int:
    """How many connections to ``port`` a process holds (``/proc/net/tcp``, see proc(5))."""
    established = {
        place.split()[9]
        for place in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if place.split()[1].endswith(f":{port:04X}") and place.split()[3] == "01"
    }
    held = 0
    for file in Path(f"/proc/{process}/fd").iterdir():
        # It may be closed by now.
        with contextlib.suppress(OSError):
            held += os.readlink(file).removeprefix("socket:[").removesuffix("]") in established
    return held


def test_clients_that_stay_are_shared_evenly_by_the_processes(server: WebServer) -> None:
    """Left to chance, a process that gets most of them answers those twice as slowly."""
    address = urlsplit(server.url)
    processes = descendants(server.process.pid)
    for process in processes:
        # The other one alone answers: it has started.
        os.kill(process, signal.SIGSTOP)
        server.wait_until_ready()
        os.kill(process, signal.SIGCONT)
    with contextlib.ExitStack() as undo:
        for _ in range(12):
            client = undo.enter_context(contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=20)))
            client.request("GET", "/api/health")
            client.getresponse().read()
        held = [clients_of(process, int(address.port or 0)) for process in processes]
    assert len(held) == 2
    assert min(held) >= 4, held


def in_chunks(content: bytes, size: int | None = None) -> bytes:
    """``content`` as one chunk that says it has ``size`` bytes."""
    return b"%x\r\n%b\r\n" % (len(content) if size is None else size, content)


def files(studio: StudioUnderTest) -> set[Path]:
    return {path for path in studio.root.rglob("*") if path.is_file()}


CUT_OFF = {
    "by its length": ("Content-Length: 5000", lambda content: content),
    "in a chunk": ("Transfer-Encoding: chunked", lambda content: in_chunks(content, 5000)),
    "before the last chunk": ("Transfer-Encoding: chunked", in_chunks),
    "damaged chunks": ("Transfer-Encoding: chunked", lambda content: in_chunks(content) + b"nonsense\r\n"),
}


@pytest.mark.parametrize(("framing", "cut"), CUT_OFF.values(), ids=CUT_OFF)
@pytest.mark.parametrize("kind", ["picture", "CAD file"])
def test_an_upload_that_was_cut_off_is_refused_and_not_kept(
    wire: Wire, kind: str, framing: str, cut: Callable[[bytes], bytes]
) -> None:
    project = wire.studio.production().project["name"]
    path, content = {
        "picture": ("/media/assets?filename=a.png", PNG),
        "CAD file": (f"/cad/?asset=gear&project={project}&filename=a.step", STEP),
    }[kind]
    before = files(wire.studio)
    answer, told = wire.send(f"POST /api{path}", BINARY, framing, body=cut(content))
    assert (answer.status, told["error"]["code"]) == (400, "input.incomplete")
    assert files(wire.studio) == before
    assert wire.studio.artist.get(path.partition("?")[0]).data["total"] == 0


def test_a_whole_upload_in_chunks_is_kept(app: Flask, server: WebServer) -> None:
    wire = Wire(server, make_studio(app))
    body = in_chunks(PNG[:9]) + in_chunks(PNG[9:]) + in_chunks(b"")
    answer, told = wire.send("POST /api/media/assets?filename=a.png", BINARY, "Transfer-Encoding: chunked", body=body)
    assert (answer.status, told["data"]["size"]) == (201, len(PNG))


@pytest.mark.parametrize("body", [b'{"name": "gear', b"{"])
def test_json_that_was_cut_off_or_damaged_is_refused(wire: Wire, body: bytes) -> None:
    kind = "Content-Type: application/json"
    answer, told = wire.send("POST /api/auth/login", kind, f"Content-Length: {len(body) + 9}", body=body)
    assert (answer.status, told["error"]["code"]) == (400, "input.incomplete")
    damaged = in_chunks(body) + b"nonsense\r\n"
    answer, told = wire.send("POST /api/auth/login", kind, "Transfer-Encoding: chunked", body=damaged)
    assert (answer.status, told["error"]["code"]) == (400, "input.incomplete")


@pytest.mark.parametrize("depth", [300, 600, 900, 100_000])
def test_json_that_is_nested_more_deeply_than_anything_here_is_refused(app: Flask, depth: int) -> None:
    body = '{"email": "a@b.example", "password": ' + "[" * depth + "]" * depth + "}"
    answer = app.test_client().post("/api/auth/login", data=body, content_type="application/json")
    assert answer.status_code in (400, 422) and answer.json and "input" in answer.json["error"]["code"]


def test_too_long_a_body_in_chunks_is_refused_as_such(wire: Wire) -> None:
    # What is cut off at the limit would be JSON all the same.
    body = in_chunks(b'{"email": "a@b", "password": "c"}') + in_chunks(b" " * (9 << 20)) + in_chunks(b"")
    chunked = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    answer, told = wire.send("POST /api/auth/login", *chunked, body=body)
    assert (answer.status, told["error"]["code"]) == (413, "input.too_large")


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /api/assets/?q=" + "a" * 9000, (), 414),
        ("GET /api/assets/", ("X-Long: " + "a" * 20_000,), 431),
        ("GET /api/assets/", tuple(f"X-{number}: a" for number in range(200)), 431),
        ("GET /api/assets/", ("Content-Length: -1",), 400),
        ("GET /api/assets/", ("Transfer-Encoding: made-up",), 501),
        ("nonsense", (), 400),
    ],
    ids=["address", "header", "headers", "length", "coding", "nonsense"],
)
def test_what_never_reaches_the_application_is_refused_in_the_same_form(
    wire: Wire, request_line: str, headers: tuple[str, ...], status: int
) -> None:
    answer, told = wire.send(request_line, *headers)
    assert (answer.status, told["ok"], told["error"]["code"]) == (status, False, f"http.{status}")
    assert set(told["error"]) == {"code", "message", "hint", "fields"} and told["error"]["message"]
    assert answer.headers["Content-Type"] == "application/json"
    lines = [json.loads(line) for line in wire.server.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == answer.headers["X-Request-Id"]]
    assert line["status"] == status and "aaaa" not in str(line)


def test_a_client_that_falls_silent_holds_no_thread(config: Config, tmp_path: Path) -> None:
    quick = {"RACEWAY_CLIENT_SECONDS": "1", "WEB_CONCURRENCY": "1"}
    with serving(config, tmp_path, environment=quick) as server, contextlib.ExitStack() as silent:
        place = urlsplit(server.url)
        for number in range(_MORE_THAN_THREADS):
            connection = socket.create_connection((str(place.hostname), int(place.port or 0)))
            silent.enter_context(connection)
            # In the middle of the head, or of the body.
            body = "POST /api/auth/login HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            connection.sendall(body.encode() if number % 2 else b"GET /api/hea")
        assert requests.get(f"{server.url}/api/health", timeout=20).ok
        log = server.log.read_text()
        assert "fell silent" in log and "Traceback" not in log


def test_clients_that_do_not_hang_up_keep_nobody_waiting(config: Config, tmp_path: Path) -> None:
    with serving(config, tmp_path, environment={"WEB_CONCURRENCY": "1"}) as server, contextlib.ExitStack() as lazy:
        place = urlsplit(server.url)
        connections = []
        for _ in range(30):
            connection = socket.create_connection((str(place.hostname), int(place.port or 0)), timeout=20)
            connections.append(lazy.enter_context(connection))
            connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: raceway\r\nConnection: close\r\n\r\n")
        for connection in connections:
            assert b" 200 " in connection.recv(4096)
        assert requests.get(f"{server.url}/api/health", timeout=20).ok


def test_a_tls_greeting_is_no_request_and_leaves_no_trace_of_itself_in_the_log(wire: Wire) -> None:
    answer, told = wire.send_bytes(b"\x16\x03\x01\x02\x00secret\x01\r\n\r\n")
    assert (answer.status, told["error"]["code"]) == (400, "http.400")
    assert "secret" not in wire.server.log.read_text()
