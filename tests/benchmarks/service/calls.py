"""Clients that make one call after another for a while, and how long the answers took.

Each client is a process that does next to nothing: it sends bytes on a connection that stays open and passes over the
answer. So the clients neither wait for one another nor take much of the processor from the service that is measured.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any
from urllib.parse import urlsplit

_FORK = multiprocessing.get_context("fork")
_BUFFER_BYTES = 1 << 18
_TIMEOUT_SECONDS = 120
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A request; ``body`` is sent as JSON."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


Work = Callable[[int, int], Call]
"""Prepares a client's call of a number, which is not measured; both count from 0, and number -1 is the warm-up."""


@dataclass
class Figures:
    """Answers a second, and seconds by answer."""

    clients: int
    elapsed: float
    seconds: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.elapsed

    def percentile(self, share: float) -> float:
        """Milliseconds within which ``share`` of the answers came."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connection:
    """One client's connection, kept open."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), _TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_BUFFER_BYTES)
        given = {"Host": parts.netloc, "Accept": "application/json", **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())

    def encode(self, call: Call) -> bytes:
        """The bytes to send for a call."""
        start = f"{call.method} {call.path} HTTP/1.1\r\n{self._headers}"
        if call.body is None:
            return f"{start}\r\n".encode()
        body = json.dumps(call.body).encode()
        return f"{start}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def send(self, request: bytes) -> None:
        """Send a request and take its answer in; raises RuntimeError where that is an error."""
        self._socket.sendall(request)
        received = self._receive()
        while (end := self._buffer.find(b"\r\n\r\n", 0, received)) < 0:
            received += self._receive(received)
        length = _LENGTH.search(self._buffer, 0, end)
        if length is None or int(self._buffer[9:12]) >= 400:
            sent, answer = request.partition(b"\r\n")[0], bytes(self._buffer[: min(received, end + 500)])
            raise RuntimeError(f"{sent!r} was answered {answer!r}")
        left = end + 4 + int(length[1]) - received
        while left > 0:
            left -= self._receive()

    def _receive(self, start: int = 0) -> int:
        received = self._socket.recv_into(memoryview(self._buffer)[start:])
        if not received:
            raise RuntimeError("the service closed the connection")
        return received


def measure(url: str, headers: Mapping[str, str], work: Work, clients: int, seconds: float) -> Figures:
    """Let ``clients`` processes do ``work`` for ``seconds``. Raises RuntimeError where a call is answered an error."""
    start = _FORK.Barrier(clients)
    reports = []
    for client in range(clients):
        report, own = _FORK.Pipe(duplex=False)
        _FORK.Process(target=_run, args=(url, headers, work, client, seconds, start, own), daemon=True).start()
        own.close()
        reports.append(report)
    results: list[Figures | Exception] = [report.recv() for report in reports]
    failures = [result for result in results if isinstance(result, Exception)]
    if failures:
        raise next((each for each in failures if not isinstance(each, BrokenBarrierError)), failures[0])
    figures = [result for result in results if isinstance(result, Figures)]
    return Figures(clients, max(each.elapsed for each in figures), [one for each in figures for one in each.seconds])


def _run(
    url: str, headers: Mapping[str, str], work: Work, client: int, seconds: float, start: Barrier, report: Pipe
) -> None:
    """One client: reports its figures, or what went wrong."""
    times: list[float] = []
    try:
        connection = Connection(url, headers)
        connection.send(connection.encode(work(client, -1)))
        start.wait(_TIMEOUT_SECONDS)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            request = connection.encode(work(client, len(times)))
            since = time.perf_counter()
            connection.send(request)
            times.append(time.perf_counter() - since)
        report.send(Figures(1, time.perf_counter() - began, times))
    except (OSError, RuntimeError) as error:
        start.abort()
        report.send(error)
