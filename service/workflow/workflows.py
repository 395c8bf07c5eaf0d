"""Runs of workflows: each node is a job, queued as soon as those it needs are through.

A run is taken on by whatever process finds that it can go on (:mod:`service.tasks.workflow_runs`): what there is to do
follows from the states of its jobs alone, so nothing is lost with a process, and a lock on the run lets one do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.activity import events
from service.database import current_actor
from service.models import Job, WorkflowNode, WorkflowRun
from service.queue import jobs
from service.workflow import steps as workflow_steps
from service.workflow.steps import Given
from shared.errors import ConflictError, NotFoundError, RacewayError
from shared.jobs import FINAL_STATES, JobState
from shared.workflows import INPUTS, Graph, Node, RunState, check_inputs, parse

WAITING, BLOCKED = "waiting", "blocked"
"""States of a node that has no job yet: those it needs are under way, or one of them came to nothing."""
_ENDED_BADLY = (JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class Source:
    """The workflow that a run is of. ``workflow_id`` is None for one that is built in, or given with the run."""

    graph: Graph
    name: str
    title: str
    version: int
    workflow_id: UUID | None = None


def start(current: Session, source: Source, inputs: Mapping[str, Any]) -> WorkflowRun:
    """Begin a run; its first jobs are queued with the transaction.

    Raises InputError for inputs that the workflow does not take, NotFoundError for things that are not there.
    """
    values = check_inputs(source.graph, inputs)
    for each in source.graph.inputs:
        values[each.name] = workflow_steps.stored(current, Given(each.type, values[each.name]))
    given = {each.name: Given(each.type, values[each.name]) for each in source.graph.inputs}
    run = WorkflowRun(
        id=uuid4(),
        workflow_id=source.workflow_id,
        name=source.name,
        title=source.title,
        version=source.version,
        graph=source.graph.to_json(),
        inputs=values,
        state=RunState.RUNNING.value,
        asset_id=workflow_steps.asset_of(current, given),
        created_by_id=current_actor(current),
    )
    current.add(run)
    current.flush()
    current.add_all(
        WorkflowNode(id=uuid4(), run_id=run.id, name=node.name, step=node.step.name, position=position)
        for position, node in enumerate(source.graph.nodes, 1)
    )
    current.flush()
    current.refresh(run)
    events.emit(current, "workflow_run.started", "workflow_run", run.id, {"name": run.title or run.name})
    go_on(current, run)
    return run


def go_on(current: Session, run: WorkflowRun) -> None:
    """Queue what can be queued now, and end the run where nothing more can (the caller holds its lock)."""
    graph = parse(run.graph)
    for row in run.nodes:
        node = graph.node(row.name)
        if row.job is not None and row.job.state == JobState.COMPLETED and row.job_id:
            row.outputs = workflow_steps.outputs_of(current, node, row.job, row.outputs)
        # In the order of the graph: what completes here lets a later one begin in the same round.
        elif states_of(run, graph)[row.name] == WAITING and _is_ready(run, graph, row.name):
            _begin(current, run, graph, row, node)
    states = states_of(run, graph)
    if all(state in FINAL_STATES or state == BLOCKED for state in states.values()):
        _end(current, run, states)
    current.flush()


def states_of(run: WorkflowRun, graph: Graph) -> dict[str, str]:
    """State of every node by name: its job's, or ``waiting`` or ``blocked`` where it has none."""
    states: dict[str, str] = {}
    for row in run.nodes:
        if row.job is not None:
            states[row.name] = row.job.state
        elif row.error is not None:
            states[row.name] = JobState.FAILED.value
        elif row.cancelled:
            states[row.name] = JobState.CANCELLED.value
        elif any(states[name] in (*_ENDED_BADLY, BLOCKED) for name in graph.before(row.name)):
            states[row.name] = BLOCKED
        else:
            states[row.name] = WAITING
    return states


def cancel(current: Session, run: WorkflowRun) -> None:
    """Cancel what is under way and what has not begun. Raises ConflictError for a run that has ended."""
    _check_running(run)
    jobs.lock_with_dependents(current, [row.job.id for row in run.nodes if row.job is not None])
    for row in run.nodes:
        _cancel_node(current, run, row)
    go_on(current, run)


def cancel_node(current: Session, run: WorkflowRun, name: str) -> None:
    """Cancel one node; what needs it is blocked. Raises ConflictError where it has ended."""
    _check_running(run)
    row = node_of(run, name)
    if not _cancel_node(current, run, row):
        raise ConflictError(
            f"Node {name} has ended already.", hint="Reload the run.", code="conflict.job_state", fields={"node": name}
        )
    go_on(current, run)


