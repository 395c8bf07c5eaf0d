"""Jobs as the API changes them: made, cancelled, retried, paused. Workers take them up in ``service.tasks``.

A job is one piece of work, or has tasks: jobs below it, one for each piece. It begins when the jobs that it needs are
done. Whoever changes a task locks its job first (:func:`locked`), and whoever changes several jobs locks each before
those that wait for it (``_LOCK_ORDER``), so that two who do never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from service.activity import events
from service.database import after_commit, current_tenant, seeing_all_projects
from service.database import current_actor as actor_of
from service.models import Conversion, Job, JobDependency
from service.queue import job_groups, queueing
from shared.errors import ConflictError, NotFoundError, ProcessError
from shared.jobs import DONE_STATES, FINAL_STATES, JobDocument, JobState
from shared.steps import step

PRIORITY = 50
"""Priority of a job that names none; 0 to 100, the highest first among those of a tenant."""
MORE_ATTEMPTS = 3
_LATEST_LOGS = 16
"""Of so many tasks, those that began last, the logs are looked at."""
_LOCK_ORDER = (Job.created_at, Job.id)
"""A job can only wait for one that was there before."""
_CONVERSION_STATES = {
    JobState.PENDING: "queued",
    JobState.QUEUED: "queued",
    JobState.RUNNING: "converting",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
    JobState.SKIPPED: "failed",
}


def create(
    current: Session,
    kind: str,
    request: dict[str, Any],
    *,
    asset_id: UUID | None = None,
    publish_id: UUID | None = None,
    cad_file_id: UUID | None = None,
    priority: int = PRIORITY,
    needs: Iterable[str] = (),
    depends_on: Sequence[UUID] = (),
    has_tasks: bool = False,
) -> Job:
    """Add a job for a process step; the bell rings once the transaction is committed.

    ``depends_on`` are jobs that must be done before it begins; until then it is pending. ``needs`` are capabilities
    that its worker must have. Raises NotFoundError for a dependency that is not there, ConflictError for one that was
    cancelled.
    """
    waits = _check_dependencies(current, depends_on)
    job = Job(
        kind=kind,
        queue=step(kind).queue,
        request=request,
        asset_id=asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
        priority=priority,
        needs=sorted(set(needs)),
        has_tasks=has_tasks,
    )
    return _add(current, job, depends_on, waits=waits)


def add_task(
    current: Session,
    job: Job,
    kind: str,
    name: str,
    request: dict[str, Any],
    *,
    position: int,
    depends_on: Sequence[Job] = (),
    needs: Iterable[str] | None = None,
) -> Job:
    """Add a task to a job that was just made; it waits while its job is pending or ``depends_on`` are not done."""
    task = Job(
        kind=kind,
        queue=job.queue,
        request=request,
        asset_id=job.asset_id,
        publish_id=job.publish_id,
        cad_file_id=job.cad_file_id,
        priority=job.priority,
        needs=job.needs if needs is None else sorted(set(needs)),
        parent_id=job.id,
        name=name,
        position=position,
    )
    waits = bool(depends_on) or job.state == JobState.PENDING
    return _add(current, task, [each.id for each in depends_on], waits=waits)


def tasks_of(job: Job) -> Select[Job]:
    """The tasks of a job, in their order."""
    return select(Job).where(Job.parent_id == job.id).order_by(Job.position, Job.id)


def with_logs(current: Session, job: Job) -> list[UUID]:
    """Ids of the job and those of its tasks that may be writing a log now, or did last."""
    if not job.has_tasks:
        return [job.id]
    begun = select(Job.id).where(Job.parent_id == job.id, Job.started_at.is_not(None))
    return list(current.scalars(begun.order_by(Job.started_at.desc()).limit(_LATEST_LOGS)))


def locked(current: Session, job_id: UUID) -> Job:
    """A job, locked, and before it the job that it is a task of. Raises NotFoundError."""
    parent_id = current.scalar(select(Job.parent_id).where(Job.id == job_id))
    if parent_id is not None:
        _lock(current, parent_id)
    job = _lock(current, job_id)
    if job is None:
        raise NotFoundError(f"There is no job {job_id}.", hint="List them: GET /api/jobs/.")
    return job


def lock_with_dependents(current: Session, job_ids: Iterable[UUID]) -> None:
    """Lock jobs, and before any is changed all that wait for them, also through others."""
    reached = select(Job.id).where(Job.id.in_(list(job_ids))).cte("reached", recursive=True)
    waits = select(JobDependency.job_id).join(reached, JobDependency.needs_id == reached.c.id)
    # Of whatever project, as those that are cancelled.
    with seeing_all_projects(current):
        in_order = select(Job.id).where(Job.id.in_(select(reached.union(waits).c.id))).order_by(*_LOCK_ORDER)
        current.execute(in_order.with_for_update(of=Job, key_share=True))


def ring_after_commit(current: Session, job: Job) -> None:
    """Ring the bell for a queued job when the transaction is committed."""
    if job.has_tasks:
        return
    bell = queueing.bell(current_app)
    tenant_id, job_id, queue = current_tenant(current), job.id, queueing.bell_queue(job.queue, job.needs)
    after_commit(current, lambda: bell.ring(queue, tenant_id, job_id))


def cancel(current: Session, job: Job) -> None:
    """Cancel a locked job: at once if it waits; if it runs, its worker is told and stops it.

    A job whose worker is gone is cancelled at once. What depends on it is cancelled too. Raises ConflictError for a
    job that has ended.
    """
    document = JobDocument.from_json(job.document)
    if job.has_tasks:
        _check_not_ended(document)
        job.cancel_requested = True
        for task in _locked_tasks(current, job):
            if JobState(task.state) not in FINAL_STATES:
                _cancel_one(current, task)
        update_group(current, job.id)
        return
    _cancel_one(current, job)
    if job.parent_id:
        update_group(current, job.parent_id)


def retry(current: Session, job: Job) -> None:
    """Queue a failed, cancelled or skipped job (locked) again; of a job with tasks those that failed.

    Raises ConflictError where there is nothing of the kind.
    """
    if JobState(job.state) in FINAL_STATES:
        # What was paused before it ended is to go on now.
        job.paused = False
    # Of whatever project: who queues a job again need not see all that it waits for.
    with seeing_all_projects(current):
        _retry(current, job)


def _retry(current: Session, job: Job) -> None:
    if job.has_tasks:
        again = [task for task in _locked_tasks(current, job) if task.state in (JobState.FAILED, JobState.CANCELLED)]
        if not again:
            document = JobDocument.from_json(job.document)
            document.move_to(JobState.QUEUED)  # refuses a job that did not fail
        _reopen(current, job)
        for task in again:
            _queue_again(current, task)
        update_group(current, job.id)
        return
    if job.parent_id:
        _reopen(current, current.get_one(Job, (current_tenant(current), job.parent_id)))
    _queue_again(current, job)
    if job.parent_id:
        update_group(current, job.parent_id)


def skip(current: Session, job: Job) -> None:
    """Leave a locked task out: what waits for it goes on without it. Raises ConflictError where it runs or is done."""
    if job.has_tasks:
        raise ConflictError(
            "A job with tasks is cancelled, not skipped.", hint="Skip single tasks of it.", code="conflict.job_state"
        )
    document = JobDocument.from_json(job.document)
    document.move_to(JobState.SKIPPED)
    write_document(current, job, document)
    release_dependents(current, job)
    if job.parent_id:
        update_group(current, job.parent_id)


def set_paused(current: Session, job: Job, *, paused: bool) -> None:
    """Pause a locked job: what runs goes on, nothing more of it begins. Raises ConflictError where it has ended."""
    _check_not_ended(JobDocument.from_json(job.document))
    job.paused = paused
    events.changed(current, job.id)
    if not paused:
        waiting = [job, *(_locked_tasks(current, job) if job.has_tasks else ())]
        for each in waiting:
            if each.state == JobState.QUEUED:
                ring_after_commit(current, each)


def set_priority(current: Session, job: Job, priority: int) -> None:
    """Change the priority (0 to 100) of a locked job and its tasks; those that run are not interrupted."""
    job.priority = priority
    current.execute(
        update(Job)
        .where(Job.parent_id == job.id)
        .values(priority=priority)
        .execution_options(synchronize_session="fetch")
    )
    events.changed(current, job.id)


def release_dependents(current: Session, job: Job) -> None:
    """Queue what waited for this job, which is done, and for nothing else."""
    waiting = select(JobDependency.job_id).where(JobDependency.needs_id == job.id)
    # Of whatever project: who skips a job, or its last task, need not see all that waits for it.
    with seeing_all_projects(current):
        for dependent in _locked_in_order(current, current.scalars(waiting).all()):
            if dependent.state == JobState.PENDING and not _waits(current, dependent):
                _release(current, dependent)


def update_group(current: Session, job_id: UUID) -> None:
    """Let a job follow its tasks, one of which has just changed."""
    current.flush()
    job = _lock(current, job_id)
    if job is None:
        return
    before, document = JobState(job.state), job_groups.sum_up(current, job)
    if document.state is JobState.RUNNING and job.started_at is None:
        job.started_at = datetime.now(UTC)
    write_document(current, job, document)
    if document.state is before:
        return
    if document.state is JobState.CANCELLED:
        cancel_dependents(current, job)
    elif document.state in DONE_STATES:
        release_dependents(current, job)


def write_document(current: Session, job: Job, document: JobDocument) -> None:
    """Store the document of a locked job that does not run, and what rows repeat of it."""
    was_final = JobState(job.state) in FINAL_STATES
    job.document = document.to_json()
    job.state = document.state.value
    job.finished_at = datetime.now(UTC) if document.state in FINAL_STATES else None
    job.lease_until = job.worker_id = None
    current.flush()
    tell_conversion(current, job.id, document)
    events.changed(current, job.id)
    if document.state in FINAL_STATES and not was_final:
        tell_end(current, job, document)


def tell_end(current: Session, job: Job, document: JobDocument) -> None:
    """The event of a job's end; a task's end is its job's business."""
    if job.parent_id is None:
        payload = {"name": step(job.kind).label, "kind": job.kind, "error": document.error}
        events.emit(current, f"job.{document.state}", "job", job.id, payload)


