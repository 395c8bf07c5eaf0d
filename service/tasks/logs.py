"""Where the log of a job's tool is kept, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

FOLDER = ".jobs"
_CHUNK = 1 << 16
_LONGEST_TAIL = 1 << 20
SHOWN_LINES = 20
"""So many lines go along with a job."""
_SHOWN_BYTES = 1 << 13


def last_lines(root: Path, job_ids: Sequence[UUID], lines: int = SHOWN_LINES) -> list[str]:
    """The last lines of what is being written for some jobs; none where nothing was written yet."""
    places = [place for job_id in job_ids if (place := log_path(root, job_id)).is_file()]
    return tail(places, lines, _SHOWN_BYTES).decode("utf-8", "replace").splitlines()


def log_path(root: Path, job_id: UUID) -> Path:
    """The log of a job or task below its tenant's storage root."""
    return root / FOLDER / f"{job_id}.log"


def stream(places: Sequence[Path]) -> Iterator[bytes]:
    """The whole of some logs, one after the other, piece by piece."""
    for place in places:
        with place.open("rb") as log:
            while chunk := log.read(_CHUNK):
                yield chunk


def tail(places: Sequence[Path], lines: int, longest: int = _LONGEST_TAIL) -> bytes:
    """The last ``lines`` of the log written to last, of at most ``longest`` bytes; of a very long line its end."""
    newest = max(places, key=lambda place: place.stat().st_mtime, default=None)
    if newest is None:
        return b""
    with newest.open("rb") as log:
        log.seek(max(0, newest.stat().st_size - longest))
        return b"".join(log.read().splitlines(keepends=True)[-lines:])
