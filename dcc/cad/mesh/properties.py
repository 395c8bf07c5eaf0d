"""Measures of a part: volume, area, centre of mass, and the fingerprint by which later revisions know it again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from OCP.BRepGProp import BRepGProp
from OCP.GProp import GProp_GProps
from OCP.TopAbs import TopAbs_ShapeEnum
from OCP.TopoDS import TopoDS_Shape

from dcc.cad.kernel import Array, shape_map
from dcc.cad.mesh.handedness import NEARLY, judged_twist
from dcc.cad.mesh.mesh import Mesh
from shared.manifest import BoundingBox, Fingerprint, PartKind, Vector

_CHIRAL = 0.015
"""Handedness below this may be noise of the mesh; the shape counts as its own mirror image."""
_HARDLY, _CLEARLY = _CHIRAL / 2, _CHIRAL * 3
"""Between these, another mesh of the shape may have its handedness on the other side of that border."""
_MARGIN = 5.0
"""How many times further than from each other the handedness of two meshes is from that border where no mesh of about
their deflections is beyond it."""
_NEAR = _CHIRAL / 10
"""So near to that border, the handedness of two meshes is the same by chance."""
_ASYMMETRIC = 1e-3
"""Third moments, or differences of second moments, below this share of a shape's size count as symmetry."""


@dataclass(frozen=True)
class Properties:
    """Measures of a part in its own frame: volume in mm3, area in mm2, centre of mass in mm.

    ``sure``: whether any other mesh of the part would have the same hand. Handedness and extents are taken from a mesh,
    everything else from the kernel's exact shape.
    """

    volume: float
    area: float
    center: Vector
    fingerprint: Fingerprint
    sure: bool = True

    def identity(self) -> tuple[float, ...]:
        """The measures that go into the partKey. They do not depend on the tessellation."""
        chirality = self.fingerprint.chirality
        return (self.volume, self.area, 0.0 if abs(chirality) < _CHIRAL else math.copysign(1.0, chirality))


NOTHING = Properties(0.0, 0.0, (0.0, 0.0, 0.0), Fingerprint(0.0, 0.0, (0.0,) * 3, (0.0,) * 3, 0.0, 0, 0))
"""The measures of a part without geometry."""


def measure(
    shape: TopoDS_Shape, kind: PartKind, points: Array, triangles: Array | None, *, of_mesh: bool = False
) -> Properties:
    """Measure a part. ``points`` (P, 3, mm) and ``triangles`` (T, 3) are its welded mesh, or the points of its curves.

    ``of_mesh``: let the kernel integrate over the triangles that ``shape`` has, instead of over its surfaces.
    """
    volume, area = 0.0, 0.0
    inertia = GProp_GProps()
    if kind == "curve":
        BRepGProp.LinearProperties_s(shape, inertia)
    else:
        BRepGProp.SurfaceProperties_s(shape, inertia, False, of_mesh)
        area = _finite(abs(inertia.Mass()))
    if kind == "solid":
        inertia = GProp_GProps()
        BRepGProp.VolumeProperties_s(shape, inertia, False, False, of_mesh)
        volume = _finite(abs(inertia.Mass()))
    center = inertia.CentreOfMass()
    moments = sorted(_finite(abs(moment)) for moment in inertia.PrincipalProperties().Moments())
    box = bounding_box(points)
    hand, sure = _hand(kind, points, triangles)
    return Properties(
        volume,
        area,
        _vector([_finite(center.Coord(axis)) for axis in (1, 2, 3)]),
        Fingerprint(
            volume,
            area,
            _vector(moments),
            _vector(sorted(np.subtract(box.max, box.min))),
            hand,
            shape_map(shape, TopAbs_ShapeEnum.TopAbs_FACE).Extent(),
            shape_map(shape, TopAbs_ShapeEnum.TopAbs_EDGE).Extent(),
        ),
        sure,
    )


def with_hand_of(properties: Properties, kind: PartKind, points: Array, triangles: Array) -> Properties:
    """``properties`` with the handedness of another mesh of the part."""
    hand, sure = _hand(kind, points, triangles)
    return replace(properties, fingerprint=replace(properties.fingerprint, chirality=hand), sure=sure)


@dataclass(frozen=True)
class _Hand:
    """What tells the hand of a mesh; ``sure``: whether any mesh agrees about the symmetries that it has."""

    chirality: float
    twist: float
    sure: bool


def _measures_of_hand(kind: PartKind, points: Array, triangles: Array) -> _Hand:
    hand, sure = judged_chirality(points, triangles) if kind == "solid" else (0.0, True)
    turned, also_sure = judged_twist(points, triangles)
    return _Hand(hand, turned, sure and also_sure)


