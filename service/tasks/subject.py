"""What a render shows, and where its pictures go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cad import materials
from service.models import Asset, CadFile, Job, Part, Publish
from shared import paths
from shared.errors import RenderError
from shared.manifest import write_manifest

SETTINGS = ("preset", "width", "height", "samples", "engine", "device", "lighting", "camera")
"""Parameters that the renderers take as they are."""


@dataclass(frozen=True)
class Subject:
    """What is on the pictures; ``manifest`` names materials for parts that the USD leaves unbound."""

    name: str
    usd: Path
    folder: str
    manifest: Path | None


def subject_of(current: Session, job: Job, root: Path, manifest: Path) -> Subject:
    """The subject of a render job or of the job that a task is of; its manifest is written to ``manifest``.

    Raises RenderError (``render.no_usd``) where its USD is not on the storage.
    """
    publish = current.get(Publish, (job.tenant_id, job.publish_id)) if job.publish_id else None
    target = publish.part.target if publish else current.get_one(Asset, (job.tenant_id, job.asset_id))
    folder = paths.render_folder(target.project_name, target.entity, str(job.parent_id or job.id))
    cad_file = _cad_file(current, job, publish)
    if publish is None and cad_file is not None:
        usd: str = cad_file.conversion.derivatives["usd_master"]
    else:
        # A job that was pinned shows what was composed when it was asked for, whatever is published since.
        usd = job.request.get("usd_path") or paths.entity_entry(target.project_name, target.entity)
    place = paths.absolute(root, usd)
    if not place.is_file():
        raise RenderError(
            f"{usd} is not on the storage.",
            hint="Publish the asset again, or restore the file from a backup.",
            code="render.no_usd",
        )
    if cad_file is None or cad_file.conversion.state != "ready":
        return Subject(target.name, place, folder, None)
    write_manifest(materials.effective_manifest(current, root, cad_file), manifest)
    return Subject(target.name, place, folder, manifest)


def renderer_options(request: dict[str, Any], subject: Subject, root: Path) -> list[str]:
    """The part of a renderer's command line that says what it shows and how it looks."""
    options = ["--usd", str(subject.usd)]
    if subject.manifest is not None:
        options += ["--manifest", str(subject.manifest)]
    for name in SETTINGS:
        if request.get(name) is not None:
            options += [f"--{name}", str(request[name])]
    if request.get("hdri"):
        options += ["--background", f"hdri:{paths.absolute(root, request['hdri'])}"]
    elif request.get("background"):
        options += ["--background", str(request["background"])]
    return options


def _cad_file(current: Session, job: Job, publish: Publish | None) -> CadFile | None:
    if publish is None:
        return current.scalars(select(CadFile).where(CadFile.id == job.cad_file_id)).unique().one_or_none()
    if publish.part.asset_id is None:
        return None
    # The parts of the asset come from the CAD file that its current publishes name.
    return current.scalar(
        select(CadFile)
        .join(Publish, (Publish.tenant_id == CadFile.tenant_id) & (Publish.cad_file_id == CadFile.id))
        .join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.current_publish_id == Publish.id))
        .where(Part.asset_id == publish.part.asset_id)
        .order_by(Publish.created_at.desc())
        .limit(1)
    )
