"""The photo studio around the subject: seamless backdrop, soft boxes, and reflections for metal to show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

from dcc.render.framing import Bounds, Framing

REFLECTIONS = "studio.exr"
"""A CC0 environment that ships with Blender: soft boxes in a dark room."""
REFLECTION_STRENGTH = 0.4


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


SOFT_BOXES = (
    SoftBox("Key", 50, 48, 84, 2.4, 1.8),
    SoftBox("Fill", -58, 34, 10, 3.2, 2.4),
    # Tall and narrow on both sides: the bright edges that tell a cylinder from a flat strip.
    SoftBox("Left strip", -84, 14, 24, 0.7, 3.4),
    SoftBox("Right strip", 96, 16, 24, 0.7, 3.4),
    # Behind and above: flat tops mirror its lower edge, and so get a gradient instead of one tone.
    SoftBox("Rim", 176, 49, 52, 3.4, 1.3),
)


def build_studio(scene: bpy.types.Scene, bounds: Bounds, view: Framing, *, backdrop: bool) -> None:
    """Light the subject inside ``bounds`` for the camera of ``view``; with ``backdrop`` on a seamless floor."""
    towards_camera = Vector(view.eye) - Vector(bounds.center)
    azimuth = math.atan2(towards_camera.y, towards_camera.x)
    for box in SOFT_BOXES:
        _add_soft_box(scene, box, bounds, azimuth)
    scene.world = _world()
    if backdrop:
        _backdrop(scene, bounds, azimuth)


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


def _world() -> bpy.types.World:
    """The HDRI as light and reflection; a camera ray that misses everything sees plain grey."""
    world = bpy.data.worlds.new("Studio")
    tree = world.node_tree
    assert tree is not None
    tree.nodes.clear()
    nodes: Any = tree.nodes
    environment = nodes.new("ShaderNodeTexEnvironment")
    folder = Path(_data_files()) / "studiolights" / "world"
    environment.image = bpy.data.images.load(str(folder / REFLECTIONS), check_existing=True)
    # Reflections of a coloured room would tint the metals.
    grey = nodes.new("ShaderNodeRGBToBW")
    tree.links.new(environment.outputs["Color"], grey.inputs["Color"])
    light = nodes.new("ShaderNodeBackground")
    light.inputs["Strength"].default_value = REFLECTION_STRENGTH
    output = nodes.new("ShaderNodeOutputWorld")
    tree.links.new(grey.outputs["Val"], light.inputs["Color"])
    tree.links.new(light.outputs["Background"], output.inputs["Surface"])
    return world


def _data_files() -> str:
    utilities: Any = bpy.utils
    return str(utilities.system_resource("DATAFILES"))


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
    surface.inputs["Base Color"].default_value = (0.42, 0.42, 0.43, 1.0)
    surface.inputs["Roughness"].default_value = 0.3
    surface.inputs["Specular IOR Level"].default_value = 0.4
    return material
