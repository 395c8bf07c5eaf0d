"""The service about itself: health, readiness, process steps, its own description."""

from __future__ import annotations

import os

from flask import Response, current_app, jsonify, render_template
from redis.exceptions import RedisError
from sqlalchemy import text

from service import schema
from service.accounts import auth
from service.accounts.permissions import Permission
from service.api import openapi
from service.api.routing import Reply, Resource
from service.config import service_id
from service.database import session
from service.queue import queueing
from shared import __version__
from shared.errors import ServiceError

system = Resource("system", "")
RESOURCES = (system,)


class Health(Reply):
    status: str
    version: str
    service: str
    """Which one it is: another id for each ``RACEWAY_SECRET_KEY``."""


@system.declare("GET", "/health", permission=Permission.PUBLIC, answer=Health)
def health() -> dict[str, str]:
    """Whether the process answers."""
    return _health("ok")


@system.declare("GET", "/ready", permission=Permission.PUBLIC, answer=Health)
def ready() -> dict[str, str]:
    """Whether everything the service needs is there: database, its schema, Redis, storage."""
    problems: dict[str, str] = {}
    revision = session().scalar(text("SELECT version_num FROM alembic_version"))
    if revision != schema.head_revision():
        problems["database"] = f"is at revision {revision}, not {schema.head_revision()}: run `raceway db upgrade`"
    try:
        queueing.bell(current_app).redis.ping()
    except RedisError:
        problems["redis"] = "does not answer: check REDIS_URL"
    root = auth.config().root
    if not os.access(root, os.W_OK):
        problems["storage"] = "the storage root is not a folder the service may write to: check RACEWAY_ROOT"
    if problems:
        raise ServiceError(
            f"Not ready: {', '.join(problems)}.",
            hint="; ".join(problems.values()),
            code="service.not_ready",
            fields=problems,
        )
    return _health("ready")


def _health(status: str) -> dict[str, str]:
    return {"status": status, "version": __version__, "service": service_id(auth.config().secret_key)}


@system.declare("GET", "/openapi.json", permission=Permission.PUBLIC)
def openapi_document() -> Response:
    """This API as an OpenAPI document."""
    return jsonify(openapi.document())


@system.declare("GET", "/docs", permission=Permission.PUBLIC, media_type="text/html")
def docs() -> Response:
    """This API as a page."""
    return Response(render_template("api/docs.html", **openapi.page_values()), mimetype="text/html")
