"""CAD files: upload, conversion, scene manifest, and the artist's choices of material."""

from __future__ import annotations

import mimetypes
import re
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flask import Response, request, send_file
from pydantic import Field
from sqlalchemy import select

from service import auth, conversions, materials, store
from service.api.assets import find_asset
from service.api.fields import Row
from service.api.listing import ListQuery, Page, page_of, row
from service.api.routing import Answer, Reply, Request, Resource
from service.database import session
from service.models import Asset, CadFile, Conversion, Job, Project
from service.permissions import Permission
from shared import paths
from shared.errors import ConflictError, InputError, NotFoundError, StorageError
from shared.material_layers import manual_layer
from shared.steps import step

cad = Resource("cad", "/cad")
RESOURCES = (cad,)

Derivative = Literal["usd_master", "gltf_geometry", "scene_manifest"]
_MIME_TYPES = {
    "usd_master": "application/octet-stream",
    "gltf_geometry": "model/gltf-binary",
    "scene_manifest": "application/json",
}
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")


class CadFileOut(Row):
    project: str
    asset: str
    asset_id: UUID
    filename: str
    sha256: str
    size: int
    lineage: str
    revision: int
    state: Literal["uploaded", "queued", "converting", "ready", "failed"]
    progress: dict[str, Any]
    error: dict[str, Any] | None
    job_id: UUID | None
    derivatives: dict[str, str] = Field(description="storage-relative path by name")
    summary: dict[str, Any] = Field(description="what the converter counted and warned of")
    reused: bool = Field(False, description="whether an earlier conversion of the same content was taken")


class UploadQuery(Request):
    project: str = Field(max_length=100, description="name of the project")
    asset: str = Field("", max_length=100, description="name of the asset")
    filename: str = Field(max_length=200)
    lineage: str = Field("", max_length=100, description="successive revisions of one model; default: the asset")
    relative_deflection: float | None = Field(None, description="see the step `convert` of /api/workflows/steps")
    linear_deflection: float | None = None
    angular_deflection: float | None = None


class CadQuery(ListQuery):
    project: str = Field("", description="name of the project")
    asset: str = Field("", description="name of the asset")
    state: str = ""


class Overrides(Request):
    """``null`` takes a choice back."""

    overrides: dict[str, str | None] = Field(default_factory=dict, description="material by partKey")
    occurrence_overrides: dict[str, str | None] = Field(
        default_factory=dict, description="material by occurrence (`<partKey>:<path>`)"
    )


class OverridesOut(Reply):
    overrides: dict[str, str]
    occurrence_overrides: dict[str, str]
    etag: str = Field(description="send it back as If-Match")
    updated_at: datetime


def describe(cad_file: CadFile, *, reused: bool = False) -> dict[str, Any]:
    """What the API answers for a CAD file."""
    conversion = cad_file.conversion
    job = session().get(Job, (conversion.tenant_id, conversion.job_id)) if conversion.job_id else None
    return _described(cad_file, job, reused)


def _described(cad_file: CadFile, job: Job | None, reused: bool = False) -> dict[str, Any]:
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
    page["items"] = [_described(each, found.get(each.conversion.job_id)) for each in page["items"]]
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

    The same content with the same settings is not converted again: its derivatives are there at once.
    """
    if not _FILE_NAME.fullmatch(query.filename):
        raise InputError(
            f"{query.filename!r} is not a file name.",
            hint="Give the bare name, without a folder.",
            fields={"filename": "no folders, no control characters"},
        )
    if not query.asset:
        raise InputError(
            "The upload names no asset.", hint="Add ?asset=NAME.", fields={"asset": "name of the asset is required"}
        )
    given = {name: getattr(query, name) for name in conversions.DEFLECTIONS}
    settings = {name: value for name, value in given.items() if value is not None}
    step("convert").check(settings)
    asset = find_asset(query.asset, query.project)
    config = auth.config()
    root = config.tenant_root(auth.current().storage)
    request.max_content_length = config.max_upload_bytes
    with store.receive(request.stream, root, config.max_upload_bytes) as upload:
        store.check_step(upload, query.filename)
        cad_file, reused = conversions.add_cad_file(
            session(),
            asset,
            filename=query.filename,
            sha256=upload.sha256,
            size=upload.size,
            source_path=upload.keep(root, conversions.SOURCE_NAME),
            lineage=query.lineage or asset.name,
            settings=settings,
        )
    return Answer(describe(cad_file, reused=reused), 201)


@cad.declare("GET", "/<uuid:cad_file_id>", permission=Permission.CAD_READ, answer=CadFileOut)
def get_cad_file(cad_file_id: UUID) -> dict[str, Any]:
    """A CAD file with the state of its conversion."""
    return describe(row(CadFile, cad_file_id))


@cad.declare("POST", "/<uuid:cad_file_id>/convert", permission=Permission.CAD_WRITE, answer=CadFileOut)
def convert_again(cad_file_id: UUID) -> dict[str, Any]:
    """Try a failed conversion again."""
    cad_file = row(CadFile, cad_file_id)
    conversions.convert_again(session(), cad_file)
    return describe(cad_file)


@cad.declare("GET", "/<uuid:cad_file_id>/scene-manifest", permission=Permission.CAD_READ, answer=dict[str, Any])
def get_scene_manifest(cad_file_id: UUID) -> dict[str, Any]:
    """The scene manifest, each part with its effective material, the layer it came from and why."""
    cad_file = row(CadFile, cad_file_id)
    return materials.effective_manifest(session(), _root(), cad_file).to_json()


@cad.declare("GET", "/<uuid:cad_file_id>/revision-report", permission=Permission.CAD_READ, answer=dict[str, Any])
def get_revision_report(cad_file_id: UUID) -> dict[str, Any]:
    """What became of each part of the revision before: matches with confidence and reason, uncertain, new, removed.

    `keys` names the final partKey of each part by the key that the file itself gives it.
    """
    return materials.revision_report(_root(), row(CadFile, cad_file_id))


@cad.declare(
    "GET",
    "/<uuid:cad_file_id>/manual-material-overrides",
    permission=Permission.CAD_READ,
    answer=OverridesOut,
)
def get_overrides(cad_file_id: UUID) -> Answer:
    """The artist's choices of material."""
    return _overrides_answer(row(CadFile, cad_file_id))


