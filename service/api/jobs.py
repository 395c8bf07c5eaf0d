"""Jobs and their tasks: submit, watch, cancel, pause, retry, skip."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from uuid import UUID

from flask import Response
from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.assets import find_asset
from service.api.fields import Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.media import MediaOut, media_of_jobs
from service.api.records import check_version, digest_of
from service.api.routing import Reply, Request, Resource
from service.api.stored_files import stored_file
from service.cad import conversions
from service.database import session
from service.models import Asset, CadFile, Job, JobDependency, JobFrame, Part, Project, Publish
from service.publish import pinning
from service.queue import farm, jobs, render_jobs
from service.tasks.logs import last_lines, log_path, stream, tail
from shared.errors import ConflictError, InputError, NotFoundError
from shared.jobs import JobState

jobs_resource = Resource("jobs", "/jobs")
RESOURCES = (jobs_resource,)

_PICTURE_TYPES = {".png": "image/png", ".exr": "image/x-exr"}
_PARAMETERS = (
    *("width", "height", "samples", "engine", "device", "camera", "lighting", "background", "hdri"),
    *("format", "frames", "chunk", "fps"),
)


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
    parent_id: UUID | None = Field(description="the job that this is a task of")
    has_tasks: bool
    name: str = Field(description="what a task does of its job, such as 1-8: its frames")
    priority: int
    paused: bool
    needs: list[str]
    revision: str = Field(
        description="of what people set, which its progress does not change; `If-Match` may name it as well as the ETag"
    )
    not_before: datetime | None = Field(description="when it is tried again after a failure")
    max_attempts: int
    worker_id: UUID | None
    started_at: datetime | None
    finished_at: datetime | None
    progress: dict[str, Any]
    request: dict[str, Any]
    document: dict[str, Any]
    media: list[MediaOut]
    waiting: str = Field("", description="of one job that does not run: why; in lists empty")
    log: list[str] = Field([], description="of one job: the last lines of its log; in lists empty")


class NewJob(Request):
    """What to do: render a publish, an asset's current entry or a CAD file; or convert one."""

    kind: Literal["still", "thumbnail", "turntable", "frames", "husk", "convert"]
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
    camera: str | None = Field(
        None,
        max_length=500,
        description="auto: the stage's own where it has one; framed: placed for the subject; or a prim's path",
    )
    lighting: str | None = Field(None, description="auto, studio, or stage: the lights published with the subject")
    background: str | None = None
    hdri: str | None = Field(None, max_length=1000, description="path of a panorama on the storage")
    format: str | None = Field(None, description="png or exr; mp4 for turntables and frames")
    frames: int | str | None = Field(None, description="of a full turn, or a range such as 1-24x2")
    chunk: int | None = Field(None, description="frames that one worker renders at a time")
    fps: int | None = Field(None, description="frames in a second of the film")
    priority: int = Field(jobs.PRIORITY, ge=0, le=100, description="the highest first, among those of the tenant")
    needs: list[str] = Field([], max_length=6, description="capabilities that its worker must have, such as gpu")
    depends_on: list[UUID] = Field([], max_length=100, description="jobs that must be done before it begins")
    pinned: bool = Field(
        False,
        description="show what the publish composed when it was committed, or the asset now, with all that it refers "
        "to as that was then, whatever is published until the job is done or done again",
    )


class JobQuery(ListQuery):
    state: str = ""
    kind: str = ""
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    parent_id: UUID | None = Field(None, description="tasks of this job instead of jobs")


class JobChanges(Request):
    priority: int = Field(ge=0, le=100)


class LogQuery(Request):
    lines: int = Field(0, ge=0, le=10_000, description="only so many lines from its end; 0: all")


class FrameOut(Reply):
    frame: int
    task_id: UUID
    state: str = Field(description="completed, or the state of its task")
    path: str | None
    size: int | None
    sha256: str | None
    seconds: float | None
    worker_id: UUID | None
    attempt: int | None
    finished_at: datetime | None


class DependencyOut(Reply):
    id: UUID
    kind: str
    name: str
    state: JobState


def describe(job: Job, media: list[dict[str, Any]]) -> dict[str, Any]:
    """What the API answers for a job."""
    copied = ("id", "created_at", "updated_at", "kind", "state", "queue", "attempt", "asset_id", "publish_id")
    more = ("cad_file_id", "cancel_requested", "started_at", "finished_at", "request", "document", "parent_id")
    queue = ("has_tasks", "name", "priority", "paused", "needs", "not_before", "max_attempts", "worker_id")
    return {
        **{name: getattr(job, name) for name in (*copied, *more, *queue)},
        "asset": job.asset.name if job.asset else None,
        "progress": job.document["progress"],
        "media": media,
        "revision": digest_of(_set_by_people(job)),
    }


def _set_by_people(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in ("priority", "paused", "cancel_requested")}


