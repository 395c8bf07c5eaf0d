"""Everything on one machine: PostgreSQL and Redis, the service, its workers; started and stopped as one.

::

    with running(data_folder(), port=0, workers=1) as stack:
        Client(stack.api_url, stack.admin_token).me()
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import service
from service import schema
from service.accounts import bootstrap
from service.accounts.bootstrap import Studio
from service.config import Config
from service.embedded import Servers
from service.embedded.identity import SELF
from service.embedded.server import free_port, trim_log
from shared.errors import ServiceError
from shared.files import atomic_write, make_folder, storage_error
from shared.process_tree import kill_tree

_READY_SECONDS = 60.0
_STOP_SECONDS = 25.0
_POLL_SECONDS = 0.05
_LOG_TAIL_BYTES = 2000
SECRET_KEY_FILE = "secret.key"
"""In the data folder: RACEWAY_SECRET_KEY where the environment does not set it."""
_URL_FILE = "service.url"
"""In the data folder, while it is up: at which address, for programs of this machine."""
_CODE = Path(service.__file__).parent.parent
"""Where ``service`` and ``dcc`` are imported from; processes start there."""

# A proxy in the environment is for the world outside, not for this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Announce = Callable[[str], None]


def data_folder(chosen: Path | None = None) -> Path:
    """Where one machine keeps everything: ``chosen``, else $RACEWAY_DATA, else ``./raceway-data``."""
    return (chosen or Path(os.environ.get("RACEWAY_DATA") or "raceway-data")).expanduser().absolute()


@contextlib.contextmanager
def running(
    data_dir: Path, *, host: str = "127.0.0.1", port: int = 0, workers: int = 1, announce: Announce = lambda line: None
) -> Iterator[Stack]:
    """Start everything, yield the running stack, and stop it. ``port`` 0 takes any free one.

    DATABASE_URL, DATABASE_OWNER_URL, REDIS_URL and RACEWAY_ROOT are used where they are set. All processes end with
    this one, however it ends. Must be called by the main thread. Raises ServiceError or StorageError where something
    does not start; then nothing is left running.
    """
    stack = Stack(data_dir.absolute())
    try:
        stack.start(host, port, workers, announce)
        yield stack
    finally:
        stack.stop()


@dataclass
class Stack:
    """The running parts. ``root`` is the first tenant's storage root: what its artists know as ``PM_ROOT``."""

    data_dir: Path
    url: str = ""
    start_seconds: float = 0.0
    config: Config = field(init=False)
    studio: Studio = field(init=False)
    _servers: Servers = field(init=False)
    _children: dict[str, _Child] = field(default_factory=dict)
    _listener: socket.socket | None = None

    def __post_init__(self) -> None:
        self._servers = Servers(self.data_dir)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    @property
    def root(self) -> Path:
        return self.config.tenant_root(self.studio.storage)

    @property
    def admin_token(self) -> str:
        """A token of the first tenant's administrator."""
        return self.studio.token

    @property
    def password_file(self) -> Path:
        """Where the administrator's first password stands."""
        return self.data_dir / "admin.password"

    def start(self, host: str, port: int, workers: int, announce: Announce) -> None:
        """Start what :func:`running` says."""
        began = time.monotonic()
        urls = self._servers.start()
        announce(f"PostgreSQL and Redis  {self.data_dir}")
        self._listener = _listen(host, port)
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        self.url = f"http://{shown}:{self._listener.getsockname()[1]}"
        self.config = Config.from_environment(
            {
                "RACEWAY_ROOT": str(self.data_dir / "storage"),
                "RACEWAY_PUBLIC_URL": self.url,
                "RACEWAY_SECRET_KEY": _secret(self.data_dir / SECRET_KEY_FILE),
                **{name: value for name, value in os.environ.items() if value},
                **urls.environment(),
            }
        )
        make_folder(self.config.root)
        revision = schema.upgrade(self.config)
        announce(f"Database schema       revision {revision}")
        self.studio = bootstrap.ensure_studio(self.config, _secret(self.password_file))
        self._start_child("service", _gunicorn(self._listener), self._listener.fileno())
        for number in range(1, workers + 1):
            self._start_child(f"worker-{number}", _worker(number))
        self._wait_until_ready()
        atomic_write(self.data_dir / _URL_FILE, self.url)
        announce(f"Service               {self.url}")
        if workers:
            announce(f"Workers               {workers}, logs in {self.data_dir / 'logs'}")
        self.start_seconds = time.monotonic() - began

    def check(self, announce: Announce) -> None:
        """Call now and then: starts again what ended by itself. Raises ServiceError where a server stays away."""
        for name in self._servers.check():
            announce(f"The {name} server had ended and was started again; its log is in {self.data_dir / 'logs'}")
        for child in self._children.values():
            trim_log(child.log)
            if child.restart_if_ended():
                announce(f"The {child.name} had ended and was started again; its log is {child.log}")

    def stop(self) -> None:
        """Stop everything, the service first. May be called twice."""
        if self._children:
            (self.data_dir / _URL_FILE).unlink(missing_ok=True)
        for child in self._children.values():
            child.ask_to_stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children.values():
            child.end(deadline)
        self._children.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._servers.stop()

    def _start_child(self, name: str, command: list[str], *descriptors: int) -> None:
        environment = {**os.environ, **self.config.to_environment()}
        # Only migrations need the role that row-level security does not hold.
        environment.pop("DATABASE_OWNER_URL", None)
        log = make_folder(self.data_dir / "logs") / f"{name}.log"
        self._children[name] = _Child(name, command, environment, log, descriptors)
        self._children[name].start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        answer = ""
        while time.monotonic() < deadline:
            for child in self._children.values():
                child.raise_if_ended()
            try:
                with _direct.open(f"{self.api_url}/ready", timeout=5):
                    return
            except urllib.error.HTTPError as error:
                answer = error.read().decode("utf-8", "replace")[:500]
            except OSError as error:
                answer = str(error)
            time.sleep(_POLL_SECONDS)
        raise ServiceError(
            f"The service did not become ready within {_READY_SECONDS:g} s: {answer}",
            code="service.not_ready",
            hint=f"See {self.data_dir / 'logs' / 'service.log'}.",
        )


