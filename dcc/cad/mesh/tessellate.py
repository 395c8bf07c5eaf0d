"""Turn one part into triangles, with the kernel's own normals.

The kernel gives two faces the same points, bit for bit, along the edge that they share, so that welding equal points
makes the mesh of a solid watertight. All work on single vertices is done by the kernel or by numpy.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from OCP.Bnd import Bnd_Box
from OCP.BRep import BRep_Builder, BRep_Tool
from OCP.BRepAdaptor import BRepAdaptor_Curve
from OCP.BRepBndLib import BRepBndLib
from OCP.BRepGProp import BRepGProp
from OCP.BRepLib import BRepLib_ToolTriangulatedShape
from OCP.BRepMesh import BRepMesh_IncrementalMesh
from OCP.BRepTools import BRepTools
from OCP.GCPnts import GCPnts_TangentialDeflection
from OCP.Geom import Geom_ElementarySurface, Geom_Plane
from OCP.GeomAbs import GeomAbs_CurveType
from OCP.GProp import GProp_GProps
from OCP.IMeshTools import IMeshTools_MeshAlgoType, IMeshTools_Parameters
from OCP.ShapeFix import ShapeFix_Face
from OCP.TopAbs import TopAbs_Orientation, TopAbs_ShapeEnum
from OCP.TopLoc import TopLoc_Location
from OCP.TopoDS import TopoDS, TopoDS_Face, TopoDS_Shape

from dcc.cad.kernel import Array, floats_of, matrix_of, points_of, sub_shapes, triangles_of
from dcc.cad.mesh.mesh import Curves, Mesh
from dcc.cad.mesh.patching import close_sliver, patch_face
from dcc.cad.mesh.stitching import stitched
from shared.manifest import Tessellation

_NEGLIGIBLE_AREA = 1e-9
"""Faces below this share of the squared size of their part are slivers nobody can see."""
_LARGEST = 1e30
"""Millimetres; beyond this, coordinates of a damaged file would overflow in single precision."""
_MOST_PATCHES = 20
"""Most faces of a solid that are filled anew to close its gaps: each costs another pass over the whole mesh."""


def deflection_for(shape: TopoDS_Shape, settings: Tessellation) -> float:
    """The linear deflection (mm) for this shape: absolute, or relative to its size, as ``settings`` say."""
    if settings.linear_deflection is not None:
        return settings.linear_deflection
    return max(size_of(shape) * settings.relative_deflection, 1e-6)


def size_of(shape: TopoDS_Shape) -> float:
    """Diagonal of the bounding box (mm) by the kernel, 0 where there is none; independent of any mesh."""
    box = Bnd_Box()
    BRepBndLib.Add_s(shape, box, False)
    return float(np.sqrt(box.SquareExtent())) if not box.IsVoid() else 0.0


def tessellate(shape: TopoDS_Shape, settings: Tessellation, *, threads: bool = False, fast: bool = False) -> Mesh:
    """Triangulate all faces of ``shape``; faces the kernel cannot mesh are listed, the rest is kept.

    ``threads`` lets the kernel mesh faces on all cores; the result is the same. ``fast`` takes the faster of the
    kernel's two meshers for free-form faces as well, which it meshes less evenly.
    """
    deflection = deflection_for(shape, settings)
    # The kernel would keep a finer mesh that the shape has already.
    BRepTools.Clean_s(shape)
    parameters = IMeshTools_Parameters()
    parameters.Deflection = deflection
    parameters.Angle = settings.angular_deflection
    parameters.InParallel = threads
    if fast or is_elementary(shape):
        parameters.MeshAlgo = IMeshTools_MeshAlgoType.IMeshTools_MeshAlgoType_Delabella
    BRepMesh_IncrementalMesh(shape, parameters)
    mesh = _collect(shape, deflection, settings.angular_deflection)
    if shape.ShapeType() == TopAbs_ShapeEnum.TopAbs_SOLID and mesh.open_edges:
        mesh = _closed(shape, mesh, deflection, settings.angular_deflection)
        if mesh.open_edges:
            mesh = _without_cracks(mesh, deflection)
    return mesh


def is_elementary(shape: TopoDS_Shape) -> bool:
    """Whether all faces are planes, cylinders, cones, spheres or tori."""
    faces = sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    return all(isinstance(BRep_Tool.Surface_s(TopoDS.Face(face)), Geom_ElementarySurface) for face in faces)


def is_flat(shape: TopoDS_Shape) -> bool:
    """Whether all edges are straight and all faces plane, so that all meshes of the shape are the same."""
    edges = (BRepAdaptor_Curve(TopoDS.Edge(edge)) for edge in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_EDGE))
    faces = (BRep_Tool.Surface_s(TopoDS.Face(face)) for face in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE))
    return all(isinstance(face, Geom_Plane) for face in faces) and all(
        edge.GetType() == GeomAbs_CurveType.GeomAbs_Line for edge in edges
    )


def _collect(shape: TopoDS_Shape, deflection: float, angle: float) -> Mesh:
    """The triangles that the faces of a meshed shape have; those that have none are given some."""
    vertices: list[Array] = []
    normals: list[Array] = []
    triangles: list[Array] = []
    faces: list[Array] = []
    broken: list[int] = []
    empty: list[int] = []
    offset = 0
    negligible = _NEGLIGIBLE_AREA * size_of(shape) ** 2
    for index, item in enumerate(sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE), 1):
        face = TopoDS.Face(item)
        arrays = _face_arrays(face)
        if arrays is None:
            if _area_of(face) <= negligible:
                empty.append(index)
                continue
            patch_face(shape, face, deflection, angle)
            arrays = _face_arrays(face) or _rescue(face, deflection, angle)
            if arrays is None:
                broken.append(index)
                continue
        vertices.append(arrays[0])
        normals.append(arrays[1])
        triangles.append(arrays[2] + np.int32(offset))
        faces.append(np.full(len(arrays[2]), index, np.int32))
        offset += len(arrays[0])
    return _assemble(vertices, normals, triangles, faces, broken, empty)


def _closed(shape: TopoDS_Shape, mesh: Mesh, deflection: float, angle: float) -> Mesh:
    """``mesh`` of a solid with fewer gaps, if possible: faces that the kernel filled only in part are filled anew."""
    faces = sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_FACE)
    for index in [*mesh.empty_faces, *mesh.open_faces()][:_MOST_PATCHES]:
        face = TopoDS.Face(faces[index - 1])
        before = BRep_Tool.Triangulation_s(face, TopLoc_Location())
        fill = close_sliver if before is None else patch_face
        if fill(shape, face, deflection, angle):
            patched = _collect(shape, deflection, angle)
            if patched.open_edges < mesh.open_edges:
                mesh = patched
            elif before is None:
                BRepTools.Clean_s(face)
            else:
                BRep_Builder().UpdateFace(face, before)
        if not mesh.open_edges:
            break
    return mesh


def _without_cracks(mesh: Mesh, deflection: float) -> Mesh:
    closed = stitched(mesh, deflection)
    if closed.open_edges:
        return closed
    # A face whose place was no more than a crack was a sliver.
    return replace(closed, broken_faces=[], empty_faces=sorted(mesh.empty_faces + mesh.broken_faces))


def discretize(shape: TopoDS_Shape, settings: Tessellation) -> Curves:
    """Polylines of all edges of ``shape``."""
    deflection = deflection_for(shape, settings)
    lines: list[Array] = []
    for item in sub_shapes(shape, TopAbs_ShapeEnum.TopAbs_EDGE):
        edge = TopoDS.Edge(item)
        if BRep_Tool.Degenerated_s(edge) or not BRep_Tool.IsGeometric_s(edge):
            continue
        samples = GCPnts_TangentialDeflection(BRepAdaptor_Curve(edge), settings.angular_deflection, deflection)
        points = (samples.Value(number) for number in range(1, samples.NbPoints() + 1))
        line = np.array([(point.X(), point.Y(), point.Z()) for point in points])
        if len(line) > 1 and _is_usable(line):
            lines.append(line)
    if not lines:
        return Curves(np.empty((0, 3), np.float32), np.empty(0, np.int32))
    return Curves(np.concatenate(lines).astype(np.float32), np.array([len(line) for line in lines], np.int32))


def _face_arrays(face: TopoDS_Face) -> tuple[Array, Array, Array] | None:
    """Vertices (float64), normals and triangles of a meshed face, or None where it has no triangles."""
    location = TopLoc_Location()
    triangulation = BRep_Tool.Triangulation_s(face, location)
    if triangulation is None or triangulation.NbTriangles() == 0:
        return None
    BRepLib_ToolTriangulatedShape.ComputeNormals_s(face, triangulation)
    points = points_of(triangulation.MapNodeArray())
    normals = floats_of(triangulation.MapNormalArray()).reshape(-1, 3)
    triangles = triangles_of(triangulation.MapTriangleArray())
    if not _is_usable(points):
        return None
    if not location.IsIdentity():
        matrix = matrix_of(location)
        points = points @ matrix[:3, :3] + matrix[3, :3]
        normals = (normals @ matrix[:3, :3]).astype(np.float32)
    if face.Orientation() == TopAbs_Orientation.TopAbs_REVERSED:
        triangles = triangles[:, ::-1]
        normals = -normals
    return points, normals, triangles


def _is_usable(points: Array) -> bool:
    """Whether no coordinate is infinite, not a number, or too large for single precision."""
    return bool((np.abs(points) < _LARGEST).all())


def _rescue(face: TopoDS_Face, deflection: float, angle: float) -> tuple[Array, Array, Array] | None:
    """Mesh a stubborn face alone: finer, coarser, or repaired first."""
    repair = ShapeFix_Face(face)
    repair.Perform()
    repaired = repair.Face()
    attempts = (
        (face, deflection / 4),
        (face, deflection * 4),
        (repaired, deflection),
        (repaired, deflection / 4),
    )
    for candidate, attempt in attempts:
        BRepMesh_IncrementalMesh(candidate, attempt, False, angle, False)
        arrays = _face_arrays(candidate)
        if arrays is not None:
            return arrays
    return None


def _area_of(face: TopoDS_Face) -> float:
    properties = GProp_GProps()
    BRepGProp.SurfaceProperties_s(face, properties)
    return abs(float(properties.Mass()))


def _assemble(
    vertices: list[Array],
    normals: list[Array],
    triangles: list[Array],
    faces: list[Array],
    broken: list[int],
    empty: list[int],
) -> Mesh:
    if not vertices:
        nothing = np.empty((0, 3), np.float32)
        no_index = np.empty((0, 3), np.int32)
        return Mesh(nothing, nothing, no_index, no_index[:, 0], nothing, no_index[:, 0], broken, empty)
    positions = np.concatenate(vertices)
    points, point_of_vertex = _weld(positions)
    corners = np.concatenate(triangles)
    welded = point_of_vertex[corners]
    # Around a pole or a seam two corners can be one point; such a triangle has no area.
    kept = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    return Mesh(
        positions.astype(np.float32),
        _facing(_unit(np.concatenate(normals)), positions, corners[kept]),
        np.ascontiguousarray(corners[kept]),
        np.concatenate(faces)[kept],
        points.astype(np.float32),
        point_of_vertex,
        broken,
        empty,
    )


def _weld(positions: Array) -> tuple[Array, Array]:
    """Distinct rows of ``positions`` (N, 3) in order of first appearance, and for each row its index among them."""
    # Adding zero turns -0.0 into 0.0, which compares equal but has other bits.
    rows = np.ascontiguousarray(positions + 0.0).view(np.dtype((np.void, 24))).ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return positions[first[order]], rank[inverse.ravel()]


def _unit(normals: Array) -> Array:
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = normals / lengths
    # A singular point of a surface has no normal.
    usable = (lengths > 1e-12) & np.isfinite(scaled).all(axis=1, keepdims=True)
    return np.where(usable, scaled, 0).astype(np.float32)


def _facing(normals: Array, positions: Array, triangles: Array) -> Array:
    """``normals`` (V, 3); those that are missing or point inwards become the mean normal of the triangles around.

    The kernel's normals are wrong at the poles of free-form surfaces, where a whole edge is one point.
    """
    flat = np.cross(
        positions[triangles[:, 1]] - positions[triangles[:, 0]], positions[triangles[:, 2]] - positions[triangles[:, 0]]
    )
    against = np.einsum("tcx,tx->tc", normals[triangles], flat) <= 0
    if not against.any():
        return normals
    doubtful = np.zeros(len(normals), bool)
    doubtful[triangles[against]] = True
    around = np.zeros(normals.shape)
    for corner in range(3):
        touching = doubtful[triangles[:, corner]]
        np.add.at(around, triangles[touching, corner], flat[touching])
    around = _unit(around)
    wrong = doubtful & (np.einsum("vx,vx->v", normals, around) <= 0) & around.any(axis=1)
    turned = np.where(wrong[:, None], around, normals)
    turned[~turned.any(axis=1)] = (0, 0, 1)
    return np.asarray(turned)
