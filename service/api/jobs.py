"""Jobs: submit, watch, cancel, retry; and the workers that do them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response
from pydantic import Field, StringConstraints
from sqlalchemy import select

from service import auth, conversions, jobs
from service.api.assets import find_asset
from service.api.fields import Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.media import MediaOut, media_of_jobs
from service.api.routing import Reply, Request, Resource
from service.database import session
from service.models import Asset, CadFile, Job, Part, Publish, Worker
from service.permissions import Permission
from service.tasks.logs import log_path
from shared.errors import ConflictError, InputError
from shared.jobs import JobState
from shared.steps import step

jobs_resource = Resource("jobs", "/jobs")
workers = Resource("workers", "/workers")
RESOURCES = (jobs_resource, workers)

_LOG_TAIL_BYTES = 1 << 20


class JobOut(Row):
    kind: str
    state: JobState
    queue: str
    attempt: int
    asset_id: UUID | None
    asset: str | None
    publish_id: UUID | None
    cad_file_id: UUID | None
    cancel_requested: bool
    started_at: datetime | None
    finished_at: datetime | None
    progress: dict[str, Any]
    request: dict[str, Any]
    document: dict[str, Any]
    media: list[MediaOut]


class NewJob(Request):
    """What to do: a picture of a publish or of an asset's current entry or of a CAD file, or a conversion."""

    kind: Literal["still", "thumbnail", "convert"]
    publish_id: UUID | None = None
    asset: str | None = Field(None, max_length=100, description="name of the asset")
    project: str = Field("", max_length=100, description="name of the project")
    cad_file_id: UUID | None = None
    preset: Literal["preview", "production"] = "preview"
    width: int | None = None
    height: int | None = None
    samples: int | None = None
    engine: str | None = None
    device: str | None = None
    background: str | None = None
    camera: Annotated[str, StringConstraints(pattern=r"^(auto|(/[A-Za-z_][A-Za-z0-9_]*)+)$", max_length=500)] = "auto"


class JobQuery(ListQuery):
    state: str = ""
    kind: str = ""
    asset: str = Field("", description="name of the asset")


def describe(job: Job, media: list[dict[str, Any]]) -> dict[str, Any]:
    """What the API answers for a job."""
    copied = ("id", "created_at", "updated_at", "kind", "state", "queue", "attempt", "asset_id", "publish_id")
    more = ("cad_file_id", "cancel_requested", "started_at", "finished_at", "request", "document")
    return {
        **{name: getattr(job, name) for name in (*copied, *more)},
        "asset": job.asset.name if job.asset else None,
        "progress": job.document["progress"],
        "media": media,
    }


@jobs_resource.declare("GET", "/", permission=Permission.JOB_READ, query=JobQuery, answer=Page[JobOut])
def list_jobs(query: JobQuery) -> dict[str, Any]:
    """List jobs, the newest first."""
    statement = select(Job).outerjoin(Job.asset)
    for column, wanted in ((Job.state, query.state), (Job.kind, query.kind), (Asset.name, query.asset)):
        if wanted:
            statement = statement.where(column == wanted)
    sort: dict[str, Any] = {"created_at": Job.created_at, "kind": Job.kind, "state": Job.state}
    page = page_of(statement, query, key=Job, search=(Job.kind, Asset.name), sort=sort, default_sort="-created_at")
    media = media_of_jobs([job.id for job in page["items"]])
    page["items"] = [describe(job, media[job.id]) for job in page["items"]]
    return page


@jobs_resource.declare("POST", "/", permission=Permission.JOB_WRITE, body=NewJob, answer=JobOut, status=201)
def submit_job(body: NewJob) -> dict[str, Any]:
    """Queue a job. What it leaves out comes from its preset."""
    if body.kind == "convert":
        cad_file = row(CadFile, _required(body.cad_file_id, "cad_file_id"), lock=True)
        conversion = conversions.convert_again(session(), cad_file)
        return _described(row(Job, _required(conversion.job_id, "job_id")))
    names = ("width", "height", "samples", "engine", "device", "background")
    given = {name: value for name in names if (value := getattr(body, name)) is not None}
    checked = step(body.kind).check(given)
    # A preset says what was left out of a still; a thumbnail has no presets.
    settings = {**given, "preset": body.preset} if body.kind == "still" else checked
    asset_id, publish_id, cad_file_id = _subject(body)
    job = jobs.create(
        session(),
        body.kind,
        {**settings, "camera": body.camera},
        asset_id=asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
    )
    session().refresh(job)
    return describe(job, [])


