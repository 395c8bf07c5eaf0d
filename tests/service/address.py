"""The service at an address of its own, in a thread of the tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.serving import make_server
from werkzeug.wrappers import Response
from werkzeug.wsgi import LimitedStream


@contextlib.contextmanager
def at_address(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve without streams of events: the browser's clock would wait for their end."""

    def served(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "text/event-stream" in environ.get("HTTP_ACCEPT", ""):
            return Response(status=204)(environ, start)
        # As gunicorn does: this server's own has no end, and a service that reads what is left would wait for ever.
        body = LimitedStream(environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0))
        return app({**environ, "wsgi.input": body, "wsgi.input_terminated": True}, start)

    server = make_server("127.0.0.1", port, served, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
