"""Where the log of a job's tool is kept, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

FOLDER = ".jobs"
_CHUNK = 1 << 16
_LONGEST_TAIL = 1 << 20


def log_path(root: Path, job_id: UUID) -> Path:
    """The log of a job or task below its tenant's storage root."""
    return root / FOLDER / f"{job_id}.log"


def stream(places: Sequence[Path]) -> Iterator[bytes]:
    """The whole of some logs, one after the other, piece by piece."""
    for place in places:
        with place.open("rb") as log:
            while chunk := log.read(_CHUNK):
                yield chunk


def tail(places: Sequence[Path], lines: int) -> bytes:
    """The last ``lines`` of the log written to last; of a very long line its end."""
    newest = max(places, key=lambda place: place.stat().st_mtime, default=None)
    if newest is None:
        return b""
    with newest.open("rb") as log:
        log.seek(max(0, newest.stat().st_size - _LONGEST_TAIL))
        return b"".join(log.read().splitlines(keepends=True)[-lines:])
