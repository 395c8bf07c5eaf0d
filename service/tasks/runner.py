"""Takes up the jobs that a bell rang for, runs their process steps, and records how they ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError

from service.config import Config
from service.database import tenant_session
from service.queue.queueing import QUEUES
from service.tasks import convert, deliver, encode, frames, playlist_film, publish, still
from service.tasks.lease import Lease, LeaseLostError, claim_next
from shared.errors import RacewayError, ServiceError
from shared.jobs import JobState

log = logging.getLogger(__name__)

STEPS: dict[str, Callable[[Lease, Config, Path], None]] = {
    "convert": convert.run,
    "still": still.run,
    "thumbnail": still.run,
    "render": frames.run,
    "encode": encode.run,
    "publish": publish.run,
    "deliver": deliver.run,
    "playlist_film": playlist_film.run,
}
"""What does each kind of job or task. A step records its result through ``Lease.complete``, or raises."""

_RENDER = "render"
_DATABASE_AWAY = "service.database"
_WORTH_ANOTHER_TRY = frozenset(
    {
        *("render.crashed", "render.stalled", "render.failed", "render.memory", "render.frame_missing"),
        *("process.failed", "process.not_found", "storage.failed"),
    }
)
"""What a renderer may meet once and not again; other failures are the same every time."""


@dataclass
class Runner:
    """The worker that runs jobs in this process: its row, what it can do, and whether it must end."""

    worker_id: UUID = field(default_factory=uuid4)
    queues: Sequence[str] = QUEUES
    capabilities: Collection[str] = ()
    tenants: Collection[UUID] | None = None
    """Whose jobs it does; None: everybody's."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """The job under way goes back to the queue."""
    draining: threading.Event = field(default_factory=threading.Event)
    """The job under way is the last one."""
    resting: threading.Event = field(default_factory=threading.Event)
    """An administrator lets it claim nothing for now."""
    after_each: Callable[[], None] = lambda: None
    """Called when a job has ended, before its end can be the next one's begin."""
    lease: Lease | None = None
    """The job under way."""

    def attach(self, app: Flask) -> None:
        """Let jobs that run under ``app`` be this worker's."""
        app.extensions["raceway_runner"] = self

    @property
    def takes_jobs(self) -> bool:
        """Whether it may claim one more."""
        return not (self.stopping.is_set() or self.draining.is_set() or self.resting.is_set())


def run_job(tenant_id: str, job_id: str) -> None:
    """What a message on the queue calls: does jobs until none is left that this worker can do.

    The message names the job that it was sent for; the next one in the order of the queue is done first.
    """
    config: Config = current_app.extensions["raceway"]
    runner: Runner = current_app.extensions["raceway_runner"]
    while runner.takes_jobs:
        lease = claim_next(
            runner.worker_id, runner.queues, runner.capabilities, config.lease_seconds, runner.stopping, runner.tenants
        )
        if lease is None:
            return
        _do(runner, lease, config)


def _do(runner: Runner, lease: Lease, config: Config) -> None:
    log.info("job %s (%s %s), attempt %d", lease.job.id, lease.job.kind, lease.job.name, lease.attempt)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    runner.lease = lease
    with lease.renewing(app):
        try:
            _run(lease, config)
        except LeaseLostError as error:
            log.warning("job %s: %s", lease.job.id, error.message)
        finally:
            runner.lease = None
            runner.after_each()


def tenant_root(config: Config, tenant_id: UUID) -> Path:
    """Storage root of a tenant."""
    with tenant_session(tenant_id) as current:
        storage: str = current.execute(text("SELECT storage FROM tenants")).scalar_one()
    return config.tenant_root(storage)


def _run(lease: Lease, config: Config) -> None:
    try:
        STEPS[lease.job.kind](lease, config, tenant_root(config, lease.tenant_id))
    except LeaseLostError:
        raise
    except RacewayError as error:
        _end_without_result(lease, error)
    except (OperationalError, InterfaceError) as error:
        log.warning("job %s has lost the database: %s", lease.job.id, error.orig)
        _end_without_result(lease, ServiceError("The database went away.", hint="Try again.", code=_DATABASE_AWAY))
    except Exception:
        log.exception("job %s met a defect", lease.job.id)
        _end_without_result(lease, RacewayError("The worker met an error of its own.", hint="See the worker's log."))


def _end_without_result(lease: Lease, error: RacewayError) -> None:
    if lease.lost:
        raise LeaseLostError(f"Job {lease.job.id} was taken over by another worker.")
    stopped = error.code == "process.cancelled"
    if stopped and not lease.cancelled and (lease.stopping.is_set() or lease.given_up):
        # Nobody cancelled it: on a machine with too much to do, the lease was renewed too late, and then once more.
        log.info("job %s goes back to the queue, because this worker ends or was too slow", lease.job.id)
        lease.hand_back()
        return
    may_pass = error.code == _DATABASE_AWAY or (lease.job.queue == _RENDER and error.code in _WORTH_ANOTHER_TRY)
    if may_pass and not lease.is_last:
        log.warning("job %s is tried again: [%s] %s", lease.job.id, error.code, error.message)
        lease.try_again(error.to_json())
        return
    state = JobState.CANCELLED if stopped else JobState.FAILED
    log.info("job %s %s: [%s] %s", lease.job.id, state, error.code, error.message)
    lease.fail(state, error.to_json())