@dataclass
class _Child:
    """One of our own processes. It dies with this one."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    descriptors: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    SELF.command(self.command, _CODE, signal.SIGKILL),
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=self.descriptors,
                    # Ctrl-C is for us alone: we stop the others in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise storage_error(error, self.log) from error

    def restart_if_ended(self) -> bool:
        if self.process is None or self.process.poll() is None:
            return False
        self.start()
        return True

    def raise_if_ended(self) -> None:
        if self.process is None or self.process.poll() is None:
            return
        tail = self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip().splitlines()
        raise ServiceError(
            f"The {self.name} ended at once: {tail[-1] if tail else 'it said nothing'}",
            code="service.start_failed",
            hint=f"See {self.log}.",
        )

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        if self.process.poll() is None:
            kill_tree(self.process.pid)
            self.process.wait()


def _gunicorn(listener: socket.socket) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn_settings"),
        # Loaded once for all processes: less memory, and a quicker start on a small machine. Where systemd runs the
        # service it is not, so that a reload loads a new release.
        *("--preload", "--bind", f"fd://{listener.fileno()}", "service.wsgi:app"),
    ]


def _worker(number: int) -> list[str]:
    return [sys.executable, "-m", "service.commands.worker", "--name", f"worker-{number}"]


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"The service cannot listen on {host}:{port}: {error.strerror or error}.",
            code="service.port_taken",
            hint=f"Port {free_port()} is free: choose it with --port, or 0 for any free one.",
        ) from error
    return listener


def _secret(path: Path) -> str:
    """The secret in ``path``: made at the first start and readable by its owner only."""
    try:
        make_folder(path.parent)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if secret := path.read_text(encoding="ascii").strip():
                return secret
            descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
        secret = secrets.token_urlsafe(32)
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(secret)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise storage_error(error, path) from error
    return secret
