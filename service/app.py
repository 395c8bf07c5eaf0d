"""The Flask application that web processes serve: the API and the pages."""

from __future__ import annotations

import os
import re
import time
import uuid

from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from service import api, metrics, pages
from service.accounts import single_sign_on
from service.activity.streams import Streams
from service.api import errors
from service.base_app import create_base_app
from service.config import MEBIBYTE, Config
from service.logs import access_log

_MAX_BODY_BYTES = 8 * MEBIBYTE
"""Of requests other than uploads."""
_MAX_DRAINED_BYTES = 64 * MEBIBYTE
_PROBES = {"/health": "system.health", "/ready": "system.ready", "/metrics": "metrics.read_metrics"}
"""Where load balancers, orchestrators and Prometheus look by themselves."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{4,64}")


def create_app(config: Config) -> Flask:
    """The application for ``config``. It needs no database yet: see :func:`service.database_role.check_database`."""
    app = create_base_app(config)
    app.config.update(
        SECRET_KEY=config.secret_key,
        # Of the messages from one page to the next, some of which are secrets; as the cookie of a login.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.public_url.startswith("https:"),
        MAX_CONTENT_LENGTH=_MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MEBIBYTE,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["raceway_streams"] = Streams(
        config.redis_url, per_process=config.streams_per_process, per_tenant=config.streams_per_tenant
    )
    api.register(app)
    pages.register(app)
    single_sign_on.register(app, config, os.environ)
    for path, view in _PROBES.items():
        app.add_url_rule(path, view_func=app.view_functions[view], endpoint=f"probe{path}")
    errors.register(app, pages.error_page, probes=_PROBES)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, *[config.trusted_proxies] * 3)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_finish)
    return app


def _begin() -> None:
    if request.content_length is not None:
        # gunicorn ends a body where the client hung up: without this a file cut off on its way would pass as whole.
        request.environ.pop("wsgi.input_terminated", None)
    given = request.headers.get("X-Request-Id", "")
    # A proxy's id is kept, so that its log and ours tell of the same request.
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex[:12]
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if "identity" in g:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    if response.status_code >= 400:
        _drain()
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    access_log(response, seconds)
    metrics.observe(response, seconds)
    return response


def _drain() -> None:
    """Read what the client still sends: closing on it would lose the error that tells it to stop."""
    left = _MAX_DRAINED_BYTES
    stream = request.environ.get("wsgi.input")
    length = request.content_length
    if stream is None or length is None or length > left:
        return
    try:
        while left > 0 and (chunk := stream.read(min(left, MEBIBYTE))):
            left -= len(chunk)
    except OSError:
        return  # the client has gone
