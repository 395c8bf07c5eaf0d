"""Workflows: the process steps there are, graphs made of them, and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import Field
from sqlalchemy import select

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.fields import Name, Row, Title
from service.api.listing import EditableQuery, ListQuery, Page, equal, page_of, row
from service.api.records import add, declare_archive, live_row, row_to_change, written
from service.api.routing import Reply, Request, Resource
from service.database import session
from service.models import Asset, Workflow, WorkflowNode, WorkflowRun, WorkflowVersion
from service.workflow import workflows
from shared.builtin_workflows import BUILT_IN
from shared.errors import ConflictError, InputError, NotFoundError
from shared.jobs import JobState
from shared.steps import STEPS, step
from shared.workflows import Graph, RunState, parse

workflows_resource = Resource("workflows", "/workflows")
RESOURCES = (workflows_resource,)


class PortOut(Reply):
    name: str
    types: list[str]
    help: str
    required: bool
    many: bool


class StepOut(Reply):
    name: str
    label: str
    help: str
    queue: str
    inputs: list[PortOut] = Field(description="what it needs from the steps before it")
    outputs: list[PortOut] = Field(description="what it gives to the next")
    parameters: dict[str, Any] = Field(
        description="JSON Schema; x-unit, x-recommendation and x-warning have the rest of the help"
    )


class GraphBody(Request):
    """Nodes do process steps; edges take what one gives to the next. See GET /api/workflows/steps."""

    inputs: dict[str, Any] = Field(default_factory=dict)
    nodes: list[Any]
    edges: list[Any] = Field(default_factory=list)


class WorkflowOut(Row):
    id: UUID | None = Field(description="null for a built-in one, which is known by its name")  # type: ignore[assignment]
    created_at: datetime | None  # type: ignore[assignment]
    updated_at: datetime | None  # type: ignore[assignment]
    revision: int
    archived_at: datetime | None
    name: str
    title: str
    description: str
    version: int
    built_in: bool
    graph: dict[str, Any]


class VersionOut(Row):
    version: int
    graph: dict[str, Any]
    created_by_id: UUID | None


class NewWorkflow(Request):
    name: Name
    title: Title = ""
    description: str = Field("", max_length=2000)
    graph: GraphBody


class WorkflowChanges(Request):
    title: Title | None = None
    description: str | None = Field(None, max_length=2000)
    graph: GraphBody | None = Field(None, description="becomes the next version; runs under way keep theirs")


@workflows_resource.declare("GET", "/steps", permission=Permission.ACCOUNT, answer=list[StepOut])
def list_steps() -> list[dict[str, Any]]:
    """Every process step: what it does, what it needs and gives, and its parameters with the help for each."""
    return [step.to_json() for step in STEPS]


@workflows_resource.declare("POST", "/check", permission=Permission.ACCOUNT, body=GraphBody, answer=dict[str, Any])
def check_workflow(body: GraphBody) -> dict[str, Any]:
    """Check a graph without storing it; answers it with every name written out, or refuses it with every fault."""
    return parse(body.model_dump()).to_json()


@workflows_resource.declare("GET", "/", permission=Permission.JOB_READ, query=EditableQuery, answer=Page[WorkflowOut])
def list_workflows(query: EditableQuery) -> dict[str, Any]:
    """List the tenant's workflows; the built-in ones come first on the first page, beside it."""
    page = page_of(
        select(Workflow),
        query,
        key=Workflow,
        search=(Workflow.name, Workflow.title, Workflow.description),
        sort={"name": Workflow.name, "created_at": Workflow.created_at, "updated_at": Workflow.updated_at},
        default_sort="name",
    )
    graphs = _newest_graphs(page["items"])
    own = [_described(workflow, graphs[workflow.id]) for workflow in page["items"]]
    shown = [] if query.q or query.page > 1 else [_built_in(name) for name in BUILT_IN]
    return {**page, "items": [*shown, *own], "total": page["total"] + (0 if query.q else len(BUILT_IN))}


