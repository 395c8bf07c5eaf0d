"""What PostgreSQL and Redis have in common as children of the supervisor: start, readiness, log, end."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from service.embedded.access import HOST
from service.embedded.identity import SELF
from service.embedded.locks import ProcessLock
from shared.errors import RacewayError, ServiceError
from shared.files import make_folder, storage_error

# Below the range from which Linux takes the ports of outgoing connections, so that a remembered port stays
# free.
_PORTS = range(20000, 32768)
_START_ATTEMPTS = 5
_READY_SECONDS = 300  # Recovery after a crash may take long; a server that died is noticed at once.
_STOP_SECONDS = 20
_LEFTOVER_SECONDS = 5
_POLL_SECONDS = 0.005
_LOG_LIMIT_BYTES = 5 * 2**20
_TELLING_WORDS = ("FATAL", "PANIC", "error")
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")


class _PortTakenError(Exception):
    """Another program listens where the server wanted to."""


class Server(ABC):
    """One server process with a folder, a log and a lock in the data folder.

    Every process of the server inherits the lock, so a taken lock means that some of them still live,
    whatever happened to the supervisor that started them.
    """

    name: str
    stop_signal: signal.Signals
    """Asks the server to end cleanly and soon."""
    death_signal: signal.Signals
    """What the kernel sends when the supervisor dies, and a new supervisor to a server left behind."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.folder = data_dir / self.name
        self.log = data_dir / "logs" / f"{self.name}.log"
        self.identity = SELF
        self._lock = ProcessLock(data_dir / f"{self.name}.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._log_start = 0

    @abstractmethod
    def _prepare(self) -> None:
        """Make the folder ready for a start; nothing of an earlier one is alive."""

    @abstractmethod
    def _command(self, port: int) -> list[str]:
        """Program and arguments; no secrets, everybody can read them."""

    def _configuration(self, port: int) -> bytes:
        """What the program reads from standard input."""
        return b""

    @abstractmethod
    def _answers(self, port: int) -> bool:
        """Whether the server takes a real connection by now."""

    def start(self, preferred_port: int) -> int:
        """Start, wait until connections are answered, and return the port: the preferred one if it is free.

        Raises ServiceError or StorageError; the server is not running then.
        """
        make_folder(self.log.parent)
        try:
            self._end_leftover()
            try:
                self._prepare()
                return self._start_on_free_port(preferred_port)
            except BaseException:
                self.request_stop()
                self.wait_until_stopped()
                raise
        except OSError as error:
            raise storage_error(error, self.folder, f"start {self.name} in") from error

    def restart_if_ended(self) -> bool:
        """Start the server again, at its port, if it ended by itself; answers whether it had. Keeps its log small.

        Raises ServiceError or StorageError where it cannot be started again.
        """
        trim_log(self.log)
        if self._process is None or self._process.poll() is None:
            return False
        self.wait_until_stopped()
        port = self._port
        if self.start(port) != port:
            # Everybody who uses it knows the old port.
            self.request_stop()
            self.wait_until_stopped()
            raise ServiceError(
                f"{self.name} ended, and its port {port} was taken before it could be started again.",
                code="service.server_failed",
                hint="Start Raceway again: it takes another port then.",
            )
        return True

    def request_stop(self) -> None:
        """Ask the server to end cleanly."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)

    def wait_until_stopped(self) -> None:
        """Wait for the end that was asked for; what takes too long is killed."""
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._lock.release()

    def _start_on_free_port(self, preferred: int) -> int:
        for _ in range(_START_ATTEMPTS):
            port = free_port(preferred)
            with contextlib.suppress(_PortTakenError):
                self._spawn(port)
                self._wait_until_ready(port)
                self._port = port
                return port
            preferred = 0
        raise ServiceError(
            f"{self.name} found every port taken that it tried on {HOST}.",
            code="service.no_port",
            hint="End some programs that listen on this machine, then start again.",
        )

    def _spawn(self, port: int) -> None:
        trim_log(self.log)
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                self.identity.command(self._command(port), self.folder, self.death_signal),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=server_environment(os.environ),
                pass_fds=(self._lock.descriptor,),
                # Control-C in a terminal reaches the supervisor alone, which stops clients before servers.
                start_new_session=True,
            )
        self._lock.name_holder(self._process.pid)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stream:
            stream.write(self._configuration(port))

    def _wait_until_ready(self, port: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers(port):
            if self._process.poll() is not None:
                self._process = None
                if "Address already in use" in self._log_since_start():
                    raise _PortTakenError
                raise self._diagnosis(f"{self.name} did not start")
            if time.monotonic() > deadline:
                raise self._diagnosis(f"{self.name} was not ready after {_READY_SECONDS} s")
            time.sleep(_POLL_SECONDS)

    def _end_leftover(self) -> None:
        """Take the lock; where processes of an earlier start still hold it, end them first."""
        started = time.monotonic()
        signals = [self.death_signal, signal.SIGKILL]
        while not self._lock.acquire():
            waited = time.monotonic() - started
            pid = self._lock.holder()
            if signals and pid is not None and waited >= _LEFTOVER_SECONDS * (2 - len(signals)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signals.pop(0))
            if waited > 2 * _LEFTOVER_SECONDS:
                raise ServiceError(
                    f"{self.name} of an earlier start still runs in {self.data_dir} (process {pid}).",
                    code="service.leftover",
                    hint=f"End it with `kill -9 {pid}`, then start again.",
                )
            time.sleep(_POLL_SECONDS)

    def _log_since_start(self) -> str:
        with self.log.open("rb") as stream:
            stream.seek(self._log_start)
            return stream.read().decode(errors="replace")

    def _diagnosis(self, what: str) -> RacewayError:
        return diagnosis(what, self._log_since_start(), self.log, self.data_dir)


def diagnosis(what: str, output: str, log: Path, data_dir: Path) -> RacewayError:
    """The coded error for a server that failed, from what it printed."""
    for text, number in (
        ("No space left on device", errno.ENOSPC),
        ("wrote only", errno.ENOSPC),
        ("Disk quota exceeded", errno.EDQUOT),
        ("Read-only file system", errno.EROFS),
    ):
        if text in output:
            return storage_error(OSError(number, text), data_dir)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in _TELLING_WORDS)] or lines
    reason = f": {telling[-1]}" if telling else ""
    return ServiceError(f"{what}{reason}", code="service.server_failed", hint=f"Read its log: {log}")


def free_port(preferred: int = 0) -> int:
    """``preferred`` if it can be listened on now, else some other free loopback port.

    Raises ServiceError ``service.no_port``.
    """
    for port in (preferred, *random.sample(_PORTS, 100)):
        if port:
            with socket.socket() as listener, contextlib.suppress(OSError):
                # As the servers do: a port is not taken because old connections to it are still being closed.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((HOST, port))
                return port
    raise ServiceError(
        f"No free port was found on {HOST}.",
        code="service.no_port",
        hint="End some programs that listen on this machine, then start again.",
    )


def trim_log(log: Path, limit: int = _LOG_LIMIT_BYTES) -> None:
    """Move the content of a log longer than ``limit`` bytes to ``<log>.1``; its writer goes on appending."""
    if log.exists() and log.stat().st_size > limit:
        shutil.copy(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


def server_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The few variables a server needs: the user's PGDATA or locale must not change what it does."""
    kept = {name: environ[name] for name in _KEPT_VARIABLES if name in environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}
