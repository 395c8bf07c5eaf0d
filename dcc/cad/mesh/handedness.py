"""Left or right hand of shapes with rotational symmetry: helical gears, springs, propellers, brackets with equal ends.

The third moments of such a shape vanish or lie in its axis, so that :func:`~dcc.cad.mesh.properties.chirality`, which
is made of them, is zero for both hands.
"""

from __future__ import annotations

import numpy as np

from dcc.cad.kernel import Array

_ROUND = 1e-3
"""Relative difference of second moments below which no axis stands out."""
NEARLY = 1.25
"""Factor by which a measure may differ between two meshes of one shape that are not too coarse to show it."""


def twist(points: Array, triangles: Array) -> float:
    """Handedness of a surface: opposite for the mirror image, 0 for what has a plane of symmetry. Size does not count.

    The sum of two pseudo-scalars. With the principal axes of the surface, the longest first: how much its normals n
    lean around each axis on the way along it, the integral of n_k (r x n)_k, weighed by how much that axis stands out;
    and the integral of xyz, which counts where all three axes can be told apart.
    """
    return judged_twist(points, triangles)[0]


def judged_twist(points: Array, triangles: Array) -> tuple[float, bool]:
    """:func:`twist`, and whether another mesh of the shape would agree on whether an axis stands out."""
    if not len(triangles):
        return 0.0, True
    corners = points[triangles].astype(np.float64)
    corners = (corners - corners.mean(axis=(0, 1))) / (float(np.ptp(points, axis=0).max()) or 1.0)
    normals = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    areas = np.sqrt(np.einsum("ti,ti->t", normals, normals))
    total = areas.sum()
    if not total:
        return 0.0, True
    normals /= np.where(areas > 0, areas, 1.0)[:, None]
    # Moments of a triangle, exact for polynomials up to the third degree.
    corners = corners - areas @ corners.sum(axis=1) / (3 * total)
    sums = corners.sum(axis=1)
    rows = corners.reshape(-1, 3)
    second = ((np.repeat(areas, 3)[:, None] * rows).T @ rows + (areas[:, None] * sums).T @ sums) / (12 * total)
    spread, axes = np.linalg.eigh(second)
    size = float(np.sqrt(spread.sum()))
    if not size:
        return 0.0, True
    uneven = spread - spread.mean()
    stands_out = float(np.linalg.norm(uneven))
    sure = not _ROUND / NEARLY < stands_out / size**2 < _ROUND * NEARLY
    if stands_out < _ROUND * size**2:
        return 0.0, sure
    # Right-handed: their signs do not matter then, only their order.
    axes = axes * np.sign(np.linalg.det(axes))
    normals, corners, sums = normals @ axes, corners @ axes, sums @ axes
    leaning = areas @ (normals * _cross(sums / 3, normals)) / (total * size)
    x, y, z = np.moveaxis(corners, 2, 0)
    a, b, c = sums.T
    products = a * b * c + a * (y * z).sum(axis=1) + b * (x * z).sum(axis=1) + c * (x * y).sum(axis=1)
    octants = areas @ (products + 2 * (x * y * z).sum(axis=1)) / (60 * total * size**3)
    apart = abs((spread[0] - spread[1]) * (spread[1] - spread[2]) * (spread[2] - spread[0])) / stands_out**3
    return float(uneven @ leaning / stands_out + octants * apart), sure


def _cross(one: Array, other: Array) -> Array:
    """As numpy.cross of rows (T, 3), several times as quick."""
    a, b, c = one.T
    x, y, z = other.T
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=1)
