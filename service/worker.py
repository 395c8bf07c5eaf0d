"""A worker process: takes jobs that the bell rings for, one at a time.

It runs jobs in its own process, without RQ's fork: what can crash runs in a tool's process anyway, which dies with
this one, so that a killed worker leaves nothing behind that could do its job twice.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Flask
from rq import Queue, SimpleWorker
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from service import queueing
from service.app import create_app
from service.config import Config
from service.database import db
from service.models import Worker
from service.tasks import sweeper

log = logging.getLogger(__name__)

_BEAT_SECONDS = 10.0


def run(config: Config, queues: Sequence[str], name: str = "") -> None:
    """Work until SIGINT or SIGTERM; a job under way is finished first, a second signal stops it at once."""
    app = create_app(config)
    worker_id = uuid.uuid4()
    app.extensions["raceway_worker_id"] = worker_id
    host = socket.gethostname()
    label = name or f"{host}-{os.getpid()}"
    stop = threading.Event()
    threads = [
        threading.Thread(target=sweeper.run_for_ever, args=(app, stop), name="sweeper", daemon=True),
        threading.Thread(
            target=_beat, args=(app, stop, worker_id, label, host, list(queues)), name="beat", daemon=True
        ),
    ]
    # Blocking reads of the queue last longer than a request may wait, so this connection has no time-out.
    connection = queueing.Redis.from_url(config.redis_url, health_check_interval=30)
    with app.app_context():
        for thread in threads:
            thread.start()
        log.info("worker %s serves %s", label, ", ".join(queues))
        try:
            worker = SimpleWorker(
                [Queue(queue, connection=connection) for queue in queues],
                connection=connection,
                name=f"{label}-{worker_id.hex[:8]}",
            )
            worker.work(logging_level="WARNING")
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=sweeper.SWEEP_SECONDS)
            _forget(worker_id)


def _beat(app: Flask, stop: threading.Event, worker_id: uuid.UUID, name: str, host: str, queues: list[str]) -> None:
    values = {"name": name, "host": host, "pid": os.getpid(), "queues": queues, "state": "up"}
    with app.app_context():
        while True:
            now = datetime.now(UTC)
            statement = insert(Worker).values(id=worker_id, last_seen=now, **values)
            try:
                with db.engine.begin() as connection:
                    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"last_seen": now}))
            except SQLAlchemyError as error:
                log.warning("heartbeat put off: %s", error)
            if stop.wait(_BEAT_SECONDS):
                return


def _forget(worker_id: uuid.UUID) -> None:
    try:
        with db.engine.begin() as connection:
            connection.execute(Worker.__table__.delete().where(Worker.__table__.c.id == worker_id))  # type: ignore[attr-defined]
    except SQLAlchemyError as error:
        log.warning("worker could not sign off: %s", error)
