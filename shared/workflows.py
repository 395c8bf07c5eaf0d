"""Workflows: small graphs of process steps, checked here before any of them runs.

::

    {"inputs": {"cad_file": {"type": "cad_file"}, "samples": {"type": "integer", "default": 48}},
     "nodes":  [{"name": "convert", "step": "convert", "parameters": {"linear_deflection": 0.1}},
                {"name": "render", "step": "still"}],
     "edges":  [{"from": "inputs.cad_file", "to": "convert.cad_file"},
                {"from": "convert.model", "to": "render.subject"},
                {"from": "inputs.samples", "to": "render.samples"}]}

A node does a step of the registry (:mod:`shared.steps`). An edge takes what one node gives to an input of the next, or
sets one of its parameters by it; ``inputs`` stands for what a run is started with. An edge may leave out the names
after the dots where only one output fits one input. A parameter may be ``{"value": 0.1, "unit": "cm"}``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.errors import InputError
from shared.step_schema import SCALARS, TYPES, Parameter, Step, is_of_type
from shared.steps import STEPS

INPUTS = "inputs"
"""The node that an edge comes from which brings what a run is started with."""
MOST_NODES = 100
MOST_EDGES = 400
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_STEPS = {step.name: step for step in STEPS}


class RunState(StrEnum):
    """States of a workflow's run as a whole."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Input:
    """Something that a run is started with: a thing of the pipeline, or a value for parameters."""

    name: str
    type: str
    help: str = ""
    default: Any = None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True)
class Node:
    """A step of a workflow, with the parameters that differ from the step's defaults."""

    name: str
    step: Step
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """What ``output`` of ``source`` gives goes to ``input`` of ``target``: one of its ports, or a parameter."""

    source: str
    output: str
    target: str
    input: str

    def __str__(self) -> str:
        return f"{self.source}.{self.output} -> {self.target}.{self.input}"


@dataclass(frozen=True)
class Graph:
    """A workflow that has passed every check. ``nodes`` stand in an order in which each follows those it needs."""

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def node(self, name: str) -> Node:
        """The node of that name. Raises KeyError."""
        return next(node for node in self.nodes if node.name == name)

    def before(self, name: str) -> list[str]:
        """The nodes that give something to this one."""
        return sorted({edge.source for edge in self.edges if edge.target == name and edge.source != INPUTS})

    def after(self, name: str) -> set[str]:
        """Every node that needs this one, also through others."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            new = {edge.target for edge in self.edges if edge.source == current} - found
            found |= new
            waiting += new
        return found

    def to_json(self) -> dict[str, Any]:
        """The form that :func:`parse` reads, with every name written out."""
        return {
            "inputs": {
                each.name: {"type": each.type, "help": each.help, "default": each.default} for each in self.inputs
            },
            "nodes": [
                {"name": node.name, "step": node.step.name, "parameters": dict(node.parameters)} for node in self.nodes
            ],
            "edges": [
                {"from": f"{edge.source}.{edge.output}", "to": f"{edge.target}.{edge.input}"} for edge in self.edges
            ],
        }


def parse(data: Any) -> Graph:
    """The graph in ``data``.

    Raises InputError (``input.workflow``) with every fault at once: ``fields`` has a message for each ``nodes.NAME``,
    ``nodes.NAME.PARAMETER``, ``edges.INDEX`` and ``inputs.NAME`` that is wrong.
    """
    faults = _Faults()
    if not isinstance(data, Mapping):
        faults.add("workflow", "is not an object with nodes and edges")
        faults.raise_if_any()
    for name in sorted(set(map(str, data)) - {"inputs", "nodes", "edges"}):
        faults.add(name, "is unknown; a workflow has inputs, nodes and edges")
    inputs = _inputs(data.get("inputs") or {}, faults)
    nodes = _nodes(data.get("nodes"), faults)
    edges = _edges(data.get("edges") or [], inputs, nodes, faults)
    _check_ports(nodes, edges, faults)
    order = _ordered(nodes, edges, faults)
    faults.raise_if_any()
    return Graph(tuple(inputs.values()), tuple(nodes[name] for name in order), tuple(edges.values()))


def check_inputs(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every input for a run.

    Raises InputError (``input.workflow``) naming each that is missing, unknown or of another type.
    """
    faults = _Faults()
    values: dict[str, Any] = {}
    known = {each.name: each for each in graph.inputs}
    for name in sorted(set(given) - set(known)):
        faults.add(f"inputs.{name}", f"is no input of this workflow; it has {', '.join(known) or 'none'}")
    for name, each in known.items():
        value = given.get(name, each.default)
        if value is None:
            faults.add(f"inputs.{name}", f"is missing: {each.help or TYPES.get(each.type, each.type)}")
        elif not is_of_type(value, each.type if each.type in SCALARS else "string"):
            faults.add(f"inputs.{name}", f"must be {TYPES.get(each.type, each.type)}, not {value!r}")
        values[name] = value
    for edge in graph.edges if not faults.found else ():
        # A value that sets a parameter has to be one that the parameter takes.
        parameter = graph.node(edge.target).step.parameter(edge.input) if edge.source == INPUTS else None
        if parameter is not None:
            _check_value(parameter, values[edge.output], f"inputs.{edge.output}", faults)
    faults.raise_if_any()
    return values


