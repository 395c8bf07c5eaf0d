"""Where files stand on the shared storage. Every path here is relative to the storage root, with forward slashes."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from shared.context import Entity, check_name
from shared.errors import InputError
from shared.versions import Version, versioned_name

STORE = ".store"
"""Folder of derivatives, addressed by content."""
ITEMS = "data"
"""Folder of a part's items, beside its entry."""
PINNED = ".pinned"
"""Folder of an asset's or shot's pinned entries."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENTRY = re.compile(
    r"(?P<project>\w+)/(assets/(?P<asset>\w+)|shots/(?P<sequence>\w+)/(?P<shot>\w+))"
    r"/usd/((?P<part>[A-Za-z]\w*)/)?(?P<name>\w+)\.usd"
)
_DRIVE = re.compile(r"^[A-Za-z]:")
_STEP = r"(?!\.\.?(?:/|$))[^/\\\x00-\x1f]+"
_NORMAL = re.compile(rf"(?![A-Za-z]:){_STEP}(?:/{_STEP})*")
"""A path as it is stored; scenes name hundreds at a time."""


def entity_folder(project: str, entity: Entity) -> str:
    """``<project>/assets/<asset>`` or ``<project>/shots/<sequence>/<shot>``."""
    check_name(project, "project")
    if entity.kind == "shot":
        return f"{project}/shots/{entity.sequence}/{entity.name}"
    return f"{project}/assets/{entity.name}"


def usd_folder(project: str, entity: Entity) -> str:
    return f"{entity_folder(project, entity)}/usd"


def entity_entry(project: str, entity: Entity) -> str:
    """The entry of an asset or shot, which composes its parts."""
    return f"{usd_folder(project, entity)}/{entity.name}.usd"


def pinned_entry(project: str, entity: Entity, digest: str) -> str:
    """An entry pinned to certain items, named by the SHA-256 of its text.

    No part can have its folder's name.
    """
    return f"{usd_folder(project, entity)}/{PINNED}/{entity.name}_{digest[:16]}.usd"


def parse_entry(path: str) -> tuple[str, Entity, str] | None:
    """Project, asset or shot, and part ("" for the whole) of an entry's path; None for any other path."""
    found = _ENTRY.fullmatch(path)
    if not found:
        return None
    entity = Entity.asset(found["asset"]) if found["asset"] else Entity.shot(found["sequence"], found["shot"])
    if found["name"] != (found["part"] or entity.name):
        return None
    return found["project"], entity, found["part"] or ""


def part_entry(project: str, entity: Entity, part: str) -> str:
    """The entry of a part, which composes its latest item."""
    check_name(part, "part")
    return f"{usd_folder(project, entity)}/{part}/{part}.usd"


def part_item(project: str, entity: Entity, part: str, version: Version) -> str:
    """A published item of a part: immutable once it stands there."""
    check_name(part, "part")
    return f"{usd_folder(project, entity)}/{part}/{ITEMS}/{versioned_name(part, version, '.usd')}"


def scene_file(project: str, entity: Entity, task: str, name: str, version: Version, suffix: str) -> str:
    """A saved work file of a task; ``suffix`` such as ``.blend``."""
    check_name(task, "task")
    check_name(name, "scene")
    return f"{entity_folder(project, entity)}/scenes/{task}/{versioned_name(name, version, suffix)}"


def render_folder(project: str, entity: Entity, job_id: str) -> str:
    """Folder of the pictures of one render job."""
    return f"{entity_folder(project, entity)}/renders/{job_id}"


def store_folder(digest: str) -> str:
    """Folder of everything derived from the content with this SHA-256."""
    if not _SHA256.fullmatch(digest):
        raise InputError(f"{digest!r} is no SHA-256 digest.", code="input.digest")
    return f"{STORE}/{digest[:2]}/{digest}"


def normalise(path: str) -> str:
    """A client's relative path in the one form that is stored: forward slashes, no ``.`` or ``..``, not absolute.

    A Windows client's backslashes are accepted. Raises InputError for absolute paths, drive letters, control
    characters and paths that lead out of the storage root.
    """
    if _NORMAL.fullmatch(path):
        return path
    text = path.replace("\\", "/")
    parts = PurePosixPath(text).parts
    if (
        not parts
        or text.startswith("/")
        or _DRIVE.match(parts[0])
        or ".." in parts
        or any(ord(character) < 32 for character in text)
    ):
        raise InputError(
            f"{path!r} is not a path relative to the storage root.",
            hint="Give the path below PM_ROOT, without a drive letter and without '..'.",
            code="input.path",
        )
    return "/".join(parts)


def absolute(root: Path, path: str) -> Path:
    """The place of a stored relative path on this machine.

    Raises InputError for a path that leads out of ``root``, also through a symbolic link.
    """
    base = root.resolve()
    place = (base / normalise(path)).resolve()
    if not place.is_relative_to(base):
        raise InputError(
            f"{path!r} leads out of the storage root.",
            hint="Give a path below PM_ROOT; a symbolic link may not lead out of it, either.",
            code="input.path",
        )
    return place


def relative(root: Path, place: Path) -> str:
    """The stored form of a file below ``root``; raises InputError where it is not below it."""
    try:
        return place.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        raise InputError(
            f"{place} is not below the storage root {root}.",
            hint="Save it on the shared storage (PM_ROOT).",
            code="input.path",
        ) from None