def _hand(kind: PartKind, points: Array, triangles: Array | None) -> tuple[float, bool]:
    """The handedness of a mesh, and whether any other mesh of the part would have the same.

    By its third moments where they tell its hand (:func:`chirality`), else by its twist around an axis
    (:func:`dcc.cad.mesh.handedness.twist`).
    """
    if triangles is None:
        return 0.0, True
    hand, sure = judged_chirality(points, triangles) if kind == "solid" else (0.0, True)
    if abs(hand) >= _CHIRAL:
        return hand, sure and abs(hand) > _CLEARLY
    turned, also_sure = judged_twist(points, triangles)
    return turned, sure and also_sure and abs(hand) < _HARDLY and not _HARDLY <= abs(turned) <= _CLEARLY


def is_hand_settled(kind: PartKind, mesh: Mesh, other_mesh: Mesh) -> bool:
    """Whether two meshes of a part, of different deflections, tell its hand so alike that others must agree."""
    one, other = (_measures_of_hand(kind, each.points, each.welded_triangles()) for each in (mesh, other_mesh))
    if not (one.sure and other.sure):
        return False
    if not _is_settled(one.chirality, other.chirality):
        return False
    return abs(one.chirality) >= _CHIRAL or _is_settled(one.twist, other.twist)


def _is_settled(value: float, other: float) -> bool:
    """Whether two values, of two meshes, differ by much less than what they are away from the border."""
    return abs(abs(value) - _CHIRAL) > max(_MARGIN * abs(value - other), _NEAR)


def bounding_box(points: Array) -> BoundingBox:
    """Box around ``points`` (P, 3); a box of no size at the origin where there are none."""
    if len(points) == 0:
        return BoundingBox((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return BoundingBox(_vector(points.min(axis=0)), _vector(points.max(axis=0)))


def mesh_volume(points: Array, triangles: Array) -> float:
    """Volume enclosed by a closed mesh: the sum of the signed tetrahedra over its triangles."""
    return float(_signed_volumes(points[triangles].astype(np.float64)).sum())


def chirality(points: Array, triangles: Array) -> float:
    """Handedness of a closed mesh, -1 to 1: opposite for the mirror image, 0 for what has a plane of symmetry.

    With the second moments C and the contracted third moments v about the centre of mass, the triple product of v,
    Cv and CCv is a pseudo-scalar: it does not change when the shape is turned, and changes sign when it is mirrored.
    It is taken of unit vectors, so that size does not count either.
    """
    return judged_chirality(points, triangles)[0]


def judged_chirality(points: Array, triangles: Array) -> tuple[float, bool]:
    """:func:`chirality`, and whether it is clear of the borders between symmetric and not, so that any mesh agrees."""
    if len(triangles) == 0:
        return 0.0, True
    corners = points[triangles].astype(np.float64)
    scale = float(np.ptp(points, axis=0).max()) or 1.0
    corners = (corners - corners.mean(axis=(0, 1))) / scale
    volumes = _signed_volumes(corners)
    total = volumes.sum()
    if abs(total) < 1e-12:
        return 0.0, True
    # Moments of a tetrahedron from the origin over its triangle, exact for polynomials up to the third degree.
    corners -= volumes @ corners.sum(axis=1) / (4 * total)
    volumes = _signed_volumes(corners)
    sums = corners.sum(axis=1)
    weights = np.repeat(volumes, 3)
    rows = corners.reshape(-1, 3)
    second = ((weights[:, None] * rows).T @ rows + (volumes[:, None] * sums).T @ sums) / (20 * total)
    squares = np.einsum("ni,ni->n", rows, rows)
    along = np.einsum("ni,ni->n", rows, np.repeat(sums, 3, axis=0))
    third = (
        (volumes * (np.einsum("ti,ti->t", sums, sums) + squares.reshape(-1, 3).sum(axis=1))) @ sums
        + 2 * (weights * (along + squares)) @ rows
    ) / (120 * total)
    spread = float(np.trace(second))
    # Without the part that every direction shares, what is left of C tells directions apart.
    deviation = second - np.eye(3) * spread / 3
    vectors = np.array([third, deviation @ third, deviation @ deviation @ third])
    lengths = np.linalg.norm(vectors, axis=1)
    if not spread:
        return 0.0, True
    asymmetry = (lengths[0] / abs(spread) ** 1.5, float(np.linalg.norm(deviation)) / abs(spread))
    sure = not any(_ASYMMETRIC / NEARLY < each < _ASYMMETRIC * NEARLY for each in asymmetry)
    if min(asymmetry) < _ASYMMETRIC or lengths.min() == 0:
        return 0.0, sure
    return float(np.linalg.det(vectors / lengths[:, None])), sure


def _signed_volumes(corners: Array) -> Array:
    """Of the tetrahedra between the origin and triangles (T, 3, 3)."""
    ax, ay, az, bx, by, bz, cx, cy, cz = np.ascontiguousarray(corners.reshape(-1, 9).T)
    return np.asarray((ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)) / 6)


def _finite(value: float) -> float:
    """``value``, or 0 where the kernel could not compute it, as happens with damaged shapes."""
    return float(value) if math.isfinite(value) else 0.0


def _vector(values: object) -> Vector:
    x, y, z = np.asarray(values, dtype=np.float64).tolist()
    return (x, y, z)
