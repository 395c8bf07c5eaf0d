"""Workflows: what there is to run, and the runs as graphs of their nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import render_template, request, url_for
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.workflows import NewRun, describe_run, source_of
from service.database import session
from service.models import CadFile, Workflow, WorkflowRun
from service.pages.frame import action, may, page
from service.pages.paging import page_number, paged
from service.pages.workflow_graph import Drawing, draw
from service.workflow import workflows
from shared.builtin_workflows import BUILT_IN
from shared.errors import InputError, RacewayError
from shared.workflows import RunState

_PAGE = 15
_CAD_FILES = 50


@dataclass(frozen=True)
class RunView:
    """A run as the API describes it, and its drawing."""

    run: dict[str, Any]
    drawing: Drawing

    @property
    def live(self) -> bool:
        """Whether it can still change."""
        return bool(self.run["state"] == RunState.RUNNING)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The nodes with an error."""
        return [node for node in self.run["nodes"] if node["error"]]


@page("/workflows", Permission.JOB_READ)
def workflow_runs() -> str:
    """Every run, the newest first, and what can be started; ``state`` narrows the runs."""
    state = request.args.get("state", "")
    statement = select(WorkflowRun).order_by(WorkflowRun.created_at.desc(), WorkflowRun.id)
    if state in set(RunState):
        statement = statement.where(WorkflowRun.state == state)
    number = page_number()
    rows, more = paged(statement, number, _PAGE)
    shown: dict[str, Any] = {
        "runs": [_view(run) for run in rows],
        "state": state,
        "states": [each.value for each in RunState],
        "number": number,
        "more": more,
    }
    if "fragment" in request.args:
        return render_template("pages/_runs.html", **shown)
    own = session().scalars(select(Workflow).where(Workflow.archived_at.is_(None)).order_by(Workflow.name)).all()
    cad_files = select(CadFile).order_by(CadFile.created_at.desc()).limit(_CAD_FILES)
    return render_template(
        "pages/workflows.html",
        **shown,
        built_in=list(BUILT_IN.values()),
        own=own,
        cad_files=session().scalars(cad_files).unique().all() if may(Permission.CAD_READ) else [],
    )


@page("/workflows/runs/<uuid:run_id>", Permission.JOB_READ)
def workflow_run(run_id: UUID) -> str:
    """One run with its nodes: state, progress, what went in and came out, and why something failed."""
    template = "pages/_run.html" if "fragment" in request.args else "pages/run.html"
    return render_template(template, view=_view(row(WorkflowRun, run_id)))


@action("/workflows/runs", Permission.JOB_WRITE)
def start_workflow() -> str:
    """Start the workflow ``workflow`` with the CAD file ``cad_file``."""
    cad_file, name = request.form.get("cad_file", ""), request.form.get("workflow", "")
    if not cad_file or not name:
        raise InputError("Choose a workflow and a CAD file.", hint="Go back and choose one of each.")
    run = workflows.start(session(), source_of(NewRun.model_validate({"workflow": name})), {"cad_file": cad_file})
    return url_for("pages.workflow_run", run_id=run.id)


@action("/workflows/runs/<uuid:run_id>/<any(cancel,retry):what>", Permission.JOB_WRITE)
def change_workflow_run(run_id: UUID, what: str) -> str:
    """Cancel or retry a run, or its node ``node``."""
    run, node = row(WorkflowRun, run_id, lock=True), request.form.get("node", "")
    try:
        if what == "retry":
            workflows.retry(session(), run, node)
        elif node:
            workflows.cancel_node(session(), run, node)
        else:
            workflows.cancel(session(), run)
    except RacewayError as error:
        # The run went on while the page was looked at; what stands there now says enough.
        if error.status != 409:
            raise
        session().rollback()
        auth.authorise(Permission.JOB_READ)
    return url_for("pages.workflow_run", run_id=run_id)


def _view(run: WorkflowRun) -> RunView:
    described = describe_run(run)
    return RunView(described, draw(described["nodes"], described["edges"]))