class _Faults:
    """What is wrong with a workflow, by where."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._hints: list[str] = []

    def add(self, where: str, what: str, hint: str = "") -> None:
        self.found[where] = f"{self.found[where]}; {what}" if where in self.found else what
        if hint:
            self._hints.append(hint)

    def raise_if_any(self) -> None:
        if not self.found:
            return
        listed = "; ".join(f"{where} {what}" for where, what in list(self.found.items())[:3])
        more = f"; and {len(self.found) - 3} more" if len(self.found) > 3 else ""
        raise InputError(
            f"The workflow cannot run, it has {len(self.found)} fault{'s' * (len(self.found) > 1)}: {listed}{more}.",
            hint=self._hints[0] if self._hints else "GET /api/workflows/steps has every step and what it takes.",
            code="input.workflow",
            fields=self.found,
        )


def _inputs(data: Any, faults: _Faults) -> dict[str, Input]:
    found: dict[str, Input] = {}
    if not isinstance(data, Mapping):
        faults.add("inputs", "is not an object of inputs by name")
        return found
    for name, given in data.items():
        where = f"inputs.{name}"
        if not isinstance(given, Mapping):
            faults.add(where, "is not an object with a type")
            continue
        if not _NAME.fullmatch(str(name)):
            faults.add(where, "has a name that is not lower case letters, digits and _")
        kind, default = given.get("type"), given.get("default")
        if kind not in TYPES and kind not in SCALARS:
            faults.add(where, f"has the unknown type {kind!r}; there are {', '.join([*TYPES, *SCALARS])}")
            continue
        if default is not None and not is_of_type(default, kind if kind in SCALARS else "string"):
            faults.add(where, f"has the default {default!r}, which is no {kind}")
        if unknown := sorted(set(map(str, given)) - {"type", "help", "default"}):
            faults.add(where, f"has no {unknown[0]!r}; an input has type, help and default")
        found[str(name)] = Input(str(name), str(kind), str(given.get("help") or ""), default)
    return found


def _nodes(data: Any, faults: _Faults) -> dict[str, Node]:
    found: dict[str, Node] = {}
    if not isinstance(data, list) or not data:
        faults.add("nodes", "is not a list of at least one node")
        return found
    if len(data) > MOST_NODES:
        faults.add("nodes", f"are more than {MOST_NODES}", "Split it into several workflows.")
        return found
    for index, given in enumerate(data):
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(name, str) or not _NAME.fullmatch(name) or name == INPUTS:
            faults.add(f"nodes.{index}", f"needs a name of lower case letters, digits and _, other than {INPUTS!r}")
            continue
        where = f"nodes.{name}"
        if name in found:
            faults.add(where, "stands there twice", "Give each node a name of its own.")
        if unknown := sorted(set(map(str, given)) - {"name", "step", "parameters"}):
            faults.add(where, f"has no {unknown[0]!r}; a node has name, step and parameters")
        step = _STEPS.get(str(given.get("step")))
        if step is None:
            faults.add(where, f"does the unknown step {given.get('step')!r}{_near(given.get('step'), _STEPS)}")
            continue
        found[name] = Node(name, step, _parameters(step, given.get("parameters") or {}, where, faults))
    return found


def _parameters(step: Step, given: Any, where: str, faults: _Faults) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not isinstance(given, Mapping):
        faults.add(where, "has parameters that are not an object")
        return values
    for name, value in given.items():
        parameter = step.parameter(str(name))
        if parameter is None:
            names = [each.name for each in step.parameters]
            faults.add(f"{where}.{name}", f"is no parameter of the step {step.name}{_near(name, names)}")
        else:
            values[parameter.name] = _check_value(parameter, value, f"{where}.{name}", faults)
    return values


def _check_value(parameter: Parameter, value: Any, where: str, faults: _Faults) -> Any:
    try:
        return parameter.check(parameter.in_its_unit(value))
    except InputError as error:
        faults.add(where, error.fields.get(parameter.name, error.message), error.hint)
        return value


def _edges(data: Any, inputs: dict[str, Input], nodes: dict[str, Node], faults: _Faults) -> dict[int, Edge]:
    found: dict[int, Edge] = {}
    if not isinstance(data, list):
        faults.add("edges", "is not a list of edges")
        return found
    if len(data) > MOST_EDGES:
        faults.add("edges", f"are more than {MOST_EDGES}")
        return found
    for index, given in enumerate(data):
        where = f"edges.{index}"
        ends = [given.get("from"), given.get("to")] if isinstance(given, Mapping) else []
        if len(ends) != 2 or not all(isinstance(end, str) and end for end in ends) or set(given) != {"from", "to"}:
            faults.add(where, "needs `from` and `to`, such as convert.model and render.subject")
            continue
        edge = _edge(str(ends[0]), str(ends[1]), inputs, nodes, where, faults)
        if edge is None:
            continue
        if edge in found.values():
            faults.add(where, f"({edge}) stands there twice")
        found[index] = edge
    return found


def _edge(
    start: str, end: str, inputs: dict[str, Input], nodes: dict[str, Node], where: str, faults: _Faults
) -> Edge | None:
    """The edge between two ends, whose ports are found by their types where they are left out."""
    (source, _, output), (target, _, wanted) = start.partition("."), end.partition(".")
    names = [*nodes, INPUTS]
    for name in (source, target):
        if name not in names or (name == INPUTS and name == target):
            faults.add(where, f"({start} -> {end}) names the unknown node {name!r}{_near(name, nodes)}")
            return None
    outputs = _outputs(source, inputs, nodes)
    takers = nodes[target].step.takers()
    if output and output not in outputs:
        faults.add(where, f"({start} -> {end}): {source} gives no {output!r}; it gives {_listed(outputs)}")
        return None
    if wanted and wanted not in takers:
        faults.add(where, f"({start} -> {end}): {target} takes no {wanted!r}; it takes {_listed(takers)}")
        return None
    pairs = [
        (gives, takes)
        for gives in ([output] if output else outputs)
        for takes in ([wanted] if wanted else [port.name for port in nodes[target].step.inputs])
        if _fits(outputs[gives], takers[takes])
    ]
    if len(pairs) == 1:
        return Edge(source, pairs[0][0], target, pairs[0][1])
    if not pairs:
        gives = f"{output} is {_a(outputs[output])}" if output else f"{source} gives {_listed(outputs)}"
        takes = f"{wanted} takes {_a(' or '.join(takers[wanted]))}" if wanted else f"{target} takes {_listed(takers)}"
        faults.add(where, f"({start} -> {end}) joins what does not fit: {gives}, {takes}")
    else:
        choices = " or ".join(f"{source}.{gives} -> {target}.{takes}" for gives, takes in pairs)
        faults.add(where, f"({start} -> {end}) can mean more than one thing: {choices}")
    return None


def _outputs(name: str, inputs: dict[str, Input], nodes: dict[str, Node]) -> dict[str, str]:
    """What a node gives, and of which type."""
    if name == INPUTS:
        return {each.name: each.type for each in inputs.values()}
    return {port.name: port.types[0] for port in nodes[name].step.outputs}


def _fits(gives: str, takes: tuple[str, ...]) -> bool:
    return gives in takes or (gives == "integer" and "number" in takes)


def _check_ports(nodes: dict[str, Node], edges: dict[int, Edge], faults: _Faults) -> None:
    """Every input that a step needs is there, and only those that take several have several."""
    for node in nodes.values():
        for port in node.step.inputs:
            if port.required and not _into(node, port.name, edges):
                faults.add(f"nodes.{node.name}", f"has no edge to its input {port.name}: {port.help}")
        for name in node.step.takers():
            into = _into(node, name, edges)
            if len(into) > 1 and not node.step.takes_many(name):
                faults.add(f"edges.{into[1]}", f"({edges[into[1]]}) gives {node.name}.{name} a second time")
            if into and name in node.parameters:
                faults.add(f"edges.{into[0]}", f"({edges[into[0]]}) sets what the node's parameters set already")


def _into(node: Node, port: str, edges: dict[int, Edge]) -> list[int]:
    return [index for index, edge in edges.items() if (edge.target, edge.input) == (node.name, port)]


def _ordered(nodes: dict[str, Node], edges: dict[int, Edge], faults: _Faults) -> list[str]:
    """The nodes in an order in which each follows those it needs; names what goes in circles or is not reached."""
    needs = {name: {edge.source for edge in edges.values() if edge.target == name} - {INPUTS} for name in nodes}
    started = {edge.target for edge in edges.values() if edge.source == INPUTS}
    order: list[str] = []
    left = dict(needs)
    while ready := [name for name in left if left[name] <= set(order)]:
        order += ready
        for name in ready:
            del left[name]
    circles = list(_circles(left))
    for circle in circles:
        faults.add(
            f"nodes.{circle[0]}",
            f"waits for itself: {' -> '.join([*circle, circle[0]])}",
            "Take out one of the edges of the circle.",
        )
    reached = {name for name, node in nodes.items() if name in started or not any(p.required for p in node.step.inputs)}
    while more := {name for name in nodes if needs[name] & reached} - reached:
        reached |= more
    for name in nodes:
        if name in left and not any(name in circle for circle in circles):
            faults.add(f"nodes.{name}", f"cannot be reached: it waits for {_listed(needs[name] & set(left))}")
        elif name not in left and name not in reached:
            faults.add(f"nodes.{name}", f"cannot be reached: no way leads to it from the workflow's {INPUTS}")
    return order


def _circles(needs: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """One circle through each group of nodes that wait for each other, in the direction in which data would flow."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        name = start
        # Every node left needs another one that is left: going back along them ends in a circle.
        while name not in path and name not in done:
            path.append(name)
            name = min(needs[name] & set(needs))
        if name in path:
            yield list(reversed(path[path.index(name) :]))
        done.update(path)


def _near(word: Any, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(str(word), names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names) or 'none'}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _a(what: str) -> str:
    return f"{'an' if what[:1] in 'aeiou' else 'a'} {what}"
