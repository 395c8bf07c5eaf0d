"""The HTTP API: one module a resource, or a small group of them; each route declared once."""

from __future__ import annotations

from flask import Flask

from service.api import (
    account,
    assets,
    audit,
    cad,
    cad_materials,
    cad_revisions,
    casting,
    comments,
    custom_fields,
    departments,
    events,
    guest_links,
    jobs,
    materials,
    media,
    metrics,
    notifications,
    openapi,
    orders,
    pins,
    playlist_films,
    playlists,
    production_sheet,
    progress,
    projects,
    publishes,
    references,
    scenes,
    sequences,
    shots,
    system,
    task_statuses,
    task_templates,
    tasks,
    team,
    tenants,
    time_entries,
    tokens,
    two_factor,
    users,
    watchers,
    webhooks,
    workers,
    workflows,
)
from service.api.routing import Endpoint

_RESOURCES = tuple(
    resource
    for module in (
        *(
            account,
            two_factor,
            tokens,
            users,
            tenants,
            projects,
            team,
            sequences,
            shots,
            assets,
            casting,
            tasks,
            custom_fields,
        ),
        *(departments, task_statuses, task_templates, production_sheet, progress, watchers, time_entries, orders),
        *(cad, cad_materials, cad_revisions, materials, scenes, publishes, pins, references, comments),
        *(media, playlists, playlist_films, guest_links),
        *(jobs, workers, workflows, events, notifications, webhooks, audit, metrics, system),
    )
    for resource in module.RESOURCES
)

ENDPOINTS: tuple[Endpoint, ...] = tuple(endpoint for resource in _RESOURCES for endpoint in resource.endpoints)
"""Every route of the API, as declared."""


def register(app: Flask) -> None:
    """Add the API to the application."""
    for resource in _RESOURCES:
        app.register_blueprint(resource)
    app.jinja_env.filters["marked"] = openapi.marked