def tell_conversion(current: Session, job_id: UUID, document: JobDocument) -> None:
    """Let the conversion that the job does, if it does one, follow its state; nothing where a newer job has it.

    A completed job's derivatives are recorded by its step.
    """
    if document.state is JobState.COMPLETED:
        return
    error = document.error
    if document.state is JobState.CANCELLED:
        hint = "Convert the file again if that was not meant."
        error = error or ProcessError("The conversion was cancelled.", code="process.cancelled", hint=hint).to_json()
    current.execute(
        update(Conversion)
        .where(Conversion.job_id == job_id)
        .values(state=_CONVERSION_STATES[document.state], error=error)
        .execution_options(synchronize_session=False)
    )


def _add(current: Session, job: Job, depends_on: Sequence[UUID], *, waits: bool) -> Job:
    job.id = uuid4()
    document = JobDocument(str(job.id))
    if not waits:
        document.move_to(JobState.QUEUED)
    job.state, job.document = document.state.value, document.to_json()
    job.created_by_id = actor_of(current)
    current.add(job)
    current.flush()
    current.add_all(JobDependency(id=uuid4(), job_id=job.id, needs_id=needs_id) for needs_id in set(depends_on))
    current.flush()
    if not waits:
        ring_after_commit(current, job)
    return job


