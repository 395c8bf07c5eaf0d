"""The task ``encode``: the frames of a job become a film."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from service.config import Config
from service.database import tenant_session
from service.models import JobFrame, MediaAsset
from service.review.films import rendered_film
from service.tasks import tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from shared import paths
from shared.errors import RenderError
from shared.files import sha256_of, storage_error, sync_folder

ENCODER = tool.Tool("dcc.render.encode", RenderError, "The encoder", "render", "RACEWAY_RENDER_SECONDS")
_FILM = "film.mp4"
_REPORTED = ("codec", "fps", "duration", "width", "height")


def run(lease: Lease, config: Config, root: Path) -> None:
    """Encode what was rendered, in the order of the frames; skipped ones leave no hole."""
    frames = _rendered(lease)
    if not frames:
        raise RenderError("No frame was rendered.", hint="Retry the frames that were skipped.", code="render.no_frames")
    final = paths.absolute(root, frames[0]).parent / _FILM
    with tool.temporary_folder(lease, root / FOLDER) as temporary:
        pattern = _line_up([paths.absolute(root, frame) for frame in frames], temporary)
        arguments = ["--frames", str(pattern), "--first", "1", "--last", str(len(frames))]
        arguments += ["--fps", str(lease.job.request["fps"]), "--output", str(temporary / _FILM)]
        result = tool.run(
            ENCODER,
            arguments,
            lease,
            config,
            root,
            seconds=config.render_seconds,
            stall_seconds=config.stall_seconds,
        )
        lease.start_step("store")
        try:
            (temporary / _FILM).replace(final)
            sync_folder(final.parent)
        except OSError as error:
            raise storage_error(error, final) from error
    film = _medium(lease, root, final, "film", "video/mp4", result)
    rendered_film(result).describe(film)
    first = _medium(lease, root, paths.absolute(root, frames[0]), "still", "image/png", result)
    files = {"film": film.path, "still": first.path}
    reported = {name: result.get(name) for name in _REPORTED}
    lease.complete(
        {**reported, "files": files}, lambda current: current.add_all([film, first]), output={"files": files}
    )


def _rendered(lease: Lease) -> list[str]:
    done = select(JobFrame.path).where(JobFrame.job_id == lease.job.parent_id, JobFrame.path.is_not(None))
    with tenant_session(lease.tenant_id) as current:
        return [path for path in current.scalars(done.order_by(JobFrame.frame)) if path]


def _line_up(frames: Sequence[Path], folder: Path) -> Path:
    """The frames under consecutive numbers, which is what an encoder reads; answers their pattern."""
    for number, frame in enumerate(frames, 1):
        place = folder / f"frame.{number:04}{frame.suffix}"
        try:
            os.link(frame, place)
        except OSError:
            try:
                shutil.copyfile(frame, place)
            except OSError as error:
                raise storage_error(error, frame, "read") from error
    return folder / f"frame.####{frames[0].suffix}"


def _medium(lease: Lease, root: Path, file: Path, kind: str, mime_type: str, result: dict[str, Any]) -> MediaAsset:
    return MediaAsset(
        id=uuid4(),
        asset_type=kind,
        category_key=lease.job.kind,
        name=file.name,
        path=paths.relative(root, file),
        mime_type=mime_type,
        size=file.stat().st_size,
        sha256=sha256_of(file),
        width=result.get("width"),
        height=result.get("height"),
        details={name: result[name] for name in ("fps", "duration", "codec") if name in result},
        asset_id=lease.job.asset_id,
        publish_id=lease.job.publish_id,
        cad_file_id=lease.job.cad_file_id,
        job_id=lease.job.parent_id,
    )
