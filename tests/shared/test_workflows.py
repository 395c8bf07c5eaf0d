"""Workflows are checked whole before any of them runs, and every fault says where it is."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.steps import STEPS
from shared.workflows import MOST_NODES, Graph, check_inputs, parse

Json = dict[str, Any]

PICTURE: Json = {
    "inputs": {"cad_file": {"type": "cad_file", "help": "the STEP file"}, "samples": {"type": "integer", "default": 8}},
    "nodes": [
        {"name": "convert", "step": "convert", "parameters": {"linear_deflection": 0.1}},
        {"name": "publish", "step": "publish"},
        {"name": "render", "step": "still", "parameters": {"width": 64, "height": 36}},
        {"name": "deliver", "step": "deliver"},
    ],
    "edges": [
        {"from": "inputs.cad_file", "to": "convert"},
        {"from": "convert", "to": "publish"},
        {"from": "publish", "to": "render"},
        {"from": "inputs.samples", "to": "render.samples"},
        {"from": "render", "to": "deliver"},
    ],
}


def faults(data: Any) -> dict[str, str]:
    with pytest.raises(InputError) as caught:
        parse(data)
    assert caught.value.code == "input.workflow" and caught.value.hint
    assert all(where.split(".")[0] in caught.value.message for where in list(caught.value.fields)[:3])
    return caught.value.fields


def changed(**parts: Any) -> Json:
    return {**copy.deepcopy(PICTURE), **parts}


def with_node(index: int, **fields: Any) -> Json:
    data = copy.deepcopy(PICTURE)
    data["nodes"][index].update(fields)
    return data


def with_edge(start: str, end: str) -> Json:
    data = copy.deepcopy(PICTURE)
    data["edges"].append({"from": start, "to": end})
    return data


def test_a_workflow_is_read_with_its_ports_found_by_their_types() -> None:
    graph = parse(PICTURE)
    assert [node.name for node in graph.nodes] == ["convert", "publish", "render", "deliver"]
    assert [str(edge) for edge in graph.edges] == [
        "inputs.cad_file -> convert.cad_file",
        "convert.model -> publish.model",
        "publish.publish -> render.subject",
        "inputs.samples -> render.samples",
        "render.pictures -> deliver.files",
    ]
    assert graph.before("render") == ["publish"] and graph.after("convert") == {"publish", "render", "deliver"}
    assert parse(graph.to_json()) == graph


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        (with_node(0, step="convertt"), "nodes.convert", "did you mean convert?"),
        (with_node(2, parameters={"widht": 64}), "nodes.render.widht", "did you mean width?"),
        (with_node(2, parameters={"width": "64"}), "nodes.render.width", "must be of type integer"),
        (with_node(2, parameters={"width": 4}), "nodes.render.width", "below the minimum 16 px"),
        (with_node(2, parameters={"engine": "workbench"}), "nodes.render.engine", "none of cycles"),
        (with_node(0, parameters={"linear_deflection": {"value": 1, "unit": "kg"}}), "linear_deflection", "'kg'"),
        (with_node(0, parameters={"linear_deflection": float("nan")}), "linear_deflection", "type number"),
        (with_node(2, parameters={"width": {"value": 1, "unit": "cm"}}), "nodes.render.width", "it accepts px"),
        (with_node(1, name="convert"), "nodes.convert", "stands there twice"),
        (with_node(1, name="Publish it"), "nodes.1", "needs a name"),
        (with_node(1, name="inputs"), "nodes.1", "needs a name"),
        (with_node(1, colour="red"), "nodes.publish", "no 'colour'"),
        (with_edge("convert", "rendr"), "edges.5", "unknown node 'rendr'; did you mean render?"),
        (with_edge("convert.mesh", "render"), "edges.5", "convert gives no 'mesh'; it gives model, parts, triangles"),
        (with_edge("convert", "publish.mesh"), "edges.5", "publish takes no 'mesh'"),
        (with_edge("render.pictures", "publish.model"), "edges.5", "does not fit"),
        (with_edge("publish", "render"), "edges.5", "stands there twice"),
        (with_edge("convert.model", "render.subject"), "edges.5", "a second time"),
        (with_edge("convert.parts", "render.width"), "edges.5", "parameters set already"),
        (with_edge("inputs.film", "deliver"), "edges.5", "gives no 'film'"),
        (with_edge("render", "inputs.cad_file"), "edges.5", "unknown node 'inputs'"),
        (changed(edges=[]), "nodes.publish", "has no edge to its input model"),
        (changed(edges=PICTURE["edges"][1:]), "nodes.convert", "cannot be reached"),
        (changed(edges=[{"from": "convert"}]), "edges.0", "needs `from` and `to`"),
        (changed(nodes=[]), "nodes", "at least one node"),
        (changed(nodes=PICTURE["nodes"] * (MOST_NODES // 4 + 1)), "nodes", f"more than {MOST_NODES}"),
        (changed(inputs={"cad_file": {"type": "step"}}), "inputs.cad_file", "unknown type 'step'"),
        (changed(inputs={"samples": {"type": "integer", "default": "8"}}), "inputs.samples", "is no integer"),
        (changed(steps=[]), "steps", "is unknown"),
        ([], "workflow", "not an object"),
    ],
)
def test_a_fault_is_named_where_it_is(data: Any, where: str, words: str) -> None:
    found = faults(data)
    assert any(where in place and words in message for place, message in found.items()), found


def test_all_faults_are_told_at_once() -> None:
    data = with_node(0, step="bake")
    data["nodes"][2]["parameters"] = {"width": 1, "height": "x"}
    data["edges"].append({"from": "render", "to": "nowhere"})
    assert {"nodes.convert", "nodes.render.width", "nodes.render.height", "edges.5"} <= set(faults(data))


def chain(names: list[str]) -> Json:
    """Deliveries that each deliver the one before."""
    return {
        "inputs": {"pictures": {"type": "pictures"}},
        "nodes": [{"name": name, "step": "deliver"} for name in names],
        "edges": [{"from": "inputs.pictures", "to": f"{names[0]}.files"}]
        + [{"from": f"{a}.files", "to": f"{b}.files"} for a, b in itertools.pairwise(names)],
    }


def test_a_circle_is_named_by_its_way_and_what_waits_for_it_too() -> None:
    data = chain(["a", "b", "c", "d", "e"])
    data["edges"].append({"from": "d.files", "to": "b.files"})
    found = faults(data)
    assert found == {
        "nodes.b": "waits for itself: b -> c -> d -> b",
        "nodes.e": "cannot be reached: it waits for d",
    } or found == {
        "nodes.c": "waits for itself: c -> d -> b -> c",
        "nodes.e": "cannot be reached: it waits for d",
    }
    data["edges"][-1] = {"from": "a.files", "to": "a.files"}
    assert found != faults(data) and "a -> a" in faults(data)["nodes.a"]


def test_units_of_the_same_quantity_are_converted() -> None:
    def value(parameters: Json, name: str) -> Any:
        return parse(with_node(0, parameters=parameters)).node("convert").parameters[name]

    assert value({"linear_deflection": {"value": 0.01, "unit": "cm"}}, "linear_deflection") == pytest.approx(0.1)
    assert value({"linear_deflection": {"value": 1, "unit": "in"}}, "linear_deflection") == pytest.approx(25.4)
    assert value({"angular_deflection": {"value": 15, "unit": "degrees"}}, "angular_deflection") == pytest.approx(
        0.2618, abs=1e-4
    )
    assert "above the maximum" in str(
        faults(with_node(0, parameters={"angular_deflection": {"value": 181, "unit": "degrees"}}))
    )


def test_what_a_run_is_started_with_is_checked_too() -> None:
    graph = parse(PICTURE)
    assert check_inputs(graph, {"cad_file": "an id"}) == {"cad_file": "an id", "samples": 8}
    for given_inputs, where, words in (
        ({}, "inputs.cad_file", "is missing: the STEP file"),
        ({"cad_file": 7}, "inputs.cad_file", "an uploaded CAD file"),
        ({"cad_file": "x", "sample": 3}, "inputs.sample", "is no input"),
        ({"cad_file": "x", "samples": 0}, "inputs.samples", "below the minimum"),
        ({"cad_file": "x", "samples": 2.5}, "inputs.samples", "integer"),
    ):
        with pytest.raises(InputError) as caught:
            check_inputs(graph, given_inputs)
        assert words in caught.value.fields[where]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values, json_values)
def test_anything_is_either_read_or_refused_in_words(inputs: Any, nodes: Any, edges: Any) -> None:
    for data in (
        inputs,
        {"inputs": inputs, "nodes": nodes, "edges": edges},
        changed(edges=edges),
        changed(inputs=inputs),
    ):
        try:
            parse(data)
        except InputError as error:
            assert error.fields


@st.composite
def layered(draw: st.DrawFn) -> Json:
    """A workflow without circles: every delivery takes from some of those before it."""
    size = draw(st.integers(1, 12))
    names = draw(st.permutations([f"n{number}" for number in range(size)]))
    edges = [{"from": "inputs.pictures", "to": f"{names[0]}.files"}]
    for index in range(1, size):
        sources = draw(st.sets(st.integers(0, index - 1), min_size=1, max_size=3))
        edges += [{"from": f"{names[source]}.files", "to": f"{names[index]}.files"} for source in sources]
    nodes = [{"name": name, "step": "deliver"} for name in draw(st.permutations(list(names)))]
    return {"inputs": {"pictures": {"type": "pictures"}}, "nodes": nodes, "edges": draw(st.permutations(edges))}


@given(layered())
def test_every_node_comes_after_those_it_needs(data: Json) -> None:
    graph = parse(data)
    place = {node.name: index for index, node in enumerate(graph.nodes)}
    assert len(place) == len(data["nodes"])
    assert all(place[edge.source] < place[edge.target] for edge in graph.edges if edge.source != "inputs")
    assert parse(graph.to_json()) == Graph(graph.inputs, graph.nodes, graph.edges)


@given(layered(), st.data())
def test_an_edge_backwards_is_always_a_circle_that_is_named(data: Json, more: st.DataObject) -> None:
    graph = parse(data)
    start = more.draw(st.sampled_from([node.name for node in graph.nodes]))
    end = more.draw(st.sampled_from(sorted({start, *graph.after(start)})))
    data["edges"].append({"from": f"{end}.files", "to": f"{start}.files"})
    way = next(message for message in faults(data).values() if "waits for itself" in message)
    circle = way.removeprefix("waits for itself: ").split("; ")[0].split(" -> ")
    edges = {(str(edge["from"]).split(".")[0], str(edge["to"]).split(".")[0]) for edge in data["edges"]}
    assert circle[0] == circle[-1] and all(pair in edges for pair in itertools.pairwise(circle))


def test_every_step_explains_itself() -> None:
    for step in STEPS:
        assert step.help.endswith(".") and step.inputs and step.outputs, step.name
        assert all(port.help for port in (*step.inputs, *step.outputs))
        for parameter in step.parameters:
            where = f"{step.name}.{parameter.name}"
            assert parameter.help.endswith(".") and parameter.recommendation and parameter.warning, where
            if parameter.type in ("integer", "number"):
                assert parameter.minimum is not None and parameter.maximum is not None, where
