"""Workers and queues: who works, who rests, which queues are paused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from service.accounts.permissions import Permission
from service.api.listing import ListQuery, Page, page_of_items, sorted_items
from service.api.records import check_version, digest_of
from service.api.routing import Answer, Reply, Request, Resource
from service.database import session
from service.models import Worker
from service.queue import farm

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
    return _answer(farm.worker(session(), worker_id))


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
    worker = farm.worker(session(), worker_id, lock=True)
    check_version(_version(worker), f"worker {worker.name}", {"wanted": worker.wanted})
    farm.want(session(), worker, body.wanted)
    return _answer(worker)


@queues.declare("GET", "/", permission=Permission.JOB_READ, answer=list[QueueOut])
def list_queues() -> list[farm.QueueState]:
    """The queues and how many of the tenant's jobs and tasks wait and run in each."""
    return farm.queue_states(session())


@queues.declare("POST", "/<name>/pause", permission=Permission.QUEUE_MANAGE, answer=QueueOut)
def pause_queue(name: str) -> farm.QueueState:
    """Begin nothing more of a queue for this tenant; what runs goes on."""
    farm.pause_queue(session(), name)
    return farm.queue_states(session(), [name])[0]


@queues.declare("POST", "/<name>/resume", permission=Permission.QUEUE_MANAGE, answer=QueueOut)
def resume_queue(name: str) -> farm.QueueState:
    """Go on with a paused queue."""
    farm.resume_queue(session(), name)
    return farm.queue_states(session(), [name])[0]


def _version(worker: Worker) -> str:
    """Of what people decide about it: the rest of the row is its heartbeat."""
    return digest_of([str(worker.id), worker.wanted])


def _described(worker: Worker) -> dict[str, Any]:
    plain = {name: getattr(worker, name) for name in WorkerOut.model_fields if name != "etag"}
    return {**plain, "etag": f'"{_version(worker)}"'}


def _answer(worker: Worker) -> Answer:
    described = _described(worker)
    return Answer(described, headers={"ETag": described["etag"]})
