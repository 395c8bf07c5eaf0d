"""Alerts: faults of the farm and the storage, in words for administrators. What is said once an hour is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from service.activity import events
from service.database import current_tenant
from service.models import Event, Job
from service.titles import titled
from shared.jobs import JobState
from shared.steps import LABELS

_QUIET = timedelta(hours=1)
_NEXT = {
    JobState.QUEUED: "it is done again",
    JobState.CANCELLED: "it had been cancelled",
    JobState.FAILED: "it was lost too often and has failed",
}


def what_of(job: Job) -> str:
    """``frames 1-8 of gear``, ``the film of gear``, ``Render still of gear``."""
    frames = f"frame {job.name}" if job.name.lstrip("-").isdecimal() else f"frames {job.name}"
    what = {"render": frames, "encode": "the film"}.get(job.kind, LABELS.get(job.kind, job.kind))
    return f"{what} of {titled(job.asset)}" if job.asset else what


def worker_lost(current: Session, job: Job, worker: str, state: JobState) -> None:
    """A worker fell silent while it did ``job``, which is now in ``state``."""
    title = f"Worker {worker} was lost while it did {what_of(job)}: {_NEXT[state]}."
    payload = {
        "name": what_of(job),
        "worker": worker,
        "attempt": job.attempt,
        "state": state.value,
        "title": title,
        "message": f"That was attempt {job.attempt} of {job.max_attempts}.",
        "hint": "If it happens again, look at that machine: is it on, in the network, and not short of memory?",
    }
    events.emit(current, "job.worker_lost", "job", job.parent_id or job.id, payload, alert=True)


def failed(current: Session, job: Job, error: Mapping[str, Any], *, again: bool) -> None:
    """Tell of an attempt that failed, where that is a fault of a machine; ``again``: another attempt follows."""
    code, then = str(error.get("code", "")), "It is tried again." if again else "It has failed."
    payload = {"name": what_of(job), "hint": error.get("hint") or "", "attempt": job.attempt}
    if code == "render.stalled":
        payload |= {
            "title": f"A render stalled and was stopped: {what_of(job)}, attempt {job.attempt}.",
            "message": f"{error['message']} {then}",
        }
        events.emit(current, "job.stalled", "job", job.parent_id or job.id, payload, alert=True)
    elif code.startswith("storage.") and not _told(current, "storage.failed"):
        payload |= {
            "title": f"The storage failed while {what_of(job)} was done.",
            "message": f"{error['message']} {then}",
        }
        events.emit(current, "storage.failed", "tenant", current_tenant(current), payload, alert=True)


def nobody_works(current: Session, queue: str, waiting: int, needs: Iterable[str]) -> None:
    """Jobs have waited for minutes, and no worker could do them."""
    wanted = sorted(needs)
    if _told(current, "queue.no_worker", name=queue, needs=wanted):
        return
    lacking = f" with {', '.join(wanted)}" if wanted else ""
    what = f"{waiting} {'job or task waits' if waiting == 1 else 'jobs and tasks wait'}"
    payload = {
        "name": queue,
        "needs": wanted,
        "title": f"No worker{lacking} serves the queue {queue}: {what}.",
        "message": "Nothing of it begins until there is one.",
        "hint": "Start one with `raceway worker`, or let one that rests work again.",
    }
    events.emit(current, "queue.no_worker", "tenant", current_tenant(current), payload, alert=True)


def _told(current: Session, kind: str, **payload: Any) -> bool:
    """Whether there was such an alert within the last hour, with just these values in its payload."""
    such = select(Event.id).where(Event.kind == kind, Event.created_at > datetime.now(UTC) - _QUIET)
    for name, value in payload.items():
        such = such.where(Event.payload[name] == literal(value, JSONB))
    return current.scalar(such.limit(1)) is not None