def _check_dependencies(current: Session, depends_on: Sequence[UUID]) -> bool:
    """Whether one of them is not done yet. They are locked, so that none ends unseen meanwhile."""
    waits = False
    found = {job.id: job for job in _locked_in_order(current, depends_on)}
    for needs_id in sorted(set(depends_on)):
        needed = found.get(needs_id)
        if needed is None or needed.parent_id is not None:
            raise NotFoundError(
                f"There is no job {needs_id} to wait for.",
                hint="List jobs: GET /api/jobs/.",
                fields={"depends_on": "names no job"},
            )
        if needed.state == JobState.CANCELLED:
            raise ConflictError(
                f"Job {needs_id} was cancelled: what waits for it would never begin.",
                hint="Retry it first, or leave it out of depends_on.",
                code="conflict.job_state",
                fields={"depends_on": "names a cancelled job"},
            )
        waits = waits or JobState(needed.state) not in DONE_STATES
    return waits


def _lock(current: Session, job_id: UUID) -> Job | None:
    statement = select(Job).where(Job.id == job_id).with_for_update(of=Job, key_share=True)
    return current.scalars(statement.execution_options(populate_existing=True)).unique().one_or_none()


def _locked_in_order(current: Session, job_ids: Sequence[UUID]) -> Sequence[Job]:
    if not job_ids:
        return ()
    statement = select(Job).where(Job.id.in_(job_ids)).order_by(*_LOCK_ORDER).with_for_update(of=Job, key_share=True)
    return current.scalars(statement.execution_options(populate_existing=True)).unique().all()


