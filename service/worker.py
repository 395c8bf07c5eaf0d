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
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from types import FrameType

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job as Message
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from service.base_app import create_base_app
from service.config import Config, tool_environment
from service.database import db
from service.database_role import check_database
from service.models import Worker
from service.queue import queueing
from service.queue.queueing import QUEUES, bells_of
from service.review.films import READERS
from service.tasks import films, notifier, sweeper, webhooks, workflow_runs
from service.tasks.convert import WARM_CONVERTER
from service.tasks.runner import Runner, run_job
from shared import process_tree
from shared.errors import StorageError

log = logging.getLogger(__name__)

_BEAT_SECONDS = 2.0
_LISTEN_SECONDS = 1.0
_JOIN_SECONDS = 2.0
_MESSAGE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Abilities:
    """What a worker does: its queues, the most urgent first, and its capabilities, such as ``gpu``."""

    queues: Sequence[str] = QUEUES
    capabilities: Collection[str] = ()
    name: str = ""
    """Shown in the list of workers; host and process id where it is empty."""
    drain: bool = False
    """Whether it leaves when nothing waits any more."""


def run(config: Config, abilities: Abilities) -> None:
    """Work until a signal, or until an administrator drains this worker.

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
    app = create_base_app(config)
    check_database(app)
    queues = abilities.queues
    # A tool's own tree is gone when its job has ended; this ends what broke away from it.
    runner = Runner(
        queues=queues,
        capabilities=abilities.capabilities,
        after_each=lambda: process_tree.end_descendants(spared={WARM_CONVERTER.server_pid, *READERS}),
    )
    runner.attach(app)
    process_tree.adopt_orphans()
    if "cad" in queues:
        WARM_CONVERTER.warm_up(tool_environment())
    host = socket.gethostname()
    label = abilities.name or f"{host}-{os.getpid()}"
    stop = threading.Event()
    threads = [
        threading.Thread(target=target, args=arguments, name=target.__name__, daemon=True)
        for target, arguments in (
            (sweeper.run_for_ever, (app, stop)),
            (sweeper.tidy_for_ever, (app, stop)),
            (films.run_for_ever, (app, stop)),
            (workflow_runs.run_for_ever, (app, stop)),
            (notifier.run_for_ever, (app, stop)),
            (webhooks.run_for_ever, (app, stop, queues)),
            (_beat, (app, stop, runner, label, host)),
            (_hear_stops, (app, stop, runner, config.redis_url)),
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
                [Queue(bell, connection=connection) for bell in bells_of(queues, abilities.capabilities)],
                connection=connection,
                name=f"{label}-{runner.worker_id.hex[:8]}",
            )
            worker.runner = runner
            if abilities.drain:
                # What waits may have lost its bell, or wait for another try.
                run_job("", "")
            worker.work(burst=abilities.drain, logging_level="WARNING")
        finally:
            stop.set()
            WARM_CONVERTER.close()
            for thread in threads:
                thread.join(timeout=_JOIN_SECONDS)
            _forget(runner)


class _QueueWorker(SimpleWorker):
    """RQ's worker, which stops the job under way when it must end, and leaves no process behind after one."""

    runner: Runner

    def get_heartbeat_ttl(self, job: Message) -> int:
        # Which worker lives is known from its lease; RQ must not give a long job's message up.
        return _MESSAGE_SECONDS

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.runner.draining.set()
        if signum != signal.SIGUSR1:
            self.runner.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        signal.signal(signal.SIGUSR1, self.request_stop)


def _beat(app: Flask, stop: threading.Event, runner: Runner, name: str, host: str) -> None:
    """Say that this worker lives and what it does; hear what an administrator wants of it."""
    values = {
        "id": runner.worker_id,
        "name": name,
        "host": host,
        "pid": os.getpid(),
        "queues": list(runner.queues),
        "capabilities": sorted(runner.capabilities),
    }
    with app.app_context():
        while True:
            now = {"state": _state_of(runner), "last_seen": func.now()}
            statement = insert(Worker).values(**values, **now)
            said = statement.on_conflict_do_update(index_elements=["id"], set_=now).returning(Worker.wanted)
            try:
                with db.engine.begin() as connection:
                    _heed(connection.execute(said).scalar_one(), runner)
            except SQLAlchemyError as error:
                log.warning("heartbeat put off: %s", error)
            if stop.wait(_BEAT_SECONDS):
                return


def _state_of(runner: Runner) -> str:
    if runner.draining.is_set():
        return "draining"
    if runner.resting.is_set():
        return "disabled"
    return "busy" if runner.lease is not None else "up"


def _heed(wanted: str, runner: Runner) -> None:
    if wanted == "rest":
        runner.resting.set()
    else:
        runner.resting.clear()
    if wanted == "drain" and not runner.draining.is_set():
        log.info("an administrator drains this worker")
        os.kill(os.getpid(), signal.SIGUSR1)


def _hear_stops(app: Flask, stop: threading.Event, runner: Runner, redis_url: str) -> None:
    """Look at the job under way at once when somebody cancels it."""
    with app.app_context():
        while not stop.is_set():
            try:
                with queueing.connect(redis_url).pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
                    heard.subscribe(queueing.STOP_TOPIC)
                    while not stop.is_set():
                        word, lease = heard.get_message(timeout=_LISTEN_SECONDS), runner.lease
                        if word is not None and lease is not None and word["data"] == str(lease.job.id).encode():
                            lease.renew()
            except (RedisError, OSError, SQLAlchemyError) as error:
                log.warning("cancelled jobs are heard of later: %s", error)
                stop.wait(_LISTEN_SECONDS)


def _forget(runner: Runner) -> None:
    try:
        with db.engine.begin() as connection:
            connection.execute(delete(Worker).where(Worker.id == runner.worker_id))
    except SQLAlchemyError as error:
        log.warning("worker could not sign off: %s", error)
