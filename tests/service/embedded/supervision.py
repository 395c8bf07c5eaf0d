"""Supervisors in processes of their own, which can be killed, and ways to look at what they leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg2

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 20

# Prints the addresses, or the coded error, and holds the servers until standard input closes.
_SUPERVISOR = """
import json, sys
from service.embedded import Servers
from shared.errors import RacewayError
try:
    with Servers(sys.argv[1], environ={}) as urls:
        print(json.dumps(urls.environment()), flush=True)
        sys.stdin.read()
except RacewayError as error:
    print(json.dumps(error.to_json()), flush=True)
"""


def wait_until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Poll until ``condition`` holds; the test fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.002)


def processes_in(data_dir: Path) -> list[str]:
    """Command lines of all processes that work in ``data_dir`` or name it (not the supervisor)."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                works_in = os.readlink(process / "cwd")
            except OSError:
                continue
            if works_in.startswith(f"{data_dir}/") or f"{data_dir}/" in command:
                found.append(command)
    return found


def as_user(uid: int) -> list[str]:
    """Prefix of a command that root runs as an ordinary user.

    It may pass and read closed folders, because the interpreter often lies below root's home; it may write nothing.
    """
    capability = [f"--{kind}-caps=-all,+dac_read_search" for kind in ("inh", "ambient")]
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *capability]


class Supervisor:
    """A supervisor in a process of its own."""

    def __init__(self, data_dir: Path, prefix: Sequence[str] = ()) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _SUPERVISOR, str(data_dir)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self) -> dict[str, str]:
        """The environment of the running servers, or the error."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the supervisor died without an answer"
        answer: dict[str, str] = json.loads(line)
        return answer

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End in good order."""
        self.process.communicate(timeout=DEADLINE_SECONDS)


def query(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Run one statement, committed, and return its rows."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
