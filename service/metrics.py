"""Figures for Prometheus: how the service answers, and how the queue, the storage and the workers stand.

What a process counts itself is kept in the files of prometheus_client's multiprocess mode, so that every process of
the service answers for all of them; the rest is asked of PostgreSQL, Redis and the disk at each scrape. Figures are
sums over all tenants and hold no names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping

from flask import Response, current_app, request
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import text

from service.config import Config
from service.database import session
from service.queue import queueing
from shared import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ALIVE_SECONDS = 30

_answers = Histogram(
    "raceway_http_request_seconds",
    "Time from a request to its answer",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def observe(response: Response, seconds: float) -> None:
    """Count an answered request, by its route's pattern: the figures must not grow with the number of rows."""
    route = request.url_rule.rule if request.url_rule else "(none)"
    _answers.labels(request.method, route, str(response.status_code)).observe(seconds)


def exposition() -> bytes:
    """All figures in Prometheus' text format."""
    registry: CollectorRegistry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(_Standing())
        return generate_latest(registry)
    registry.register(_Standing())
    return generate_latest(registry) + generate_latest(REGISTRY)


class _Standing(Collector):
    """What stands in the database, in Redis and on the disk at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        yield _gauge("raceway_info", "Version of the service", ("version",), {(__version__,): 1})
        yield from _rows()
        yield from _queues()
        yield from _workers()
        yield from _redis()
        yield from _storage()


def _rows() -> Iterator[Metric]:
    counted: dict[str, dict[tuple[str, ...], float]] = {"jobs": {}, "conversions": {}, "publishes": {}, "tenants": {}}
    for name, label, number in session().execute(text("SELECT name, label, number FROM count_rows()")):
        counted[name][(label,) if label else ()] = number
    yield _gauge("raceway_jobs", "Render and conversion jobs", ("state",), counted["jobs"])
    yield _gauge("raceway_conversions", "Conversions of CAD files", ("state",), counted["conversions"])
    yield _gauge("raceway_publishes", "Publishes", ("status",), counted["publishes"])
    yield _gauge("raceway_tenants", "Tenants", (), counted["tenants"])


def _queues() -> Iterator[Metric]:
    rows = session().execute(
        text("SELECT queue, number, extract(epoch FROM longest) AS seconds FROM waiting_jobs(interval '0')")
    )
    waiting = {(row.queue,): row for row in rows}
    numbers: dict[tuple[str, ...], float] = {
        (queue,): float(waiting[queue,].number) if (queue,) in waiting else 0.0 for queue in queueing.QUEUES
    }
    longest: dict[tuple[str, ...], float] = {
        (queue,): float(waiting[queue,].seconds) if (queue,) in waiting else 0.0 for queue in queueing.QUEUES
    }
    yield _gauge("raceway_queue_waiting", "Jobs that wait for a worker", ("queue",), numbers)
    yield _gauge("raceway_queue_longest_wait_seconds", "How long the oldest of them has waited", ("queue",), longest)


def _workers() -> Iterator[Metric]:
    alive = session().execute(
        text("SELECT count(*) FROM workers WHERE last_seen > now() - make_interval(secs => :seconds)"),
        {"seconds": _ALIVE_SECONDS},
    )
    yield _gauge("raceway_workers", "Workers that live", (), {(): alive.scalar_one()})


def _redis() -> Iterator[Metric]:
    try:
        answers = float(queueing.bell(current_app).redis.ping())
    except RedisError:
        answers = 0.0
    yield _gauge("raceway_redis_up", "Whether Redis answers", (), {(): answers})


def _storage() -> Iterator[Metric]:
    config: Config = current_app.extensions["raceway"]
    try:
        usage = shutil.disk_usage(config.root)
    except OSError:
        return
    yield _gauge("raceway_storage_free_bytes", "Room left on the shared storage", (), {(): usage.free})
    yield _gauge("raceway_storage_bytes", "Size of the shared storage", (), {(): usage.total})


def _gauge(name: str, help: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family
