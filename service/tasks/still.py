"""The steps ``still`` and ``thumbnail``: one picture in headless Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from service.config import Config
from service.database import tenant_session
from service.models import MediaAsset
from service.tasks import pinned, tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from service.tasks.subject import Subject, renderer_options, subject_of
from shared import paths
from shared.errors import RenderError
from shared.files import make_folder, sha256_of, sync_folder

RENDERER = tool.Tool("dcc.render.still", RenderError, "The renderer", "render", "RACEWAY_RENDER_SECONDS")
_REPORTED = ("engine", "device", "lighting", "camera", "samples", "width", "height", "render_seconds")
PICTURE_TYPES = {".png": "image/png", ".exr": "image/x-exr"}
_THUMBNAIL = "thumbnail.png"


def run(lease: Lease, config: Config, root: Path) -> None:
    """Render; records the pictures with the job's end, in one transaction."""
    with tool.temporary_folder(lease, root / FOLDER) as temporary:
        with tenant_session(lease.tenant_id) as current:
            subject = subject_of(current, lease.job, root, temporary / "manifest.json")
        subject = pinned.with_references(lease, config, root, subject, temporary)
        picture = temporary / f"still.{lease.job.request.get('format') or 'png'}"
        arguments = ["--output", str(picture), "--thumbnail", str(temporary / _THUMBNAIL)]
        arguments += renderer_options(lease.job.request, subject, root)
        result = tool.run(
            RENDERER,
            arguments,
            lease,
            config,
            root,
            seconds=config.render_seconds,
            stall_seconds=config.stall_seconds,
        )
        lease.start_step("store")
        pictures = _put_in_place(lease, picture, make_folder(root / subject.folder))
    media = [_medium(lease, root, file, kind, subject, result) for kind, file in pictures.items()]
    files = {medium.asset_type: medium.path for medium in media}
    reported = {name: result.get(name) for name in _REPORTED}
    lease.complete(
        {**reported, "files": files, "unresolved": result.get("unresolved", [])},
        lambda current: current.add_all(media),
        output={"files": files},
    )


def _put_in_place(lease: Lease, picture: Path, folder: Path) -> dict[str, Path]:
    """Move the pictures to the asset's renders; a thumbnail job keeps the small one only."""
    kinds = {"thumbnail": _THUMBNAIL}
    if lease.job.kind != "thumbnail":
        kinds["still"] = picture.name
    pictures = {}
    for kind, name in kinds.items():
        (picture.parent / name).replace(folder / name)
        pictures[kind] = folder / name
    sync_folder(folder)
    return pictures


def _medium(lease: Lease, root: Path, file: Path, kind: str, subject: Subject, result: dict[str, Any]) -> MediaAsset:
    full_size = kind == "still"
    return MediaAsset(
        id=uuid4(),
        asset_type=kind,
        category_key=subject.name,
        name=file.name,
        path=paths.relative(root, file),
        mime_type=PICTURE_TYPES[file.suffix],
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
