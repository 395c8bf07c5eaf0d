"""Triangulate a face that the kernel's mesher gives up on, from the points that its neighbours have on its edges.

The kernel fails on some closed faces whose outline is sound, countersinks above all. Here the outline is taken from the
meshes around the face, bit for bit, so that the mesh stays watertight; the triangles are the Delaunay triangulation of
the outline in the surface's own parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Curve, BRepAdaptor_Curve2d, BRepAdaptor_Surface
from OCP.collections import IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher
from OCP.GCPnts import GCPnts_TangentialDeflection
from OCP.GeomAbs import GeomAbs_SurfaceType
from OCP.gp import gp_Pnt, gp_Pnt2d, gp_Vec
from OCP.Poly import Poly_Triangle, Poly_Triangulation
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopExp import TopExp, TopExp_Explorer
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Edge, TopoDS_Face, TopoDS_Shape

from dcc.cad.kernel import Array

_RULED = (
    GeomAbs_SurfaceType.GeomAbs_Plane,
    GeomAbs_SurfaceType.GeomAbs_Cylinder,
    GeomAbs_SurfaceType.GeomAbs_Cone,
)
"""Surfaces that the straight lines between two points of an outline follow; others need points inside."""
_MOST_POINTS = 20_000
"""Most points of a patch, to bound the time that it takes."""
# Shares of the outline's size, in the surface's parameters: noise of a straight line, and of where two lines meet.
_STRAIGHT = 1e-7
_MEETING = 1e-4


@dataclass(frozen=True)
class _Outline:
    """Corners of a face: parameters (N, 2), scaled to millimetres, and positions (N, 3); segments (S, 2) between."""

    corners: Array
    points: Array
    segments: Array


def patch_face(shape: TopoDS_Shape, face: TopoDS_Face, deflection: float, angle: float) -> bool:
    """Give ``face`` of the meshed ``shape`` a triangulation of its own; whether that was possible."""
    # Few models need it, and it takes long to load.
    from scipy.spatial import Delaunay, QhullError

    surface = BRepAdaptor_Surface(face)
    scale = _millimetres_per_parameter(surface)
    if scale is None:
        return False
    outline = _outline(shape, face, scale, deflection, angle)
    if outline is None or not 3 <= len(outline.corners) <= _MOST_POINTS:
        return False
    inside = _grid(outline) if surface.GetType() not in _RULED else np.empty((0, 2))
    corners = np.concatenate([outline.corners, inside])
    try:
        triangles = Delaunay(corners).simplices
    except QhullError:
        return False
    triangles = triangles[_is_inside(corners[triangles].mean(axis=1), outline)]
    a, b, c = (corners[triangles[:, corner]] for corner in range(3))
    areas = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles = np.where((areas < 0)[:, None], triangles[:, ::-1], triangles)
    if not _is_bounded_by(triangles, outline.segments):
        return False
    parameters = corners / scale
    points = np.concatenate([outline.points, _positions(surface, parameters[len(outline.points) :])])
    _attach(face, parameters, points, triangles)
    return True


def close_sliver(shape: TopoDS_Shape, face: TopoDS_Face, deflection: float, angle: float) -> bool:
    """Give a face without area, between two edges, triangles that join the points its two neighbours have there.

    Returns whether that was possible.
    """
    forward = TopoDS.Face(face.Oriented(TopAbs_Orientation.TopAbs_FORWARD))
    faces_of = _faces_of(shape)
    edges = [edge for edge in _edges(forward) if not BRep_Tool.Degenerated_s(edge)]
    if len(edges) != 2 or {*_vertices(edges[0])} != {*_vertices(edges[1])} or edges[0].IsSame(edges[1]):
        return False
    sides: list[tuple[Array, Array]] = []
    for edge in edges:
        parameters, points = _neighbours_polygon(edge, face, faces_of) or _own_polygon(edge, face, deflection, angle)
        if len(parameters) < 2:
            return False
        curve = BRepAdaptor_Curve2d(edge, forward)
        corners = np.array([(p.X(), p.Y()) for p in (curve.Value(float(value)) for value in parameters)])
        forwards = edge.Orientation() == TopAbs_Orientation.TopAbs_FORWARD
        sides.append((corners, points) if forwards else (corners[::-1], points[::-1]))
    # The outline runs along the one side and back along the other: turned round, both run the same way.
    (corners, points), (back_corners, back_points) = sides
    back_corners, back_points = back_corners[::-1], back_points[::-1].copy()
    back_points[0], back_points[-1] = points[0], points[-1]
    triangles = _strip(points, back_points)
    _attach(face, np.concatenate([corners, back_corners]), np.concatenate([points, back_points]), triangles)
    return True


def _strip(left: Array, right: Array) -> Array:
    """Triangles (T, 3) between two lines of points that start and end together; those of ``right`` come second."""
    along_left, along_right = _lengths(left), _lengths(right)
    triangles: list[tuple[int, int, int]] = []
    i, j = 0, 0
    while i < len(left) - 1 or j < len(right) - 1:
        if j == len(right) - 1 or (i < len(left) - 1 and along_left[i + 1] <= along_right[j + 1]):
            triangles.append((i, i + 1, len(left) + j))
            i += 1
        else:
            triangles.append((i, len(left) + j + 1, len(left) + j))
            j += 1
    return np.array(triangles)


def _lengths(points: Array) -> Array:
    """How far along the line each point is, 0 to 1."""
    total = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.asarray(total / (total[-1] or 1.0))


def _millimetres_per_parameter(surface: BRepAdaptor_Surface) -> Array | None:
    """Length of a unit step in u and in v in the middle of the face; None where that says nothing."""
    u = (surface.FirstUParameter() + surface.LastUParameter()) / 2
    v = (surface.FirstVParameter() + surface.LastVParameter()) / 2
    if not np.isfinite([u, v]).all() or max(abs(u), abs(v)) > 1e50:
        return None
    point, along_u, along_v = gp_Pnt(), gp_Vec(), gp_Vec()
    surface.D1(u, v, point, along_u, along_v)
    scale = np.array([along_u.Magnitude(), along_v.Magnitude()])
    return scale if np.isfinite(scale).all() and scale.min() > 1e-12 else None


def _outline(shape: TopoDS_Shape, face: TopoDS_Face, scale: Array, deflection: float, angle: float) -> _Outline | None:
    faces_of = _faces_of(shape)
    lines: list[tuple[TopoDS_Edge, Array, Array]] = []
    ends: dict[int, Array] = {}
    for edge in _edges(face):
        shared = _neighbours_polygon(edge, face, faces_of)
        parameters, points = shared or _own_polygon(edge, face, deflection, angle)
        if not len(parameters):
            return None
        for vertex, point in zip(_vertices(edge), (points[0], points[-1]), strict=True):
            if shared:
                ends[vertex] = point
            else:
                ends.setdefault(vertex, point)
        lines.append((edge, parameters, points))
    corners: list[Array] = []
    positions: list[Array] = []
    segments: list[Array] = []
    count = 0
    for edge, parameters, points in lines:
        curve = BRepAdaptor_Curve2d(edge, face)
        values = (curve.Value(float(parameter)) for parameter in parameters)
        corners.append(np.array([(value.X(), value.Y()) for value in values]) * scale)
        first, last = _vertices(edge)
        positions.append(np.concatenate([[ends[first]], points[1:-1], [ends[last]]]))
        numbers = np.arange(count, count + len(parameters))
        segments.append(np.stack([numbers[:-1], numbers[1:]], axis=1))
        count += len(parameters)
    if not corners:
        return None
    return _joined(np.concatenate(corners), np.concatenate(positions), np.concatenate(segments))


def _joined(corners: Array, points: Array, segments: Array) -> _Outline:
    """One corner where the ends of two lines meet."""
    size = float(np.ptp(corners, axis=0).max())
    # Noise would make slivers along a straight border, and those are not the face's.
    step = _STRAIGHT * size
    corners = np.round(corners / step) * step if step else corners
    index = np.arange(len(corners))
    ends = np.flatnonzero(np.bincount(segments.ravel(), minlength=len(corners)) == 1)
    for number, end in enumerate(ends):
        earlier = ends[:number]
        near = np.abs(corners[earlier] - corners[end]).max(axis=1) <= _MEETING * size
        if near.any():
            index[end] = index[earlier[np.argmax(near)]]
    kept, index = np.unique(index, return_inverse=True)
    joined = index[segments]
    return _Outline(corners[kept], points[kept], joined[joined[:, 0] != joined[:, 1]])


def _faces_of(shape: TopoDS_Shape) -> IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher:
    """The faces at each edge of a shape."""
    found = IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher()
    TopExp.MapShapesAndAncestors_s(shape, TopAbs_ShapeEnum.TopAbs_EDGE, TopAbs_ShapeEnum.TopAbs_FACE, found)
    return found


def _edges(face: TopoDS_Face) -> Iterator[TopoDS_Edge]:
    """The edges of a face; a seam twice, once for either side."""
    explorer = TopExp_Explorer(face, TopAbs_ShapeEnum.TopAbs_EDGE)
    while explorer.More():
        yield TopoDS.Edge(explorer.Current())
        explorer.Next()


def _vertices(edge: TopoDS_Edge) -> tuple[int, int]:
    """Identities of the vertices at the first and at the last parameter of an edge."""
    forward = TopoDS.Edge(edge.Oriented(TopAbs_Orientation.TopAbs_FORWARD))
    return hash(TopExp.FirstVertex_s(forward)), hash(TopExp.LastVertex_s(forward))


def _neighbours_polygon(
    edge: TopoDS_Edge,
    face: TopoDS_Face,
    faces_of: IndexedDataMap_TopoDS_Shape_List_TopoDS_Shape_TopTools_ShapeMapHasher,
) -> tuple[Array, Array] | None:
    """Parameters (N,) and points (N, 3) that another, meshed face has on ``edge``."""
    for other in faces_of.FindFromKey(edge) if faces_of.Contains(edge) else ():
        if other.IsSame(face):
            continue
        location = TopLoc_Location()
        mesh = BRep_Tool.Triangulation_s(TopoDS.Face(other), location)
        polygon = BRep_Tool.PolygonOnTriangulation_s(edge, mesh, location) if mesh is not None else None
        if polygon is None or not polygon.HasParameters():
            continue
        numbers = range(1, polygon.NbNodes() + 1)
        transform = location.Transformation()
        nodes = (mesh.Node(polygon.Node(number)).Transformed(transform) for number in numbers)
        return (
            np.array([polygon.Parameter(number) for number in numbers]),
            np.array([(node.X(), node.Y(), node.Z()) for node in nodes]),
        )
    return None


def _own_polygon(edge: TopoDS_Edge, face: TopoDS_Face, deflection: float, angle: float) -> tuple[Array, Array]:
    """The same of an edge that no other face shares: a seam, a pole, or the border of an open surface."""
    if BRep_Tool.Degenerated_s(edge):
        curve, pole = BRepAdaptor_Curve2d(edge, face), BRep_Tool.Pnt_s(TopExp.FirstVertex_s(edge))
        return np.array([curve.FirstParameter(), curve.LastParameter()]), np.array([[pole.X(), pole.Y(), pole.Z()]] * 2)
    if not BRep_Tool.IsGeometric_s(edge):
        return np.empty(0), np.empty((0, 3))
    sampled = GCPnts_TangentialDeflection(BRepAdaptor_Curve(edge), angle, deflection)
    numbers = range(1, sampled.NbPoints() + 1)
    points = (sampled.Value(number) for number in numbers)
    return (
        np.array([sampled.Parameter(number) for number in numbers]),
        np.array([(point.X(), point.Y(), point.Z()) for point in points]),
    )


def _grid(outline: _Outline) -> Array:
    """Points (N, 2) inside the outline, as far apart as its own and clear of it."""
    ends = outline.corners[outline.segments]
    step = float(np.median(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)))
    low, high = outline.corners.min(axis=0), outline.corners.max(axis=0)
    counts = np.ceil((high - low) / max(step, 1e-12))
    if counts.prod() > _MOST_POINTS:
        counts = np.maximum(1, counts * np.sqrt(_MOST_POINTS / counts.prod()))
    u, v = (np.linspace(low[axis], high[axis], int(counts[axis]) + 1)[1:-1] for axis in (0, 1))
    points = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    points = points[_is_inside(points, outline)] if len(points) else points
    clear = [float(np.abs(outline.corners - point).sum(axis=1).min()) > step / 2 for point in points]
    return np.asarray(points[np.array(clear, bool)])


def _is_inside(points: Array, outline: _Outline) -> Array:
    """Whether each of ``points`` (N, 2) is inside: a ray from it crosses the outline an odd number of times."""
    start, end = outline.corners[outline.segments[:, 0]], outline.corners[outline.segments[:, 1]]
    u, v = points[:, None, 0], points[:, None, 1]
    crosses = (start[None, :, 1] > v) != (end[None, :, 1] > v)
    rise = np.where(end[:, 1] == start[:, 1], 1.0, end[:, 1] - start[:, 1])
    at = start[None, :, 0] + (v - start[None, :, 1]) / rise * (end[:, 0] - start[:, 0])
    return np.asarray((crosses & (u < at)).sum(axis=1) % 2 == 1)


def _is_bounded_by(triangles: Array, segments: Array) -> bool:
    """Whether the outer edges of ``triangles`` are exactly ``segments``."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    distinct, counts = np.unique(edges, axis=0, return_counts=True)
    return np.array_equal(distinct[counts == 1], np.unique(np.sort(segments, axis=1), axis=0))


def _positions(surface: BRepAdaptor_Surface, parameters: Array) -> Array:
    points = (surface.Value(float(u), float(v)) for u, v in parameters)
    return np.array([(point.X(), point.Y(), point.Z()) for point in points]).reshape(-1, 3)


def _attach(face: TopoDS_Face, parameters: Array, points: Array, triangles: Array) -> None:
    mesh = Poly_Triangulation(len(points), len(triangles), True)
    location = TopLoc_Location()
    BRep_Tool.Surface_s(face, location)
    to_face = location.Transformation().Inverted()
    for number, (point, (u, v)) in enumerate(zip(points.tolist(), parameters.tolist(), strict=True), 1):
        mesh.SetNode(number, gp_Pnt(*point).Transformed(to_face))
        mesh.SetUVNode(number, gp_Pnt2d(u, v))
    for number, corners in enumerate(triangles.tolist(), 1):
        mesh.SetTriangle(number, Poly_Triangle(*(corner + 1 for corner in corners)))
    BRep_Builder().UpdateFace(face, mesh)
