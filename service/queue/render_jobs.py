"""Render jobs as they are submitted: checked whole, and divided into tasks.

A still and a thumbnail are one piece of work. Frames and turntables have a task ``render`` for each chunk of frames,
which several workers do at once, and a task ``encode`` after all of them where a film is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from service.accounts.settings import tenant_settings
from service.models import Job, JobFrame
from service.production.visibility import check_path
from service.queue import jobs
from shared import paths
from shared.errors import InputError
from shared.frame_ranges import chunks, format_frames, parse_frames
from shared.jobs import check_capabilities
from shared.steps import step

WITH_FRAMES = ("frames", "turntable", "husk")
KINDS = ("still", "thumbnail", *WITH_FRAMES)
PRESETS: dict[str, dict[str, int]] = {
    "preview": {"width": 960, "height": 540, "samples": 48},
    "production": {"width": 1920, "height": 1080, "samples": 256},
}
"""What a request leaves out of a still or of frames; a thumbnail has no presets."""
FILM = "mp4"
_DEFAULT_PRESET = "preview"
_NEEDS = {"husk": ("houdini",)}
"""Capabilities that a kind needs always."""
_MAX_TASKS = 2000
_PRIM = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")


def submit(
    current: Session,
    kind: str,
    given: Mapping[str, Any],
    *,
    preset: str = _DEFAULT_PRESET,
    asset_id: UUID | None = None,
    publish_id: UUID | None = None,
    cad_file_id: UUID | None = None,
    priority: int = jobs.PRIORITY,
    needs: Sequence[str] = (),
    depends_on: Sequence[UUID] = (),
    more: Mapping[str, Any] | None = None,
) -> Job:
    """Queue a render of one of the ``KINDS``; ``given`` are parameters of its step, ``more`` goes along unread.

    Raises InputError for parameters that do not fit, for an engine that the tenant does not allow, and for frames that
    are none; NotFoundError or ConflictError for jobs in ``depends_on`` that it cannot wait for.
    """
    request = settings(current, kind, given, preset)
    request |= more or {}
    needs = check_capabilities([*needs, *(["gpu"] if request["device"] == "gpu" else []), *_NEEDS.get(kind, ())])
    with_frames = kind in WITH_FRAMES
    frames = _frames(kind, request) if with_frames else []
    job = jobs.create(
        current,
        kind,
        request,
        asset_id=asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
        priority=priority,
        needs=needs,
        depends_on=depends_on,
        has_tasks=with_frames,
    )
    if with_frames:
        _divide(current, job, request, frames)
    return job


def settings(current: Session, kind: str, given: Mapping[str, Any], preset: str = _DEFAULT_PRESET) -> dict[str, Any]:
    """What is asked of the renderer: ``given``, and what it leaves out from the preset and the step.

    Raises InputError like :func:`submit`.
    """
    wanted = {name: value for name, value in given.items() if value is not None}
    if kind != "thumbnail":
        wanted = {**_of_preset(preset), **wanted}
    request = step(kind).check(wanted)
    allowed = tenant_settings(current).render_engines_allowed
    if "engine" in request and request["engine"] not in allowed:
        raise InputError(
            f"This tenant does not allow the engine {request['engine']}.",
            hint=f"Choose one of {', '.join(allowed)}, or ask an administrator (render_engines_allowed).",
            code="input.engine_not_allowed",
            fields={"engine": f"one of {', '.join(allowed)}"},
        )
    if request.get("hdri"):
        request["hdri"] = paths.normalise(request["hdri"])
        check_path(current, request["hdri"])
    _check_format(request)
    _check_camera(kind, request["camera"])
    if kind != "thumbnail":
        request["preset"] = preset
    return {name: value for name, value in request.items() if value is not None}


def _of_preset(name: str) -> dict[str, int]:
    if name not in PRESETS:
        raise InputError(
            f"There is no preset {name!r}.",
            hint=f"Choose one of {', '.join(PRESETS)}.",
            fields={"preset": f"one of {', '.join(PRESETS)}"},
        )
    return PRESETS[name]


def _check_format(request: Mapping[str, Any]) -> None:
    if request.get("format") != FILM:
        return
    for name, wrong, reason in (
        ("background", request.get("background") == "transparent", "a film has no alpha"),
        ("width", request["width"] % 2, "a film needs an even width"),
        ("height", request["height"] % 2, "a film needs an even height"),
    ):
        if wrong:
            raise InputError(
                f"MP4 cannot be made so: {reason}.",
                hint="Change it, or choose the format png or exr.",
                code="input.parameter",
                fields={name: reason},
            )


def _check_camera(kind: str, camera: str) -> None:
    words = ("auto",) if kind == "husk" else ("auto", "framed")
    if camera not in words and not _PRIM.fullmatch(camera):
        raise InputError(
            f"{camera!r} is no camera that {'husk' if kind == 'husk' else 'a render'} can look through.",
            hint=f"Choose {', '.join(words)}, or the path of a camera prim such as /shot/cameras/hero.",
            code="input.parameter",
            fields={"camera": f"{', '.join(words)}, or the path of a prim"},
        )


def _frames(kind: str, request: dict[str, Any]) -> list[int]:
    if kind == "turntable":
        request["turn_frames"] = request["frames"]
        frames = list(range(1, request["frames"] + 1))
        request["frames"] = format_frames(frames)
    else:
        frames = parse_frames(request["frames"])
    if len(frames) > _MAX_TASKS * request["chunk"]:
        smallest = -(-len(frames) // _MAX_TASKS)
        raise InputError(
            f"{len(frames)} frames in chunks of {request['chunk']} are more than {_MAX_TASKS} tasks.",
            hint=f"Choose chunks of {smallest} frames or more.",
            fields={"chunk": f"{smallest} or more"},
        )
    return frames


def _divide(current: Session, job: Job, request: Mapping[str, Any], frames: Sequence[int]) -> None:
    """Add the job's tasks, and its frames, of which none is rendered yet."""
    rendering = []
    for position, chunk in enumerate(chunks(frames, request["chunk"]), 1):
        task = jobs.add_task(
            current,
            job,
            "render",
            format_frames(chunk),
            {**request, "frames": chunk, "renderer": job.kind},
            position=position,
        )
        rendering.append(task)
        current.add_all(JobFrame(id=uuid4(), job_id=job.id, task_id=task.id, frame=frame) for frame in chunk)
    if request["format"] == FILM:
        jobs.add_task(
            current,
            job,
            "encode",
            "film",
            {"fps": request["fps"]},
            position=len(rendering) + 1,
            depends_on=rendering,
            needs=(),
        )
    current.flush()
