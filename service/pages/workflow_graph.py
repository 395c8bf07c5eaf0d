"""Where the nodes and edges of a workflow stand on its drawing: in columns, each node right of those it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.workflows import INPUTS

_WIDTH, _HEIGHT = 168, 52
_GAP_X, _GAP_Y = 56, 22
_MARGIN = 6


@dataclass(frozen=True)
class Box:
    """A node: its place in px, and the node itself as the API describes it."""

    x: int
    y: int
    node: Mapping[str, Any]
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def done_width(self) -> float:
        """Width of the bar that shows its progress."""
        return round((self.width - 24) * float(self.node["progress"]["percent"]) / 100, 1)


@dataclass(frozen=True)
class Line:
    """An edge: the path of an SVG curve, and the state of the node it comes from."""

    path: str
    state: str


@dataclass(frozen=True)
class Drawing:
    """A graph with its size in px."""

    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]


def draw(nodes: list[Mapping[str, Any]], edges: list[Mapping[str, str]]) -> Drawing:
    """Place the nodes of a run, which come in an order in which each follows those it needs."""
    columns: dict[str, int] = {}
    for node in nodes:
        columns[node["name"]] = 1 + max((columns[name] for name in node["needs"]), default=-1)
    rows: dict[int, int] = {}
    boxes: dict[str, Box] = {}
    for node in nodes:
        column = columns[node["name"]]
        row = rows.setdefault(column, 0)
        rows[column] += 1
        x, y = _MARGIN + column * (_WIDTH + _GAP_X), _MARGIN + row * (_HEIGHT + _GAP_Y)
        boxes[node["name"]] = Box(x, y, node)
    pairs = {(edge["from"].partition(".")[0], edge["to"].partition(".")[0]) for edge in edges}
    lines = [_line(boxes[start], boxes[end]) for start, end in sorted(pairs) if start != INPUTS]
    return Drawing(
        2 * _MARGIN + (max(columns.values(), default=0) + 1) * (_WIDTH + _GAP_X) - _GAP_X,
        2 * _MARGIN + max(rows.values(), default=1) * (_HEIGHT + _GAP_Y) - _GAP_Y,
        list(boxes.values()),
        lines,
    )


def _line(start: Box, end: Box) -> Line:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x, end.y + end.height // 2
    middle = (x1 + x2) // 2
    return Line(f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}", start.node["state"])
