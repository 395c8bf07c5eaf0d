"""Where the log of a job's tool is kept."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

FOLDER = ".jobs"


def log_path(root: Path, job_id: UUID) -> Path:
    """The log of a job below its tenant's storage root."""
    return root / FOLDER / f"{job_id}.log"
