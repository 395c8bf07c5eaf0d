"""Takes on runs of workflows whose jobs have ended, in every tenant: beside the sweeper, in every worker."""

from __future__ import annotations

import logging
import threading
from uuid import UUID

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from service.database import db, tenant_session
from service.models import WorkflowRun
from service.workflow import workflows
from shared.workflows import RunState

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def run_for_ever(app: Flask, stop: threading.Event) -> None:
    """Look for runs that can go on, until ``stop`` is set. Of several processes one takes on a run at a time."""
    with app.app_context():
        while not stop.wait(LOOK_SECONDS):
            try:
                take_on()
            except SQLAlchemyError as error:
                log.warning("workflows put off: %s", error)


def take_on() -> None:
    """Let every run go on that can."""
    with db.engine.connect() as connection:
        tenants = connection.scalars(text("SELECT tenant_id FROM list_tenants_with_runs()")).all()
    for tenant_id in tenants:
        with tenant_session(tenant_id) as current:
            open_runs = select(WorkflowRun.id, WorkflowRun.created_by_id).where(WorkflowRun.state == RunState.RUNNING)
            found = current.execute(open_runs).all()
        for run_id, created_by_id in found:
            try:
                _take_on(tenant_id, run_id, created_by_id)
            except SQLAlchemyError:
                raise
            except Exception:
                # One run that cannot go on must not keep the others.
                log.exception("run %s of a workflow cannot go on", run_id)


def _take_on(tenant_id: UUID, run_id: UUID, created_by_id: UUID | None) -> None:
    # Jobs that follow are made in the name of who started the run.
    with tenant_session(tenant_id, created_by_id) as current:
        statement = select(WorkflowRun).where(WorkflowRun.id == run_id, WorkflowRun.state == RunState.RUNNING)
        run = current.scalars(statement.with_for_update(of=WorkflowRun, skip_locked=True)).unique().one_or_none()
        if run is not None:
            workflows.go_on(current, run)
