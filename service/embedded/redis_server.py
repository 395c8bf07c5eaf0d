"""Redis for one machine: an append-only file that survives a crash, a password, and loopback only."""

from __future__ import annotations

import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from service.embedded.access import HOST
from service.embedded.binaries import redis_program
from service.embedded.server import Server

_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel warning
always-show-logo no
"""
_CONNECT_SECONDS = 1


class RedisServer(Server):
    name = "redis"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM

    def __init__(self, data_dir: Path, password: str, environ: Mapping[str, str]) -> None:
        super().__init__(data_dir)
        self._password = password
        self._program = redis_program(environ)

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def _command(self, port: int) -> list[str]:
        return [str(self._program), "-"]

    def _configuration(self, port: int) -> bytes:
        # Read from standard input: the password stands in no file and on no command line.
        return _CONFIGURATION.format(host=HOST, port=port, password=self._password).encode()

    def _answers(self, port: int) -> bool:
        try:
            with (
                socket.create_connection((HOST, port), timeout=_CONNECT_SECONDS) as connection,
                connection.makefile("rb") as replies,
            ):
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False
