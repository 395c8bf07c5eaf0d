"""gunicorn's threads: they share clients evenly, wait for no silent one, and refuse in the form of other errors."""

from __future__ import annotations

import json
import logging
import mmap
import os
import socket
import struct
import time
import uuid
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from shared.errors import InputError

log = logging.getLogger("raceway.access")

_REFUSED: dict[type[errors.ParseException], tuple[HTTPStatus, str, str]] = {
    errors.LimitRequestLine: (
        HTTPStatus.REQUEST_URI_TOO_LONG,
        "The address of the request is too long.",
        "Ask for less at once, or use a call that takes a body.",
    ),
    errors.LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The request has too many headers, or one that is too long.",
        "Send less; cookies of other programs on this host count too.",
    ),
    errors.ExpectationFailed: (HTTPStatus.EXPECTATION_FAILED, "The header Expect asks for what there is not.", ""),
    errors.UnsupportedTransferCoding: (
        HTTPStatus.NOT_IMPLEMENTED,
        "The body has a transfer coding that is not known here.",
        "Send it plain, or in chunks.",
    ),
    errors.ParseException: (
        HTTPStatus.BAD_REQUEST,
        "This is no HTTP request.",
        "Check the address, the protocol (http or https) and the headers.",
    ),
}
"""What is answered to requests that never reach the application: the most special first."""
_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)


_SILENT_SECONDS = int(os.environ.get("RACEWAY_CLIENT_SECONDS") or 60)
"""How long a client may send nothing in the middle of its request: each holds one of few threads, and a laptop that was
closed during an upload would hold it for ever."""


_HEAD_START = 0.002
"""Seconds."""
_PLACES = 64
_clients = memoryview(mmap.mmap(-1, 4 * _PLACES)).cast("i")
"""One more than the clients that each process has; 0 where there is no process. All are forked from one that has it."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Refuses with JSON, and logs no word of the request: its address may hold a secret."""

    def accept(self, listener: Any) -> None:
        # All processes hear of a new client at once, and it stays with the one that takes it. Left to chance, one of
        # two often gets six of eight, whose answers then take twice as long.
        if any(0 < clients <= self.nr_conns for clients in _clients):
            time.sleep(_HEAD_START)
        super().accept(listener)

    def notify(self) -> None:
        _clients[self.age % _PLACES] = self.nr_conns + 1
        super().notify()

    def run(self) -> None:
        try:
            super().run()
        finally:
            _clients[self.age % _PLACES] = 0

    def init_process(self) -> None:
        logging.getLogger("gunicorn.error").addFilter(_tell_silence)
        super().init_process()

    def handle(self, conn: Any) -> Any:
        # The kernel's time limit: gunicorn sets Python's anew for each request.
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _SILENT_SECONDS, 0))
        stays = super().handle(conn)
        if not stays:
            # gunicorn does it where clients are accepted: one that does not hang up would keep all others waiting.
            conn.close(graceful=True)
        return stays

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        if isinstance(exc, _OURS) or not isinstance(exc, errors.ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, message, hint = next(_REFUSED[kind] for kind in _REFUSED if isinstance(exc, kind))
        request_id = uuid.uuid4().hex[:12]
        details = {"request_id": request_id, "status": status.value, "reason": type(exc).__name__}
        log.warning("request refused", extra={"details": details})
        error = InputError(message, hint=hint, code=f"http.{status}", status=status)
        body = json.dumps({"ok": False, "error": error.to_json()}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-Id: {request_id}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        )
        try:
            write_nonblock(client, head.encode() + body)
        except OSError:
            log.debug("who sent it has gone")


def _tell_silence(record: logging.LogRecord) -> bool:
    """What gunicorn logs with a traceback where a client's time is over, as the one line that it is worth."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        record.msg, record.args, record.exc_info = "a client fell silent in the middle of its request", (), None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
