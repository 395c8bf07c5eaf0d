"""Tools in processes of their own: CAD kernels and renderers crash and hang; whoever starts them must not.

A tool runs in its own process group, dies with its parent (Linux), and is killed as a whole tree on cancel, on a
time-out, or when it uses more memory than it may. Its standard output carries the events of :mod:`shared.events`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from shared.errors import ProcessError, RacewayError
from shared.process_tree import kill_tree, prctl, resident_bytes, signal_group

Event = dict[str, Any]


class ToolProcess(Protocol):
    """What is asked of a tool's process: part of ``subprocess.Popen[str]``."""

    pid: int

    @property
    def stdin(self) -> IO[str] | None: ...
    @property
    def stdout(self) -> IO[str] | None: ...
    @property
    def stderr(self) -> IO[str] | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


Starter = Callable[
    [Sequence[str], str | os.PathLike[str] | None, Mapping[str, str] | None],
    ToolProcess,
]
"""Starts the process of ``arguments`` in a folder, with an environment (None: this process's)."""

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.1
_DRAIN_SECONDS = 5.0
"""For what a tool that has ended left in its pipes."""
_TERMINATE_GRACE_SECONDS = 0.4
_LOG_TAIL_LINES = 40
_LINUX = sys.platform.startswith("linux")


