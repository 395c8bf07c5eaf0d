"""Save a work file as the next version or iteration of its task, and find the saved ones again.

The service gives out the number, so that two artists on one task never save over each other. The DCC writes the file
itself, at the place that the reservation names; it counts once it is committed with its digest.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared import paths
from shared.client import Client, Json
from shared.context import Context, check_name
from shared.errors import InputError, StorageError
from shared.files import make_folder, sha256_of, storage_error
from shared.versions import Version

Bump = Literal["iteration", "version"]


@dataclass(frozen=True)
class SavedScene:
    """A saved work file; ``path`` is relative to the storage root, ``file`` is its place on this machine."""

    id: str
    name: str
    version: Version
    path: str
    file: Path
    software: str = ""
    created_at: str = ""
    created_by: str = ""


def save_scene(
    client: Client,
    context: Context,
    name: str,
    *,
    software: str,
    suffix: str,
    write: Callable[[Path], None],
    bump: Bump = "iteration",
) -> SavedScene:
    """Save the open work file as the next ``bump`` of the context's task.

    ``write`` makes the DCC save to the path it gets, whole or not at all (as Blender and Houdini do).

    Raises InputError without a task or for a name that is none, StorageError where the file cannot be written, and
    what the service answers. Then no new version is visible.
    """
    check_name(name, "scene")
    task_id = require_task(context)
    reserved = client.reserve_scene(task_id, name, software=software, suffix=suffix, bump=bump)
    file = paths.absolute(context.root, reserved["path"])
    make_folder(file.parent)
    if file.exists():
        raise StorageError(
            f"{file} exists already, although its version was free.",
            hint="Somebody copied a file there by hand: move it away and save again.",
            code="storage.exists",
        )
    try:
        write(file)
        _flush(file)
        client.commit_scene(reserved["id"], sha256=sha256_of(file), size=file.stat().st_size)
    except BaseException:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
        raise
    return _saved(context, {**reserved, "name": name, "software": software})


def list_scenes(client: Client, context: Context) -> list[SavedScene]:
    """The saved work files of the context's task, the newest first."""
    scenes = [_saved(context, row) for row in client.scenes(require_task(context))]
    return sorted(scenes, key=lambda scene: (scene.name, scene.version), reverse=True)


def require_task(context: Context) -> str:
    """The id of the task worked on; raises InputError where none is set."""
    if not context.task_id:
        raise InputError(
            "No task is chosen (PM_TASK_ID is not set).",
            hint="Pick a task in the Raceway launcher and start this program from there.",
            code="input.context",
        )
    return context.task_id


def _saved(context: Context, row: Json) -> SavedScene:
    return SavedScene(
        id=row["id"],
        name=row["name"],
        version=Version(row["version"], row["iteration"]),
        path=row["path"],
        file=paths.absolute(context.root, row["path"]),
        software=row.get("software") or "",
        created_at=row.get("created_at") or "",
        created_by=row.get("created_by") or "",
    )


def _flush(file: Path) -> None:
    try:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
    except OSError as error:
        raise storage_error(error, file) from error