@jobs_resource.declare("GET", "/", permission=Permission.JOB_READ, query=JobQuery, answer=Page[JobOut])
def list_jobs(query: JobQuery) -> dict[str, Any]:
    """List jobs, the newest first; without their tasks."""
    statement = select(Job).outerjoin(Job.asset).where(Job.parent_id == query.parent_id)
    for column, wanted in ((Job.state, query.state), (Job.kind, query.kind), (Asset.name, query.asset)):
        if wanted:
            statement = statement.where(column == wanted)
    if query.project:
        published = select(Publish.id).join(Publish.part).where(Part.project_name == query.project)
        statement = statement.outerjoin(Asset.project)
        # Jobs of shots know no asset; what they render is a publish.
        statement = statement.where((Project.name == query.project) | Job.publish_id.in_(published))
    sort: dict[str, Any] = {
        "created_at": Job.created_at,
        "priority": Job.priority,
        "kind": Job.kind,
        "state": Job.state,
    }
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
    given = {name: value for name in _PARAMETERS if (value := getattr(body, name)) is not None}
    # What is wrong by itself is said before what is not there.
    render_jobs.settings(session(), body.kind, given, body.preset)
    asset_id, publish_id, cad_file_id = _subject(body)
    job = render_jobs.submit(
        session(),
        body.kind,
        given,
        preset=body.preset,
        asset_id=asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
        priority=body.priority,
        needs=body.needs,
        depends_on=body.depends_on,
        more=_pinned(body) if body.pinned else None,
    )
    return _changed(job)


@jobs_resource.declare("GET", "/<uuid:job_id>", permission=Permission.JOB_READ, answer=JobOut)
def get_job(job_id: UUID) -> dict[str, Any]:
    """A job with its document and what it made."""
    return _described(row(Job, job_id))


@jobs_resource.declare(
    "PATCH", "/<uuid:job_id>", permission=Permission.JOB_WRITE, body=JobChanges, answer=JobOut, if_match="optional"
)
def change_job(job_id: UUID, body: JobChanges) -> dict[str, Any]:
    """Change a job's priority; what runs is not interrupted."""
    job = _to_change(job_id)
    jobs.set_priority(session(), job, body.priority)
    return _changed(job)


@jobs_resource.declare(
    "POST",
    "/<uuid:job_id>/cancel",
    permission=Permission.JOB_WRITE,
    answer=JobOut,
    if_match="optional",
    errors=(409,),
)
def cancel_job(job_id: UUID) -> dict[str, Any]:
    """Cancel a job or a task. What runs is stopped by its worker within a second."""
    job = _to_change(job_id)
    jobs.cancel(session(), job)
    return _changed(job)


@jobs_resource.declare(
    "POST",
    "/<uuid:job_id>/retry",
    permission=Permission.JOB_WRITE,
    answer=JobOut,
    if_match="optional",
    errors=(409,),
)
def retry_job(job_id: UUID) -> dict[str, Any]:
    """Queue a failed or cancelled job or task again; of a job with tasks all that failed. Finished frames stay."""
    job = _to_change(job_id)
    jobs.retry(session(), job)
    return _changed(job)


@jobs_resource.declare(
    "POST",
    "/<uuid:job_id>/skip",
    permission=Permission.JOB_WRITE,
    answer=JobOut,
    if_match="optional",
    errors=(409,),
)
def skip_job(job_id: UUID) -> dict[str, Any]:
    """Leave a task or job out that does not run: what waits for it goes on without it."""
    job = _to_change(job_id)
    jobs.skip(session(), job)
    return _changed(job)


@jobs_resource.declare(
    "POST",
    "/<uuid:job_id>/pause",
    permission=Permission.JOB_WRITE,
    answer=JobOut,
    if_match="optional",
    errors=(409,),
)
def pause_job(job_id: UUID) -> dict[str, Any]:
    """Begin nothing more of a job; what runs of it goes on."""
    job = _to_change(job_id)
    jobs.set_paused(session(), job, paused=True)
    return _changed(job)


@jobs_resource.declare(
    "POST",
    "/<uuid:job_id>/resume",
    permission=Permission.JOB_WRITE,
    answer=JobOut,
    if_match="optional",
    errors=(409,),
)
def resume_job(job_id: UUID) -> dict[str, Any]:
    """Go on with a paused job."""
    job = _to_change(job_id)
    jobs.set_paused(session(), job, paused=False)
    return _changed(job)


@jobs_resource.declare(
    "GET", "/<uuid:job_id>/tasks", permission=Permission.JOB_READ, query=ListQuery, answer=Page[JobOut]
)
def list_tasks_of_job(job_id: UUID, query: ListQuery) -> dict[str, Any]:
    """The tasks of a job, in their order."""
    row(Job, job_id)
    page = page_of(
        select(Job).where(Job.parent_id == job_id),
        query,
        key=Job,
        search=(Job.name,),
        sort={"position": Job.position, "state": Job.state},
        default_sort="position",
    )
    page["items"] = [describe(task, []) for task in page["items"]]
    return page