@workflows_resource.declare(
    "POST", "/", permission=Permission.WORKFLOW_WRITE, body=NewWorkflow, answer=WorkflowOut, status=201
)
def create_workflow(body: NewWorkflow) -> dict[str, Any]:
    """Store a workflow. Refused with every fault of its graph at once."""
    graph = parse(body.graph.model_dump())
    if body.name in BUILT_IN:
        raise ConflictError(
            f"There is a built-in workflow {body.name}.", hint="Choose another name.", code="conflict.exists"
        )
    workflow = add(Workflow(name=body.name, title=body.title, description=body.description), Workflow.name == body.name)
    _add_version(workflow, graph, 1)
    return _described(workflow, _graph(workflow, 1))


@workflows_resource.declare("GET", "/<uuid:workflow_id>", permission=Permission.JOB_READ, answer=WorkflowOut)
def get_workflow(workflow_id: UUID) -> dict[str, Any]:
    """A workflow with its newest graph."""
    workflow = row(Workflow, workflow_id)
    return _described(workflow, _graph(workflow, workflow.version))


@workflows_resource.declare(
    "PATCH",
    "/<uuid:workflow_id>",
    permission=Permission.WORKFLOW_WRITE,
    body=WorkflowChanges,
    answer=WorkflowOut,
    if_match="optional",
)
def change_workflow(workflow_id: UUID, body: WorkflowChanges) -> dict[str, Any]:
    """Change a workflow. Another graph becomes its next version."""
    workflow = row_to_change(Workflow, workflow_id)
    for name in ("title", "description"):
        if (value := getattr(body, name)) is not None:
            setattr(workflow, name, value)
    if body.graph is not None:
        graph = parse(body.graph.model_dump())
        if graph.to_json() != _graph(workflow, workflow.version):
            workflow.version += 1
            _add_version(workflow, graph, workflow.version)
    return _described(written(workflow), _graph(workflow, workflow.version))


@workflows_resource.declare(
    "GET", "/<uuid:workflow_id>/versions", permission=Permission.JOB_READ, query=ListQuery, answer=Page[VersionOut]
)
def list_workflow_versions(workflow_id: UUID, query: ListQuery) -> dict[str, Any]:
    """Every graph that a workflow has had, the newest first."""
    row(Workflow, workflow_id)
    return page_of(
        select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow_id),
        query,
        key=WorkflowVersion,
        search=(),
        sort={"version": WorkflowVersion.version},
        default_sort="-version",
    )


def _add_version(workflow: Workflow, graph: Graph, version: int) -> None:
    added = WorkflowVersion(
        id=uuid4(),
        workflow_id=workflow.id,
        version=version,
        graph=graph.to_json(),
        created_by_id=auth.current().user_id,
    )
    session().add(added)
    session().flush()
    # As it is read from now on: PostgreSQL keeps the fields of JSON in an order of its own.
    session().refresh(added, ["graph"])


def _graph(workflow: Workflow, version: int) -> dict[str, Any]:
    statement = select(WorkflowVersion).where(
        WorkflowVersion.workflow_id == workflow.id, WorkflowVersion.version == version
    )
    found = session().scalars(statement).one_or_none()
    if found is None:
        raise NotFoundError(
            f"Workflow {workflow.name} has no version {version}.", hint=f"The newest is {workflow.version}."
        )
    return found.graph


def _newest_graphs(found: list[Workflow]) -> dict[UUID, dict[str, Any]]:
    """The newest graph of each; one statement."""
    versions = select(WorkflowVersion).join(
        Workflow,
        (Workflow.tenant_id == WorkflowVersion.tenant_id)
        & (Workflow.id == WorkflowVersion.workflow_id)
        & (Workflow.version == WorkflowVersion.version),
    )
    rows = session().scalars(versions.where(Workflow.id.in_([workflow.id for workflow in found])))
    return {version.workflow_id: version.graph for version in rows}


def _described(workflow: Workflow, graph: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "created_at", "updated_at", "revision", "archived_at", "name", "title", "description", "version")
    return {**{name: getattr(workflow, name) for name in names}, "built_in": False, "graph": graph}


def _built_in(name: str) -> dict[str, Any]:
    known = BUILT_IN[name]
    return {
        **dict.fromkeys(("id", "created_at", "updated_at", "archived_at")),
        "name": known.name,
        "title": known.title,
        "description": known.description,
        "revision": 1,
        "version": 1,
        "built_in": True,
        "graph": parse(known.graph).to_json(),
    }


