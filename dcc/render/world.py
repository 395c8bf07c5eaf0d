"""What surrounds the subject: the studio's reflections, or a panorama that is also the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from shared.errors import RenderError

REFLECTIONS = "studio.exr"
"""A CC0 environment that ships with Blender: soft boxes in a dark room."""
REFLECTION_STRENGTH = 0.4
FILL_STRENGTH = 0.15
"""Of the studio's surroundings where they light instead of being mirrored: less, so that shadows stay."""


def studio_world() -> bpy.types.World:
    """Grey reflections of a studio, which light a little too."""
    utilities: Any = bpy.utils
    folder = Path(utilities.system_resource("DATAFILES")) / "studiolights" / "world"
    world, light = _world("Studio", folder / REFLECTIONS)
    nodes: Any = world.node_tree.nodes
    links = world.node_tree.links
    # Reflections of a coloured room would tint the metals.
    grey = nodes.new("ShaderNodeRGBToBW")
    links.new(light.inputs["Color"].links[0].from_socket, grey.inputs["Color"])
    links.new(grey.outputs["Val"], light.inputs["Color"])
    rays = nodes.new("ShaderNodeLightPath")
    strength = nodes.new("ShaderNodeMapRange")
    strength.inputs["To Min"].default_value, strength.inputs["To Max"].default_value = (
        REFLECTION_STRENGTH,
        FILL_STRENGTH,
    )
    links.new(rays.outputs["Is Diffuse Ray"], strength.inputs["Value"])
    links.new(strength.outputs["Result"], light.inputs["Strength"])
    return world


def hdri_world(panorama: Path) -> bpy.types.World:
    """The panorama of an equirectangular picture, as bright as it was taken.

    Raises RenderError (``render.hdri``) where it is missing or cannot be read.
    """
    if not panorama.is_file():
        raise _unreadable(panorama, "there is no such file")
    return _world(panorama.stem, panorama)[0]


def _world(name: str, panorama: Path) -> tuple[bpy.types.World, Any]:
    """A world that shows ``panorama``, and the node that makes light of it."""
    world = bpy.data.worlds.new(name)
    tree = world.node_tree
    assert tree is not None
    tree.nodes.clear()
    nodes: Any = tree.nodes
    environment = nodes.new("ShaderNodeTexEnvironment")
    environment.image = _load(panorama)
    light = nodes.new("ShaderNodeBackground")
    output = nodes.new("ShaderNodeOutputWorld")
    tree.links.new(environment.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs["Background"], output.inputs["Surface"])
    return world, light


def _load(panorama: Path) -> bpy.types.Image:
    try:
        image = bpy.data.images.load(str(panorama), check_existing=True)
    except RuntimeError as error:
        raise _unreadable(panorama, str(error).strip()) from error
    size: Any = image.size
    if size[0] == 0:
        raise _unreadable(panorama, "it is no picture")
    return image


def _unreadable(panorama: Path, reason: str) -> RenderError:
    return RenderError(
        f"The panorama {panorama} cannot be read: {reason}.",
        hint="Give an equirectangular picture, best a .hdr or .exr, that this machine can reach.",
        code="render.hdri",
    )
