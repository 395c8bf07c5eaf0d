"""A tool that stands ready: its runs are forked from a process that has imported everything.

::

    converter = WarmTool("dcc.cad.convert", server="dcc.cad.server")
    converter.run(["IN.step", "--out", "DIR"], timeout=60)

A run behaves as with :func:`shared.processes.run_tool`: events, log, limits, cancelling, coded errors. Where the
platform cannot fork, or the server does not start, the tool is started as a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from shared import process_tree, processes

_START_SECONDS = 60.0
_RUNS_PER_SERVER = 500
"""Then a new server takes over, whatever the old one may have gathered."""
AVAILABLE = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
"""Whether this platform has what it takes. (The system libraries of macOS do not survive a fork.)"""


class WarmTool:
    """Runs ``module`` in forks of the module ``server``, which is started at the first run or by ``warm_up``.

    The server dies with this process and with this object. Any thread may call any method.
    """

    def __init__(self, module: str, *, server: str) -> None:
        self._module = module
        self._server_module = server
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def run(self, arguments: Sequence[str], **options: Any) -> dict[str, Any]:
        """As :func:`shared.processes.run_tool` of ``python_tool(module, *arguments)``, with its options and errors."""
        return processes.run_tool(processes.python_tool(self._module, *arguments), start=self._start, **options)

    def warm_up(self, env: Mapping[str, str] | None = None) -> None:
        """Start the server in the background, with this environment (None: this process's).

        The first run need not wait for it then.
        """
        if AVAILABLE:
            with self._lock, contextlib.suppress(OSError):
                self._ready(env)

    def close(self) -> None:
        """End the server, and runs that are under way with it."""
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None

    @property
    def server_pid(self) -> int | None:
        """Process id of the server, None where there is none."""
        server = self._server
        return server.process.pid if server is not None and server.is_alive() else None

    def _start(
        self, arguments: Sequence[str], cwd: str | os.PathLike[str] | None, env: Mapping[str, str] | None
    ) -> processes.ToolProcess:
        if AVAILABLE:
            # The second attempt meets a new server.
            for _ in range(2):
                try:
                    with self._lock:
                        server = self._ready(env)
                        server.runs += 1
                    # What follows `python -m module` is the tool's own.
                    return _ForkedProcess(server, list(arguments)[3:], cwd, env)
                except (OSError, EOFError, ValueError):
                    self.close()
        return processes.start_process(arguments, cwd, env)

    def _ready(self, env: Mapping[str, str] | None) -> _Server:
        if self._server is not None and (not self._server.is_alive() or self._server.runs >= _RUNS_PER_SERVER):
            self._server.retire()
            self._server = None
        if self._server is None:
            self._server = _Server(self._server_module, env)
        return self._server


class _Server:
    """The server's process and our end of its control socket."""

    def __init__(self, module: str, env: Mapping[str, str] | None) -> None:
        self.runs = 0
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                processes.python_tool(module, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=env,
                start_new_session=True,
                preexec_fn=processes.die_with_parent,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        # What libraries print as they come up is for the log of whoever started it; each run has a log of its own.
        threading.Thread(target=_log_lines, args=(self.process.stderr, module), daemon=True).start()

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def retire(self) -> None:
        """Ask nothing more of it: it ends when the runs under way have."""
        self.control.close()

    def close(self) -> None:
        self.control.close()
        # The number of one that has ended may be somebody else's by now.
        if self.is_alive():
            process_tree.kill_tree(self.process.pid)
        self.process.wait()


def _log_lines(stream: IO[str], name: str) -> None:
    with stream:
        for line in stream:
            if text := line.strip():
                logging.getLogger(name).info("%s", text)


class _ForkedProcess:
    """A run of the tool, as :func:`shared.processes.run_tool` sees a process."""

    def __init__(
        self,
        server: _Server,
        arguments: Sequence[str],
        cwd: str | os.PathLike[str] | None,
        env: Mapping[str, str] | None,
    ) -> None:
        """Raises OSError, EOFError or ValueError where the server does not answer as it should."""
        self.stdin = None
        self.returncode: int | None = None
        request = {
            "arguments": arguments,
            "cwd": os.fspath(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env),
        }
        with contextlib.ExitStack() as undo:
            self._conversation, theirs = socket.socketpair()
            undo.callback(self._conversation.close)
            with theirs:
                (self.stdout, out), (self.stderr, log) = _pipe(), _pipe()
                undo.callback(self.stdout.close)
                undo.callback(self.stderr.close)
                try:
                    socket.send_fds(server.control, [b"."], [theirs.fileno(), out, log])
                finally:
                    os.close(out)
                    os.close(log)
            self._conversation.settimeout(_START_SECONDS)
            self._conversation.sendall(json.dumps(request).encode() + b"\n")
            self._answers = self._conversation.makefile("rb")
            undo.callback(self._answers.close)
            self.pid: int = self._answer()["pid"]
            undo.pop_all()

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        if self.returncode is None and select.select([self._conversation], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status when it has ended.

        Raises subprocess.TimeoutExpired.
        """
        if self.returncode is None:
            if timeout is not None and not select.select([self._conversation], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self._conversation.settimeout(None)
            try:
                self.returncode = int(self._answer()["status"])
            except (OSError, EOFError, ValueError):
                # The server died, and the run with it.
                self.returncode = -signal.SIGKILL
            self._answers.close()
            self._conversation.close()
        return self.returncode

    def _answer(self) -> dict[str, int]:
        line = self._answers.readline()
        if not line:
            raise EOFError
        answer: dict[str, int] = json.loads(line)
        return answer


def _pipe() -> tuple[IO[str], int]:
    """A pipe: the end to read text from, and the descriptor to write to."""
    reading, writing = os.pipe()
    return open(reading, encoding="utf-8", errors="replace"), writing