declare_archive(
    workflows_resource,
    Workflow,
    Permission.WORKFLOW_WRITE,
    WorkflowOut,
    describe=lambda workflow: _described(workflow, _graph(workflow, workflow.version)),
)


# -- runs


class NodeOut(Reply):
    name: str
    step: str
    label: str
    state: str = Field(description="its job's; or waiting, or blocked by one that came to nothing")
    progress: dict[str, Any] = Field(description="percent, stage, message, remaining seconds")
    job_id: UUID | None
    needs: list[str] = Field(description="the nodes whose outputs it takes")
    blocks: list[str] = Field(description="the nodes that cannot begin because of it")
    parameters: dict[str, Any]
    inputs: dict[str, Any] = Field(description="what went in, by port")
    outputs: dict[str, Any] = Field(description="what came out, by port")
    error: dict[str, Any] | None


class RunOut(Row):
    workflow_id: UUID | None
    name: str
    title: str
    version: int
    state: RunState
    percent: float
    asset_id: UUID | None
    asset: str | None
    inputs: dict[str, Any]
    nodes: list[NodeOut]
    edges: list[dict[str, str]]
    created_by_id: UUID | None
    finished_at: datetime | None


class NewRun(Request):
    """What to run: a stored workflow, a built-in one by its name, or a graph given here."""

    workflow_id: UUID | None = None
    version: int | None = Field(None, ge=1, description="of the workflow; the newest without it")
    workflow: str | None = Field(None, max_length=100, description="name of a built-in or stored one")
    graph: GraphBody | None = None
    title: Title = ""
    inputs: dict[str, Any] = Field(
        default_factory=dict, description="what the workflow is started with, by the names of its inputs"
    )


class RunQuery(ListQuery):
    state: Literal["", "running", "completed", "failed", "cancelled"] = ""
    asset: str = Field("", description="name of the asset")
    workflow_id: UUID | None = None


@workflows_resource.declare("GET", "/runs", permission=Permission.JOB_READ, query=RunQuery, answer=Page[RunOut])
def list_runs(query: RunQuery) -> dict[str, Any]:
    """List runs, the newest first."""
    statement = select(WorkflowRun).outerjoin(WorkflowRun.asset)
    statement = statement.where(
        *equal(
            (WorkflowRun.state, query.state), (Asset.name, query.asset), (WorkflowRun.workflow_id, query.workflow_id)
        )
    )
    page = page_of(
        statement,
        query,
        key=WorkflowRun,
        search=(WorkflowRun.name, WorkflowRun.title, Asset.name),
        sort={"created_at": WorkflowRun.created_at, "state": WorkflowRun.state, "name": WorkflowRun.name},
        default_sort="-created_at",
    )
    page["items"] = [describe_run(run) for run in page["items"]]
    return page


@workflows_resource.declare("POST", "/runs", permission=Permission.JOB_WRITE, body=NewRun, answer=RunOut, status=201)
def start_run(body: NewRun) -> dict[str, Any]:
    """Run a workflow. Its nodes are jobs, queued as soon as those they need are through."""
    run = workflows.start(session(), source_of(body), body.inputs)
    return describe_run(_reloaded(run))


@workflows_resource.declare("GET", "/runs/<uuid:run_id>", permission=Permission.JOB_READ, answer=RunOut)
def get_run(run_id: UUID) -> dict[str, Any]:
    """A run with all its nodes: state, progress, what went in and came out, which failed and what that blocks."""
    return describe_run(row(WorkflowRun, run_id))


@workflows_resource.declare("POST", "/runs/<uuid:run_id>/cancel", permission=Permission.JOB_WRITE, answer=RunOut)
def cancel_run(run_id: UUID) -> dict[str, Any]:
    """Cancel what is under way and what has not begun."""
    run = row(WorkflowRun, run_id, lock=True)
    workflows.cancel(session(), run)
    return describe_run(_reloaded(run))


@workflows_resource.declare("POST", "/runs/<uuid:run_id>/retry", permission=Permission.JOB_WRITE, answer=RunOut)
def retry_run(run_id: UUID) -> dict[str, Any]:
    """Do again what failed or was cancelled; what is completed stays, and what was blocked goes on."""
    run = row(WorkflowRun, run_id, lock=True)
    workflows.retry(session(), run)
    return describe_run(_reloaded(run))


