"""The task ``render``: a chunk of a job's frames, recorded one by one as they are finished.

What an earlier attempt finished is not rendered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from service.config import Config
from service.database import tenant_session
from service.models import Job, JobFrame, MediaAsset
from service.queue import job_groups
from service.tasks import pinned, tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from service.tasks.still import PICTURE_TYPES
from service.tasks.subject import Subject, renderer_options, subject_of
from shared import paths
from shared.errors import RenderError
from shared.files import make_folder, sha256_of, storage_error
from shared.frame_ranges import format_frames
from shared.processes import Event

RENDERER = tool.Tool("dcc.render.frames", RenderError, "The renderer", "render", "RACEWAY_RENDER_SECONDS")
HUSK = tool.Tool("dcc.render.husk", RenderError, "husk", "render", "RACEWAY_RENDER_SECONDS")
_HUSK_SETTINGS = ("width", "height", "samples", "device", "camera")
_REPORTED = ("engine", "device", "lighting", "camera", "samples", "width", "height", "render_seconds", "unresolved")
_FILM = "mp4"
_NAMED = 5


def run(lease: Lease, config: Config, root: Path) -> None:
    """Render what is missing of the task's frames; each is recorded in the moment it stands in the job's folder."""
    request: dict[str, Any] = lease.job.request
    reported: dict[str, Any] = {}
    missing = _missing(lease)
    if missing:
        with tool.temporary_folder(lease, root / FOLDER) as temporary:
            with tenant_session(lease.tenant_id) as current:
                subject = subject_of(current, lease.job, root, temporary / "manifest.json")
            subject = pinned.with_references(lease, config, root, subject, temporary)
            record = _Recorder(lease, root, make_folder(root / subject.folder), temporary, set(missing))
            result = tool.run(
                HUSK if request.get("renderer") == "husk" else RENDERER,
                _arguments(request, subject, root, temporary, missing),
                lease,
                config,
                root,
                seconds=config.render_seconds,
                stall_seconds=config.stall_seconds,
                on_event=record.on_event,
            )
        reported = {name: result.get(name) for name in _REPORTED}
        if record.expected:
            raise _incomplete(sorted(record.expected))
    lease.complete({**reported, "frames": request["frames"]}, lambda current: _add_media(current, lease, root))


def _missing(lease: Lease) -> list[int]:
    undone = select(JobFrame.frame).where(JobFrame.task_id == lease.job.id, JobFrame.path.is_(None))
    with tenant_session(lease.tenant_id) as current:
        return list(current.scalars(undone.order_by(JobFrame.frame)))


def _arguments(request: dict[str, Any], subject: Subject, root: Path, folder: Path, frames: list[int]) -> list[str]:
    suffix = "exr" if request.get("format") == "exr" else "png"
    options = ["--output", str(folder / f"{subject.name}.####.{suffix}"), "--frames", format_frames(frames)]
    if request.get("renderer") == "husk":
        # Karma takes materials, lights and camera from the stage.
        named = ((name, request[name]) for name in _HUSK_SETTINGS if name in request)
        return [
            *options,
            "--usd",
            str(subject.usd),
            *(text for name, value in named for text in (f"--{name}", str(value))),
        ]
    options += renderer_options(request, subject, root)
    if request.get("turn_frames"):
        options += ["--motion", "turntable", "--turn-frames", str(request["turn_frames"])]
    return options


@dataclass
class _Recorder:
    """Takes finished frames over from the renderer."""

    lease: Lease
    root: Path
    final: Path
    temporary: Path
    expected: set[int]

    def on_event(self, event: Event) -> None:
        if event["event"] != "frame":
            self.lease.on_event(event)
            return
        frame, place = int(event["frame"]), Path(event["path"])
        if frame not in self.expected or place.parent != self.temporary:
            raise RenderError(f"The renderer reported frame {frame}, which it was not asked for.")
        seconds = float(event.get("seconds") or 0.0)
        self.expected.discard(frame)
        digest, size, final = sha256_of(place), place.stat().st_size, self.final / place.name
        try:
            place.replace(final)
        except OSError as error:
            raise storage_error(error, final) from error
        values = {
            "path": paths.relative(self.root, final),
            "sha256": digest,
            "size": size,
            "seconds": seconds,
            "worker_id": self.lease.job.worker_id,
            "attempt": self.lease.attempt,
            "finished_at": func.now(),
        }
        self.lease.write(lambda current: self._record(current, frame, values))

    def _record(self, current: Session, frame: int, values: dict[str, Any]) -> None:
        """Write the frame once, and only as long as the task is this worker's."""
        job_id: UUID | None = self.lease.job.parent_id
        assert job_id is not None
        current.execute(
            update(JobFrame)
            .where(JobFrame.job_id == job_id, JobFrame.frame == frame, JobFrame.path.is_(None))
            .where(exists(select(Job.id).where(self.lease.is_ours())))
            .values(values)
            .execution_options(synchronize_session=False)
        )
        job_groups.show_progress(current, job_id)


def _add_media(current: Session, lease: Lease, root: Path) -> None:
    """Frames that are delivered as they are become media; those of a film do not."""
    if lease.job.request.get("format") == _FILM:
        return
    done = select(JobFrame).where(JobFrame.task_id == lease.job.id, JobFrame.path.is_not(None))
    for frame in current.scalars(done.order_by(JobFrame.frame)):
        assert frame.path is not None and frame.size is not None and frame.sha256 is not None
        current.add(
            MediaAsset(
                id=uuid4(),
                asset_type="frame",
                category_key=str(frame.frame),
                name=Path(frame.path).name,
                path=frame.path,
                mime_type=PICTURE_TYPES[Path(frame.path).suffix],
                size=frame.size,
                sha256=frame.sha256,
                width=lease.job.request.get("width"),
                height=lease.job.request.get("height"),
                details={"frame": frame.frame},
                asset_id=lease.job.asset_id,
                publish_id=lease.job.publish_id,
                cad_file_id=lease.job.cad_file_id,
                job_id=lease.job.parent_id,
            )
        )


def _incomplete(frames: list[int]) -> RenderError:
    named = format_frames(frames[:_NAMED]) + (", ..." if len(frames) > _NAMED else "")
    return RenderError(
        f"The renderer ended without {len(frames)} of its frames ({named}).",
        hint="See the log of the task.",
        code="render.frame_missing",
    )