@cad.declare(
    "PUT",
    "/<uuid:cad_file_id>/manual-material-overrides",
    permission=Permission.MATERIAL_ASSIGN,
    body=Overrides,
    answer=OverridesOut,
)
def set_overrides(cad_file_id: UUID, body: Overrides) -> Answer:
    """Replace the artist's choices of material as a whole.

    With ``If-Match`` the call is refused (412) where somebody changed them since. Unknown parts and materials are
    refused, each named.
    """
    cad_file = row(CadFile, cad_file_id, lock=True)
    wanted = request.headers.get("If-Match", "").strip()
    if wanted and wanted not in ("*", _etag(cad_file)):
        raise ConflictError(
            "Somebody else changed these materials since you read them.",
            hint="Read them again, then repeat your change.",
            code="conflict.stale",
            status=412,
        )
    parts = materials.manifest_of(_root(), cad_file).parts
    library = materials.library_of(session())
    given = {**body.overrides, **body.occurrence_overrides}
    accepted = manual_layer({target: name for target, name in given.items() if name}, parts, library)
    cad_file.overrides = {target: accepted[target].material for target in body.overrides if target in accepted}
    cad_file.occurrence_overrides = {
        target: accepted[target].material for target in body.occurrence_overrides if target in accepted
    }
    cad_file.overrides_revision += 1
    session().flush()
    session().refresh(cad_file)
    return _overrides_answer(cad_file)


@cad.declare(
    "GET",
    "/<uuid:cad_file_id>/files/<any(usd_master,gltf_geometry,scene_manifest):name>",
    permission=Permission.CAD_READ,
    media_type="application/octet-stream",
)
def get_derivative(cad_file_id: UUID, name: Derivative) -> Response:
    """A derivative's file."""
    cad_file = row(CadFile, cad_file_id)
    path = cad_file.conversion.derivatives.get(name)
    if not path:
        raise NotFoundError(f"{cad_file.filename} has no {name} yet.", hint="Wait until its state is `ready`.")
    return stored_file(path, _MIME_TYPES[name])


def stored_file(path: str, mime_type: str = "") -> Response:
    """A file of the tenant's storage as an answer. Raises StorageError where it is gone."""
    place = paths.absolute(_root(), path)
    if not place.is_file():
        raise StorageError(
            f"{path} is not on the storage any more.", hint="Restore it from a backup.", code="storage.missing"
        )
    guessed = mime_type or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    return send_file(place, mimetype=guessed, download_name=place.name, conditional=True, max_age=3600)


def _root() -> Any:
    return auth.config().tenant_root(auth.current().storage)


def _etag(cad_file: CadFile) -> str:
    return f'"{cad_file.overrides_revision}"'


def _overrides_answer(cad_file: CadFile) -> Answer:
    data = {
        "overrides": cad_file.overrides,
        "occurrence_overrides": cad_file.occurrence_overrides,
        "etag": _etag(cad_file),
        "updated_at": cad_file.updated_at,
    }
    return Answer(data, headers={"ETag": _etag(cad_file)})
