"""The camera's place, for boxes of any shape and pictures of any format."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcc.render.framing import Bounds, Vector, field_of_view, frame, hero_direction

extent = st.floats(min_value=1e-3, max_value=50.0)
sizes = st.tuples(extent, extent, extent)
centers = st.tuples(*[st.floats(min_value=-100, max_value=100)] * 3)
aspects = st.floats(min_value=0.3, max_value=3.5)


def box(center: Vector, size: Vector) -> list[Vector]:
    low = (center[0] - size[0] / 2, center[1] - size[1] / 2, center[2] - size[2] / 2)
    return Bounds(low, (low[0] + size[0], low[1] + size[1], low[2] + size[2])).corners


def in_picture(point: Vector, eye: Vector, direction: Vector, aspect: float) -> tuple[float, float, float]:
    """Where a point falls in the picture (-1 to 1 in both directions) and how far from the camera."""
    flat = math.hypot(direction[0], direction[1])
    right = (-direction[1] / flat, direction[0] / flat, 0.0)
    up = (-direction[2] * right[1], direction[2] * right[0], flat)
    offset = [point[axis] - eye[axis] for axis in range(3)]
    depth = -sum(offset[axis] * direction[axis] for axis in range(3))
    wide, high = field_of_view(aspect)
    u = sum(offset[axis] * right[axis] for axis in range(3)) / depth / math.tan(wide / 2)
    v = sum(offset[axis] * up[axis] for axis in range(3)) / depth / math.tan(high / 2)
    return u, v, depth


@given(centers, sizes, aspects)
def test_every_corner_is_inside_and_the_picture_is_filled(center: Vector, size: Vector, aspect: float) -> None:
    points, direction = box(center, size), hero_direction(size)
    view = frame(points, direction, aspect, margin=1.2)
    seen = [in_picture(point, view.eye, direction, aspect) for point in points]
    assert all(abs(u) < 1 and abs(v) < 1 for u, v, _ in seen)
    assert all(view.clip_start < depth < view.clip_end for _, _, depth in seen)
    # The border is the margin's on the side that decides, and as wide on the opposite side.
    assert max(max(abs(u), abs(v)) for u, v, _ in seen) == pytest.approx(1 / 1.2, rel=0.05) or math.dist(
        view.eye, view.target
    ) == pytest.approx(1.05 * Bounds.around(points).radius)


@given(sizes)
def test_the_hero_view_is_from_the_front_right_above(size: Vector) -> None:
    x, y, z = hero_direction(size)
    assert math.hypot(x, y, z) == pytest.approx(1)
    assert x > 0 > y
    assert 15 < math.degrees(math.asin(z)) < 60


def test_a_flat_part_is_seen_from_higher_up_than_a_cube() -> None:
    assert hero_direction((50, 50, 14))[2] > hero_direction((50, 50, 50))[2] > hero_direction((20, 20, 200))[2]


def test_a_long_part_is_seen_from_its_side() -> None:
    x, y, _ = hero_direction((200, 20, 20))
    assert abs(y) > 3 * abs(x)


def test_no_points_cannot_be_framed() -> None:
    with pytest.raises(ValueError, match="no points"):
        Bounds.around([])