@jobs_resource.declare("GET", "/<uuid:job_id>", permission=Permission.JOB_READ, answer=JobOut)
def get_job(job_id: UUID) -> dict[str, Any]:
    """A job with its document and what it made."""
    return _described(row(Job, job_id))


@jobs_resource.declare("POST", "/<uuid:job_id>/cancel", permission=Permission.JOB_WRITE, answer=JobOut)
def cancel_job(job_id: UUID) -> dict[str, Any]:
    """Cancel a job. One that runs is stopped by its worker within a second."""
    job = row(Job, job_id, lock=True)
    jobs.cancel(session(), job)
    session().flush()
    session().refresh(job)
    return _described(job)


@jobs_resource.declare("POST", "/<uuid:job_id>/retry", permission=Permission.JOB_WRITE, answer=JobOut)
def retry_job(job_id: UUID) -> dict[str, Any]:
    """Queue a failed or cancelled job again."""
    job = row(Job, job_id, lock=True)
    jobs.retry(session(), job)
    session().flush()
    session().refresh(job)
    return _described(job)


@jobs_resource.declare("GET", "/<uuid:job_id>/log", permission=Permission.JOB_READ, media_type="text/plain")
def get_job_log(job_id: UUID) -> Response:
    """What the job's tool printed; the last MiB of it."""
    job = row(Job, job_id)
    place = log_path(auth.config().tenant_root(auth.current().storage), job.id)
    text = b""
    if place.is_file():
        with place.open("rb") as stream:
            stream.seek(max(0, place.stat().st_size - _LOG_TAIL_BYTES))
            text = stream.read()
    return Response(text, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})


class WorkerOut(Reply):
    id: UUID
    name: str
    host: str
    pid: int
    queues: list[str]
    state: str
    started_at: datetime
    last_seen: datetime


@workers.declare("GET", "/", permission=Permission.WORKER_READ, query=ListQuery, answer=Page[WorkerOut])
def list_workers(query: ListQuery) -> dict[str, Any]:
    """The workers that were seen within the last minutes."""
    found = session().scalars(select(Worker).order_by(Worker.name, Worker.id)).all()
    start = (query.page - 1) * query.page_size
    items = [worker for worker in found if query.q.casefold() in worker.name.casefold()]
    return {
        "items": items[start : start + query.page_size],
        "page": query.page,
        "page_size": query.page_size,
        "total": len(items),
    }


def _described(job: Job) -> dict[str, Any]:
    return describe(job, media_of_jobs([job.id])[job.id])


def _required(value: UUID | None, name: str) -> UUID:
    if value is None:
        raise InputError(f"This job needs {name}.", hint="See /api/docs.", fields={name: "is required"})
    return value


def _subject(body: NewJob) -> tuple[UUID, UUID | None, UUID | None]:
    """Ids of the asset, publish and CAD file that are rendered."""
    if sum(value is not None for value in (body.publish_id, body.asset, body.cad_file_id)) != 1:
        raise InputError(
            "A render needs exactly one of publish_id, asset and cad_file_id.",
            hint="Name what is to be seen on the picture.",
            fields=dict.fromkeys(("publish_id", "asset", "cad_file_id"), "give exactly one of these"),
        )
    if body.cad_file_id:
        cad_file = row(CadFile, body.cad_file_id)
        if cad_file.conversion.state != "ready":
            raise ConflictError(
                f"{cad_file.filename} is not converted: it is {cad_file.conversion.state}.",
                hint="Wait until its state is `ready`.",
                code="cad.not_ready",
            )
        return cad_file.asset_id, None, cad_file.id
    if body.publish_id:
        publish = row(Publish, body.publish_id)
        if publish.part.asset_id is None:
            raise InputError("Only publishes of assets are rendered so far.", fields={"publish_id": "is of a shot"})
        return publish.part.asset_id, publish.id, publish.cad_file_id
    asset = find_asset(body.asset or "", body.project)
    # The picture shows the whole asset; it is filed under what it shows: the newest of its current publishes.
    shown = session().scalar(
        select(Publish)
        .join(Publish.part)
        .where(Part.asset_id == asset.id, Part.current_publish_id == Publish.id)
        .order_by(Publish.created_at.desc())
        .limit(1)
    )
    if shown is None:
        raise ConflictError(
            f"Asset {asset.name} has nothing published to render.",
            hint="Publish it first, or render its CAD file (cad_file_id).",
            code="conflict.nothing_published",
        )
    return asset.id, shown.id, None
