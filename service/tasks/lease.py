"""A worker's hold on a job.

A claim raises the job's ``attempt``; every later write names it. A worker that was silent for longer than the lease
finds another number there and writes nothing: whatever it still had to say is too late.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from service import jobs
from service.database import tenant_session
from service.models import Job
from service.queueing import message_id
from shared.errors import ConflictError
from shared.jobs import FINAL_STATES, JobDocument, JobState, Progress
from shared.processes import Event

log = logging.getLogger(__name__)

_RENEW_SECONDS = 0.4
"""How often a running job is written: its progress, its lease; and whether somebody cancelled it is read."""
_OURS = 0.8
"""Share of the lease after which a worker that cannot renew it stops its tool, before another takes up the job."""
_DONE = "done"
"""What tools report as their stage when they are through; not a step."""


class LeaseLostError(ConflictError):
    """Another worker holds the job now; nothing of this one's work is recorded."""

    code = "conflict.lease_lost"


def claim(
    tenant_id: UUID, job_id: UUID, worker_id: UUID, lease_seconds: float, stopping: threading.Event | None = None
) -> Lease | None:
    """Take up a queued job; None where it is not queued, or another worker is just taking it.

    ``stopping`` is an event that is set when the worker must end soon.
    """
    since = time.monotonic()
    with tenant_session(tenant_id) as current:
        statement = select(Job).where(Job.id == job_id, Job.state == JobState.QUEUED)
        job = current.scalars(statement.with_for_update(skip_locked=True, of=Job)).unique().one_or_none()
        if job is None:
            return None
        document = JobDocument.from_json(job.document)
        document.restart()
        document.move_to(JobState.RUNNING)
        document.queue_job_id = message_id(job_id)
        attempt = job.attempt = job.attempt + 1
        job.document, job.state = document.to_json(), document.state.value
        job.worker_id = worker_id
        job.started_at, job.finished_at = func.now(), None
        job.lease_until = func.now() + timedelta(seconds=lease_seconds)
        jobs.tell_conversion(current, job_id, document)
        return Lease(tenant_id, job, attempt, document, lease_seconds, since, stopping or threading.Event())


