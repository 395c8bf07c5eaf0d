"""The photo studio around the subject: seamless backdrop, soft boxes, and reflections for metal to show."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import bpy
from mathutils import Vector

from dcc.render.framing import Bounds, Framing

KEY, FILL, RIM = 36.0, 12.0, 30.0
"""Watts for a subject of 1 m radius; light falls off with the square of the distance, which grows with the radius."""
REFLECTIONS = "studio.exr"
"""A CC0 environment that ships with Blender: soft boxes in a dark room."""
REFLECTION_STRENGTH = 0.6


def build_studio(scene: bpy.types.Scene, bounds: Bounds, view: Framing, *, backdrop: bool) -> None:
    """Light the subject inside ``bounds`` for the camera of ``view``; with ``backdrop`` it stands on a seamless floor."""
    center, radius = Vector(bounds.center), bounds.radius
    towards_camera = Vector(view.eye) - center
    azimuth = math.atan2(towards_camera.y, towards_camera.x)
    _soft_box(scene, "Key", center, radius, azimuth + math.radians(48), 46, KEY, size=2.4)
    _soft_box(scene, "Fill", center, radius, azimuth - math.radians(62), 24, FILL, size=3.2)
    _soft_box(scene, "Rim", center, radius, azimuth + math.radians(172), 38, RIM, size=1.6)
    scene.world = _world()
    if backdrop:
        _backdrop(scene, bounds, azimuth)


def _soft_box(
    scene: bpy.types.Scene,
    name: str,
    center: Vector,
    radius: float,
    azimuth: float,
    elevation_degrees: float,
    power: float,
    size: float,
) -> None:
    data = bpy.data.lights.new(name, "AREA")
    data.shape = "RECTANGLE"
    data.size, data.size_y = size * radius, size * radius * 0.7
    data.energy = power * radius**2
    elevation = math.radians(elevation_degrees)
    flat = math.cos(elevation)
    direction = Vector((flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)))
    light = bpy.data.objects.new(name, data)
    light.location = center + direction * radius * 4.0
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
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    environment.image = bpy.data.images.load(str(folder / REFLECTIONS), check_existing=True)
    light = nodes.new("ShaderNodeBackground")
    light.inputs["Strength"].default_value = REFLECTION_STRENGTH
    output = nodes.new("ShaderNodeOutputWorld")
    tree.links.new(environment.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs["Background"], output.inputs["Surface"])
    return world


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
    surface.inputs["Base Color"].default_value = (0.42, 0.43, 0.45, 1.0)
    surface.inputs["Roughness"].default_value = 0.55
    surface.inputs["Specular IOR Level"].default_value = 0.25
    return material
