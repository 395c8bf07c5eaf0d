"""The HTTP API: one module a resource, or a small group of them; each route declared once."""

from __future__ import annotations

from flask import Flask

from service.api import (
    account,
    cad,
    events,
    jobs,
    materials,
    media,
    metrics,
    notifications,
    openapi,
    production,
    publishes,
    scenes,
    system,
)
from service.api.routing import Endpoint

_RESOURCES = tuple(
    resource
    for module in (account, production, cad, materials, scenes, publishes, media, jobs, events, notifications, metrics, system)
    for resource in module.RESOURCES
)

ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for resource in _RESOURCES for endpoint in resource.endpoints)
"""Every route of the API, as declared."""


def register(app: Flask) -> None:
    """Add the API to the application."""
    for resource in _RESOURCES:
        app.register_blueprint(resource)
    app.jinja_env.filters["marked"] = openapi.marked
