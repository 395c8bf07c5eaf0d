"""Jobs as the pages show them: the row, its document, and who works on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from service.database import session
from service.models import CadFile, Job, Part, Publish, Worker
from service.pages.formats import version
from service.titles import titled
from shared.jobs import FINAL_STATES, JobDocument, JobState
from shared.steps import LABELS, step

OPEN_STATES = ("running", "queued", "pending")
"""States of jobs that are yet to end, in the order of a queue."""

_TOLD = {
    "frames": "frames",
    "camera": "",
    "lighting": "light:",
    "background": "background:",
    "hdri": "",
    "samples": "samples",
    "engine": "",
    "device": "on",
    "format": "",
}
"""What of a request tells jobs of one kind apart, and the word before it."""
_ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class JobView:
    """One job, and who does it."""

    row: Job
    document: JobDocument
    worker: str
    subject: str = ""
    """Which publish or file it works on, of an asset or shot that has several."""

    @property
    def asked(self) -> str:
        """What tells it from others of its kind: its subject, the size, and what was not left as it is usually."""
        request = self.row.request
        size = [f"{request['width']} × {request['height']}"] if {"width", "height"} <= request.keys() else []
        usual = {each.name: each.default for each in step(self.row.kind).parameters} if self.row.kind in LABELS else {}
        told = [
            f"{_TOLD[name]} {value}".strip()
            for name, value in request.items()
            if name in _TOLD and name in usual and value not in (usual[name], "")
        ]
        # Broken between them, not within.
        return " · ".join(filter(None, [self.subject, *(each.replace(" ", "\u00a0") for each in [*told, *size])]))

    @property
    def label(self) -> str:
        """The process step's name for people."""
        return LABELS.get(self.row.kind, self.row.kind)

    @property
    def live(self) -> bool:
        """Whether the job can still change."""
        return self.document.state not in FINAL_STATES

    @property
    def actions(self) -> list[str]:
        """What may be done to it now, by the names that the API has for it."""
        state, found = self.document.state, []
        if self.live:
            found = ["cancel"] if self.row.parent_id else ["resume" if self.row.paused else "pause", "cancel"]
        if state in _ENDED_BADLY or (self.row.has_tasks and self.failed_tasks):
            found.append("retry")
        if not self.row.has_tasks and state in (*_ENDED_BADLY, JobState.PENDING, JobState.QUEUED):
            found.append("skip")
        return found

    def question(self, what: str) -> str:
        """What a reader is asked before ``cancel`` or ``skip``."""
        if what == "skip":
            return f"Leave “{self.order}” out? What waits for it goes on without it."
        running = self.document.state is JobState.RUNNING
        return f"Cancel “{self.order}”?{' What runs of it is stopped; finished frames stay.' if running else ''}"

    @property
    def failed_tasks(self) -> int:
        """How many of its tasks have failed."""
        return sum(int(step.output.get(JobState.FAILED, 0)) for step in self.document.steps)

    @property
    def seconds(self) -> float | None:
        """How long it ran, or has been running."""
        if self.row.started_at is None:
            return None
        return ((self.row.finished_at or datetime.now(UTC)) - self.row.started_at).total_seconds()

    @property
    def choices(self) -> dict[str, dict[str, Any]]:
        """What the renderer chose for itself, where the job has reported it: ``{requested, used, why}`` by its name."""
        names = {"device": "Device", "lighting": "Lit by", "camera": "Camera"}
        reported = {title: self.document.result.get(name) for name, title in names.items()}
        return {title: choice for title, choice in reported.items() if isinstance(choice, dict)}

    @property
    def device(self) -> dict[str, Any] | None:
        """What computed, where the job has reported it."""
        return self.choices.get("Device")

    @property
    def order(self) -> str:
        """``render 1-8 of gear``: what it does, and of what."""
        asset = f"of {titled(self.row.asset)}" if self.row.asset else ""
        return " ".join(filter(None, [self.label, self.row.name, asset]))


@dataclass(frozen=True)
class WorkerView:
    """A worker, and the job or task of this tenant that it does."""

    row: Worker
    job: JobView | None

    @property
    def words(self) -> str:
        """What it does, or is about to do."""
        if self.row.wanted == "drain" or self.row.state == "draining":
            return "leaving"
        if self.row.wanted == "rest":
            return "resting" if self.job is None else "resting soon"
        return "busy" if self.row.state == "busy" else "ready"


def workers_and_jobs(rows: Sequence[Worker]) -> list[WorkerView]:
    """The views of some workers; one statement, whatever their number."""
    running = select(Job).where(Job.state == JobState.RUNNING, Job.worker_id.in_([row.id for row in rows]))
    found = session().scalars(running).unique().all() if rows else []
    at_work = {row.worker_id: JobView(row, JobDocument.from_json(row.document), "") for row in found}
    return [WorkerView(row, at_work.get(row.id)) for row in rows]


def views(rows: Sequence[Job]) -> list[JobView]:
    """The views of some jobs; three statements, whatever their number."""
    workers = {row.worker_id for row in rows if row.worker_id}
    names: dict[Any, str] = {}
    if workers:
        found = session().execute(select(Worker.id, Worker.name).where(Worker.id.in_(workers)))
        names = {worker.id: worker.name for worker in found}
    subjects = _subjects(rows)
    return [
        JobView(
            row,
            JobDocument.from_json(row.document),
            names.get(row.worker_id, ""),
            subjects.get(row.publish_id or row.cad_file_id, ""),
        )
        for row in rows
    ]


def _subjects(rows: Sequence[Job]) -> dict[UUID | None, str]:
    """``model v001_i002`` of the publishes of some jobs, and ``gear.step, revision 2`` of their CAD files, by id."""
    publishes = {row.publish_id for row in rows if row.publish_id}
    files = {row.cad_file_id for row in rows if row.cad_file_id}
    found: dict[UUID | None, str] = {}
    if publishes:
        of_part = (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id)
        named = select(Publish.id, Publish.version, Publish.iteration, Part.name).join(Part, of_part)
        named = named.where(Publish.id.in_(publishes))
        found |= {each.id: f"{each.name} {version(each)}" for each in session().execute(named)}
    if files:
        of_files = select(CadFile.id, CadFile.filename, CadFile.revision).where(CadFile.id.in_(files))
        found |= {each.id: f"{each.filename}, revision {each.revision}" for each in session().execute(of_files)}
    return found
