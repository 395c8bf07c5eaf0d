"""Jobs as the pages show them: the row, its document, and who works on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from service.database import session
from service.models import Job, Worker
from shared.jobs import FINAL_STATES, JobDocument
from shared.steps import STEPS

OPEN_STATES = ("running", "queued", "pending")
"""States of jobs that are yet to end, in the order of a queue."""

_LABELS = {step.name: step.label for step in STEPS}


@dataclass(frozen=True)
class JobView:
    """One job. ``device`` is ``{requested, used, why}`` where the job's tool reported it."""

    row: Job
    document: JobDocument
    worker: str

    @property
    def label(self) -> str:
        """The process step's name for people."""
        return _LABELS.get(self.row.kind, self.row.kind)

    @property
    def live(self) -> bool:
        """Whether the job can still change."""
        return self.document.state not in FINAL_STATES

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running."""
        if self.row.started_at is None:
            return None
        return ((self.row.finished_at or datetime.now(UTC)) - self.row.started_at).total_seconds()

    @property
    def device(self) -> dict[str, Any] | None:
        device = self.document.result.get("device")
        return device if isinstance(device, dict) else None


def views(rows: Sequence[Job]) -> list[JobView]:
    """The views of some jobs; one statement, whatever their number."""
    workers = {row.worker_id for row in rows if row.worker_id}
    names: dict[Any, str] = {}
    if workers:
        found = session().execute(select(Worker.id, Worker.name).where(Worker.id.in_(workers)))
        names = {worker.id: worker.name for worker in found}
    return [JobView(row, JobDocument.from_json(row.document), names.get(row.worker_id, "")) for row in rows]
