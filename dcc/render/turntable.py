"""A turntable: the subject turns on its floor once around, before a camera and lights that stand still.

So highlights travel over the surface as they do on a turntable in a photo studio, and the background is the same in
every frame, which films compress well.
"""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Matrix

from dcc.render import framing
from dcc.render.import_usd import ImportedModel
from shared.errors import InputError

_ANGLES = 48


class Turntable:
    """Turns a model about the vertical axis through ``centre``: frame 1 as it stands, ``frames`` for a full turn."""

    def __init__(self, model: ImportedModel, centre: framing.Vector, frames: int) -> None:
        check_turn(frames)
        self._frames = frames
        self._pivot = bpy.data.objects.new("Turntable", None)
        self._pivot.location = centre
        model.collection.objects.link(self._pivot)
        for root in model.roots:
            root.parent = self._pivot
            root.matrix_parent_inverse = Matrix.Translation(tuple(-axis for axis in centre))

    def turn_to(self, frame: int) -> None:
        """Turn to where ``frame`` shows it; the frame after a full turn is the first again, exactly."""
        self._pivot.rotation_euler = (0.0, 0.0, angle_at(frame, self._frames))


def check_turn(frames: int) -> None:
    """Raises InputError for a number of frames that no turn has."""
    if not 1 <= frames <= 100_000:
        raise InputError(
            f"A turn of {frames} frames is out of range.",
            hint="Choose 1 to 100000; 96 is a calm turn at 24 frames a second.",
            code="input.render",
            fields={"turn-frames": "1 to 100000"},
        )


def angle_at(frame: int, frames: int) -> float:
    """Angle in radians, counter-clockwise seen from above, of a turn that takes ``frames``."""
    return 2 * math.pi * ((frame - 1) % frames) / frames


def swept(points: list[framing.Vector], centre: framing.Vector) -> list[framing.Vector]:
    """Points around everything that ``points`` pass through in a full turn about the vertical axis of ``centre``.

    A camera that has them in its picture has the subject in it at every angle.
    """
    offsets = np.array(points) - np.array(centre)
    radii, heights = np.hypot(offsets[:, 0], offsets[:, 1]), offsets[:, 2]
    # Outermost in (radius, height), along directions that only look outwards.
    look = np.linspace(-math.pi / 2, math.pi / 2, 65)
    outermost = np.unique(np.argmax(np.outer(np.cos(look), radii) + np.outer(np.sin(look), heights), axis=1))
    # A polygon around the circle, not in it.
    around = 1 / math.cos(math.pi / _ANGLES)
    angles = [2 * math.pi * step / _ANGLES for step in range(_ANGLES)]
    return [
        (
            centre[0] + radius * around * math.cos(angle),
            centre[1] + radius * around * math.sin(angle),
            centre[2] + height,
        )
        for radius, height in zip(radii[outermost].tolist(), heights[outermost].tolist(), strict=True)
        for angle in angles
    ]
