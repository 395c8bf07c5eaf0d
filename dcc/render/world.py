"""What surrounds the subject: the studio's reflections, or a panorama that is also the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from shared.errors import RenderError

REFLECTIONS = "studio.exr"
"""A CC0 environment that ships with Blender: soft boxes in a dark room."""
REFLECTION_STRENGTH = 0.4
FILL_STRENGTH = 0.15
"""Of the studio's surroundings where they light instead of being mirrored: less, so that shadows stay."""

_LOOKUP = Matrix(((0, 0, 1), (1, 0, 0), (0, 1, 0)))
"""From the axes of a latitude-longitude picture (top Y, centre +Z) to those that Blender looks it up by (top Z, +X)."""


def studio_world() -> bpy.types.World:
    """Grey reflections of a studio, which light a little too."""
    utilities: Any = bpy.utils
    folder = Path(utilities.system_resource("DATAFILES")) / "studiolights" / "world"
    world, light = _world("Studio", folder / REFLECTIONS)
    nodes: Any = world.node_tree.nodes
    links = world.node_tree.links
    source = light.inputs["Color"].links[0].from_node
    # What Cycles chooses by itself is much finer than the picture: it takes seconds, for a hundredth of the noise.
    cycles: Any = world.cycles  # type: ignore[attr-defined]
    cycles.sampling_method, cycles.sample_map_resolution = "MANUAL", source.image.size[0]
    # Reflections of a coloured room would tint the metals.
    grey = nodes.new("ShaderNodeRGBToBW")
    links.new(source.outputs["Color"], grey.inputs["Color"])
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


def dome_world() -> bpy.types.World:
    """A black world, for domes to shine in."""
    world = bpy.data.worlds.new("Domes")
    tree: Any = world.node_tree
    tree.nodes.clear()
    black, output = tree.nodes.new("ShaderNodeBackground"), tree.nodes.new("ShaderNodeOutputWorld")
    black.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    tree.links.new(black.outputs["Background"], output.inputs["Surface"])
    return world


def add_dome(world: bpy.types.World, panorama: Path | None) -> Callable[[tuple[float, float, float], Matrix], None]:
    """Add the light of a dome to a world, from a latitude-longitude picture or in one colour.

    Answers what sets its radiance (red, green, blue) and its rotation (3 x 3, from the dome's axes to Blender's).
    Raises RenderError (``render.hdri``) for a picture that cannot be read.
    """
    tree: Any = world.node_tree
    nodes, links = tree.nodes, tree.links
    tint = nodes.new("ShaderNodeVectorMath")
    tint.operation = "MULTIPLY"
    tint.inputs[0].default_value = (1.0, 1.0, 1.0)
    light, sum_up = nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeAddShader")
    mapping = nodes.new("ShaderNodeMapping")
    if panorama is not None:
        if not panorama.is_file():
            raise _unreadable(panorama, "there is no such file")
        environment, direction = nodes.new("ShaderNodeTexEnvironment"), nodes.new("ShaderNodeTexCoord")
        environment.image = _load(panorama)
        links.new(direction.outputs["Generated"], mapping.inputs["Vector"])
        links.new(mapping.outputs["Vector"], environment.inputs["Vector"])
        links.new(environment.outputs["Color"], tint.inputs[0])
    links.new(tint.outputs["Vector"], light.inputs["Color"])
    surface = next(node for node in nodes if node.type == "OUTPUT_WORLD").inputs["Surface"]
    links.new(surface.links[0].from_socket, sum_up.inputs[0])
    links.new(light.outputs["Background"], sum_up.inputs[1])
    links.new(sum_up.outputs["Shader"], surface)

    def shine(radiance: tuple[float, float, float], rotation: Matrix) -> None:
        tint.inputs[1].default_value = radiance
        mapping.inputs["Rotation"].default_value = (_LOOKUP @ rotation.transposed()).to_euler("XYZ")

    return shine


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
