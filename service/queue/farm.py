"""The farm as people steer it: queues that are paused, workers that work, rest or drain; and why a job waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service import audit
from service.accounts.settings import tenant_settings
from service.models import Job, PausedQueue, Worker
from service.queue import jobs
from service.queue.queueing import QUEUES
from shared.errors import NotFoundError
from shared.jobs import FINAL_STATES, JobState

SILENT = timedelta(seconds=60)
"""A worker that said nothing for so long is taken for gone."""
_RENDER = "render"


@dataclass(frozen=True)
class QueueState:
    """A queue, whether this tenant paused it, and how many of its jobs and tasks wait and run."""

    name: str
    paused: bool
    queued: int
    running: int


def queue_states(current: Session, names: Sequence[str] = QUEUES) -> list[QueueState]:
    """The state of some queues."""
    grouped = (
        select(Job.queue, Job.state, func.count().label("jobs"))
        .where(Job.has_tasks.is_(False), Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
        .group_by(Job.queue, Job.state)
    )
    counts = {(row.queue, row.state): row.jobs for row in current.execute(grouped)}
    paused = set(current.scalars(select(PausedQueue.queue)))
    return [
        QueueState(
            name, name in paused, counts.get((name, JobState.QUEUED), 0), counts.get((name, JobState.RUNNING), 0)
        )
        for name in names
    ]


def pause_queue(current: Session, name: str) -> None:
    """Begin nothing more of a queue for this tenant; what runs goes on. Raises NotFoundError."""
    _check(name)
    # Two may pause it at once.
    adding = insert(PausedQueue).values(id=uuid4(), queue=name).on_conflict_do_nothing().returning(PausedQueue.id)
    if (paused_id := current.scalar(adding)) is not None:
        audit.note(current, "create", PausedQueue.__tablename__, paused_id, after={"id": str(paused_id), "queue": name})


def resume_queue(current: Session, name: str) -> None:
    """Go on with a paused queue. Raises NotFoundError."""
    _check(name)
    paused = current.scalar(select(PausedQueue).where(PausedQueue.queue == name))
    if paused is None:
        return
    current.delete(paused)
    current.flush()
    waiting = select(Job).where(Job.state == JobState.QUEUED, Job.queue == name)
    for job in current.scalars(waiting.order_by(Job.priority.desc(), Job.created_at)).unique():
        jobs.ring_after_commit(current, job)


def worker(current: Session, worker_id: UUID, *, lock: bool = False) -> Worker:
    """A worker; raises NotFoundError."""
    found = current.get(Worker, worker_id, with_for_update=lock or None)
    if found is None:
        raise NotFoundError(f"There is no worker {worker_id}.", hint="List them: GET /api/workers/.")
    return found


def want(current: Session, locked: Worker, wanted: str) -> None:
    """Let a locked worker ``work``, ``rest`` or ``drain``; it heeds that within seconds."""
    locked.wanted = wanted
    current.flush()
    # Workers are no tenant's: the log of whoever asked tells of it.
    audit.note(current, "change", Worker.__tablename__, locked.id, after={"wanted": wanted})


def live_workers(current: Session) -> Sequence[Worker]:
    """The workers that were heard of lately, by name."""
    seen_after = datetime.now(UTC) - SILENT
    return current.scalars(select(Worker).where(Worker.last_seen > seen_after).order_by(Worker.name)).all()


def why_waiting(current: Session, job: Job) -> str:
    """Why a job or task does not go on, in a sentence; empty where it does, or has ended."""
    if job.state in FINAL_STATES:
        return ""
    if job.paused:
        return "It is paused."
    if job.has_tasks and job.state != JobState.PENDING:
        open_tasks = jobs.tasks_of(job).where(Job.state.in_((JobState.RUNNING, JobState.QUEUED)))
        first = current.scalars(open_tasks.order_by(None).order_by(Job.state.desc(), Job.position).limit(1)).first()
        return why_waiting(current, first) if first else ""
    if job.state == JobState.RUNNING:
        return ""
    if job.state == JobState.PENDING:
        return "It waits for other jobs."
    if any(queue.paused for queue in queue_states(current, [job.queue])):
        return f"The queue {job.queue} is paused."
    if job.not_before is not None and job.not_before > datetime.now(UTC):
        return f"It failed and is tried again at {job.not_before:%H:%M:%S} UTC."
    if lacking := _nobody_able(job, live_workers(current)):
        return lacking
    limit = tenant_settings(current).max_concurrent_renders
    if job.queue == _RENDER and limit and queue_states(current, [_RENDER])[0].running >= limit:
        return f"{limit} renders run, which is as many as this studio may have at once."
    return "It waits until a worker is free."


def _nobody_able(job: Job, workers: Iterable[Worker]) -> str:
    serving = [each for each in workers if job.queue in each.queues]
    if not serving:
        return f"No worker serves the queue {job.queue}: start one with `raceway worker`."
    able = [each for each in serving if set(job.needs) <= {*each.capabilities}]
    if not able:
        return f"No worker has what it needs: {', '.join(job.needs)}."
    if all(each.wanted != "work" for each in able):
        return "Every worker that could do it rests or leaves."
    return ""


def _check(name: str) -> None:
    if name not in QUEUES:
        raise NotFoundError(f"There is no queue {name!r}.", hint=f"Choose from {', '.join(QUEUES)}.")
