"""CAD files: upload, conversion, and the files they become.

What their parts wear is in ``cad_materials``, what became of them since the last revision in ``cad_revisions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from flask import Response, request
from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission, allows
from service.api.assets import find_asset
from service.api.fields import Digest, FileName, Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.routing import Answer, Request, Resource
from service.api.stored_files import root, stored_file
from service.archiving import check_live
from service.cad import conversions, revisions
from service.config import MEBIBYTE
from service.database import release, session
from service.models import Asset, CadFile, Conversion, Job, Project
from service.publish import store
from shared.errors import ForbiddenError, InputError, NotFoundError
from shared.steps import step

cad = Resource("cad", "/cad")
RESOURCES = (cad,)

Derivative = Literal["usd_master", "gltf_geometry", "scene_manifest"]
_MIME_TYPES = {
    "usd_master": "application/octet-stream",
    "gltf_geometry": "model/gltf-binary",
    "scene_manifest": "application/json",
}


class CadFileOut(Row):
    project: str
    asset: str
    asset_id: UUID
    filename: str
    sha256: str
    size: int
    lineage: str
    revision: int
    newest_revision: int = Field(description="of its lineage: above `revision` where this is an earlier one")
    previous_id: UUID | None = Field(description="the revision whose parts this one's were matched with")
    open_questions: int = Field(description="parts about which a person must decide; see revision-report")
    correction: Literal["queued", "converting", "failed"] | None = Field(
        description="state of the conversion that applies decisions, where one is under way or failed"
    )
    state: Literal["uploaded", "queued", "converting", "ready", "failed"]
    progress: dict[str, Any]
    error: dict[str, Any] | None
    job_id: UUID | None
    derivatives: dict[str, str] = Field(description="storage-relative path by name")
    summary: dict[str, Any] = Field(description="what the converter counted and warned of")
    reused: bool = Field(False, description="whether an earlier conversion of the same content was taken")


class Deflections(Request):
    relative_deflection: float | None = Field(None, description="see the step `convert` of /api/workflows/steps")
    linear_deflection: float | None = None
    angular_deflection: float | None = None

    def settings(self) -> dict[str, float]:
        """Those that were given. Raises InputError for a value that does not work."""
        given = {name: getattr(self, name) for name in conversions.DEFLECTIONS}
        settings = {name: value for name, value in given.items() if value is not None}
        step("convert").check(settings)
        return settings


class ConvertQuery(Deflections):
    """Without any of them the same is tried again. More than the service's usual limits is for project managers."""

    seconds: int | None = Field(None, ge=1, le=86_400, description="how long it may take")
    memory_mb: int | None = Field(None, ge=64, le=1 << 20, description="resident memory that it may use, MiB")
    triangles: int | None = Field(None, ge=1, le=1_000_000_000, description="how many triangles it may make")


class UploadQuery(Deflections):
    project: str = Field(max_length=100, description="name of the project")
    asset: str = Field("", max_length=100, description="name of the asset")
    filename: FileName
    lineage: str = Field("", max_length=100, description="successive revisions of one model; default: the asset")
    sha256: Digest | None = Field(
        None, description="of the file. With an empty body: take the content that was uploaded before, if it was"
    )


