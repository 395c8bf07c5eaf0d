"""Save a work file under the next version that the service gives out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared import paths
from shared.client import Client, Json
from shared.context import Context, check_id, check_name
from shared.errors import InputError, StorageError
from shared.files import atomic_path, make_folder, sha256_of, storage_error
from shared.versions import Version

BUMPS = ("iteration", "version")

Save = Callable[[Path], None]
"""Writes the open scene to a path; raises where it cannot."""


@dataclass(frozen=True)
class SavedScene:
    """A scene on record. ``path`` is relative to the storage root."""

    id: str
    name: str
    version: Version
    path: str


def save_scene(
    client: Client,
    context: Context,
    name: str,
    save: Save,
    *,
    software: str,
    suffix: str,
    bump: str = "iteration",
    saves_atomically: bool = False,
) -> SavedScene:
    """Reserve the next version of the scene ``name``, write it and commit it.

    ``bump`` is ``iteration`` (the usual save) or ``version`` (a step worth a name). ``save`` is given a temporary path
    that becomes the scene when it returns. Blender itself writes to a temporary name and renames, and remembers the
    path it saved to: such an application says ``saves_atomically`` and is given the final path.

    Raises InputError without a task or for a bad name, ServiceError where the service is away (then nothing was
    written), StorageError where the file cannot be written.
    """
    check_name(name, "scene")
    if bump not in BUMPS:
        raise InputError(f"There is no kind of save {bump!r}.", hint=f"Choose one of {', '.join(BUMPS)}.")
    reserved = client.reserve_scene(require_task(context), name, software=software, suffix=suffix, bump=bump)
    place = paths.absolute(context.root, reserved["path"])
    if saves_atomically:
        _save_in_place(place, save)
    else:
        with atomic_path(place, overwrite=False) as temporary:
            save(temporary)
    client.commit_scene(reserved["id"], sha256=sha256_of(place), size=place.stat().st_size)
    return SavedScene(
        reserved["id"], name, Version(reserved["version"], reserved["iteration"]), paths.normalise(reserved["path"])
    )


def list_scenes(client: Client, context: Context) -> list[Json]:
    """The committed scenes of the task, the newest first; each with ``name``, ``version``, ``iteration``, ``path``."""
    return client.scenes(require_task(context))


def require_task(context: Context) -> str:
    """The id of the task worked on; raises InputError where none is chosen, or what is no id."""
    if not context.task_id:
        raise InputError(
            "No task is chosen (PM_TASK_ID is not set).",
            hint="Pick a task in the Raceway launcher and start this program from there.",
            code="input.context",
        )
    return check_id(context.task_id, "task")


def _save_in_place(place: Path, save: Save) -> None:
    make_folder(place.parent)
    if place.exists():
        raise StorageError(f"{place} exists already and is never replaced.", hint="Save again.", code="storage.exists")
    try:
        save(place)
    except OSError as error:
        raise storage_error(error, place) from error
    if not place.is_file():
        raise StorageError(f"{place} was not written.", hint="Check the disk and the folder's permissions.")