def retry(current: Session, run: WorkflowRun, name: str = "") -> None:
    """Do again what failed or was cancelled: one node and what never began after it, or all. What is completed stays.

    Raises ConflictError where there is nothing of the kind.
    """
    rows = [node_of(run, name)] if name else list(run.nodes)
    again = [row for row in rows if _try_again(current, row)]
    for row in run.nodes:
        if again and row.job is None and row.name in parse(run.graph).after(name):
            row.cancelled = False
    if not again:
        raise ConflictError(
            f"Node {name} has not failed." if name else "No node of this run has failed or was cancelled.",
            hint="Start a new run to do completed nodes again.",
            code="conflict.not_failed",
        )
    run.state, run.finished_at = RunState.RUNNING.value, None
    go_on(current, run)


def node_of(run: WorkflowRun, name: str) -> WorkflowNode:
    """The node of that name. Raises NotFoundError."""
    for row in run.nodes:
        if row.name == name:
            return row
    raise NotFoundError(f"The run has no node {name!r}.", hint=f"It has {', '.join(row.name for row in run.nodes)}.")


def _is_ready(run: WorkflowRun, graph: Graph, name: str) -> bool:
    states = states_of(run, graph)
    return all(states[before] == JobState.COMPLETED for before in graph.before(name))


def _begin(current: Session, run: WorkflowRun, graph: Graph, row: WorkflowNode, node: Node) -> None:
    inputs: dict[str, list[Given]] = {}
    for edge in graph.edges:
        if edge.target == node.name:
            inputs.setdefault(edge.input, []).append(_given(run, graph, edge.source, edge.output))
    set_by_edges = {name: given[0].value for name, given in inputs.items() if node.step.parameter(name)}
    row.inputs = {name: [each.value for each in given] for name, given in inputs.items()}
    full = Node(node.name, node.step, {**node.parameters, **set_by_edges})
    try:
        # Raises before it writes anything.
        started = workflow_steps.start(current, full, inputs, run.asset_id)
    except RacewayError as error:
        row.error = error.to_json()
        events.emit(current, "workflow_node.failed", "workflow_run", run.id, {"name": row.name, "error": row.error})
        return
    row.job_id, row.outputs = started.job.id, started.outputs
    current.flush()
    current.refresh(row)
    if started.job.state == JobState.COMPLETED:
        row.outputs = workflow_steps.outputs_of(current, node, started.job, row.outputs)


def _given(run: WorkflowRun, graph: Graph, source: str, output: str) -> Given:
    if source == INPUTS:
        kind = next(each.type for each in graph.inputs if each.name == output)
        return Given(kind, run.inputs[output])
    kind = next(port.types[0] for port in graph.node(source).step.outputs if port.name == output)
    return Given(kind, node_of(run, source).outputs.get(output))


def _end(current: Session, run: WorkflowRun, states: Mapping[str, str]) -> None:
    failed = [name for name, state in states.items() if state == JobState.FAILED]
    if all(state == JobState.COMPLETED for state in states.values()):
        state = RunState.COMPLETED
    else:
        state = RunState.FAILED if failed else RunState.CANCELLED
    run.state, run.finished_at = state.value, datetime.now(UTC)
    errors = [f"{row.name}: {error['message']}" for row in run.nodes if (error := error_of(row))]
    blocked = [name for name, state in states.items() if state == BLOCKED]
    if blocked:
        errors.append(f"Not begun because of that: {', '.join(blocked)}.")
    payload = {
        "name": run.title or run.name,
        "nodes": len(states),
        "completed": sum(state == JobState.COMPLETED for state in states.values()),
        "failed": len(failed),
        "message": " ".join(errors),
        "created_by_id": str(run.created_by_id) if run.created_by_id else None,
    }
    events.emit(current, f"workflow_run.{state}", "workflow_run", run.id, payload)


def error_of(row: WorkflowNode) -> dict[str, Any] | None:
    """Why a node failed."""
    if row.error is not None:
        return row.error
    error: dict[str, Any] | None = row.job.document.get("error") if row.job else None
    return error


def _cancel_node(current: Session, run: WorkflowRun, row: WorkflowNode) -> bool:
    """Whether there was something to cancel."""
    if row.job is None:
        if row.error is not None or row.cancelled:
            return False
        row.cancelled = True
        return True
    if row.job.state in FINAL_STATES:
        return False
    # A conversion that was under way before the run is not the run's to stop.
    if row.job.created_at >= run.created_at:
        jobs.cancel(current, _locked(current, row.job))
    return True


def _try_again(current: Session, row: WorkflowNode) -> bool:
    if row.job is not None and row.job.state in _ENDED_BADLY:
        jobs.retry(current, _locked(current, row.job))
        return True
    if row.job is None and (row.error is not None or row.cancelled):
        row.error, row.cancelled = None, False
        return True
    return False


def _locked(current: Session, job: Job) -> Job:
    statement = select(Job).where(Job.id == job.id).with_for_update(of=Job).execution_options(populate_existing=True)
    return current.scalars(statement).unique().one()


def _check_running(run: WorkflowRun) -> None:
    if run.state != RunState.RUNNING:
        raise ConflictError(
            f"The run has ended already: it is {run.state}.",
            hint="Retry what failed, or start a new run.",
            code="conflict.run_state",
        )
