"""The photo studio around the subject: soft boxes, and the floor it stands on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Vector

from dcc.render.framing import Bounds, Framing


@dataclass(frozen=True)
class SoftBox:
    """A rectangular light that faces the subject.

    ``azimuth`` (from the camera, positive to its right) and ``elevation`` in degrees. ``power`` in watts, ``width``,
    ``height`` and ``distance`` in metres, all for a subject of 1 m radius: power grows with the radius squared, because
    light falls off with the square of the distance.
    """

    name: str
    azimuth: float
    elevation: float
    power: float
    width: float
    height: float
    distance: float = 4.0


SHADOW_REACH = 20.0
"""Half the width of the floor that catches shadows, in radii of the subject."""
SOFT_BOXES = (
    # Smaller than the others: it draws the shadow that the subject stands on.
    SoftBox("Key", 50, 48, 100, 1.7, 1.3),
    SoftBox("Fill", -58, 34, 10, 3.2, 2.4),
    # Tall and narrow on both sides: the bright edges that tell a cylinder from a flat strip.
    SoftBox("Left strip", -84, 14, 24, 0.7, 3.4),
    SoftBox("Right strip", 96, 16, 24, 0.7, 3.4),
    # Behind and above: flat tops mirror its lower edge, and so get a gradient instead of one tone.
    SoftBox("Rim", 176, 49, 52, 3.4, 1.3),
)


def add_lights(scene: bpy.types.Scene, bounds: Bounds, view: Framing) -> None:
    """Light the subject inside ``bounds`` for the camera of ``view``."""
    for box in SOFT_BOXES:
        _add_soft_box(scene, box, bounds, _camera_azimuth(bounds, view))


def add_backdrop(scene: bpy.types.Scene, bounds: Bounds, view: Framing) -> None:
    """Stand the subject on a seamless backdrop."""
    _backdrop(scene, bounds, _camera_azimuth(bounds, view))


def add_shadow_catcher(scene: bpy.types.Scene, bounds: Bounds) -> None:
    """Stand the subject on a floor of which only the shadow shows (Cycles)."""
    mesh = bpy.data.meshes.new("Shadow catcher")
    reach = SHADOW_REACH * bounds.radius
    x, y, _ = bounds.center
    z = bounds.low[2]
    corners = [(x + across * reach, y + along * reach, z) for across, along in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    floor: Any = bpy.data.objects.new("Shadow catcher", mesh)
    floor.is_shadow_catcher = True
    scene.collection.objects.link(floor)


def _camera_azimuth(bounds: Bounds, view: Framing) -> float:
    towards_camera = Vector(view.eye) - Vector(bounds.center)
    return math.atan2(towards_camera.y, towards_camera.x)


def _add_soft_box(scene: bpy.types.Scene, box: SoftBox, bounds: Bounds, camera_azimuth: float) -> None:
    radius = bounds.radius
    data: Any = bpy.data.lights.new(box.name, "AREA")
    data.shape = "RECTANGLE"
    data.size, data.size_y = box.width * radius, box.height * radius
    data.energy = box.power * radius**2
    azimuth, elevation = camera_azimuth + math.radians(box.azimuth), math.radians(box.elevation)
    flat = math.cos(elevation)
    direction = Vector((flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)))
    light = bpy.data.objects.new(box.name, data)
    light.location = Vector(bounds.center) + direction * radius * box.distance
    light.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()
    light.visible_camera = False
    scene.collection.objects.link(light)


def _backdrop(scene: bpy.types.Scene, bounds: Bounds, azimuth: float) -> None:
    """A floor that bends up into a wall behind the subject, so that no horizon shows."""
    radius = bounds.radius
    front, back, bend, height, half_width = 30.0, 9.0, 6.0, 30.0, 40.0
    steps = 24
    # Profile in units of the radius: distance towards the camera, height above the floor.
    profile = [(front, 0.0)]
    for step in range(steps + 1):
        turn = math.pi / 2 * step / steps
        profile.append((-back - bend * math.sin(turn), bend * (1 - math.cos(turn))))
    profile.append((-back - bend, height))
    towards = Vector((math.cos(azimuth), math.sin(azimuth), 0.0))
    across = Vector((-towards.y, towards.x, 0.0))
    base = Vector((bounds.center[0], bounds.center[1], bounds.low[2]))
    vertices = [
        base + radius * (towards * distance + across * side + Vector((0.0, 0.0, rise)))
        for distance, rise in profile
        for side in (-half_width, half_width)
    ]
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(len(profile) - 1)]
    mesh = bpy.data.meshes.new("Backdrop")
    mesh.from_pydata([vertex.to_tuple() for vertex in vertices], [], faces)
    mesh.shade_smooth()
    mesh.materials.append(_backdrop_material())
    scene.collection.objects.link(bpy.data.objects.new("Backdrop", mesh))


def _backdrop_material() -> bpy.types.Material:
    material = bpy.data.materials.new("Backdrop")
    tree = material.node_tree
    assert tree is not None
    surface: Any = tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (0.55, 0.55, 0.56, 1.0)
    surface.inputs["Roughness"].default_value = 0.3
    surface.inputs["Specular IOR Level"].default_value = 0.4
    return material
