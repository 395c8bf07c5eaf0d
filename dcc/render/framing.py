"""Where a camera stands so that a box fills its picture: plain arithmetic, in metres and radians, Z up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Vector = tuple[float, float, float]

FOCAL_LENGTH = 85.0
"""Millimetres: a portrait lens, flat enough that circles stay circles."""
SENSOR_WIDTH = 36.0
"""Millimetres."""

_HERO = (0.62, -1.0, 0.66)
"""The three-quarter view of a cube: from the front right, above."""
_FLATNESS_WEIGHT = 0.42
_ELEVATION_RANGE = (math.radians(16), math.radians(58))


@dataclass(frozen=True)
class Bounds:
    """An axis-aligned box."""

    low: Vector
    high: Vector

    @property
    def center(self) -> Vector:
        return _scaled(_added(self.low, self.high), 0.5)

    @property
    def size(self) -> Vector:
        return _added(self.high, _scaled(self.low, -1.0))

    @property
    def radius(self) -> float:
        """Radius of the sphere around the box; never 0, so that an empty or point-like box can be framed."""
        return max(math.hypot(*self.size) / 2, 1e-6)

    @property
    def corners(self) -> list[Vector]:
        return [(x, y, z) for x in self._ends(0) for y in self._ends(1) for z in self._ends(2)]

    def moved(self, by: Vector) -> Bounds:
        """The same box elsewhere."""
        return Bounds(_added(self.low, by), _added(self.high, by))

    @classmethod
    def around(cls, points: Iterable[Sequence[float]]) -> Bounds:
        """The smallest box around at least one point; raises ValueError for none."""
        columns = list(zip(*points, strict=True))
        if not columns:
            raise ValueError("no points")
        x, y, z = columns
        return cls((min(x), min(y), min(z)), (max(x), max(y), max(z)))

    def _ends(self, axis: int) -> tuple[float, float]:
        return self.low[axis], self.high[axis]


@dataclass(frozen=True)
class Framing:
    """A camera: where it stands, the point it looks at, and what it clips."""

    eye: Vector
    target: Vector
    clip_start: float
    clip_end: float


def hero_direction(size: Vector) -> Vector:
    """Unit vector from the subject to the camera: a three-quarter view that favours the subject's large sides.

    A cube is seen from the front right above. A flat part on the floor is seen from higher up, so that its face shows;
    a long one from the side, so that its length does.
    """
    floor = max(size) * 1e-3 or 1.0
    x, y, z = (max(extent, floor) for extent in size)
    areas = (y * z, x * z, x * y)
    mean = math.prod(areas) ** (1 / 3)
    leaning = [base * (area / mean) ** _FLATNESS_WEIGHT for base, area in zip(_HERO, areas, strict=True)]
    elevation = math.atan2(leaning[2], math.hypot(leaning[0], leaning[1]))
    elevation = min(max(elevation, _ELEVATION_RANGE[0]), _ELEVATION_RANGE[1])
    azimuth = math.atan2(leaning[1], leaning[0])
    flat = math.cos(elevation)
    return flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)


def field_of_view(aspect: float, focal_length: float = FOCAL_LENGTH) -> tuple[float, float]:
    """Horizontal and vertical angle for a picture ``aspect`` = width / height; the sensor spans the wider side."""
    wide = 2 * math.atan(SENSOR_WIDTH / 2 / focal_length)
    narrow = 2 * math.atan(math.tan(wide / 2) * min(aspect, 1 / aspect))
    return (wide, narrow) if aspect >= 1 else (narrow, wide)


def frame(
    points: Sequence[Vector],
    direction: Vector,
    aspect: float,
    *,
    margin: float = 1.3,
    focal_length: float = FOCAL_LENGTH,
) -> Framing:
    """Stand a camera in ``direction`` (unit vector) so that all ``points`` are in the picture, centred.

    ``margin`` is the empty border: 1.1 leaves about 5 % of the picture on each side. The distance is the least at
    which every point keeps it, so that a long thin part fills its picture just as a ball does.
    """
    bounds = Bounds.around(points)
    right, up = _camera_axes(direction)
    tangents = [math.tan(angle / 2) / margin for angle in field_of_view(aspect, focal_length)]
    # In camera axes from the box's centre: u to the right, v up, w towards the camera.
    local = [
        (_dot(offset, right), _dot(offset, up), _dot(offset, direction))
        for offset in (_added(point, _scaled(bounds.center, -1.0)) for point in points)
    ]
    # A point is inside when |u - shift| <= (distance - w) * tangent. For each axis the two planes that touch the
    # points from both sides meet where the camera has to stand; the wider axis decides how far away.
    shifts, distances = [], []
    for axis, tangent in enumerate(tangents):
        highest = max(point[axis] + tangent * point[2] for point in local)
        lowest = min(point[axis] - tangent * point[2] for point in local)
        shifts.append((highest + lowest) / 2)
        distances.append((highest - lowest) / 2 / tangent)
    radius = bounds.radius
    distance = max(*distances, radius * 1.05)
    target = _added(bounds.center, _added(_scaled(right, shifts[0]), _scaled(up, shifts[1])))
    eye = _added(target, _scaled(direction, distance))
    return Framing(eye, target, max(distance - 1.5 * radius, distance / 1000), distance + 30 * radius)


def _camera_axes(direction: Vector) -> tuple[Vector, Vector]:
    """Right and up of a level camera that looks against ``direction``, which must not be vertical."""
    flat = math.hypot(direction[0], direction[1])
    right = (-direction[1] / flat, direction[0] / flat, 0.0)
    up = (
        direction[1] * right[2] - direction[2] * right[1],
        direction[2] * right[0] - direction[0] * right[2],
        direction[0] * right[1] - direction[1] * right[0],
    )
    return right, up


def _added(one: Vector, other: Vector) -> Vector:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _scaled(vector: Vector, factor: float) -> Vector:
    return vector[0] * factor, vector[1] * factor, vector[2] * factor


def _dot(one: Vector, other: Vector) -> float:
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
