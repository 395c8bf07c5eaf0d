"""Jobs that have ended, and runs of workflows.

A job says nothing of its own while it belongs to a batch (an order, a workflow's run, jobs submitted together): the
batch is told of once, when its last job has ended. Frames are never told of one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.activity.notices.kinds import NOTIFICATION, Notice
from service.activity.notices.words import link_of
from service.models import Event, Job, JobFrame, Order, OrderItem, WorkflowNode
from service.titles import titled
from shared.jobs import DONE_STATES, FINAL_STATES, JobState
from shared.steps import LABELS


@dataclass(frozen=True)
class _Batch:
    """Jobs that are told of together."""

    key: str
    title: str
    jobs: Sequence[Job]
    link: str


def job_ended(current: Session, event: Event) -> Notice | None:
    job = current.scalars(select(Job).where(Job.id == event.subject_id)).unique().one_or_none()
    if job is None or current.scalar(select(WorkflowNode.id).where(WorkflowNode.job_id == job.id)):
        return None  # the run tells of its jobs
    batch = _batch_of(current, job)
    if any(each.state not in FINAL_STATES for each in batch.jobs):
        return None
    audience = {each.created_by_id for each in batch.jobs if each.created_by_id}
    if all(each.state == JobState.CANCELLED for each in batch.jobs):
        audience.discard(event.actor_id)
    counts = [counts_of(current, each) for each in batch.jobs]
    total, done, failed = (sum(numbers) for numbers in zip(*counts, strict=True))
    all_done = all(each.state in DONE_STATES for each in batch.jobs)
    tries = select(func.sum(Job.attempt)).where(Job.parent_id.in_([each.id for each in batch.jobs]))
    ends = sum(each.attempt for each in batch.jobs) + (current.scalar(tries) or 0)
    errors = {f"{error['message']} {error.get('hint') or ''}".strip() for each in batch.jobs if (error := _error(each))}
    return Notice(
        NOTIFICATION,
        "batch.completed" if all_done else "batch.failed",
        f"{batch.key}:{ends}:{done}",
        summary(batch.title, total, done, failed),
        frozenset(audience),
        body=" ".join(sorted(errors)[:3]),
        link=batch.link,
        failed=not all_done,
    )


def _error(job: Job) -> dict[str, Any] | None:
    error: dict[str, Any] | None = job.document.get("error")
    return error


def summary(title: str, total: int, done: int, failed: int, rest_word: str = "cancelled") -> str:
    """``Turntable of gear: 47 of 50 succeeded, 3 failed``."""
    if total == 1:
        return f"{title}: {'succeeded' if done else 'failed' if failed else 'cancelled'}"
    parts = [f"{done} of {total} succeeded"]
    if failed:
        parts.append(f"{failed} failed")
    if rest := total - done - failed:
        parts.append(f"{rest} {rest_word}")
    return f"{title}: {', '.join(parts)}"


def counts_of(current: Session, job: Job) -> tuple[int, int, int]:
    """How many pieces of work a job has, and how many of them are done and have failed: its frames, or itself."""
    if job.has_tasks:
        done = func.count().filter(JobFrame.path.is_not(None))
        failed = func.count().filter(JobFrame.path.is_(None), Job.state == JobState.FAILED)
        task = (Job.tenant_id == JobFrame.tenant_id) & (Job.id == JobFrame.task_id)
        counted = select(func.count(), done, failed).select_from(JobFrame).join(Job, task)
        frames = current.execute(counted.where(JobFrame.job_id == job.id)).one()
        # A film whose frames are all there has failed all the same where it could not be encoded.
        if frames[0] and (frames[1] < frames[0] or job.state == JobState.COMPLETED):
            return frames[0], frames[1], frames[2]
    return 1, int(job.state in DONE_STATES), int(job.state == JobState.FAILED)


def _batch_of(current: Session, job: Job) -> _Batch:
    ordered = (Job.tenant_id == OrderItem.tenant_id) & (Job.id == OrderItem.job_id)
    order = (
        current.scalars(select(Order).join(OrderItem, OrderItem.order_id == Order.id).where(OrderItem.job_id == job.id))
        .unique()
        .first()
    )
    if order is not None:
        of_order = select(Job).join(OrderItem, ordered).where(OrderItem.order_id == order.id)
        pictures = current.scalars(of_order).unique().all()
        return _Batch(f"order:{order.id}", f"Order {order.number}, {order.title}", pictures, link_of("order", order.id))
    together = job.request.get("batch")
    if together:
        jobs = current.scalars(select(Job).where(Job.request["batch"].astext == str(together))).unique().all()
        if len(jobs) > 1:
            return _Batch(f"batch:{together}", f"{len(jobs)} jobs", jobs, "/jobs")
    if playlist_id := job.request.get("playlist_id"):
        return _Batch(f"job:{job.id}", f"Film of {job.request['name']}", [job], f"/playlists/{playlist_id}")
    name = titled(job.asset) if job.asset else ""
    title = f"{LABELS.get(job.kind, job.kind)}{f' of {name}' if name else ''}"
    return _Batch(f"job:{job.id}", title, [job], f"/jobs/{job.id}")


def run_ended(current: Session, event: Event) -> Notice:
    payload = event.payload
    failed = event.kind.endswith("failed")
    return Notice(
        NOTIFICATION,
        "workflow.failed" if failed else "workflow.completed",
        f"{event.kind}:{event.subject_id}:{event.id}",
        summary(str(payload["name"]), payload["nodes"], payload["completed"], payload["failed"], "not begun"),
        frozenset(UUID(user) for user in [payload.get("created_by_id")] if user),
        body=str(payload.get("message") or ""),
        link=link_of("workflow_run", event.subject_id),
        failed=failed,
    )
