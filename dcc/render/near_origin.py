"""A subject far from the origin, brought near it for the picture.

Blender and Cycles place everything in single precision. Of that, ten kilometres from the origin leave a millimetre:
surfaces become ragged, shadows striped, and parts no longer meet. A stage places its prims in double precision. So what
is in the picture is placed anew from the stage, relative to a point amid the subject.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Matrix
from pxr import Usd, UsdGeom

from dcc.render.framing import Bounds, Vector
from dcc.render.import_usd import PRIM_PATH, ImportedModel
from dcc.render.stage_space import StageSpace

_FAR = 100
"""Distance from the origin, in radii of the subject, from which the rounding may show in large pictures."""
_CACHE = "TRANSFORM_CACHE"
"""The constraint by which Blender's importer animates what a stage moves."""


@dataclass(frozen=True)
class NearOrigin:
    """Objects that are placed relative to ``origin`` (metres, Z up)."""

    origin: Vector
    _stage: Usd.Stage
    _space: StageSpace
    _prims: list[tuple[bpy.types.Object, Usd.Prim]]
    _moves: bool

    def show(self, frame: int) -> None:
        """Place everything as it stands at the time code ``frame``."""
        if self._moves:
            self._place(float(frame))

    def _place(self, time: Usd.TimeCode | float) -> None:
        cache = UsdGeom.XformCache(time)
        for item, prim in self._prims:
            item.matrix_basis = self._space.matrix(cache.GetLocalToWorldTransform(prim))


def is_far(bounds: Bounds) -> bool:
    """Whether what is in ``bounds`` (metres) lies so far from the origin that it should be brought near."""
    return math.hypot(*bounds.center) > _FAR * bounds.radius


def bring_near(model: ImportedModel, usd: Path, origin: Vector, frame: int) -> NearOrigin:
    """Place what was imported from ``usd`` relative to ``origin`` (metres, Z up), as it stands at ``frame``.

    Each object is placed by itself; the empties that were its ancestors stay where they are. Objects whose prim is not
    known stay with their parents.
    """
    stage = Usd.Stage.Open(str(usd))
    prims = []
    for item in model.collection.objects:
        prim = stage.GetPrimAtPath(str(item.get(PRIM_PATH, ""))) if item.type != "EMPTY" else None
        if not prim:
            continue
        prims.append((item, prim))
        for constraint in [each for each in item.constraints if each.type == _CACHE]:
            item.constraints.remove(constraint)
        item.parent = None
        item.matrix_parent_inverse = Matrix.Identity(4)
    model.roots = [item for item in model.collection.objects if item.parent is None]
    near = NearOrigin(origin, stage, StageSpace.of(stage, origin), prims, _is_animated([prim for _, prim in prims]))
    near._place(float(frame))
    return near


def _is_animated(prims: list[Usd.Prim]) -> bool:
    """Whether anything moves ``prims`` or what they stand in."""
    seen: set[Usd.Prim] = set()
    for prim in prims:
        while prim and prim not in seen:
            if prim.IsA(UsdGeom.Xformable) and UsdGeom.Xformable(prim).TransformMightBeTimeVarying():
                return True
            seen.add(prim)
            prim = prim.GetParent()
    return False
