"""The queue, and one job with its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import render_template, request
from sqlalchemy import case, func, select

from service.api.listing import row
from service.database import session
from service.models import Job, MediaAsset, Worker
from service.pages.frame import page
from service.pages.job_views import OPEN_STATES, views
from service.pages.paging import page_number, paged
from service.pages.pictures import pictures_of
from service.permissions import Permission
from shared.jobs import JobState

_PAGE = 50
_WORKER_SILENT = timedelta(seconds=60)


@page("/jobs", Permission.JOB_READ)
def queue() -> str:
    """Every job, those that run first; ``state`` narrows them, ``fragment`` answers the table alone."""
    state = request.args.get("state", "")
    grouped = session().execute(select(Job.state, func.count().label("jobs")).group_by(Job.state))
    counts = {item.state: item.jobs for item in grouped}
    statement = select(Job).order_by(
        case({"running": 0, "queued": 1, "pending": 1}, value=Job.state, else_=2), Job.created_at.desc(), Job.id
    )
    if state == "open":
        statement = statement.where(Job.state.in_(OPEN_STATES))
    elif state in set(JobState):
        statement = statement.where(Job.state == state)
    number = page_number()
    rows, more = paged(statement, number, _PAGE)
    seen_after = datetime.now(UTC) - _WORKER_SILENT
    return render_template(
        "pages/_queue.html" if "fragment" in request.args else "pages/jobs.html",
        jobs=views(rows),
        counts=counts,
        open_count=sum(counts.get(name, 0) for name in OPEN_STATES),
        state=state,
        states=[item.value for item in JobState],
        number=number,
        more=more,
        workers=session().scalars(select(Worker).where(Worker.last_seen > seen_after).order_by(Worker.name)).all(),
    )


@page("/jobs/<uuid:job_id>", Permission.JOB_READ)
def job(job_id: UUID) -> str:
    """One job: its document made readable."""
    found = row(Job, job_id)
    media = session().scalars(select(MediaAsset).where(MediaAsset.job_id == job_id).order_by(MediaAsset.created_at))
    return render_template(
        "pages/_job.html" if "fragment" in request.args else "pages/job.html",
        job=views([found])[0],
        pictures=pictures_of(media.all()),
    )
