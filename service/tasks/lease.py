"""A worker's hold on a job.

A claim raises the job's ``attempt``; every later write names it. A worker that was silent for longer than the lease
finds another number there and writes nothing: whatever it still had to say is too late.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import ColumnElement, and_, func, select, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from service.accounts.settings import tenant_settings
from service.activity import alerts, events
from service.database import current_tenant, db, tenant_session
from service.models import Job
from service.queue import jobs
from service.queue.queueing import message_id
from shared.errors import ConflictError
from shared.jobs import DONE_STATES, FINAL_STATES, JobDocument, JobState, Progress
from shared.processes import Event

log = logging.getLogger(__name__)

_RENEW_SECONDS = 0.4
"""How often a running job is written: its progress, its lease; and whether somebody cancelled it is read."""
_OURS = 0.8
"""Share of the lease after which a worker that cannot renew it stops its tool, before another takes up the job."""
_CANDIDATES = 16
"""How many jobs a worker tries to claim before it gives up: others may be claiming the same ones."""
_RENDER = "render"
_RENDERS_LOCK = 7205226
_FIRST_WAIT_SECONDS = 2.0
"""How long a job that failed waits for its second attempt; twice as long for each further one."""
_DONE = "done"
"""What tools report as their stage when they are through; not a step."""


class LeaseLostError(ConflictError):
    """Another worker holds the job now; nothing of this one's work is recorded."""

    code = "conflict.lease_lost"


def claim(
    tenant_id: UUID, job_id: UUID, worker_id: UUID, lease_seconds: float, stopping: threading.Event | None = None
) -> Lease | None:
    """Take up a queued job; None where it cannot begin now, or another worker is just taking it.

    ``stopping`` is an event that is set when the worker must end soon.
    """
    since = time.monotonic()
    with tenant_session(tenant_id) as current:
        job = _claimable(current, job_id)
        if job is None:
            return None
        document = JobDocument.from_json(job.document)
        document.restart()
        document.move_to(JobState.RUNNING)
        document.queue_job_id = message_id(job_id)
        attempt = job.attempt = job.attempt + 1
        job.document, job.state = document.to_json(), document.state.value
        job.worker_id = worker_id
        job.started_at, job.finished_at, job.not_before = func.now(), None, None
        job.lease_until = func.now() + timedelta(seconds=lease_seconds)
        jobs.tell_conversion(current, job_id, document)
        events.changed(current, job_id)
        if job.parent_id:
            jobs.update_group(current, job.parent_id)
        current.flush()
        current.refresh(job)
        return Lease(tenant_id, job, attempt, document, lease_seconds, since, stopping or threading.Event())


def claim_next(
    worker_id: UUID,
    queues: Sequence[str],
    capabilities: Collection[str],
    lease_seconds: float,
    stopping: threading.Event,
    tenants: Collection[UUID] | None = None,
) -> Lease | None:
    """Take up the job that is next for this worker, of whatever tenant (of ``tenants`` only); None where none waits.

    First come the tenants with the least under way, of a tenant the jobs of the highest priority, of those the oldest.
    """
    with db.engine.connect() as connection:
        found = connection.execute(
            text("SELECT tenant_id, job_id FROM next_jobs(:queues, cast(:able AS jsonb), :worker, :number)"),
            {
                "queues": list(queues),
                "able": json.dumps(sorted(capabilities)),
                "worker": str(worker_id),
                "number": _CANDIDATES if tenants is None else None,
            },
        ).all()
    for tenant_id, job_id in found:
        if tenants is None or tenant_id in tenants:
            lease = claim(tenant_id, job_id, worker_id, lease_seconds, stopping)
            if lease is not None:
                return lease
    return None


def _claimable(current: Session, job_id: UUID) -> Job | None:
    """The job, locked, if it can begin; and locked before it what decides that: its tenant's renders, its job."""
    found = current.execute(select(Job.queue, Job.parent_id).where(Job.id == job_id)).one_or_none()
    if found is None:
        return None
    if found.queue == _RENDER and not _may_render(current):
        return None
    if found.parent_id is not None:
        current.execute(select(Job.id).where(Job.id == found.parent_id).with_for_update(key_share=True, of=Job))
    statement = select(Job).where(Job.id == job_id, Job.state == JobState.QUEUED, Job.has_tasks.is_(False))
    return current.scalars(statement.with_for_update(skip_locked=True, key_share=True, of=Job)).unique().one_or_none()


