"""Topology of meshes, which USD's own validators do not check: a renderer crashes on an index out of range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pxr import Gf, Usd, UsdGeom, UsdShade, Vt

from dcc.usd.findings import Finding

TOPOLOGY = "mesh_topology"
EXTENT = "mesh_extent"
SUBSETS = "mesh_subsets"
FIX_EXTENT = "compute_extent"

_AGAIN = "Convert the CAD file again, or export the mesh again from the application that made it."
_TOLERANCE = 1e-4
"""Share of a mesh's size by which its extent may miss it: single precision, with room."""


def meshes_of(stage: Usd.Stage) -> Iterator[UsdGeom.Mesh]:
    """Every mesh once, those of abstract products and of instancing prototypes too."""
    roots = [stage.GetPseudoRoot(), *stage.GetPrototypes()]
    seen: set[tuple[str, str]] = set()
    for root in roots:
        for prim in Usd.PrimRange(root, Usd.PrimAllPrimsPredicate):
            if not prim.IsA(UsdGeom.Mesh):
                continue
            # A prototype's mesh and the product it inherits are one and the same spec.
            stack = prim.GetAttribute("points").GetPropertyStack()
            key = (stack[0].layer.identifier, str(stack[0].path)) if stack else ("", str(prim.GetPath()))
            if key not in seen:
                seen.add(key)
                yield UsdGeom.Mesh(prim)


def check_mesh(mesh: UsdGeom.Mesh) -> Iterator[Finding]:
    """Faults of one mesh's topology, points, normals, extent and material subsets.

    Of an animated mesh the first frame is looked at.
    """
    path = str(mesh.GetPath())
    time = Usd.TimeCode.EarliestTime()
    counts = _array(mesh.GetFaceVertexCountsAttr().Get(time), 0)
    indices = _array(mesh.GetFaceVertexIndicesAttr().Get(time), 0)
    points = _array(mesh.GetPointsAttr().Get(time), 3)
    faults = list(_topology_faults(counts, indices, points))
    faults += _normal_faults(mesh, len(counts), len(indices), len(points), time)
    yield from (Finding(TOPOLOGY, path, f"{fault}.", _AGAIN) for fault in faults)
    if not faults:
        yield from _check_extent(mesh, points, time)
        yield from _check_subsets(mesh, len(counts), time)


def fix_extent(mesh: UsdGeom.Mesh) -> None:
    """Author the extent that the mesh's points have."""
    mesh.CreateExtentAttr().Set(UsdGeom.PointBased.ComputeExtent(mesh.GetPointsAttr().Get()))


def _topology_faults(
    counts: NDArray[np.int32], indices: NDArray[np.int32], points: NDArray[np.float32]
) -> Iterator[str]:
    if not len(counts):
        yield "it has no faces"
    elif counts.min() < 3:
        yield f"face {int(counts.argmin())} has {int(counts.min())} corners"
    total = int(counts.sum())
    if total != len(indices):
        yield f"its faces have {total} corners, but {len(indices)} point indices are given"
    if len(indices) and (indices.min() < 0 or indices.max() >= len(points)):
        wrong = int(indices.min()) if indices.min() < 0 else int(indices.max())
        yield f"point index {wrong} is out of range: it has {len(points)} points"
    if not np.isfinite(points).all():
        yield f"point {int(np.argmax(~np.isfinite(points).all(axis=1)))} is not finite"


def _normal_faults(mesh: UsdGeom.Mesh, faces: int, corners: int, points: int, time: Usd.TimeCode) -> Iterator[str]:
    # As UsdGeom says, the primvar goes before the attribute.
    primvar = UsdGeom.PrimvarsAPI(mesh).GetPrimvar("normals")
    is_primvar = primvar.HasAuthoredValue()
    if is_primvar:
        indices = _array(primvar.GetIndices(time), 0)
        if len(indices) and (indices.min() < 0 or indices.max() >= len(primvar.Get(time))):
            yield "some of its corners have a normal that is not there"
            return
    normals = _array(primvar.ComputeFlattened(time) if is_primvar else mesh.GetNormalsAttr().Get(time), 3)
    if not len(normals):
        return
    interpolation = primvar.GetInterpolation() if is_primvar else mesh.GetNormalsInterpolation()
    wanted = {"faceVarying": corners, "vertex": points, "varying": points, "uniform": faces, "constant": 1}
    if len(normals) != wanted.get(interpolation):
        yield f"it has {len(normals)} {interpolation} normals, not {wanted.get(interpolation)}"
    if not np.isfinite(normals).all():
        yield "some normals are not finite"
    elif (np.abs(np.linalg.norm(normals, axis=1) - 1.0) > 0.05).any():
        yield "some normals are not of length 1"


def _check_extent(mesh: UsdGeom.Mesh, points: NDArray[np.float32], time: Usd.TimeCode) -> Iterator[Finding]:
    path = str(mesh.GetPath())
    hint = "Author the extent that its points have: without it, viewers cull or frame it wrongly."
    extent = _array(mesh.GetExtentAttr().Get(time), 3)
    low, high = points.min(axis=0), points.max(axis=0)
    slack = _TOLERANCE * max(float((high - low).max()), 1e-6)
    # Written so that an extent that is not a number is refused as well.
    encloses = len(extent) == 2 and (extent[0] <= low + slack).all() and (extent[1] >= high - slack).all()
    if len(extent) != 2:
        yield Finding(EXTENT, path, "it has no extent.", hint, FIX_EXTENT, "warning")
    elif not encloses:
        message = f"its points reach from {_vector(low)} to {_vector(high)}, outside its extent."
        yield Finding(EXTENT, path, message, hint, FIX_EXTENT)


def _check_subsets(mesh: UsdGeom.Mesh, faces: int, time: Usd.TimeCode) -> Iterator[Finding]:
    # Not by GetMaterialBindSubsets, which passes over the abstract prims that our products are.
    children = mesh.GetPrim().GetFilteredChildren(Usd.PrimAllPrimsPredicate)
    subsets = [UsdGeom.Subset(child) for child in children if child.IsA(UsdGeom.Subset)]
    bound = [subset for subset in subsets if subset.GetFamilyNameAttr().Get() == UsdShade.Tokens.materialBind]
    if not bound:
        return
    covered = np.unique(np.concatenate([_array(subset.GetIndicesAttr().Get(time), 0) for subset in bound]))
    wrong = covered[(covered < 0) | (covered >= faces)]
    if len(wrong):
        message = f"its material subsets name face {int(wrong[0])}, which is out of range: it has {faces} faces."
        yield Finding(SUBSETS, str(mesh.GetPath()), message, _AGAIN)
    elif len(covered) < faces:
        yield Finding(
            SUBSETS,
            str(mesh.GetPath()),
            f"{faces - len(covered)} faces are in none of its material subsets.",
            "Give them a subset of their own: Blender would show them in the material of the first one.",
            severity="warning",
        )


def _array(value: Vt.Vec3fArray | Vt.IntArray | None, width: int) -> NDArray[Any]:
    """A USD array as numpy: one of no elements where it is not authored. ``width``: 3 for vectors, 0 for numbers."""
    empty: NDArray[Any] = np.zeros((0, width) if width else 0)
    return empty if value is None or not len(value) else np.asarray(value)


def _vector(point: NDArray[np.float32]) -> str:
    return str(Gf.Vec3f(*(float(value) for value in point)))
