"""Takes up the job that a bell rang for, runs its process step, and records how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from flask import current_app
from sqlalchemy import text

from service.config import Config
from service.database import tenant_session
from service.tasks import convert, still
from service.tasks.lease import Lease, LeaseLostError, claim
from shared.errors import RacewayError
from shared.jobs import JobState

log = logging.getLogger(__name__)

STEPS: dict[str, Callable[[Lease, Config, Path], None]] = {
    "convert": convert.run,
    "still": still.run,
    "thumbnail": still.run,
}
"""What does each kind of job. A step records its result through ``Lease.finishing``, or raises."""

AFTER_FAILURE: dict[str, Callable[[Lease], None]] = {"convert": convert.note_failure}


def run_job(tenant_id: str, job_id: str) -> None:
    """What a message on the queue calls: does the job, unless another worker has it."""
    config: Config = current_app.extensions["raceway"]
    lease = claim(UUID(tenant_id), UUID(job_id), current_app.extensions["raceway_worker_id"], config.lease_seconds)
    if lease is None:
        return
    log.info("job %s (%s), attempt %d", job_id, lease.job.kind, lease.attempt)
    try:
        STEPS[lease.job.kind](lease, config, tenant_root(config, lease.tenant_id))
    except LeaseLostError:
        log.warning("job %s was taken over by another worker", job_id)
    except RacewayError as error:
        if lease.lost:
            log.warning("job %s was taken over by another worker", job_id)
        else:
            _fail(lease, JobState.CANCELLED if lease.cancelled else JobState.FAILED, error)
    except Exception:
        log.exception("job %s met a defect", job_id)
        _fail(lease, JobState.FAILED, RacewayError("The worker met an error of its own.", hint="See the worker's log."))


def tenant_root(config: Config, tenant_id: UUID) -> Path:
    """Storage root of a tenant."""
    with tenant_session(tenant_id) as current:
        storage: str = current.execute(text("SELECT storage FROM tenants")).scalar_one()
    return config.tenant_root(storage)


def _fail(lease: Lease, state: JobState, error: RacewayError) -> None:
    log.info("job %s %s: [%s] %s", lease.job.id, state, error.code, error.message)
    lease.fail(state, error.to_json())
    if note := AFTER_FAILURE.get(lease.job.kind):
        note(lease)
