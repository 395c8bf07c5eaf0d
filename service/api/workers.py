"""Workers and queues: who works, who rests, which queues are paused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy import func, select

from service import audit
from service.accounts.permissions import Permission
from service.api.listing import ListQuery, Page, page_of_items, sorted_items
from service.api.records import check_version, digest_of
from service.api.routing import Answer, Reply, Request, Resource
from service.database import session
from service.models import Job, PausedQueue, Worker
from service.queue import jobs
from service.queue.queueing import QUEUES
from shared.errors import NotFoundError
from shared.jobs import JobState

workers = Resource("workers", "/workers")
queues = Resource("queues", "/queues")
RESOURCES = (workers, queues)


class WorkerOut(Reply):
    id: UUID
    name: str
    host: str
    pid: int
    queues: list[str]
    capabilities: list[str]
    state: str = Field(description="up, busy, disabled or draining")
    wanted: str = Field(description="work, rest or drain: what an administrator wants of it")
    started_at: datetime
    last_seen: datetime
    etag: str = Field(description="send it back as If-Match")


class WorkerChanges(Request):
    wanted: Literal["work", "rest", "drain"] = Field(
        description="rest: claim nothing more until `work`; drain: finish the job under way and leave"
    )


class QueueOut(Reply):
    name: str
    paused: bool
    queued: int
    running: int


@workers.declare("GET", "/", permission=Permission.WORKER_READ, query=ListQuery, answer=Page[WorkerOut])
def list_workers(query: ListQuery) -> dict[str, Any]:
    """The workers that were seen within the last minutes."""
    words = query.q.casefold().split()
    items = [
        _described(worker)
        for worker in session().scalars(select(Worker).order_by(Worker.id))
        if all(word in f"{worker.name} {worker.host}".casefold() for word in words)
    ]
    fields = ("name", "host", "state", "started_at", "last_seen")
    return page_of_items(sorted_items(items, query, fields, "name"), query)


@workers.declare("GET", "/<uuid:worker_id>", permission=Permission.WORKER_READ, answer=WorkerOut)
def get_worker(worker_id: UUID) -> Answer:
    """A worker: what it does, and what is wanted of it."""
    return _answer(_worker(worker_id))


@workers.declare(
    "PATCH",
    "/<uuid:worker_id>",
    permission=Permission.WORKER_MANAGE,
    body=WorkerChanges,
    answer=WorkerOut,
    if_match="optional",
)
def change_worker(worker_id: UUID, body: WorkerChanges) -> Answer:
    """Let a worker work, rest or drain. It heeds that within seconds; workers serve every tenant."""
    worker = _worker(worker_id, lock=True)
    check_version(_version(worker), f"worker {worker.name}", {"wanted": worker.wanted})
    worker.wanted = body.wanted
    session().flush()
    # Workers are no tenant's: the log of whoever asked tells of it.
    audit.note(session(), "change", Worker.__tablename__, worker.id, after={"wanted": body.wanted})
    return _answer(worker)


@queues.declare("GET", "/", permission=Permission.JOB_READ, answer=list[QueueOut])
def list_queues() -> list[dict[str, Any]]:
    """The queues and how many of the tenant's jobs and tasks wait and run in each."""
    return [_describe(name) for name in QUEUES]


@queues.declare("POST", "/<name>/pause", permission=Permission.QUEUE_MANAGE, answer=QueueOut)
def pause_queue(name: str) -> dict[str, Any]:
    """Begin nothing more of a queue for this tenant; what runs goes on."""
    if _paused(_known(name)) is None:
        session().add(PausedQueue(id=uuid4(), queue=name))
        session().flush()
    return _describe(name)


@queues.declare("POST", "/<name>/resume", permission=Permission.QUEUE_MANAGE, answer=QueueOut)
def resume_queue(name: str) -> dict[str, Any]:
    """Go on with a paused queue."""
    paused = _paused(_known(name))
    if paused is not None:
        session().delete(paused)
        session().flush()
        waiting = select(Job).where(Job.state == JobState.QUEUED, Job.queue == name)
        for job in session().scalars(waiting.order_by(Job.priority.desc(), Job.created_at)).unique():
            jobs.ring_after_commit(session(), job)
    return _describe(name)


def _worker(worker_id: UUID, *, lock: bool = False) -> Worker:
    worker = session().get(Worker, worker_id, with_for_update=lock or None)
    if worker is None:
        raise NotFoundError(f"There is no worker {worker_id}.", hint="List them: GET /api/workers/.")
    return worker


def _version(worker: Worker) -> str:
    """Of what people decide about it: the rest of the row is its heartbeat."""
    return digest_of([str(worker.id), worker.wanted])


def _described(worker: Worker) -> dict[str, Any]:
    plain = {name: getattr(worker, name) for name in WorkerOut.model_fields if name != "etag"}
    return {**plain, "etag": f'"{_version(worker)}"'}


def _answer(worker: Worker) -> Answer:
    described = _described(worker)
    return Answer(described, headers={"ETag": described["etag"]})


def _known(name: str) -> str:
    if name not in QUEUES:
        raise NotFoundError(f"There is no queue {name!r}.", hint=f"Choose from {', '.join(QUEUES)}.")
    return name


def _paused(name: str) -> PausedQueue | None:
    return session().scalar(select(PausedQueue).where(PausedQueue.queue == name))


def _describe(name: str) -> dict[str, Any]:
    grouped = (
        select(Job.state, func.count().label("jobs"))
        .where(Job.queue == name, Job.has_tasks.is_(False), Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
        .group_by(Job.state)
    )
    counts = {row.state: row.jobs for row in session().execute(grouped)}
    return {
        "name": name,
        "paused": _paused(name) is not None,
        "queued": counts.get(JobState.QUEUED, 0),
        "running": counts.get(JobState.RUNNING, 0),
    }