@workflows_resource.declare(
    "POST", "/runs/<uuid:run_id>/nodes/<node>/cancel", permission=Permission.JOB_WRITE, answer=RunOut
)
def cancel_run_node(run_id: UUID, node: str) -> dict[str, Any]:
    """Cancel one node; what needs it is blocked, the rest goes on."""
    run = row(WorkflowRun, run_id, lock=True)
    workflows.cancel_node(session(), run, node)
    return describe_run(_reloaded(run))


@workflows_resource.declare(
    "POST", "/runs/<uuid:run_id>/nodes/<node>/retry", permission=Permission.JOB_WRITE, answer=RunOut
)
def retry_run_node(run_id: UUID, node: str) -> dict[str, Any]:
    """Do one node again that failed or was cancelled."""
    run = row(WorkflowRun, run_id, lock=True)
    workflows.retry(session(), run, workflows.node_of(run, node).name)
    return describe_run(_reloaded(run))


def describe_run(run: WorkflowRun) -> dict[str, Any]:
    """What the API answers for a run, and the pages show."""
    graph = parse(run.graph)
    states = workflows.states_of(run, graph)
    nodes = [_described_node(node, graph, states) for node in run.nodes]
    names = ("id", "created_at", "updated_at", "workflow_id", "name", "title", "version", "state", "asset_id", "inputs")
    return {
        **{name: getattr(run, name) for name in (*names, "created_by_id", "finished_at")},
        "asset": run.asset.name if run.asset else None,
        "percent": round(sum(node["progress"]["percent"] for node in nodes) / len(nodes), 1),
        "nodes": nodes,
        "edges": run.graph["edges"],
    }


def _described_node(node: WorkflowNode, graph: Graph, states: dict[str, str]) -> dict[str, Any]:
    state = states[node.name]
    progress = dict(node.job.document["progress"]) if node.job else {"percent": 0.0}
    return {
        "name": node.name,
        "step": node.step,
        "label": step(node.step).label,
        "state": state,
        "progress": {**progress, "percent": 100.0 if state == JobState.COMPLETED else progress["percent"]},
        "job_id": node.job_id,
        "needs": graph.before(node.name),
        "blocks": sorted(name for name in graph.after(node.name) if states[name] == workflows.BLOCKED)
        if state in (JobState.FAILED, JobState.CANCELLED)
        else [],
        "parameters": dict(graph.node(node.name).parameters),
        "inputs": node.inputs,
        "outputs": node.outputs,
        "error": workflows.error_of(node),
    }


def source_of(body: NewRun) -> workflows.Source:
    """The workflow that a run is asked for."""
    if sum(value is not None for value in (body.workflow_id, body.workflow, body.graph)) != 1:
        raise InputError(
            "A run needs exactly one of workflow_id, workflow and graph.",
            hint=f"The built-in workflows are {', '.join(BUILT_IN)}.",
            fields=dict.fromkeys(("workflow_id", "workflow", "graph"), "give exactly one of these"),
        )
    if body.graph is not None:
        return workflows.Source(parse(body.graph.model_dump()), "graph", body.title or "Workflow", 1)
    if body.workflow in BUILT_IN:
        known = BUILT_IN[body.workflow]
        return workflows.Source(parse(known.graph), known.name, body.title or known.title, 1)
    if body.workflow_id is None:
        body.workflow_id = session().scalar(select(Workflow.id).where(Workflow.name == body.workflow))
        if body.workflow_id is None:
            raise NotFoundError(
                f"There is no workflow {body.workflow!r}.",
                hint=f"The built-in ones are {', '.join(BUILT_IN)}; GET /api/workflows/ lists all.",
            )
    workflow = live_row(Workflow, body.workflow_id)
    version = body.version or workflow.version
    # Parsed again: a step may have changed since it was stored.
    graph = parse(_graph(workflow, version))
    title = body.title or workflow.title or workflow.name
    return workflows.Source(graph, workflow.name, title, version, workflow.id)


def _reloaded(run: WorkflowRun) -> WorkflowRun:
    session().flush()
    session().expire_all()
    return row(WorkflowRun, run.id)
