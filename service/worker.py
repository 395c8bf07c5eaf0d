"""A worker process: takes jobs that the bell rings for, one at a time.

It runs jobs in its own process, without RQ's fork: what can crash runs in a tool's process anyway, which dies with
this one, so that a killed worker leaves nothing behind that could do its job twice.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Sequence
from types import FrameType

from flask import Flask
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job as Message
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from service import queueing
from service.app import create_app
from service.config import Config
from service.database import db
from service.models import Worker
from service.tasks import notifier, sweeper, workflow_runs
from service.tasks.convert import WARM_CONVERTER
from service.tasks.runner import Runner
from shared import processes
from shared.errors import StorageError

log = logging.getLogger(__name__)

_BEAT_SECONDS = 10.0
_JOIN_SECONDS = 2.0
_MESSAGE_SECONDS = 7 * 24 * 3600


def run(config: Config, queues: Sequence[str], name: str = "") -> None:
    """Work until a signal.

    SIGTERM and SIGINT hand the job under way back to the queue; SIGUSR1 lets it be finished first.

    Raises StorageError or ServiceError where the storage, the database or Redis cannot be used from the start.
    """
    if not config.root.is_dir():
        raise StorageError(
            f"The storage root {config.root} is not a folder on this machine.",
            hint="Mount the shared storage, or set RACEWAY_ROOT to where this machine sees it.",
            code="storage.missing",
        )
    queueing.check(config.redis_url)
    app = create_app(config)
    runner = Runner()
    runner.attach(app)
    processes.adopt_orphans()
    if "cad" in queues:
        WARM_CONVERTER.warm_up()
    host = socket.gethostname()
    label = name or f"{host}-{os.getpid()}"
    stop = threading.Event()
    threads = [
        threading.Thread(target=target, args=arguments, name=target.__name__, daemon=True)
        for target, arguments in (
            (sweeper.run_for_ever, (app, stop)),
            (sweeper.tidy_for_ever, (app, stop)),
            (workflow_runs.run_for_ever, (app, stop)),
            (notifier.run_for_ever, (app, stop)),
            (_beat, (app, stop, runner, label, host, list(queues))),
        )
    ]
    # Blocking reads of the queue last longer than a request may wait, so this connection has no time-out.
    connection = Redis.from_url(config.redis_url, health_check_interval=30)
    with app.app_context():
        for thread in threads:
            thread.start()
        log.info("worker %s serves %s", label, ", ".join(queues))
        try:
            worker = _QueueWorker(
                [Queue(queue, connection=connection) for queue in queues],
                connection=connection,
                name=f"{label}-{runner.worker_id.hex[:8]}",
            )
            worker.runner = runner
            worker.work(logging_level="WARNING")
        finally:
            stop.set()
            WARM_CONVERTER.close()
            for thread in threads:
                thread.join(timeout=_JOIN_SECONDS)
            _forget(runner)


class _QueueWorker(SimpleWorker):
    """RQ's worker, which stops the job under way when it must end, and leaves no process behind after one."""

    runner: Runner

    def execute_job(self, job: Message, queue: Queue) -> None:
        super().execute_job(job, queue)
        # A tool's own tree is gone by now; this ends what broke away from it.
        processes.end_descendants(spared={WARM_CONVERTER.server_pid})

    def get_heartbeat_ttl(self, job: Message) -> int:
        # Which worker lives is known from its lease; RQ must not give a long job's message up.
        return _MESSAGE_SECONDS

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        if signum != signal.SIGUSR1:
            self.runner.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGUSR1, self.request_stop)


def _beat(app: Flask, stop: threading.Event, runner: Runner, name: str, host: str, queues: list[str]) -> None:
    values = {"name": name, "host": host, "pid": os.getpid(), "queues": queues, "state": "up"}
    statement = insert(Worker).values(id=runner.worker_id, last_seen=func.now(), **values)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_={"last_seen": func.now()})
    with app.app_context():
        while True:
            try:
                with db.engine.begin() as connection:
                    connection.execute(statement)
            except SQLAlchemyError as error:
                log.warning("heartbeat put off: %s", error)
            if stop.wait(_BEAT_SECONDS):
                return


def _forget(runner: Runner) -> None:
    try:
        with db.engine.begin() as connection:
            connection.execute(delete(Worker).where(Worker.id == runner.worker_id))
    except SQLAlchemyError as error:
        log.warning("worker could not sign off: %s", error)
