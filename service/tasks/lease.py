"""A worker's hold on a job.

A claim raises the job's ``attempt``; every later write names it. A worker that was silent for longer than the lease
finds another number there and writes nothing: whatever it still had to say is too late.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service.database import tenant_session
from service.models import Job
from service.queueing import message_id
from shared.errors import ConflictError
from shared.jobs import FINAL_STATES, JobDocument, JobState, Progress
from shared.processes import Event

log = logging.getLogger(__name__)

_KEEP_SECONDS = 0.5
"""How often a running job is written: its progress, its lease, and whether somebody cancelled it."""
_FINISH_TRIES = 20


class LeaseLostError(ConflictError):
    """Another worker holds the job now; nothing of this one's work is recorded."""

    code = "conflict.lease_lost"


def claim(tenant_id: UUID, job_id: UUID, worker_id: UUID, lease_seconds: float) -> Lease | None:
    """Take up a queued job; None where it is not queued, or another worker is just taking it."""
    with tenant_session(tenant_id) as current:
        statement = select(Job).where(Job.id == job_id, Job.state == JobState.QUEUED)
        job = current.scalars(statement.with_for_update(skip_locked=True, of=Job)).unique().one_or_none()
        if job is None:
            return None
        document = JobDocument.from_json(job.document)
        document.restart()
        document.move_to(JobState.RUNNING)
        document.queue_job_id = message_id(job_id)
        job.attempt += 1
        job.document, job.state = document.to_json(), document.state.value
        job.worker_id = worker_id
        job.started_at, job.finished_at = datetime.now(UTC), None
        job.lease_until = datetime.now(UTC) + timedelta(seconds=lease_seconds)
        return Lease(tenant_id, job, job.attempt, document, lease_seconds)


@dataclass
class Lease:
    """The hold, and the job document as this worker writes it."""

    tenant_id: UUID
    job: Job
    attempt: int
    document: JobDocument
    seconds: float
    output: dict[str, Any] = field(default_factory=dict)
    """What the step under way puts into the document."""
    cancelled: bool = False
    lost: bool = False
    _kept: float = field(default_factory=time.monotonic)
    _asked: float = 0.0

    def on_event(self, event: Event) -> None:
        """Take over a tool's progress; it is stored with the next :meth:`should_stop`."""
        percent = float(event.get("percent") or 0.0)
        self.document.progress = Progress(
            percent=percent,
            stage=str(event.get("stage") or ""),
            message=str(event.get("message") or "")[:500],
            remaining=self._remaining(percent),
        )

    def on_start(self, process_group: int) -> None:
        """Note the tool's process group in the document."""
        self.document.process_group = process_group

    def should_stop(self) -> bool:
        """Renew the lease and store the progress, twice a second at most; True when the tool must be stopped.

        A database that does not answer is borne until the lease is over.
        """
        now = time.monotonic()
        if now - self._asked < _KEEP_SECONDS:
            return self.cancelled or self.lost
        self._asked = now
        try:
            with tenant_session(self.tenant_id) as current:
                answer = current.execute(
                    update(Job)
                    .where(self._still_ours())
                    .values(
                        document=self.document.to_json(),
                        lease_until=func.now() + timedelta(seconds=self.seconds),
                    )
                    .returning(Job.cancel_requested)
                    .execution_options(synchronize_session=False)
                ).scalar_one_or_none()
            self._kept = now
            self.cancelled, self.lost = bool(answer), answer is None
        except DBAPIError as error:
            log.warning("lease of job %s could not be renewed: %s", self.job.id, error.orig)
            self.lost = now - self._kept > self.seconds
        return self.cancelled or self.lost

    @contextlib.contextmanager
    def finishing(self, state: JobState) -> Iterator[Session]:
        """A transaction that ends the job in ``state`` together with what the caller writes in it.

        Raises LeaseLostError, and writes nothing, where the job is another worker's by now.
        """
        with tenant_session(self.tenant_id, self.job.created_by_id) as current:
            yield current
            self.document.finish_step(state, self.output)
            self.document.process_group = None
            if state is JobState.COMPLETED:
                self.document.progress = Progress(percent=100.0, stage="done")
            if self.document.state is not state:
                self.document.move_to(state)
            done = current.execute(
                update(Job)
                .where(self._still_ours())
                .values(
                    document=self.document.to_json(),
                    state=state.value,
                    lease_until=None,
                    finished_at=func.now() if state in FINAL_STATES else None,
                )
                .returning(Job.id)
                .execution_options(synchronize_session=False)
            ).scalar_one_or_none()
            if done is None:
                raise LeaseLostError(f"Job {self.job.id} was taken over by another worker.")

    def fail(self, state: JobState, error: dict[str, Any]) -> None:
        """End the job without a result; tries for a while where the database does not answer."""
        self.document.error = error
        for _ in range(_FINISH_TRIES):
            try:
                with self.finishing(state):
                    return
            except LeaseLostError:
                return
            except DBAPIError as problem:
                log.warning("end of job %s could not be written: %s", self.job.id, problem.orig)
                time.sleep(_KEEP_SECONDS)

    def _still_ours(self) -> ColumnElement[bool]:
        return and_(Job.id == self.job.id, Job.attempt == self.attempt, Job.state == JobState.RUNNING)

    def _remaining(self, percent: float) -> float | None:
        steps = self.document.steps
        if not steps or not steps[-1].started or not 5 <= percent < 100:
            return None
        elapsed = (datetime.now(UTC) - datetime.fromisoformat(steps[-1].started)).total_seconds()
        return round(elapsed * (100 - percent) / percent, 1)


def take_back(current: Session, now: datetime) -> list[Job]:
    """Take jobs from workers whose lease is over; answers those that are queued again.

    What was cancelled meanwhile is cancelled; what was lost too often has failed.
    """
    statement = select(Job).where(Job.state == JobState.RUNNING, or_(Job.lease_until.is_(None), Job.lease_until < now))
    queued = []
    for job in current.scalars(statement.with_for_update(skip_locked=True, of=Job)).unique():
        document = JobDocument.from_json(job.document)
        document.process_group = None
        if job.cancel_requested:
            state = JobState.CANCELLED
        elif job.attempt >= job.max_attempts:
            state = JobState.FAILED
            document.error = {
                "code": "process.worker_lost",
                "message": f"The worker of this job was lost {job.attempt} times.",
                "hint": "Look at the workers' logs: is the machine short of memory? Then retry the job.",
                "fields": {},
            }
        else:
            state = JobState.QUEUED
        document.finish_step(JobState.FAILED)
        document.move_to(state)
        job.document, job.state = document.to_json(), state.value
        job.worker_id = job.lease_until = None
        job.finished_at = now if state in FINAL_STATES else None
        log.warning("job %s: its worker was lost in attempt %d, now %s", job.id, job.attempt, state)
        if state is JobState.QUEUED:
            queued.append(job)
    return queued
