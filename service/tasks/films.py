"""Reads the films that were there before films were read, and those that came while no reader was installed."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from service.database import current_tenant, tenant_session
from service.models import MediaAsset
from service.review import films
from service.tasks import sweeper
from shared import paths
from shared.errors import InputError

log = logging.getLogger(__name__)

_SECONDS = 3600.0
_FILMS_LOCK = 7205227


def run_for_ever(app: Flask, stop: threading.Event) -> None:
    """Read what is unread, at once and every hour, until ``stop`` is set; one process does it at a time."""

    def read(app: Flask) -> None:
        read_films(app, stop)

    with app.app_context():
        while not stop.is_set():
            sweeper.attempt(read, app)
            stop.wait(_SECONDS)


def read_films(app: Flask, stop: threading.Event | None = None) -> int:
    """Read every film of every tenant that nobody tried to read; answers how many."""
    number = 0
    with sweeper.guarded(_FILMS_LOCK) as connection:
        for tenant_id, root in sweeper.tenants(app, connection):
            for media_id in _unread(tenant_id):
                if stop is not None and stop.is_set():
                    return number
                try:
                    _read(tenant_id, root, media_id)
                except (OperationalError, InterfaceError):
                    raise
                except Exception:
                    # What is wrong with one film, or its place, must not keep the others.
                    log.exception("film %s cannot be read now", media_id)
                else:
                    number += 1
    return number


def _unread(tenant_id: UUID) -> list[UUID]:
    unread = MediaAsset.mime_type.like("video/%") & MediaAsset.film_read_at.is_(None)
    with tenant_session(tenant_id) as current:
        return list(current.scalars(select(MediaAsset.id).where(unread).order_by(MediaAsset.created_at.desc())))


def _read(tenant_id: UUID, root: Path, media_id: UUID) -> None:
    with tenant_session(tenant_id) as current:
        path, job_id = current.execute(
            select(MediaAsset.path, MediaAsset.job_id).where(MediaAsset.id == media_id)
        ).one()
    try:
        place = paths.absolute(root, path)
        # No transaction is open meanwhile. What a job made has a small picture of that job.
        film = films.read_film(place, root, poster=job_id is None) if place.is_file() else films.Film()
    except InputError as error:
        log.warning("the film %s is not read: %s", path, error.message)
        film = films.Film()
    with tenant_session(tenant_id) as current:
        film.describe(current.get_one(MediaAsset, (current_tenant(current), media_id)))
