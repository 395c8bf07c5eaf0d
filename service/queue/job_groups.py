"""Jobs with tasks: their state, progress and result follow from those of their tasks.

:func:`service.queue.jobs.update_group` writes it, in the transaction that changed a task, while the job is locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.activity import events
from service.models import Job, JobFrame
from shared.jobs import DONE_STATES, FINAL_STATES, JobDocument, JobState, JobStep, Progress


@dataclass(frozen=True)
class _Task:
    """What is asked of a task here."""

    kind: str
    name: str
    state: JobState
    frames: int
    progress: dict[str, Any]
    result: dict[str, Any]
    error: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None


def sum_up(current: Session, job: Job) -> JobDocument:
    """The document of a locked job as its tasks make it, moved to the state that follows from theirs."""
    tasks = _tasks(current, job.id)
    document = JobDocument.from_json(job.document)
    _describe(document, tasks, _frames_done(current, job.id))
    target = _target(document.state, tasks, cancelled=job.cancel_requested)
    if target is JobState.COMPLETED and document.state is JobState.QUEUED:
        # What was missing was skipped before anything ran again.
        document.move_to(JobState.RUNNING)
        job.state, job.document = document.state.value, document.to_json()
        current.flush()
    if target is not document.state:
        document.move_to(target)
        _end(document, tasks)
    return document


def show_progress(current: Session, job_id: UUID) -> None:
    """Bring a job's progress up to date, unless somebody else is just writing it."""
    statement = select(Job).where(Job.id == job_id, Job.state == JobState.RUNNING)
    job = current.scalars(statement.with_for_update(of=Job, skip_locked=True)).unique().one_or_none()
    if job is None:
        return
    document = JobDocument.from_json(job.document)
    _describe(document, _tasks(current, job_id), _frames_done(current, job_id))
    job.document = document.to_json()
    events.changed(current, job_id)


def _tasks(current: Session, job_id: UUID) -> list[_Task]:
    found = current.execute(
        select(
            Job.kind,
            Job.name,
            Job.state,
            Job.request["frames"],
            Job.document["progress"],
            Job.document["result"],
            Job.document["error"],
            Job.started_at,
            Job.finished_at,
        )
        .where(Job.parent_id == job_id)
        .order_by(Job.position, Job.id)
    )
    return [
        _Task(kind, name, JobState(state), len(frames or ()), progress, result, error, started, finished)
        for kind, name, state, frames, progress, result, error, started, finished in found
    ]


def _frames_done(current: Session, job_id: UUID) -> int:
    statement = select(func.count()).where(JobFrame.job_id == job_id, JobFrame.path.is_not(None))
    return current.scalar(statement.select_from(JobFrame)) or 0


def _target(state: JobState, tasks: Sequence[_Task], *, cancelled: bool) -> JobState:
    states = {task.state for task in tasks}
    if states <= {JobState.SKIPPED}:
        return JobState.SKIPPED
    if states <= DONE_STATES:
        return JobState.COMPLETED
    if JobState.RUNNING in states:
        return JobState.RUNNING
    if state is JobState.PENDING and not cancelled:
        return state
    if JobState.QUEUED in states and not cancelled:
        return state
    if cancelled or JobState.FAILED not in states:
        return JobState.CANCELLED if JobState.CANCELLED in states else state
    return JobState.FAILED


def _describe(document: JobDocument, tasks: Sequence[_Task], frames_done: int) -> None:
    """Steps: one for each kind of task. Progress: in frames where there are any."""
    document.steps = [_step(kind, [task for task in tasks if task.kind == kind]) for kind in _kinds(tasks)]
    frames = sum(task.frames for task in tasks)
    work = sum(task.frames or 1 for task in tasks)
    done = frames_done + sum(1 for task in tasks if not task.frames and task.state in DONE_STATES)
    skipped = sum(task.frames for task in tasks if task.state is JobState.SKIPPED)
    under_way = [task for task in tasks if task.state is JobState.RUNNING]
    percent = min(100.0, 100.0 * (done + skipped) / work) if work else 0.0
    document.progress = Progress(
        percent=round(percent, 1),
        stage=", ".join(dict.fromkeys(task.kind for task in under_way)),
        message=f"{frames_done} of {frames} frames" if frames else "",
        frame=max((task.progress.get("frame") or 0 for task in under_way), default=0) or None,
        remaining=_remaining(tasks, percent) if under_way else None,
    )


def _kinds(tasks: Sequence[_Task]) -> list[str]:
    return list(dict.fromkeys(task.kind for task in tasks))


def _step(kind: str, tasks: Sequence[_Task]) -> JobStep:
    states = [task.state for task in tasks]
    began = [task.started_at for task in tasks if task.started_at]
    ended = [task.finished_at for task in tasks if task.finished_at]
    over = all(state in FINAL_STATES for state in states)
    status = JobState.RUNNING if began else JobState.PENDING
    if over:
        order = (JobState.FAILED, JobState.CANCELLED, JobState.COMPLETED, JobState.SKIPPED)
        status = next(state for state in order if state in states)
    counts = {state.value: states.count(state) for state in JobState if state in states}
    completed = max(ended) if over and ended else None
    return JobStep(
        name=kind,
        status=status.value,
        started=_iso(min(began)) if began else None,
        completed=_iso(completed) if completed else None,
        duration=round((completed - min(began)).total_seconds(), 3) if completed and began else None,
        output={"tasks": len(tasks), **counts},
    )


def _end(document: JobDocument, tasks: Sequence[_Task]) -> None:
    """Result or error of a job that has just ended."""
    if document.state is JobState.COMPLETED:
        document.progress.percent = 100.0
        document.result = _result(tasks)
    elif document.state is JobState.FAILED:
        failed = [task for task in tasks if task.state is JobState.FAILED]
        first = failed[0].error or {}
        document.error = {
            "code": first.get("code", "process.failed"),
            "message": f"{len(failed)} of {len(tasks)} tasks failed; {_title(failed[0])}: {first.get('message', '')}",
            "hint": first.get("hint") or "Look at the log of the task, then retry or skip it.",
            "fields": {},
        }


def _title(task: _Task) -> str:
    return f"{'frame' if task.frames == 1 else 'frames'} {task.name}" if task.frames else task.name


def _result(tasks: Sequence[_Task]) -> dict[str, Any]:
    """What the tasks made, together: files by kind, engine and device of the first, seconds of all."""
    files: dict[str, Any] = {}
    result: dict[str, Any] = {}
    for task in tasks:
        files.update(task.result.get("files") or {})
        for name in ("engine", "device", "lighting", "camera", "width", "height", "samples", "codec", "fps"):
            if task.result.get(name) is not None:
                result.setdefault(name, task.result[name])
    result["render_seconds"] = round(sum(task.result.get("render_seconds") or 0.0 for task in tasks), 3)
    result["frames"] = sum(task.frames for task in tasks if task.state is JobState.COMPLETED)
    result["skipped"] = [task.name for task in tasks if task.state is JobState.SKIPPED]
    return {**result, "files": files}


def _remaining(tasks: Sequence[_Task], percent: float) -> float | None:
    """Seconds left, if the rest goes as fast as what is done."""
    began = min((task.started_at for task in tasks if task.started_at), default=None)
    if began is None or percent < 1:
        return None
    return round((datetime.now(UTC) - began).total_seconds() * (100 - percent) / percent, 1)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
