"""Jobs as the API changes them: made, cancelled, retried. Workers take them up in ``service.tasks``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import update
from sqlalchemy.orm import Session

from service import queueing
from service.database import after_commit, current_actor, current_tenant
from service.models import Conversion, Job
from shared.errors import ProcessError
from shared.jobs import FINAL_STATES, JobDocument, JobState
from shared.steps import step

_CONVERSION_STATES = {
    JobState.PENDING: "queued",
    JobState.QUEUED: "queued",
    JobState.RUNNING: "converting",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
}


def create(
    current: Session,
    kind: str,
    request: dict[str, Any],
    *,
    asset_id: UUID | None = None,
    publish_id: UUID | None = None,
    cad_file_id: UUID | None = None,
) -> Job:
    """Add a queued job for a process step; the bell rings once the transaction is committed."""
    job_id = uuid4()
    document = JobDocument(str(job_id))
    document.move_to(JobState.QUEUED)
    job = Job(
        id=job_id,
        kind=kind,
        queue=step(kind).queue,
        state=document.state.value,
        document=document.to_json(),
        request=request,
        asset_id=asset_id,
        publish_id=publish_id,
        cad_file_id=cad_file_id,
        created_by_id=current_actor(current),
    )
    current.add(job)
    current.flush()
    ring_after_commit(current, job)
    return job


def ring_after_commit(current: Session, job: Job) -> None:
    """Ring the bell for a queued job when the transaction is committed."""
    bell = queueing.bell(current_app)
    tenant_id, job_id, queue = current_tenant(current), job.id, job.queue
    after_commit(current, lambda: bell.ring(queue, tenant_id, job_id))


def cancel(current: Session, job: Job) -> None:
    """Cancel a locked job: at once if it waits; if it runs, its worker is told and stops it.

    Raises ConflictError for a job that has ended.
    """
    document = JobDocument.from_json(job.document)
    if document.state is JobState.RUNNING:
        job.cancel_requested = True
        return
    document.move_to(JobState.CANCELLED)
    write_document(current, job, document)


def retry(current: Session, job: Job) -> None:
    """Queue a failed or cancelled job (locked) again. Raises ConflictError for any other."""
    document = JobDocument.from_json(job.document)
    document.move_to(JobState.QUEUED)
    document.restart()
    write_document(current, job, document)
    job.cancel_requested = False
    # Attempts count on, because they fence; the person grants as many more as the job had at first.
    job.max_attempts = job.attempt + 3
    ring_after_commit(current, job)


def write_document(current: Session, job: Job, document: JobDocument) -> None:
    """Store the document of a locked job that does not run, and what rows repeat of it."""
    job.document = document.to_json()
    job.state = document.state.value
    job.finished_at = datetime.now(UTC) if document.state in FINAL_STATES else None
    job.lease_until = job.worker_id = None
    tell_conversion(current, job.id, document)


def tell_conversion(current: Session, job_id: UUID, document: JobDocument) -> None:
    """Let the conversion that the job does, if it does one, follow its state; nothing where a newer job has it.

    A completed job's derivatives are recorded by its step.
    """
    if document.state is JobState.COMPLETED:
        return
    error = document.error
    if document.state is JobState.CANCELLED:
        error = error or ProcessError("The conversion was cancelled.", code="process.cancelled").to_json()
    current.execute(
        update(Conversion)
        .where(Conversion.job_id == job_id)
        .values(state=_CONVERSION_STATES[document.state], error=error)
        .execution_options(synchronize_session=False)
    )
