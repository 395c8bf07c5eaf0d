"""The page of an asset: its picture, parts and materials, CAD files, publishes, pictures and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flask import render_template, request
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.cad import revisions
from service.cad.materials import effective_manifest, library_of
from service.database import session
from service.models import Asset, CadFile, Conversion, Job, MediaAsset, Part, Publish, Scene, Task
from service.pages.changing import actions_on
from service.pages.field_values import fields_on
from service.pages.frame import may, page
from service.pages.job_views import JobView, views
from service.pages.making import artists
from service.pages.paging import page_number
from service.pages.parts import PartsTable, parts_table
from service.pages.pictures import in_use, pictures_of
from service.pages.task_templates import offered_templates
from service.pages.uploads import uploading
from service.production.assignees import with_assignees
from service.production.order_of_work import in_order_of_work
from shared import paths
from shared.errors import RacewayError
from shared.manifest import Manifest

_SHOWN = 5
"""Publishes of a part in its asset's table."""
_PUBLISHES = 200
_MEDIA = 60
_JOBS = 12
_SCENES = 500
_LOAD_AT_ONCE = 40_000_000
"""Size up to which the 3D view loads its model without being asked."""


@dataclass(frozen=True)
class CadView:
    """A CAD file as the page shows it. ``problem`` says why its manifest cannot be shown, where it should exist."""

    row: CadFile
    manifest: Manifest | None = None
    table: PartsTable | None = None
    problem: RacewayError | None = None
    open_questions: int = 0
    """Parts of this revision about which a person must decide."""
    model_bytes: int = 0
    """Size of the GLB that the 3D view loads."""
    job: JobView | None = None
    """The conversion under way, or that failed."""


@dataclass(frozen=True)
class PublishedPart:
    """A part and its publishes, the newest first."""

    part: Part
    publishes: list[Publish]

    @property
    def composed(self) -> Publish | None:
        """The one that the asset composes; None where the part was withdrawn."""
        return next((publish for publish in self.publishes if publish.id == self.part.current_publish_id), None)

    @property
    def shown(self) -> list[Publish]:
        """The newest, and the one that is composed."""
        newest = self.publishes[:_SHOWN]
        return newest if self.composed is None or self.composed in newest else [*newest, self.composed]


@page("/assets/<uuid:asset_id>", Permission.PRODUCTION_READ)
def asset(asset_id: UUID) -> str:
    """Everything about one asset; ``cad`` chooses another CAD file than the latest, ``part`` searches the parts."""
    found = row(Asset, asset_id)
    jobs = _jobs(found)
    if request.args.get("fragment") == "conversion":
        view = _cad_view(_cad_files(found), request.args.get("cad", ""), "", 1)
        return render_template("pages/_conversion.html", asset=found, cad=view) if view else ""
    if "fragment" in request.args:
        return render_template("pages/_asset_jobs.html", asset=found, jobs=jobs)
    current = session()
    media = select(MediaAsset).where(MediaAsset.asset_id == asset_id, in_use()).order_by(MediaAsset.created_at.desc())
    tasks = select(Task).where(Task.asset_id == asset_id, Task.archived_at.is_(None)).order_by(*in_order_of_work())
    cad_files = _cad_files(found)
    parts = _published_parts(found)
    return render_template(
        "pages/asset.html",
        asset=found,
        actions=actions_on(found),
        uploads=may(Permission.CAD_WRITE) and found.archived_at is None,
        **uploading(found),
        artists=artists(found.project) if may(Permission.PRODUCTION_WRITE) else [],
        fields=fields_on(found),
        entity_entry=paths.entity_entry(found.project_name, found.entity),
        cad_files=cad_files,
        cad=_cad_view(cad_files, request.args.get("cad", ""), request.args.get("part", "").strip(), page_number()),
        load_at_once=_LOAD_AT_ONCE,
        query=request.args.get("part", "").strip(),
        pictures=pictures_of(current.scalars(media.limit(_MEDIA)).all()),
        published=parts,
        scenes=_scenes(publish for item in parts for publish in item.publishes),
        templates=offered_templates("asset", found.project) if may(Permission.PRODUCTION_WRITE) else [],
        tasks=with_assignees(current, current.scalars(tasks).all()) if may(Permission.TASK_READ) else [],
        jobs=jobs,
    )


def _cad_files(asset: Asset) -> Sequence[CadFile]:
    if not may(Permission.CAD_READ):
        return []
    statement = select(CadFile).where(CadFile.asset_id == asset.id)
    return session().scalars(statement.order_by(CadFile.created_at.desc(), CadFile.revision.desc())).all()


def _cad_view(cad_files: Sequence[CadFile], chosen: str, query: str, number: int) -> CadView | None:
    if not cad_files:
        return None
    cad_file = next((item for item in cad_files if str(item.id) == chosen), cad_files[0])
    if cad_file.conversion.state != "ready":
        return CadView(cad_file, job=_job_of(cad_file.conversion))
    root = auth.config().tenant_root(auth.current().storage)
    try:
        manifest = effective_manifest(session(), root, cad_file)
        table = parts_table(manifest, library_of(session()), query, number)
        open_questions = revisions.open_questions(cad_file)
    except RacewayError as problem:
        # The rest of the page is still true when the storage is away or a derivative is damaged.
        return CadView(cad_file, problem=problem)
    pending = _job_of(cad_file.pending) if cad_file.pending else None
    return CadView(cad_file, manifest, table, None, open_questions, _model_bytes(root, cad_file), pending)


def _job_of(conversion: Conversion) -> JobView | None:
    job = session().get(Job, (conversion.tenant_id, conversion.job_id)) if conversion.job_id else None
    return views([job])[0] if job else None


def _model_bytes(root: Path, cad_file: CadFile) -> int:
    path = cad_file.conversion.derivatives.get("gltf_geometry")
    try:
        return paths.absolute(root, path).stat().st_size if path else 0
    except OSError:
        return 0


def _published_parts(asset: Asset) -> list[PublishedPart]:
    statement = select(Publish).join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
    ordered = statement.where(Part.asset_id == asset.id).order_by(
        Part.name_order, Part.name, Publish.version.desc(), Publish.iteration.desc()
    )
    grouped: dict[UUID, PublishedPart] = {}
    for publish in session().scalars(ordered.limit(_PUBLISHES)):
        grouped.setdefault(publish.part_id, PublishedPart(publish.part, [])).publishes.append(publish)
    return list(grouped.values())


def _scenes(publishes: Iterable[Publish]) -> dict[tuple[UUID, int, int], Scene]:
    """The saved scenes of the publishes' tasks, by task, version and iteration: what publishes name as their source."""
    if not may(Permission.SCENE_READ):
        return {}
    tasks = {publish.task_id for publish in publishes}
    statement = select(Scene).where(Scene.task_id.in_(tasks), Scene.state == "committed")
    rows = session().scalars(statement.order_by(Scene.created_at.desc()).limit(_SCENES))
    return {(scene.task_id, scene.version, scene.iteration): scene for scene in rows}


def _jobs(asset: Asset) -> list[JobView]:
    if not may(Permission.JOB_READ):
        return []
    statement = (
        select(Job).where(Job.asset_id == asset.id, Job.parent_id.is_(None)).order_by(Job.created_at.desc(), Job.id)
    )
    return views(session().scalars(statement.limit(_JOBS)).all())
