"""What surrounds the subject: the studio's reflections, or a panorama that is also the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from shared.errors import RenderError

REFLECTIONS = "studio.exr"
"""A CC0 environment that ships with Blender: soft boxes in a dark room."""
REFLECTION_STRENGTH = 0.4


def studio_world() -> bpy.types.World:
    """Grey reflections of a studio, which light a little too."""
    utilities: Any = bpy.utils
    folder = Path(utilities.system_resource("DATAFILES")) / "studiolights" / "world"
    # Reflections of a coloured room would tint the metals.
    return _world("Studio", folder / REFLECTIONS, REFLECTION_STRENGTH, grey=True)


def hdri_world(panorama: Path) -> bpy.types.World:
    """The panorama of an equirectangular picture, as bright as it was taken.

    Raises RenderError (``render.hdri``) where it is missing or cannot be read.
    """
    if not panorama.is_file():
        raise _unreadable(panorama, "there is no such file")
    return _world(panorama.stem, panorama, 1.0, grey=False)


def _world(name: str, panorama: Path, strength: float, *, grey: bool) -> bpy.types.World:
    world = bpy.data.worlds.new(name)
    tree = world.node_tree
    assert tree is not None
    tree.nodes.clear()
    nodes: Any = tree.nodes
    environment = nodes.new("ShaderNodeTexEnvironment")
    environment.image = _load(panorama)
    colour = environment.outputs["Color"]
    if grey:
        desaturated = nodes.new("ShaderNodeRGBToBW")
        tree.links.new(colour, desaturated.inputs["Color"])
        colour = desaturated.outputs["Val"]
    light = nodes.new("ShaderNodeBackground")
    light.inputs["Strength"].default_value = strength
    output = nodes.new("ShaderNodeOutputWorld")
    tree.links.new(colour, light.inputs["Color"])
    tree.links.new(light.outputs["Background"], output.inputs["Surface"])
    return world


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
