"""Takes up the job that a bell rang for, runs its process step, and records how it ended."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from flask import Flask, current_app
from sqlalchemy import text

from service.config import Config
from service.database import tenant_session
from service.tasks import convert, deliver, publish, still
from service.tasks.lease import Lease, LeaseLostError, claim
from shared.errors import RacewayError
from shared.jobs import JobState

log = logging.getLogger(__name__)

STEPS: dict[str, Callable[[Lease, Config, Path], None]] = {
    "convert": convert.run,
    "still": still.run,
    "thumbnail": still.run,
    "publish": publish.run,
    "deliver": deliver.run,
}
"""What does each kind of job. A step records its result through ``Lease.complete``, or raises."""


@dataclass(frozen=True)
class Runner:
    """The worker that runs jobs in this process: its row, and whether it must end."""

    worker_id: UUID = field(default_factory=uuid4)
    stopping: threading.Event = field(default_factory=threading.Event)

    def attach(self, app: Flask) -> None:
        """Let jobs that run under ``app`` be this worker's."""
        app.extensions["raceway_runner"] = self


def run_job(tenant_id: str, job_id: str) -> None:
    """What a message on the queue calls: does the job, unless another worker has it."""
    config: Config = current_app.extensions["raceway"]
    runner: Runner = current_app.extensions["raceway_runner"]
    if runner.stopping.is_set():
        return  # still queued; the sweeper of another worker rings again
    lease = claim(UUID(tenant_id), UUID(job_id), runner.worker_id, config.lease_seconds, runner.stopping)
    if lease is None:
        return
    log.info("job %s (%s), attempt %d", job_id, lease.job.kind, lease.attempt)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with lease.renewing(app):
        try:
            _run(lease, config)
        except LeaseLostError as error:
            log.warning("job %s: %s", job_id, error.message)


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
    except Exception:
        log.exception("job %s met a defect", lease.job.id)
        _end_without_result(lease, RacewayError("The worker met an error of its own.", hint="See the worker's log."))


def _end_without_result(lease: Lease, error: RacewayError) -> None:
    if lease.lost:
        raise LeaseLostError(f"Job {lease.job.id} was taken over by another worker.")
    stopped = error.code == "process.cancelled"
    if stopped and not lease.cancelled and lease.stopping.is_set():
        log.info("job %s goes back to the queue, because this worker ends", lease.job.id)
        lease.hand_back()
        return
    state = JobState.CANCELLED if stopped else JobState.FAILED
    log.info("job %s %s: [%s] %s", lease.job.id, state, error.code, error.message)
    lease.fail(state, error.to_json())
