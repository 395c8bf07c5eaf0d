"""Close the cracks that the kernel's mesher leaves between faces: loops of open edges narrower than the deflection.

Where a sliver of a face is lost, or two faces took different points along an edge, a solid's mesh is open by a crack
that nobody sees, but that simulation and printing stumble over. The existing points are kept; each loop is filled by
the triangulation of least area (Barequet and Sharir, "Filling gaps in the boundary of a polyhedron", 1995).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from dcc.cad.kernel import Array
from dcc.cad.mesh.mesh import Mesh

_LONGEST = 300
"""Most points of a loop that is filled: the time grows with the cube of their number, to a second for these."""
_MOST_WORK = 10 * _LONGEST**2
"""Sum of the squares of the loops' points, for one part: one with more holes is broken, and no stitching mends it."""


def stitched(mesh: Mesh, width: float) -> Mesh:
    """``mesh`` with those cracks closed that are narrower than ``width`` (mm) on average; else ``mesh`` itself."""
    triangles = [mesh.triangles]
    faces = [mesh.faces]
    left = _MOST_WORK
    for loop, owner in _loops(mesh):
        if 3 <= len(loop) <= min(_LONGEST, math.isqrt(left)):
            left -= len(loop) ** 2
            points = mesh.points[mesh.point_of_vertex[loop]].astype(np.float64)
            area, filling = _least_area(points)
            if area <= width * np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).sum() / 2:
                triangles.append(loop[filling])
                faces.append(np.full(len(filling), owner, np.int32))
    together = np.concatenate(faces)
    order = np.argsort(together, kind="stable")
    closed = replace(mesh, triangles=np.concatenate(triangles)[order], faces=together[order])
    return closed if closed.open_edges < mesh.open_edges else mesh


def _loops(mesh: Mesh) -> Iterator[tuple[Array, int]]:
    """Vertices (N,) int32 around each hole, as triangles that fill it go round, and the face with most of its edges."""
    edges = np.flatnonzero(mesh.is_open_edge())
    # A filling runs along each open edge the other way: from where its triangle has it end to where it starts.
    vertices = mesh.triangles[:, [1, 2, 0]].ravel()[edges]
    begins, ends = mesh.point_of_vertex[vertices], mesh.welded_triangles().ravel()[edges]
    following = _following(mesh.points.astype(np.float64), begins.tolist(), ends.tolist())
    while following:
        loop = [next(iter(following))]
        while (edge := following.pop(loop[-1], None)) is not None:
            loop.append(edge)
        if len(loop) > 1 and loop.pop() == loop[0]:
            faces, counts = np.unique(mesh.faces[edges[loop] // 3], return_counts=True)
            yield vertices[loop], int(faces[np.argmax(counts)])


def _following(points: Array, begins: list[int], ends: list[int]) -> dict[int, int]:
    """For each edge the one around the same hole that begins where it ends.

    Where holes touch in a point, those go together that leave it in the most similar directions: cracks are narrow.
    """
    leaving: dict[int, list[int]] = {}
    arriving: dict[int, list[int]] = {}
    for edge, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        leaving.setdefault(begin, []).append(edge)
        arriving.setdefault(end, []).append(edge)
    following: dict[int, int] = {}
    taken: set[int] = set()
    for point, found in arriving.items():
        there = leaving.get(point, [])
        back = _directions(points[[begins[edge] for edge in found]] - points[point])
        on = _directions(points[[ends[edge] for edge in there]] - points[point])
        likeness = back @ on.T
        for place in np.argsort(-likeness, axis=None, kind="stable").tolist():
            edge, other = found[place // len(there)], there[place % len(there)]
            if edge not in following and other not in taken:
                following[edge] = other
                taken.add(other)
    return following


def _directions(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300))


def _least_area(points: Array) -> tuple[float, Array]:
    """Area of the smallest triangulation of the closed polygon ``points`` (N, 3), and its triangles (N - 2, 3)."""
    count = len(points)
    areas = np.zeros((count, count))
    middles = np.zeros((count, count), np.int32)
    for span in range(2, count):
        for first in range(count - span):
            last = first + span
            between = np.arange(first + 1, last)
            normals = np.cross(points[between] - points[first], points[last] - points[first])
            sums = areas[first, between] + areas[between, last] + np.linalg.norm(normals, axis=1) / 2
            best = int(np.argmin(sums))
            areas[first, last], middles[first, last] = sums[best], between[best]
    triangles: list[tuple[int, int, int]] = []
    waiting = [(0, count - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first > 1:
            middle = int(middles[first, last])
            triangles.append((first, middle, last))
            waiting += [(first, middle), (middle, last)]
    return float(areas[0, count - 1]), np.array(triangles, np.int32)