class CadQuery(ListQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    state: str = ""


def describe(cad_file: CadFile, *, reused: bool = False) -> dict[str, Any]:
    """What the API answers for a CAD file."""
    conversion = cad_file.conversion
    job = session().get(Job, (conversion.tenant_id, conversion.job_id)) if conversion.job_id else None
    return _described(cad_file, conversions.newest_revisions(session(), [cad_file]), job, reused)


def _described(
    cad_file: CadFile, newest: Mapping[tuple[UUID, str], int], job: Job | None, reused: bool = False
) -> dict[str, Any]:
    conversion = cad_file.conversion
    done = {"stage": "done", "percent": 100.0}
    progress = done if conversion.state == "ready" else job.document["progress"] if job else {}
    return {
        "id": cad_file.id,
        "created_at": cad_file.created_at,
        "updated_at": cad_file.updated_at,
        "project": cad_file.asset.project_name,
        "asset": cad_file.asset.name,
        "asset_id": cad_file.asset_id,
        "filename": cad_file.filename,
        "sha256": conversion.sha256,
        "size": cad_file.size,
        "lineage": cad_file.lineage,
        "revision": cad_file.revision,
        "newest_revision": newest[cad_file.asset_id, cad_file.lineage],
        "previous_id": cad_file.previous_id,
        "open_questions": revisions.open_questions(cad_file),
        "correction": cad_file.pending.state if cad_file.pending else None,
        "state": conversion.state,
        "progress": progress,
        "error": conversion.error,
        "job_id": conversion.job_id,
        "derivatives": conversion.derivatives,
        "summary": conversion.summary,
        "reused": reused,
    }


@cad.declare("GET", "/", permission=Permission.CAD_READ, query=CadQuery, answer=Page[CadFileOut])
def list_cad_files(query: CadQuery) -> dict[str, Any]:
    """List CAD files."""
    statement = select(CadFile).join(CadFile.asset).join(Asset.project).join(CadFile.conversion)
    if query.project:
        statement = statement.where(Project.name == query.project)
    if query.asset:
        statement = statement.where(Asset.name == query.asset)
    if query.state:
        statement = statement.where(Conversion.state == query.state)
    sort: dict[str, Any] = {
        "filename": CadFile.filename,
        "created_at": CadFile.created_at,
        "revision": CadFile.revision,
        "size": CadFile.size,
    }
    page = page_of(
        statement, query, key=CadFile, search=(CadFile.filename, Asset.name), sort=sort, default_sort="-created_at"
    )
    wanted = [each.conversion.job_id for each in page["items"] if each.conversion.job_id]
    found = {job.id: job for job in session().scalars(select(Job).where(Job.id.in_(wanted)))} if wanted else {}
    newest = conversions.newest_revisions(session(), page["items"])
    page["items"] = [_described(each, newest, found.get(each.conversion.job_id)) for each in page["items"]]
    return page


@cad.declare(
    "POST",
    "/",
    permission=Permission.CAD_WRITE,
    query=UploadQuery,
    upload="application/octet-stream",
    answer=CadFileOut,
    status=201,
)
def upload_cad_file(query: UploadQuery) -> Answer:
    """Upload a STEP file as the raw body. The conversion runs in the background.

    The same content with the same settings is not converted again: its derivatives are there at once. Where it is an
    earlier revision it stays one (`newest_revision` tells), until it is restored.
    """
    if not query.asset:
        raise InputError(
            "The upload names no asset.", hint="Add ?asset=NAME.", fields={"asset": "name of the asset is required"}
        )
    settings = query.settings()
    check_live(find_asset(query.asset, query.project))  # what is filed wrongly is refused before the file comes

    def add(sha256: str, size: int, source_path: str) -> Answer:
        # Which may have been put away, or hidden from who sends it, while the file came.
        asset = find_asset(query.asset, query.project)
        check_live(asset)
        cad_file, reused = conversions.add_cad_file(
            session(),
            root(),
            asset,
            filename=query.filename,
            sha256=sha256,
            size=size,
            source_path=source_path,
            lineage=query.lineage or asset.name,
            settings=settings,
        )
        return Answer(describe(cad_file, reused=reused), 201)

    if query.sha256 and not request.content_length and "Transfer-Encoding" not in request.headers:
        source_path, size = conversions.known_content(session(), query.sha256)
        return add(query.sha256, size, source_path)
    config = auth.config()
    request.max_content_length = config.max_upload_bytes
    release(session())
    with store.receive(request.stream, root(), config.max_upload_bytes) as upload:
        store.check_step(upload, query.filename)
        if query.sha256 not in (None, upload.sha256):
            raise InputError(
                f"{query.filename} arrived damaged: its SHA-256 is {upload.sha256}.",
                hint="Send it again.",
                code="input.digest",
                fields={"sha256": "is not the digest of the body"},
            )
        return add(upload.sha256, upload.size, upload.keep(root(), conversions.SOURCE_NAME))


@cad.declare("GET", "/<uuid:cad_file_id>", permission=Permission.CAD_READ, answer=CadFileOut)
def get_cad_file(cad_file_id: UUID) -> dict[str, Any]:
    """A CAD file with the state of its conversion."""
    return describe(row(CadFile, cad_file_id))


@cad.declare(
    "POST",
    "/<uuid:cad_file_id>/convert",
    permission=Permission.CAD_WRITE,
    query=ConvertQuery,
    answer=CadFileOut,
)
def convert_again(cad_file_id: UUID, query: ConvertQuery) -> dict[str, Any]:
    """Try a failed conversion again, if wanted with other settings or limits."""
    given = {name: getattr(query, name) for name in conversions.LIMITS}
    limits = {name: value for name, value in given.items() if value is not None}
    check_limits(limits)
    cad_file = row(CadFile, cad_file_id, lock=True)
    conversions.convert_again(session(), cad_file, query.settings(), limits)
    return describe(cad_file)


@cad.declare("POST", "/<uuid:cad_file_id>/restore", permission=Permission.CAD_WRITE, answer=CadFileOut, status=201)
def restore_revision(cad_file_id: UUID) -> dict[str, Any]:
    """Make the content of an earlier revision the newest one: answers the revision that is added for it."""
    found = row(CadFile, cad_file_id)
    check_live(found.asset)
    return describe(conversions.restore(session(), root(), found))


def check_limits(limits: dict[str, int]) -> None:
    """Raises ForbiddenError where the caller may not allow so much."""
    config = auth.config()
    usual = {"seconds": config.convert_seconds, "memory_mb": config.tool_memory_bytes // MEBIBYTE}
    beyond = [name for name, value in limits.items() if value > usual.get(name, value)]
    if beyond and not allows(auth.current().role, Permission.PRODUCTION_WRITE):
        raise ForbiddenError(
            f"Only a project manager may allow a conversion more {' and '.join(beyond)} than usual.",
            hint=f"The usual limits are {usual}; ask a project manager, or use a coarser setting.",
        )


@cad.declare(
    "GET",
    "/<uuid:cad_file_id>/files/<any(usd_master,gltf_geometry,scene_manifest):name>",
    permission=Permission.CAD_READ,
    media_type="*/*",
)
def get_derivative(cad_file_id: UUID, name: Derivative) -> Response:
    """A derivative's file."""
    cad_file = row(CadFile, cad_file_id)
    path = cad_file.conversion.derivatives.get(name)
    if not path:
        raise NotFoundError(f"{cad_file.filename} has no {name} yet.", hint="Wait until its state is `ready`.")
    return stored_file(path, _MIME_TYPES[name])
