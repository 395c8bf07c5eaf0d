"""Repairs what a crash left.

Reservations and tokens whose time is over, temporary files. Jobs are recovered by :mod:`service.tasks.recovery`,
publishes by :mod:`service.tasks.publish_sweep`, old films of playlists by
:mod:`service.tasks.film_sweep`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import Connection, delete, func, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.config import Config
from service.database import db, tenant_session
from service.models import ApiToken, Scene, Worker
from service.queue.queueing import Bell, bell
from service.tasks import film_sweep, publish_sweep, recovery
from shared.files import TEMPORARY_PREFIX

log = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
_SCENE_LIFETIME = timedelta(days=7)
_WORKER_LIFETIME = timedelta(minutes=2)
_TIDY_SECONDS = 3600.0
"""How often the whole storage is looked through: it may be large."""
TEMPORARY_LIFETIME = timedelta(days=1)
# Any numbers, others than the migrations'.
_SWEEPER_LOCK = 7205224
_TIDY_LOCK = 7205225


def run_for_ever(app: Flask, stop: threading.Event) -> None:
    """Sweep now and then until ``stop`` is set. Of several processes one does it at a time."""
    with app.app_context():
        while not stop.wait(SWEEP_SECONDS):
            attempt(sweep, app)


def tidy_for_ever(app: Flask, stop: threading.Event) -> None:
    """Look through the storage, at once and every hour, until ``stop`` is set."""
    with app.app_context():
        while not stop.is_set():
            attempt(tidy, app)
            stop.wait(_TIDY_SECONDS)


def sweep(app: Flask) -> None:
    """Repair what there is to repair, in every tenant."""
    with guarded(_SWEEPER_LOCK) as connection:
        for tenant_id, root in tenants(app, connection):
            with _apart(tenant_id):
                _sweep_tenant(tenant_id, root, bell(app))
        if connection is not None:
            connection.execute(delete(Worker).where(Worker.last_seen < func.now() - _WORKER_LIFETIME))
            connection.commit()


def tidy(app: Flask) -> None:
    """Remove what writers left under temporary names, in every tenant's storage, and old films; mend its publishes."""
    oldest = time.time() - TEMPORARY_LIFETIME.total_seconds()
    with guarded(_TIDY_LOCK) as connection:
        for tenant_id, root in tenants(app, connection):
            with _apart(tenant_id):
                report = publish_sweep.inspect(tenant_id, root)
                report.removed_temporary += [
                    place.relative_to(root).as_posix() for place in _temporary(root) if _remove_old(place, oldest)
                ]
                report.save(tenant_id)
                film_sweep.clear(tenant_id, root, datetime.now(UTC))


def attempt(work: Callable[[Flask], object], app: Flask) -> None:
    """Do ``work``; what goes wrong is logged, and tried again with the next round."""
    try:
        work(app)
    except SQLAlchemyError as error:
        log.warning("%s put off: %s", work.__name__, error)
    except Exception:
        log.exception("%s failed", work.__name__)


@contextlib.contextmanager
def _apart(tenant_id: UUID) -> Iterator[None]:
    """What is wrong with one tenant must not keep the others; what is wrong with the database concerns them all."""
    try:
        yield
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("tenant %s could not be looked through", tenant_id)


@contextlib.contextmanager
def guarded(key: int) -> Iterator[Connection | None]:
    """A connection that holds the lock ``key``, None where another process does this work just now."""
    with db.engine.connect() as connection:
        locked = connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": key})
        yield connection if locked else None


def tenants(app: Flask, connection: Connection | None) -> Iterator[tuple[UUID, Path]]:
    """Id and storage root of every tenant; none without a connection, see :func:`guarded`."""
    config: Config = app.extensions["raceway"]
    if connection is not None:
        for tenant_id, storage in connection.execute(text("SELECT tenant_id, storage FROM list_tenants()")).all():
            yield tenant_id, config.tenant_root(storage)


def _temporary(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            if name.startswith(TEMPORARY_PREFIX):
                yield Path(folder, name)
        folders[:] = [name for name in folders if not name.startswith(TEMPORARY_PREFIX)]


def _remove_old(place: Path, oldest: float) -> bool:
    try:
        if place.lstat().st_mtime > oldest:
            return False
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
        log.info("removed %s, which a crash had left", place)
        return True
    except FileNotFoundError:
        pass  # its writer was not dead
    except OSError as error:
        log.warning("cannot remove %s: %s", place, error)
    return False


def _sweep_tenant(tenant_id: UUID, root: Path, ringer: Bell) -> None:
    now = datetime.now(UTC)
    recovery.recover(tenant_id, root, ringer)
    with tenant_session(tenant_id) as current:
        _expire(current, now)
    publish_sweep.sweep(tenant_id, root, now).save(tenant_id)


def _expire(current: Session, now: datetime) -> None:
    current.execute(
        update(Scene)
        .where(Scene.state == "reserved", Scene.created_at < now - _SCENE_LIFETIME)
        .values(state="expired")
        .execution_options(synchronize_session=False)
    )
    current.execute(delete(ApiToken).where(ApiToken.expires_at < now).execution_options(synchronize_session=False))
