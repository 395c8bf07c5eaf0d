"""The tessellation of a part: triangles of its faces, or polylines of its edges where it has no faces."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from dcc.cad.kernel import Array


@dataclass
class Mesh:
    """Triangles of a part in its own frame, mm.

    Vertices carry a normal each and are separate where faces meet; ``points`` are the welded positions. Triangles
    are counter-clockwise seen from outside and lie in the order of their faces.
    """

    vertices: Array
    """(V, 3) float32."""
    normals: Array
    """(V, 3) float32, unit length."""
    triangles: Array
    """(T, 3) int32, indices into ``vertices``."""
    faces: Array
    """(T,) int32, 1-based index of the kernel face of each triangle."""
    points: Array
    """(P, 3) float32."""
    point_of_vertex: Array
    """(V,) int32, index into ``points``."""
    broken_faces: list[int]
    """1-based indices of faces that have an area but could not be meshed."""
    empty_faces: list[int]
    """1-based indices of faces that have neither area nor triangles: slivers, mostly."""

    def welded_triangles(self) -> Array:
        """(T, 3) int32, indices into ``points``."""
        return np.ascontiguousarray(self.point_of_vertex[self.triangles])

    @functools.cached_property
    def open_edges(self) -> int:
        """How many edges have a triangle on one side only; 0 for a watertight mesh."""
        return int(self.is_open_edge().sum())

    def is_open_edge(self) -> Array:
        """(3 T,) bool: of the edge from each corner to the next, whether no triangle is on its other side."""
        welded = self.welded_triangles().astype(np.int64)
        start = welded.ravel()
        end = welded[:, [1, 2, 0]].ravel()
        return ~np.isin(start * len(self.points) + end, end * len(self.points) + start)

    def open_faces(self) -> list[int]:
        """The kernel's indices of the faces that have open edges, those with most of them first."""
        faces, counts = np.unique(np.repeat(self.faces, 3)[self.is_open_edge()], return_counts=True)
        return [int(face) for face in faces[np.argsort(-counts, kind="stable")]]

    def reversed(self) -> Mesh:
        """The same mesh, turned inside out."""
        return replace(self, normals=-self.normals, triangles=np.ascontiguousarray(self.triangles[:, ::-1]))


@dataclass
class Curves:
    """Polylines of a part without faces: ``points`` (P, 3) float32 mm, ``counts`` (C,) int32 points of each."""

    points: Array
    counts: Array
