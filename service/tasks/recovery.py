"""Recovers jobs: takes them back from workers that were lost, and rings again for those whose bell was."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from service.activity import alerts
from service.database import tenant_session
from service.models import Job, PausedQueue, Worker
from service.queue import farm, jobs
from service.queue.queueing import Bell, bell_queue
from service.tasks import tool
from service.tasks.logs import FOLDER
from shared.jobs import FINAL_STATES, JobDocument, JobState

log = logging.getLogger(__name__)

UNHEARD = timedelta(seconds=5)
"""A queued job that nobody took for so long may have lost its bell."""
_WITHOUT_WORKER = timedelta(minutes=2)
_MAX_FAILURES = 3
"""After so many failures at one job a worker gets no more of it (also in the function ``next_jobs``)."""


def recover(tenant_id: UUID, root: Path, bell: Bell) -> None:
    """Repair what there is to repair in one tenant; ``root`` is its storage."""
    with tenant_session(tenant_id) as current:
        overdue = list(current.scalars(select(Job.id).where(_overdue()).order_by(Job.id)))
    for job_id in overdue:
        with tenant_session(tenant_id) as current:
            lost = take_back(current, job_id)
        tool.remove_temporary(root / FOLDER, job_id, lost)
    with tenant_session(tenant_id) as current:
        _ring_again(current, tenant_id, bell)
    with tenant_session(tenant_id) as current:
        _fail_refused(current)
        _tell_of_nobody(current)


def take_back(current: Session, job_id: UUID) -> int:
    """Take a job from its worker, whose lease is over: it is queued again, and the bell rings.

    What was cancelled meanwhile is cancelled; what was lost too often has failed. Answers the attempt that was lost,
    0 where none was.
    """
    job = jobs.locked(current, job_id)
    if current.scalar(select(Job.id).where(Job.id == job_id, _overdue())) is None:
        return 0
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
    worker = current.scalar(select(Worker.name).where(Worker.id == job.worker_id)) or str(job.worker_id)
    document.move_to(state)
    jobs.write_document(current, job, document)
    log.warning("job %s: worker %s was lost in attempt %d, now %s", job.id, worker, job.attempt, state)
    alerts.worker_lost(current, job, worker, state)
    if state is JobState.QUEUED:
        jobs.ring_after_commit(current, job)
    elif state is JobState.CANCELLED:
        jobs.cancel_dependents(current, job)
    if job.parent_id:
        jobs.update_group(current, job.parent_id)
    return job.attempt


def _overdue() -> ColumnElement[bool]:
    late = or_(Job.lease_until.is_(None), Job.lease_until < func.now())
    return and_(Job.state == JobState.RUNNING, Job.has_tasks.is_(False), late)


def _ring_again(current: Session, tenant_id: UUID, bell: Bell) -> None:
    now = datetime.now(UTC)
    heard = or_(
        and_(Job.not_before.is_(None), Job.updated_at < now - UNHEARD),
        # A job that waits after a failure has no bell yet.
        Job.not_before <= now,
    )
    waiting = select(Job).where(Job.state == JobState.QUEUED, Job.has_tasks.is_(False), Job.paused.is_(False), heard)
    for job in current.scalars(waiting.order_by(Job.priority.desc(), Job.created_at)).unique():
        queue = bell_queue(job.queue, job.needs)
        try:
            if not bell.is_ringing(queue, job.id) and bell.ring(queue, tenant_id, job.id):
                log.info("rang again for job %s", job.id)
        except RedisError:
            return  # Redis is away; the next sweep tries again


def _fail_refused(current: Session) -> None:
    """Fail jobs at which every worker that could do them has failed three times: nobody else would end them."""
    waiting = select(Job.id, Job.parent_id).where(Job.state == JobState.QUEUED, Job.has_tasks.is_(False))
    failed_at = {job.id: job for job in current.scalars(select(Job).where(_had_failures())).unique()}
    if not failed_at:
        return
    alive = [worker for worker in farm.live_workers(current) if worker.wanted == "work"]
    for job_id, parent_id in current.execute(waiting).all():
        holder = failed_at.get(parent_id or job_id)
        if holder is None:
            continue
        able = [
            worker for worker in alive if holder.queue in worker.queues and set(holder.needs) <= {*worker.capabilities}
        ]
        if able and all(holder.failures_by_worker.get(str(worker.id), 0) >= _MAX_FAILURES for worker in able):
            _refuse(current, job_id)


def _tell_of_nobody(current: Session) -> None:
    """Alert administrators to jobs that wait for minutes because no worker could do them."""
    waited = Job.updated_at < func.now() - _WITHOUT_WORKER
    waiting = (
        select(Job.queue, Job.needs, func.count().label("jobs"))
        .where(Job.state == JobState.QUEUED, Job.has_tasks.is_(False), Job.paused.is_(False), waited)
        .group_by(Job.queue, Job.needs)
        .order_by(Job.queue, Job.needs)
    )
    paused = select(PausedQueue.queue)
    found = current.execute(waiting.where(Job.queue.not_in(paused))).all()
    workers = farm.live_workers(current) if found else []
    for queue, needs, count in found:
        able = [each for each in workers if queue in each.queues and set(needs) <= {*each.capabilities}]
        if all(each.wanted != "work" for each in able):
            alerts.nobody_works(current, queue, count, needs)


def _had_failures() -> ColumnElement[bool]:
    return and_(Job.failures_by_worker != {}, Job.state.not_in(FINAL_STATES))


def _refuse(current: Session, job_id: UUID) -> None:
    job = jobs.locked(current, job_id)
    if job.state != JobState.QUEUED:
        return
    document = JobDocument.from_json(job.document)
    before = document.error or {}
    document.move_to(JobState.FAILED)
    document.error = {
        "code": before.get("code", "process.no_worker"),
        "message": f"Every worker that could do this failed {_MAX_FAILURES} times. {before.get('message', '')}".strip(),
        "hint": before.get("hint") or "Look at the logs of the tasks that failed, then retry the job.",
        "fields": {},
    }
    jobs.write_document(current, job, document)
    if job.parent_id:
        jobs.update_group(current, job.parent_id)
