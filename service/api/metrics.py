"""The figures of the service, for Prometheus."""

from __future__ import annotations

from flask import Response

from service import metrics as figures
from service.accounts.permissions import Permission
from service.api.routing import Resource

metrics = Resource("metrics", "")
RESOURCES = (metrics,)


@metrics.declare("GET", "/metrics", permission=Permission.METRICS_READ, media_type="text/plain")
def read_metrics() -> Response:
    """Requests, jobs, queues, workers and storage in Prometheus' text format, summed over all tenants.

    Let Prometheus send a global administrator's API token that may do only this (scope ``metrics.read``).
    """
    return Response(figures.exposition(), content_type=figures.CONTENT_TYPE)
