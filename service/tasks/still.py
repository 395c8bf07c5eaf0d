"""The steps ``still`` and ``thumbnail``: one picture in headless Blender."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service import materials
from service.config import Config
from service.database import tenant_session
from service.models import Asset, CadFile, MediaAsset, Part, Publish
from service.tasks import tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from shared import paths
from shared.errors import RenderError
from shared.files import make_folder, sha256_of, sync_folder
from shared.manifest import write_manifest

_RENDERER = tool.Tool("dcc.render.still", RenderError, "The renderer", "render", "RACEWAY_RENDER_SECONDS")
_FLAGS = ("preset", "width", "height", "samples", "engine", "device", "background", "camera")
_REPORTED = ("engine", "device", "samples", "width", "height", "render_seconds")
_PICTURE = "still.png"
_THUMBNAIL = "thumbnail.png"


@dataclass(frozen=True)
class _Subject:
    """What is on the picture, and where the picture goes."""

    asset_name: str
    usd: Path
    folder: str
    has_manifest: bool


def run(lease: Lease, config: Config, root: Path) -> None:
    """Render; records the pictures with the job's end, in one transaction."""
    with tool.temporary_folder(lease, root / FOLDER) as temporary:
        with tenant_session(lease.tenant_id) as current:
            subject = _subject(current, lease, root, temporary / "manifest.json")
        arguments = _arguments(lease, subject, temporary)
        result = tool.run(_RENDERER, arguments, lease, config, root, seconds=config.render_seconds)
        lease.start_step("store")
        pictures = _put_in_place(lease, temporary, make_folder(root / subject.folder))
    media = [_medium(lease, root, file, kind, subject, result) for kind, file in pictures.items()]
    files = {medium.asset_type: medium.path for medium in media}
    reported = {name: result.get(name) for name in _REPORTED}
    lease.complete(
        {**reported, "files": files, "unresolved": result.get("unresolved", [])},
        lambda current: current.add_all(media),
        output={"files": files},
    )


def _subject(current: Session, lease: Lease, root: Path, manifest: Path) -> _Subject:
    job = lease.job
    asset = current.scalars(select(Asset).where(Asset.id == job.asset_id)).one()
    folder = paths.render_folder(asset.project_name, asset.entity, str(job.id))
    cad_file: CadFile | None
    if job.publish_id is None:
        cad_file = current.scalars(select(CadFile).where(CadFile.id == job.cad_file_id)).one()
        usd: str = cad_file.conversion.derivatives["usd_master"]
    else:
        usd = paths.entity_entry(asset.project_name, asset.entity)
        # The parts of the asset come from the CAD file that its current publishes name.
        cad_file = current.scalar(
            select(CadFile)
            .join(Publish, (Publish.tenant_id == CadFile.tenant_id) & (Publish.cad_file_id == CadFile.id))
            .join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.current_publish_id == Publish.id))
            .where(Part.asset_id == asset.id)
            .order_by(Publish.created_at.desc())
            .limit(1)
        )
    place = paths.absolute(root, usd)
    if not place.is_file():
        raise RenderError(
            f"{usd} is not on the storage.",
            hint="Publish the asset again, or restore the file from a backup.",
            code="render.no_usd",
        )
    if cad_file is not None and cad_file.conversion.state == "ready":
        write_manifest(materials.effective_manifest(current, root, cad_file), manifest)
    return _Subject(asset.name, place, folder, manifest.exists())


def _arguments(lease: Lease, subject: _Subject, folder: Path) -> list[str]:
    request: dict[str, Any] = lease.job.request
    options = ["--usd", str(subject.usd), "--output", str(folder / _PICTURE), "--thumbnail", str(folder / _THUMBNAIL)]
    if subject.has_manifest:
        options += ["--manifest", str(folder / "manifest.json")]
    for name in _FLAGS:
        if request.get(name) is not None:
            options += [f"--{name}", str(request[name])]
    return options


def _put_in_place(lease: Lease, temporary: Path, folder: Path) -> dict[str, Path]:
    """Move the pictures to the asset's renders; a thumbnail job keeps the small one only."""
    kinds = {"thumbnail": _THUMBNAIL} if lease.job.kind == "thumbnail" else {"still": _PICTURE, "thumbnail": _THUMBNAIL}
    pictures = {}
    for kind, name in kinds.items():
        (temporary / name).replace(folder / name)
        pictures[kind] = folder / name
    sync_folder(folder)
    return pictures


def _medium(lease: Lease, root: Path, file: Path, kind: str, subject: _Subject, result: dict[str, Any]) -> MediaAsset:
    full_size = kind == "still"
    return MediaAsset(
        id=uuid4(),
        asset_type=kind,
        category_key=subject.asset_name,
        name=file.name,
        path=paths.relative(root, file),
        mime_type="image/png",
        size=file.stat().st_size,
        sha256=sha256_of(file),
        width=result["width"] if full_size else None,
        height=result["height"] if full_size else None,
        details={"device": result["device"], "samples": result["samples"]},
        asset_id=lease.job.asset_id,
        publish_id=lease.job.publish_id,
        cad_file_id=lease.job.cad_file_id,
        job_id=lease.job.id,
    )