def _may_render(current: Session) -> bool:
    """Whether the tenant may have one more render; two that claim at once are counted one after the other."""
    current.execute(
        text("SELECT pg_advisory_xact_lock(:key, hashtext(:tenant))"),
        {"key": _RENDERS_LOCK, "tenant": str(current_tenant(current))},
    )
    running = select(func.count()).where(Job.state == JobState.RUNNING, Job.queue == _RENDER, Job.has_tasks.is_(False))
    return (current.scalar(running) or 0) < tenant_settings(current).max_concurrent_renders


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
    given_up: bool = False
    """Whether a tool was told to stop because the lease seemed lost; it may have been renewed since."""
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
                .where(self.is_ours())
                .values(document=document, lease_until=func.now() + timedelta(seconds=self.seconds))
                .returning(Job.cancel_requested)
                .execution_options(synchronize_session=False)
            ).scalar_one_or_none()
            events.changed(current, self.job.id)
        if cancelled is None:
            self._taken = True
        else:
            self.cancelled, self.renewed_at = bool(cancelled), since

    def should_stop(self) -> bool:
        """Whether the tool must be stopped: the job was cancelled or lost, or the worker must end."""
        self.given_up = self.given_up or self.lost
        return self.cancelled or self.given_up or self.stopping.is_set()

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
                frame=event["frame"] if isinstance(event.get("frame"), int) else None,
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

    @property
    def is_last(self) -> bool:
        """Whether the job has no attempt left after this one."""
        return self.attempt >= self.job.max_attempts

    def fail(self, state: JobState, error: dict[str, Any]) -> None:
        """End the job without a result: failed or cancelled. Raises LeaseLostError like :meth:`complete`."""
        with self._writing:
            self._ended.set()
            self.document.error = error
            self._end(state)
        self._record(self._count_failure if state is JobState.FAILED else lambda current: None)

    def try_again(self, error: dict[str, Any]) -> None:
        """Queue the job again after a failure that another attempt may not meet; it waits longer each time."""
        wait = timedelta(seconds=_FIRST_WAIT_SECONDS * 2 ** (self.attempt % jobs.MORE_ATTEMPTS))
        with self._writing:
            self._ended.set()
            self.document.error = error
            self.document.finish_step(JobState.FAILED)
            self._end(JobState.QUEUED)
            self.document.progress = Progress(message=f"attempt {self.attempt} failed: {error['message']}"[:500])
        self._record(self._count_failure, not_before=func.now() + wait)

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

    def _count_failure(self, current: Session) -> None:
        """Remember that this worker failed at the job: after three times it gets no more of it."""
        counted = select(Job).where(Job.id == (self.job.parent_id or self.job.id)).with_for_update(of=Job)
        job = current.scalars(counted.execution_options(populate_existing=True)).unique().one()
        worker = str(self.job.worker_id)
        again = self.document.state is JobState.QUEUED
        alerts.failed(current, self.job, self.document.error or {}, again=again)
        job.failures_by_worker = {**job.failures_by_worker, worker: job.failures_by_worker.get(worker, 0) + 1}

    def write(self, work: Callable[[Session], None]) -> None:
        """Do ``work`` in a transaction, and try again while the database is away and the job still ours.

        Raises LeaseLostError where that lasts longer than the lease.
        """
        while True:
            try:
                with tenant_session(self.tenant_id, self.job.created_by_id) as current:
                    work(current)
                return
            except (OperationalError, InterfaceError) as error:
                log.warning("job %s waits for the database: %s", self.job.id, error.orig)
                if self.lost:
                    raise LeaseLostError(f"The database did not take what job {self.job.id} has done.") from error
                time.sleep(_RENEW_SECONDS)

    def is_ours(self) -> ColumnElement[bool]:
        """The condition on the job's row that this worker holds it."""
        return and_(Job.id == self.job.id, Job.attempt == self.attempt, Job.state == JobState.RUNNING)

    def _record(self, write: Callable[[Session], None], **values: Any) -> None:
        """Write the job's end."""
        state = self.document.state

        def record(current: Session) -> None:
            if self.job.parent_id is not None:
                jobs.locked(current, self.job.id)
            done = current.execute(
                update(Job)
                .where(self.is_ours())
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
            current.expire_all()
            jobs.tell_conversion(current, self.job.id, self.document)
            write(current)
            current.flush()
            self._tell(current)

        self.write(record)

    def _tell(self, current: Session) -> None:
        """Let others follow the job's end: who waits for it, the job it is a task of, people."""
        state = self.document.state
        events.changed(current, self.job.id)
        if state in DONE_STATES:
            jobs.release_dependents(current, self.job)
        elif state is JobState.CANCELLED:
            jobs.cancel_dependents(current, self.job)
        if self.job.parent_id is not None:
            jobs.update_group(current, self.job.parent_id)
        if state in FINAL_STATES:
            jobs.tell_end(current, self.job, self.document)

    def _renew_until_ended(self, app: Flask) -> None:
        with app.app_context():
            while not self._ended.wait(_RENEW_SECONDS):
                try:
                    self.renew()
                except DBAPIError as error:
                    log.warning("lease of job %s could not be renewed: %s", self.job.id, error.orig)

    def _remaining(self, percent: float) -> float | None:
        steps = self.document.steps
        if not steps or not steps[0].started or not 5 <= percent < 100:
            return None
        elapsed = (datetime.now(UTC) - datetime.fromisoformat(steps[0].started)).total_seconds()
        return round(elapsed * (100 - percent) / percent, 1)
