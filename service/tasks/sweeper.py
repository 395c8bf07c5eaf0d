"""Repairs what a crash left: bells that were lost, workers that died, entries not yet written, stale reservations."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service import entries
from service.config import Config
from service.database import db, tenant_session
from service.models import ApiToken, Asset, Job, Reservation, Scene, Shot, Worker
from service.queueing import Bell, bell
from service.tasks.lease import take_back
from shared.errors import RacewayError
from shared.jobs import JobState

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3.0
_UNHEARD = timedelta(seconds=5)
"""A queued job that nobody took for so long may have lost its bell."""
_STALE = timedelta(seconds=5)
"""Entries are written right after their publish; older marks are left by a crash."""
_SCENE_LIFETIME = timedelta(days=7)
_WORKER_LIFETIME = timedelta(minutes=2)
# Any number, another than the migrations'.
_SWEEPER_LOCK = 7205224


def run_for_ever(app: Flask, stop: threading.Event) -> None:
    """Sweep now and then until ``stop`` is set. Of several processes one does it at a time."""
    with app.app_context():
        while not stop.wait(SWEEP_SECONDS):
            try:
                sweep(app)
            except SQLAlchemyError as error:
                log.warning("sweep put off: %s", error)
            except Exception:
                log.exception("sweep failed")


def sweep(app: Flask) -> None:
    """Repair what there is to repair, in every tenant."""
    config: Config = app.extensions["raceway"]
    with db.engine.connect() as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _SWEEPER_LOCK}):
            return
        tenants = connection.execute(text("SELECT tenant_id, storage FROM list_tenants()")).all()
        for tenant_id, storage in tenants:
            _sweep_tenant(tenant_id, config.tenant_root(storage), bell(app))
        connection.execute(delete(Worker).where(Worker.last_seen < datetime.now(UTC) - _WORKER_LIFETIME))
        connection.commit()


def _sweep_tenant(tenant_id: UUID, root: Path, ringer: Bell) -> None:
    now = datetime.now(UTC)
    with tenant_session(tenant_id) as current:
        take_back(current, now)
    with tenant_session(tenant_id) as current:
        _ring_again(current, tenant_id, ringer, now)
        _expire(current, now)
    _write_stale_entries(tenant_id, root, now)


def _ring_again(current: Session, tenant_id: UUID, ringer: Bell, now: datetime) -> None:
    waiting = select(Job).where(Job.state == JobState.QUEUED, Job.updated_at < now - _UNHEARD)
    for job in current.scalars(waiting.order_by(Job.created_at)).unique():
        try:
            if not ringer.is_ringing(job.queue, job.id) and ringer.ring(job.queue, tenant_id, job.id):
                log.info("rang again for job %s", job.id)
        except RedisError:
            return  # Redis is away; the next sweep tries again


def _expire(current: Session, now: datetime) -> None:
    current.execute(
        update(Reservation)
        .where(Reservation.state == "open", Reservation.expires_at < now)
        .values(state="expired")
        .execution_options(synchronize_session=False)
    )
    current.execute(
        update(Scene)
        .where(Scene.state == "reserved", Scene.created_at < now - _SCENE_LIFETIME)
        .values(state="expired")
        .execution_options(synchronize_session=False)
    )
    current.execute(delete(ApiToken).where(ApiToken.expires_at < now).execution_options(synchronize_session=False))


def _write_stale_entries(tenant_id: UUID, root: Path, now: datetime) -> None:
    for model in (Asset, Shot):
        with tenant_session(tenant_id) as current:
            stale = current.scalars(select(model.id).where(model.entries_stale_since < now - _STALE)).all()
        for target_id in stale:
            try:
                with tenant_session(tenant_id) as current:
                    entries.refresh(current, root, model, target_id)
                log.info("wrote the entries of %s %s, which a crash had left", model.__tablename__, target_id)
            except RacewayError as error:
                log.warning("entries of %s %s: %s", model.__tablename__, target_id, error.message)
