"""The queue, and one job with its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import case, func, select

from service.accounts.permissions import Permission
from service.api.listing import row
from service.database import session
from service.models import Job, JobDependency, JobFrame, MediaAsset
from service.pages.frame import action, page, tell_refusal
from service.pages.job_views import OPEN_STATES, JobView, views, workers_and_jobs
from service.pages.new_render import new_render
from service.pages.paging import page_number, paged
from service.pages.pictures import Picture, pictures_of
from service.queue import farm, jobs
from shared.errors import ConflictError, InputError, NotFoundError
from shared.jobs import JobState

_PAGE = 50
_FRAMES = 2000
"""So many are shown of a job."""
_KEPT = ("state", "page")
"""What of the queue's address is kept after a button was pressed there."""


@page("/jobs", Permission.JOB_READ)
def queue() -> str:
    """Every job, those that run first; ``state`` narrows them, ``fragment`` answers the table alone."""
    state = request.args.get("state", "")
    grouped = session().execute(
        select(Job.state, func.count().label("jobs")).where(Job.parent_id.is_(None)).group_by(Job.state)
    )
    counts = {item.state: item.jobs for item in grouped}
    first = case({"running": 0, "queued": 1, "pending": 1}, value=Job.state, else_=2)
    urgent = case((Job.state.in_(OPEN_STATES), Job.priority), else_=0)
    statement = select(Job).where(Job.parent_id.is_(None))
    statement = statement.order_by(first, urgent.desc(), Job.created_at.desc(), Job.id)
    if state == "open":
        statement = statement.where(Job.state.in_(OPEN_STATES))
    elif state in set(JobState):
        statement = statement.where(Job.state == state)
    number = page_number()
    rows, more = paged(statement, number, _PAGE)
    return render_template(
        "pages/_queue.html" if "fragment" in request.args else "pages/jobs.html",
        new_render=new_render,
        jobs=views(rows),
        counts=counts,
        open_count=sum(counts.get(name, 0) for name in OPEN_STATES),
        state=state,
        states=[item.value for item in JobState],
        number=number,
        more=more,
        workers=workers_and_jobs(farm.live_workers(session())),
        queues=farm.queue_states(session()),
        kept={"to": "queue", **_kept()},
    )


@page("/jobs/<uuid:job_id>", Permission.JOB_READ)
def job(job_id: UUID) -> str:
    """One job: its document made readable."""
    found = row(Job, job_id)
    made = select(MediaAsset).where(MediaAsset.job_id == job_id).order_by(MediaAsset.created_at)
    media = session().scalars(made).unique().all()
    tasks = views(session().scalars(jobs.tasks_of(found)).unique().all()) if found.has_tasks else []
    needed = select(Job).where(Job.id.in_(select(JobDependency.needs_id).where(JobDependency.job_id == job_id)))
    return render_template(
        "pages/_job.html" if "fragment" in request.args else "pages/job.html",
        job=views([found])[0],
        waiting=farm.why_waiting(session(), found),
        pictures=pictures_of(media),
        film=next((Picture(each, each) for each in media if each.mime_type.startswith("video/")), None),
        tasks=tasks,
        frames=_frames(found, tasks),
        needed=views(session().scalars(needed).unique().all()),
    )


@dataclass(frozen=True)
class _Frame:
    """A frame in the row of all of them."""

    number: int
    state: str
    done: bool


def _frames(job: Job, tasks: Sequence[JobView]) -> list[_Frame]:
    if not tasks:
        return []
    states = {task.row.id: task.row.state for task in tasks}
    found = session().scalars(select(JobFrame).where(JobFrame.job_id == job.id).order_by(JobFrame.frame).limit(_FRAMES))
    done = JobState.COMPLETED.value
    return [_Frame(each.frame, done if each.path else states[each.task_id], bool(each.path)) for each in found]


@action("/jobs/<uuid:job_id>/<any(cancel,retry,skip,pause,resume):what>", Permission.JOB_WRITE)
def change_job(job_id: UUID, what: str) -> str:
    """Do what a button of a job or task says, and show where it stood again."""
    row(Job, job_id)
    found = jobs.locked(session(), job_id)
    shown = _where_from(found)
    try:
        if what in ("pause", "resume"):
            jobs.set_paused(session(), found, paused=what == "pause")
        else:
            {"cancel": jobs.cancel, "retry": jobs.retry, "skip": jobs.skip}[what](session(), found)
    except ConflictError as error:
        # The job went on while the page was looked at.
        tell_refusal(error)
    return shown


@action("/jobs/<uuid:job_id>/priority", Permission.JOB_WRITE)
def prioritise_job(job_id: UUID) -> str:
    """Set a job's priority, 0 to 100."""
    row(Job, job_id)
    found = jobs.locked(session(), job_id)
    shown = _where_from(found)
    text = request.form.get("priority", "")
    if text.isdecimal() and len(text) <= 3 and int(text) <= 100:
        jobs.set_priority(session(), found, int(text))
    else:
        hint = "Type one; the highest comes first."
        tell_refusal(InputError("A priority is a number from 0 to 100.", hint=hint, fields={"priority": "0 to 100"}))
    return shown


@action("/queues/<any(cad,render,default):name>/<any(pause,resume):what>", Permission.QUEUE_MANAGE)
def change_queue(name: str, what: str) -> str:
    """Pause a queue of this tenant, or go on with it."""
    {"pause": farm.pause_queue, "resume": farm.resume_queue}[what](session(), name)
    return url_for("pages.queue")


@action("/workers/<uuid:worker_id>/<any(work,rest,drain):wanted>", Permission.WORKER_MANAGE)
def change_worker(worker_id: UUID, wanted: str) -> str:
    """Let a worker work, rest, or leave after what it does."""
    try:
        farm.want(session(), farm.worker(session(), worker_id, lock=True), wanted)
    except NotFoundError as error:
        # It left while the page was looked at.
        tell_refusal(error)
    return url_for("pages.queue")


def _where_from(job: Job) -> str:
    """The page whose button was pressed: the queue, or the job, for its tasks too."""
    if request.args.get("to") == "queue":
        return url_for("pages.queue", **_kept())
    return url_for("pages.job", job_id=job.parent_id or job.id)


def _kept() -> dict[str, Any]:
    return {name: value for name, value in request.args.items() if name in _KEPT}
