"""The job document: the record of one job's state and steps, kept by the service beside the job's row.

States and the moves between them::

    pending -> queued -> running -> completed
       |         |         |-> failed
       |         |         |-> queued          (lost worker, another try)
       `---------`---------`-> cancelled
    failed, cancelled -> queued, pending       (retried by a person; pending where it still waits for others)
    pending, queued, failed, cancelled -> skipped -> queued, pending

A job is pending as long as it waits for other jobs. The database refuses every other move (migration 0005).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.errors import ConflictError, InputError

DOCUMENT_VERSION = 1

MAX_CAPABILITIES = 6
"""Of one worker: it listens on a bell of its own for each combination."""
_CAPABILITY = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class JobState(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


DONE_STATES = frozenset({JobState.COMPLETED, JobState.SKIPPED})
"""What follows a job may begin once it is in one of these."""

FINAL_STATES = frozenset({*DONE_STATES, JobState.FAILED, JobState.CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.QUEUED, JobState.CANCELLED, JobState.SKIPPED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED, JobState.SKIPPED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.COMPLETED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.PENDING, JobState.SKIPPED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED, JobState.PENDING, JobState.SKIPPED}),
    JobState.SKIPPED: frozenset({JobState.QUEUED, JobState.PENDING}),
}


def check_transition(current: JobState, target: JobState, job_id: str = "") -> None:
    """Raises ConflictError (``conflict.job_state``) where a job may not go from ``current`` to ``target``."""
    if target not in TRANSITIONS[current]:
        raise ConflictError(
            f"Job {job_id} is {current} and cannot become {target}.".replace("Job  is", "The job is"),
            hint="Reload the job: somebody or something else changed it.",
            code="conflict.job_state",
        )


def check_capabilities(names: Sequence[str]) -> list[str]:
    """Capabilities of a worker or needs of a job, in order, each once.

    Raises InputError (``input.capabilities``) for a bad name and for more than ``MAX_CAPABILITIES``.
    """
    for name in names:
        if not _CAPABILITY.fullmatch(name):
            raise InputError(
                f"{name!r} is no name of a capability.",
                hint="Use small letters, digits, dots, hyphens and underscores, such as gpu or blender-5.0.",
                code="input.capabilities",
                fields={"needs": f"{name!r} is no name of a capability"},
            )
    found = sorted(set(names))
    if len(found) > MAX_CAPABILITIES:
        raise InputError(
            f"{len(found)} capabilities are too many.",
            hint=f"Name at most {MAX_CAPABILITIES}.",
            code="input.capabilities",
            fields={"needs": f"at most {MAX_CAPABILITIES}"},
        )
    return found


def now() -> str:
    """This moment as an ISO 8601 string in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class JobStep:
    """One step of a job: times are ISO 8601 in UTC, ``duration`` in seconds."""

    name: str
    status: str = JobState.PENDING.value
    started: str | None = None
    completed: str | None = None
    duration: float | None = None
    output: dict[str, Any] = field(default_factory=dict)


@dataclass
class Progress:
    """How far a job is: ``percent`` 0 to 100, ``remaining`` in seconds where it can be told, ``frame`` under way."""

    percent: float = 0.0
    stage: str = ""
    message: str = ""
    remaining: float | None = None
    frame: int | None = None


@dataclass
class JobDocument:
    """The document. ``to_json`` and ``from_json`` keep every field."""

    job_id: str
    state: JobState = JobState.PENDING
    version: int = DOCUMENT_VERSION
    queue_job_id: str | None = None
    process_group: int | None = None
    steps: list[JobStep] = field(default_factory=list)
    error: dict[str, Any] | None = None
    result: dict[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)

    def move_to(self, state: JobState) -> None:
        """Change the state.

        Raises ConflictError for a move that the state machine does not know.
        """
        check_transition(self.state, state, self.job_id)
        self.state = state

    def restart(self) -> None:
        """Forget the steps, error and result of the last attempt, before the job is taken up again."""
        self.steps, self.error, self.result, self.progress = [], None, {}, Progress()
        self.process_group = None

    def start_step(self, name: str) -> JobStep:
        """Add a step that starts now."""
        step = JobStep(name, JobState.RUNNING.value, started=now())
        self.steps.append(step)
        return step

    def finish_step(self, status: JobState, output: dict[str, Any] | None = None) -> None:
        """End the step under way, if there is one."""
        if not self.steps or self.steps[-1].status != JobState.RUNNING:
            return
        step = self.steps[-1]
        step.status, step.completed = status.value, now()
        if step.started:
            elapsed = datetime.fromisoformat(step.completed) - datetime.fromisoformat(step.started)
            step.duration = round(elapsed.total_seconds(), 3)
        step.output = output or {}

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "state": self.state.value}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobDocument:
        """Rebuild a document.

        Raises KeyError or TypeError for one that this version does not know.
        """
        fields = dict(data)
        fields["state"] = JobState(fields["state"])
        fields["steps"] = [JobStep(**step) for step in fields.get("steps", [])]
        fields["progress"] = Progress(**fields.get("progress", {}))
        return cls(**fields)
