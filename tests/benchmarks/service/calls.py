"""Clients that call one URL after another for a while, and how long the answers took."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Call:
    """A request; ``body`` is sent as JSON."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


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
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        self._headers = {**headers, "Accept": "application/json"}

    def send(self, call: Call) -> Any:
        """The answer's JSON; raises RuntimeError where it is an error."""
        body = None if call.body is None else json.dumps(call.body)
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        self._http.request(call.method, call.path, body, headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{call.method} {call.path}: {answer.status} {content[:500]!r}")
        return json.loads(content)


def measure(
    url: str,
    headers: Mapping[str, str],
    work: Callable[[int, int], Callable[[Connection], Any]],
    clients: int,
    seconds: float,
) -> Figures:
    """Let ``clients`` threads work for ``seconds``.

    ``work(client, number)`` prepares one unit of work, which is not measured, and returns what is.
    """
    times: list[list[float]] = [[] for _ in range(clients)]
    failures: list[BaseException] = []
    ready = threading.Barrier(clients + 1)
    end = [0.0]

    def run(client: int) -> None:
        connection = Connection(url, headers)
        number = 0
        try:
            work(client, -1)(connection)
        except BaseException as error:
            failures.append(error)
        ready.wait()
        while not failures and time.perf_counter() < end[0]:
            unit = work(client, number)
            since = time.perf_counter()
            try:
                unit(connection)
            except BaseException as error:
                failures.append(error)
                return
            times[client].append(time.perf_counter() - since)
            number += 1

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    since = time.perf_counter()
    end[0] = since + 3600
    ready.wait()
    since = time.perf_counter()
    end[0] = since + seconds
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return Figures(clients, time.perf_counter() - since, [value for own in times for value in own])
