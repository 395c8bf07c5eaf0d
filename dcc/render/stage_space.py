"""From the space of a USD stage to Blender's: metres, Z up, and near the origin where the stage is far from it.

In double precision, as a stage places its prims; only what comes out is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray
from pxr import Gf, Usd, UsdGeom

from dcc.render.framing import Vector

_CENTIMETRE = 0.01
"""Metres in a unit of a stage that names none."""
_Y_UP = np.array([(1, 0, 0, 0), (0, 0, 1, 0), (0, -1, 0, 0), (0, 0, 0, 1)], np.float64)
"""From Y up to Z up, for row vectors."""


@dataclass(frozen=True)
class StageSpace:
    """``origin``: the point, in metres with Z up, that lies at Blender's origin."""

    to_metres: NDArray[np.float64]
    origin: Vector = (0.0, 0.0, 0.0)

    @classmethod
    def of(cls, stage: Usd.Stage, origin: Vector = (0.0, 0.0, 0.0)) -> StageSpace:
        """The space of ``stage``."""
        scale = UsdGeom.GetStageMetersPerUnit(stage) or _CENTIMETRE
        turn = _Y_UP if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y else np.eye(4)
        return cls(turn @ np.diag([scale, scale, scale, 1.0]), origin)

    def matrix(self, to_world: Gf.Matrix4d) -> Matrix:
        """Blender's matrix for what ``to_world`` places in the stage."""
        placed = np.array(to_world) @ self.to_metres
        placed[3, :3] -= self.origin
        # USD multiplies from the left, Blender from the right.
        return Matrix(placed.T.tolist())