@dataclass
class Lease:
    """The hold, and the job document as this worker writes it."""

    tenant_id: UUID
    job: Job
    attempt: int
    document: JobDocument
    seconds: float
    renewed_at: float
    """When the lease was last renewed, by the monotonic clock."""
    stopping: threading.Event
    cancelled: bool = False
    _taken: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    """Guards the document between the tool's events and the renewals."""

    @property
    def lost(self) -> bool:
        """Whether another worker has the job, or may have it because the lease could not be renewed."""
        return self._taken or time.monotonic() - self.renewed_at > self.seconds * _OURS

    @contextlib.contextmanager
    def renewing(self, app: Flask) -> Iterator[None]:
        """Renew the lease in a thread of its own, whatever the worker waits for."""
        thread = threading.Thread(target=self._renew_until_ended, args=(app,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()

    def renew(self) -> None:
        """Renew the lease, store the progress, and learn whether the job was cancelled or taken over."""
        with self._writing:
            if self._ended.is_set():
                return
            document = self.document.to_json()
        since = time.monotonic()
        with tenant_session(self.tenant_id) as current:
            cancelled = current.execute(
                update(Job)
                .where(self._still_ours())
                .values(document=document, lease_until=func.now() + timedelta(seconds=self.seconds))
                .returning(Job.cancel_requested)
                .execution_options(synchronize_session=False)
            ).scalar_one_or_none()
        if cancelled is None:
            self._taken = True
        else:
            self.cancelled, self.renewed_at = bool(cancelled), since

    def should_stop(self) -> bool:
        """Whether the tool must be stopped: the job was cancelled or lost, or the worker must end."""
        return self.cancelled or self.lost or self.stopping.is_set()

    def on_start(self, process_group: int) -> None:
        """Note the tool's process group in the document."""
        with self._writing:
            self.document.process_group = process_group

    def on_event(self, event: Event) -> None:
        """Take over a tool's progress: each of its stages is a step of the document."""
        stage, percent = str(event.get("stage") or ""), float(event.get("percent") or 0.0)
        with self._writing:
            if stage != self.document.progress.stage:
                self.document.finish_step(JobState.COMPLETED)
                if stage != _DONE:
                    self.document.start_step(stage)
            self.document.progress = Progress(
                percent=percent,
                stage=stage,
                message=str(event.get("message") or "")[:500],
                remaining=self._remaining(percent),
            )

    def start_step(self, name: str) -> None:
        """Begin a step of the worker's own."""
        with self._writing:
            self.document.finish_step(JobState.COMPLETED)
            self.document.start_step(name)
            self.document.progress = Progress(percent=99.0, stage=name)

    def complete(
        self, result: dict[str, Any], write: Callable[[Session], None], *, output: dict[str, Any] | None = None
    ) -> None:
        """End the job with a result; ``write`` adds its rows in the same transaction.

        ``output`` is of the step under way. Raises LeaseLostError, and writes nothing, where the job is another
        worker's by now.
        """
        with self._writing:
            self._ended.set()
            self.document.result = result
            self.document.progress = Progress(percent=100.0, stage=_DONE)
            self._end(JobState.COMPLETED, output)
        self._record(write)

    def fail(self, state: JobState, error: dict[str, Any]) -> None:
        """End the job without a result: failed or cancelled. Raises LeaseLostError like :meth:`complete`."""
        with self._writing:
            self._ended.set()
            self.document.error = error
            self._end(state)
        self._record(lambda current: None)

    def hand_back(self) -> None:
        """Queue the job again, because this worker ends; the attempt is not held against the job."""
        with self._writing:
            self._ended.set()
            self._end(JobState.QUEUED)
            self.document.progress = Progress()
        self._record(lambda current: jobs.ring_after_commit(current, self.job), max_attempts=Job.max_attempts + 1)

    def _end(self, state: JobState, output: dict[str, Any] | None = None) -> None:
        self.document.finish_step(JobState.CANCELLED if state is JobState.QUEUED else state, output)
        self.document.process_group = None
        self.document.move_to(state)

    def _record(self, write: Callable[[Session], None], **values: Any) -> None:
        """Write the job's end, and try again while the database is away and the job still ours."""
        state = self.document.state
        while True:
            try:
                with tenant_session(self.tenant_id, self.job.created_by_id) as current:
                    done = current.execute(
                        update(Job)
                        .where(self._still_ours())
                        .values(
                            document=self.document.to_json(),
                            state=state.value,
                            worker_id=None if state is JobState.QUEUED else Job.worker_id,
                            lease_until=None,
                            finished_at=func.now() if state in FINAL_STATES else None,
                            **values,
                        )
                        .returning(Job.id)
                        .execution_options(synchronize_session=False)
                    ).scalar_one_or_none()
                    if done is None:
                        raise LeaseLostError(f"Job {self.job.id} was taken over by another worker.")
                    jobs.tell_conversion(current, self.job.id, self.document)
                    write(current)
                return
            except (OperationalError, InterfaceError) as error:
                log.warning("end of job %s could not be written: %s", self.job.id, error.orig)
                if self.lost:
                    raise LeaseLostError(f"Job {self.job.id} ended, and the database did not take it.") from error
                time.sleep(_RENEW_SECONDS)

    def _renew_until_ended(self, app: Flask) -> None:
        with app.app_context():
            while not self._ended.wait(_RENEW_SECONDS):
                try:
                    self.renew()
                except DBAPIError as error:
                    log.warning("lease of job %s could not be renewed: %s", self.job.id, error.orig)

    def _still_ours(self) -> ColumnElement[bool]:
        return and_(Job.id == self.job.id, Job.attempt == self.attempt, Job.state == JobState.RUNNING)

    def _remaining(self, percent: float) -> float | None:
        steps = self.document.steps
        if not steps or not steps[0].started or not 5 <= percent < 100:
            return None
        elapsed = (datetime.now(UTC) - datetime.fromisoformat(steps[0].started)).total_seconds()
        return round(elapsed * (100 - percent) / percent, 1)


def take_back(current: Session) -> None:
    """Take jobs from workers whose lease is over: they are queued again, and the bell rings for them.

    What was cancelled meanwhile is cancelled; what was lost too often has failed.
    """
    overdue = or_(Job.lease_until.is_(None), Job.lease_until < func.now())
    statement = select(Job).where(Job.state == JobState.RUNNING, overdue)
    for job in current.scalars(statement.with_for_update(skip_locked=True, of=Job)).unique():
        document = JobDocument.from_json(job.document)
        document.process_group = None
        document.finish_step(JobState.FAILED)
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
        document.move_to(state)
        jobs.write_document(current, job, document)
        log.warning("job %s: its worker was lost in attempt %d, now %s", job.id, job.attempt, state)
        if state is JobState.QUEUED:
            jobs.ring_after_commit(current, job)
