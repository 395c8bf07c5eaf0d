"""The supervisor: one data folder, its PostgreSQL and its Redis."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from service.embedded.access import HOST, Access, Urls, damaged, external_urls
from service.embedded.identity import Identity
from service.embedded.locks import ProcessLock
from service.embedded.postgres_server import PostgresServer
from service.embedded.redis_server import RedisServer
from service.embedded.server import Server
from shared.errors import ServiceError
from shared.files import make_folder, storage_error

_CONNECT_SECONDS = 2
_KILLED_SECONDS = 5
_POLL_SECONDS = 0.005


class Servers:
    """PostgreSQL and Redis of one data folder, alive from :meth:`start` to :meth:`stop` (or inside ``with``).

    A server whose address ``environ`` gives (DATABASE_URL, REDIS_URL) is used from there instead of started
    here. The servers die with the process that started them; on Linux more exactly with the thread, which
    therefore must be the main one. ``identities`` overrides whom PostgreSQL runs as.
    """

    def __init__(
        self,
        data_dir: Path | str,
        *,
        environ: Mapping[str, str] | None = None,
        identities: Sequence[Identity] | None = None,
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self._environ = os.environ if environ is None else environ
        self._identities = identities
        self._lock = ProcessLock(self.data_dir / "supervisor.lock")
        self._running: list[Server] = []

    def __enter__(self) -> Urls:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Urls:
        """Start what ``environ`` does not provide, creating the data folder's content the first time.

        Raises ServiceError (``service.data_in_use``, ``service.no_postgres``, ``service.no_redis``,
        ``service.postgres_identity``, ``service.server_failed``, ...) or StorageError (``storage.full``,
        ``storage.denied``, ``storage.damaged``, ``storage.database_version``); nothing runs then.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded servers in the main thread: they die with the thread")
        external = external_urls(self._environ)
        if external.database and external.redis:
            return external
        make_folder(self.data_dir)
        self._take_lock()
        try:
            return self._start(external)
        except BaseException:
            self.stop()
            raise

    def check(self) -> list[str]:
        """Call now and then, in the main thread: starts again what ended by itself and answers its names; trims logs.

        Raises ServiceError or StorageError where a server does not come back.
        """
        return [server.name for server in self._running if server.restart_if_ended()]

    def stop(self) -> None:
        """End the servers cleanly and free the data folder. May be called at any time, also twice."""
        for server in self._running:
            server.request_stop()
        while self._running:
            self._running.pop().wait_until_stopped()
        self._lock.release()

    def _start(self, external: Urls) -> Urls:
        remembered = access = self._access()
        if not external.redis:
            redis = RedisServer(self.data_dir, access.redis_password, self._environ)
            self._running.append(redis)
            access = dataclasses.replace(access, redis_port=redis.start(access.redis_port))
        if not external.database:
            postgres = PostgresServer(self.data_dir, access, self._environ, self._identities)
            self._running.append(postgres)
            access = dataclasses.replace(access, postgres_port=postgres.start(access.postgres_port))
        if access != remembered:
            access.save(self.data_dir)
        return _preferring(external, access.urls())

    def _access(self) -> Access:
        access = Access.load(self.data_dir)
        if access is None:
            if (self.data_dir / PostgresServer.name).exists():
                raise damaged(self.data_dir, "it has a database, but no access.json with the passwords")
            access = Access.generate()
            # Before any server learns a password, or a kill in between would lock everybody out.
            access.save(self.data_dir)
        return access

    def _take_lock(self) -> None:
        deadline = time.monotonic() + _KILLED_SECONDS
        try:
            while not (taken := self._lock.acquire()):
                # A child that a killed supervisor was just starting holds the lock until its program runs.
                if self._lock.is_holder_alive() or time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise storage_error(error, self.data_dir) from error
        if not taken:
            pid = self._lock.holder()
            raise ServiceError(
                f"The data folder {self.data_dir} is in use by another Raceway (process {pid or 'unknown'}).",
                code="service.data_in_use",
                hint="Use that one, stop it, or choose another data folder.",
            )
        self._lock.name_holder(os.getpid())


def urls_of_running(data_dir: Path | str, environ: Mapping[str, str] | None = None) -> Urls:
    """Addresses of the servers that another process of the same user runs in ``data_dir``.

    What ``environ`` (by default the process's) sets comes first. Raises ServiceError ``service.not_running``.
    """
    external = external_urls(os.environ if environ is None else environ)
    if external.database and external.redis:
        return external
    folder = Path(data_dir).absolute()
    access = Access.load(folder)
    if (
        access is not None
        and (external.database or _listens(access.postgres_port))
        and (external.redis or _listens(access.redis_port))
    ):
        return _preferring(external, access.urls())
    raise ServiceError(
        f"No servers run in the data folder {folder}.",
        code="service.not_running",
        hint="Start them with `raceway up`, or set DATABASE_URL and REDIS_URL.",
    )


def _preferring(external: Urls, own: Urls) -> Urls:
    return Urls(
        database=external.database or own.database,
        database_owner=external.database_owner or own.database_owner,
        redis=external.redis or own.redis,
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