def run_tool(
    arguments: Sequence[str],
    *,
    timeout: float | None = None,
    memory_limit: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
    on_start: Callable[[int], None] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    log: str | os.PathLike[str] | None = None,
    stdin: Mapping[str, Any] | None = None,
    start: Starter | None = None,
) -> dict[str, Any]:
    """Run a tool to its end and return the data of its ``result`` event.

    ``arguments`` starts with the program; ``python_tool("dcc.cad.convert", ...)`` makes it for our own modules.
    ``timeout`` is in seconds of wall time, ``memory_limit`` in bytes resident over the whole tree. ``on_event`` gets
    every progress event; ``should_cancel`` is asked ten times a second; ``on_start`` gets the process id, which is
    also the process group. ``stdin`` is sent as one JSON object. ``log`` is appended to with what the tool printed
    on standard error. ``start`` starts the process where that is not simply done (see :mod:`shared.warm_tool`).

    Raises the error the tool reported, or ProcessError with code ``process.crashed``, ``process.timeout``,
    ``process.memory``, ``process.cancelled``, ``process.failed`` or ``process.not_found``. No process of the tool is
    alive when this returns or raises, but for what left its session before it ended by itself: whoever adopts orphans
    ends that (:func:`shared.process_tree.end_descendants`).
    """
    tool = _name_of(arguments)
    try:
        if start is not None and stdin is None:
            process = start(arguments, cwd, env)
        else:
            process = start_process(arguments, cwd, env, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
    except OSError as error:
        raise ProcessError(
            f"{tool} cannot be started: {error.strerror or error}.",
            code="process.not_found",
            hint="Check that it is installed (`raceway doctor` lists what is found).",
        ) from error
    reader = _OutputReader(process, Path(log) if log else None)
    try:
        if on_start:
            on_start(process.pid)
        if stdin is not None:
            assert process.stdin is not None
            # A tool that died before reading answers for itself below.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(stdin))
                process.stdin.close()
        _watch(process, reader, tool, timeout, memory_limit, on_event, should_cancel)
    finally:
        if process.poll() is None:
            kill_tree(process.pid)
            process.wait()
        else:
            # What the tool left behind in its group; its own id may belong to somebody else by now.
            signal_group(process.pid, signal.SIGKILL)
        reader.close()
    return _outcome(process.wait(), reader, tool)


def start_process(
    arguments: Sequence[str],
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    *,
    stdin: int = subprocess.DEVNULL,
) -> ToolProcess:
    """Start a program in a session of its own that dies with this process; its output comes through pipes."""
    return subprocess.Popen(
        list(arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=dict(env) if env is not None else None,
        start_new_session=True,
        preexec_fn=die_with_parent if _LINUX else None,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def die_with_parent() -> None:
    """Have this process killed when the one that started it dies (Linux); for a child's first moments."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def python_tool(module: str, *arguments: str, python: str = "") -> list[str]:
    """Command line that runs one of our modules with ``python`` (by default this interpreter)."""
    return [python or sys.executable, "-m", module, *arguments]


@dataclass
class _OutputReader:
    """Reads both pipes of a process in the background: lines to a queue, the log to a file and a short tail."""

    process: ToolProcess
    log: Path | None
    events: queue.Queue[Event | None] = field(default_factory=queue.Queue)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_TAIL_LINES))
    last: Event = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.process.stdout is not None and self.process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read_events, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_events(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = None
                if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                    self.tail.append(line.rstrip())
                elif event["event"] in ("result", "error"):
                    self.last = event
                else:
                    self.events.put(event)
        self.events.put(None)

    def _read_log(self, stream: IO[str]) -> None:
        with stream, self.log.open("a", encoding="utf-8") if self.log else contextlib.nullcontext() as log:
            for line in stream:
                self.tail.append(line.rstrip())
                if log is not None:
                    log.write(line)
                    log.flush()

    def close(self) -> None:
        # The tree is dead, so both pipes are at their end, unless something that broke away from it holds them: who
        # closed a stream then would wait for who reads it. Each reader closes its own.
        deadline = time.monotonic() + _DRAIN_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()


def _watch(
    process: ToolProcess,
    reader: _OutputReader,
    tool: str,
    timeout: float | None,
    memory_limit: int | None,
    on_event: Callable[[Event], None] | None,
    should_cancel: Callable[[], bool] | None,
) -> None:
    deadline = time.monotonic() + timeout if timeout else None
    next_check = 0.0
    while True:
        try:
            event = reader.events.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            event = {}
        if event is None:
            # Standard output closed: the process is ending, unless it closed it itself and goes on.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_POLL_SECONDS)
        elif event and on_event:
            on_event(event)
        if process.poll() is not None and (event is None or reader.events.empty()):
            while event is not None and (rest := _next_event(reader)) is not None:
                if on_event:
                    on_event(rest)
            return
        # Events may come by the thousand; looking through all processes each time would slow the tool down.
        if time.monotonic() < next_check:
            continue
        next_check = time.monotonic() + _POLL_SECONDS
        if should_cancel and should_cancel():
            kill_tree(process.pid, grace=_TERMINATE_GRACE_SECONDS)
            raise ProcessError(
                f"{tool} was cancelled.", code="process.cancelled", hint="Start it again if that was not meant."
            )
        if deadline is not None and time.monotonic() > deadline:
            raise ProcessError(
                f"{tool} took longer than {timeout:g} s and was stopped.",
                code="process.timeout",
                hint="Raise the time limit, or simplify the input.",
            )
        if memory_limit is not None and resident_bytes(process.pid) > memory_limit:
            raise ProcessError(
                f"{tool} used more than {memory_limit / 2**20:.0f} MiB of memory and was stopped.",
                code="process.memory",
                hint="Raise the memory limit, or use coarser settings.",
            )


def _next_event(reader: _OutputReader) -> Event | None:
    try:
        return reader.events.get(timeout=_POLL_SECONDS)
    except queue.Empty:
        return None


def _outcome(status: int, reader: _OutputReader, tool: str) -> dict[str, Any]:
    last = reader.last
    if last.get("event") == "error":
        raise RacewayError.from_json(last, status=int(last.get("status") or 0))
    if status < 0:
        raise ProcessError(
            f"{tool} crashed ({signal.Signals(-status).name}).",
            code="process.crashed",
            hint=_log_hint(reader) or "The input may be damaged; try another export of it.",
        )
    if status != 0 or last.get("event") != "result":
        raise ProcessError(f"{tool} ended with status {status} and no result.", hint=_log_hint(reader))
    return {key: value for key, value in last.items() if key != "event"}


def _log_hint(reader: _OutputReader) -> str:
    lines = [line for line in reader.tail if line.strip()]
    return f"Last line of its log: {lines[-1]}" if lines else ""


def _name_of(arguments: Sequence[str]) -> str:
    if "-m" in arguments[:3]:
        return arguments[arguments.index("-m") + 1]
    return Path(arguments[0]).name