@jobs_resource.declare(
    "GET", "/<uuid:job_id>/frames", permission=Permission.JOB_READ, query=ListQuery, answer=Page[FrameOut]
)
def list_frames(job_id: UUID, query: ListQuery) -> dict[str, Any]:
    """The frames of a job: which stand, where, and which task has the others."""
    row(Job, job_id)
    statement = select(JobFrame).where(JobFrame.job_id == job_id)
    page = page_of(
        statement, query, key=JobFrame, search=(JobFrame.path,), sort={"frame": JobFrame.frame}, default_sort="frame"
    )
    states = dict(session().execute(select(Job.id, Job.state).where(Job.parent_id == job_id)).all())
    plain = [name for name in FrameOut.model_fields if name != "state"]
    page["items"] = [
        {
            **{name: getattr(frame, name) for name in plain},
            "state": JobState.COMPLETED.value if frame.path else states[frame.task_id],
        }
        for frame in page["items"]
    ]
    return page


@jobs_resource.declare(
    "GET", "/<uuid:job_id>/frames/<int:frame>/file", permission=Permission.JOB_READ, media_type="image/*"
)
def get_frame_file(job_id: UUID, frame: int) -> Response:
    """A finished frame."""
    row(Job, job_id)
    found = session().scalar(select(JobFrame).where(JobFrame.job_id == job_id, JobFrame.frame == frame))
    if found is None or found.path is None:
        raise NotFoundError(
            f"Frame {frame} of job {job_id} is not rendered.", hint="List them: GET /api/jobs/{id}/frames."
        )
    return stored_file(found.path, _PICTURE_TYPES[PurePosixPath(found.path).suffix])


@jobs_resource.declare("GET", "/<uuid:job_id>/dependencies", permission=Permission.JOB_READ, answer=list[DependencyOut])
def list_dependencies(job_id: UUID) -> list[Job]:
    """The jobs that must be done before this one begins."""
    row(Job, job_id)
    needed = select(JobDependency.needs_id).where(JobDependency.job_id == job_id)
    return list(session().scalars(select(Job).where(Job.id.in_(needed)).order_by(Job.created_at)).unique())


@jobs_resource.declare(
    "GET", "/<uuid:job_id>/log", permission=Permission.JOB_READ, query=LogQuery, media_type="text/plain"
)
def get_job_log(job_id: UUID, query: LogQuery) -> Response:
    """What the tools of a job or task printed, the logs of a job's tasks one after the other; whole, or its end."""
    job = row(Job, job_id)
    root = _root()
    found = [log_path(root, job.id)]
    if job.has_tasks:
        found = [log_path(root, task_id) for task_id in session().scalars(jobs.tasks_of(job).with_only_columns(Job.id))]
    places = [place for place in found if place.is_file()]
    content = [tail(places, query.lines)] if query.lines else stream(places)
    return Response(content, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _to_change(job_id: UUID) -> Job:
    row(Job, job_id)
    job = jobs.locked(session(), job_id)
    set_now = _set_by_people(job)
    check_version(digest_of(set_now), f"the {job.kind} job {job.id}", set_now)
    return job


def _changed(job: Job) -> dict[str, Any]:
    session().flush()
    session().refresh(job)
    return _described(job)


def _described(job: Job) -> dict[str, Any]:
    return {
        **describe(job, media_of_jobs([job.id])[job.id]),
        "waiting": farm.why_waiting(session(), job),
        "log": last_lines(_root(), jobs.with_logs(session(), job)),
    }


def _root() -> Path:
    return auth.config().tenant_root(auth.current().storage)


def _required(value: UUID | None, name: str) -> UUID:
    if value is None:
        raise InputError(f"This job needs {name}.", hint="See /api/docs.", fields={name: "is required"})
    return value


def _pinned(body: NewJob) -> dict[str, str]:
    """The pinned entry that a job shows instead of the live one, and the moment that what it refers to is pinned to."""
    if body.publish_id:
        pin = pinning.at_publish(session(), row(Publish, body.publish_id))
    elif body.asset:
        pin = pinning.at_moment(session(), find_asset(body.asset, body.project))
    else:
        return {}  # the model of a CAD file never changes
    return {"usd_path": pin.write(_root()), "pinned_at": pin.moment.isoformat()}


def _subject(body: NewJob) -> tuple[UUID | None, UUID | None, UUID | None]:
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
        if publish.part.asset_id is None and body.kind not in ("frames", "husk"):
            raise InputError(
                f"The publish is of a shot, and a {body.kind} shows an asset.",
                hint="Choose the kind frames or husk for shots.",
                fields={"publish_id": "is of a shot"},
            )
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