def _locked_tasks(current: Session, job: Job) -> Sequence[Job]:
    statement = tasks_of(job).with_for_update(of=Job, key_share=True).execution_options(populate_existing=True)
    return current.scalars(statement).unique().all()


def _check_not_ended(document: JobDocument) -> None:
    if document.state in FINAL_STATES:
        raise ConflictError(
            f"Job {document.job_id} has ended: it is {document.state}.",
            hint="Reload the job: somebody or something else changed it.",
            code="conflict.job_state",
        )


def _cancel_one(current: Session, job: Job) -> None:
    document = JobDocument.from_json(job.document)
    if document.state is JobState.RUNNING and job.lease_until is not None and job.lease_until > datetime.now(UTC):
        job.cancel_requested = True
        current.flush()
        events.changed(current, job.id)
        bell, job_id = queueing.bell(current_app), job.id
        after_commit(current, lambda: bell.stop(job_id))
        return
    document.finish_step(JobState.CANCELLED)
    document.process_group = None
    document.move_to(JobState.CANCELLED)
    write_document(current, job, document)
    cancel_dependents(current, job)


def cancel_dependents(current: Session, job: Job) -> None:
    """Cancel what waits for a job that was cancelled: it could never begin."""
    if job.parent_id is not None:
        return  # a task may be queued again by itself; what waits for it stays
    waiting = select(JobDependency.job_id).where(JobDependency.needs_id == job.id)
    # Of whatever project, as those that are released.
    with seeing_all_projects(current):
        direct = current.scalars(waiting).all()
        if not direct:
            return
        lock_with_dependents(current, [job.id])
        for dependent in _locked_in_order(current, direct):
            if dependent.state == JobState.PENDING:
                cancel(current, dependent)


def _queue_again(current: Session, job: Job) -> None:
    document = JobDocument.from_json(job.document)
    document.move_to(JobState.PENDING if _waits(current, job) else JobState.QUEUED)
    document.restart()
    write_document(current, job, document)
    job.cancel_requested, job.not_before = False, None
    job.failures_by_worker = {}
    # Attempts count on, because they fence; the person grants as many more as the job had at first.
    job.max_attempts = job.attempt + MORE_ATTEMPTS
    current.flush()
    if document.state is JobState.QUEUED:
        ring_after_commit(current, job)


def _reopen(current: Session, job: Job) -> None:
    """Let a job whose tasks are queued again be under way again."""
    job.cancel_requested, job.failures_by_worker = False, {}
    document = JobDocument.from_json(job.document)
    if document.state in FINAL_STATES:
        document.move_to(JobState.PENDING if _waits(current, job) else JobState.QUEUED)
        document.error, document.result = None, {}
        write_document(current, job, document)


def _release(current: Session, job: Job) -> None:
    document = JobDocument.from_json(job.document)
    document.move_to(JobState.QUEUED)
    write_document(current, job, document)
    ring_after_commit(current, job)
    if job.has_tasks:
        for task in _locked_tasks(current, job):
            if task.state == JobState.PENDING and not _waits(current, task):
                _release(current, task)


def _waits(current: Session, job: Job) -> bool:
    """Whether something that the job needs is not done yet."""
    if job.parent_id is not None:
        parent = current.get_one(Job, (current_tenant(current), job.parent_id))
        if parent.state == JobState.PENDING:
            return True
    undone = (
        select(func.count())
        .select_from(JobDependency)
        .join(Job, (Job.tenant_id == JobDependency.tenant_id) & (Job.id == JobDependency.needs_id))
        .where(JobDependency.job_id == job.id, Job.state.not_in(DONE_STATES))
    )
    return bool(current.scalar(undone))
