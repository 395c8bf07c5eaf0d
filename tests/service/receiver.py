"""A program that webhooks are sent to: it keeps what came, and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from shared.webhooks import verify


@dataclass
class Message:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def id_if_signed(self, secret: str) -> str:
        return verify(self.headers, self.body, secret)


@dataclass
class Receiver:
    """``answer`` is called for each request, and answers its status."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    answer: Callable[[Message], int] = lambda message: 200
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def kinds(self) -> list[str]:
        return [str(message.json["kind"]) for message in self.messages]


@contextmanager
def receiving(
    answer: Callable[[Message], int] = lambda message: 200, certificate: Path | None = None
) -> Iterator[Receiver]:
    """A receiver on this machine; with a ``certificate`` for ``localhost`` and its key, by HTTPS."""
    receiver = Receiver(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = Message(self.path, dict(self.headers), body)
            receiver.messages.append(message)
            receiver.came.set()
            status = receiver.answer(message)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    if certificate:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(certificate)
        server.socket = secure.wrap_socket(server.socket, server_side=True)
        receiver.url = f"https://localhost:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
