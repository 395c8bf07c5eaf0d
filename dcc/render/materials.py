"""Node materials of the built-in library: the same data as the USD materials, plus what makes a surface look real.

The numbers come from :mod:`shared.material_library`. On top of them brushed metal gets its grooves and rubber its
grain, which only the renderer's nodes can express; colour, metalness and mean roughness stay those of the library.
"""

from __future__ import annotations

from typing import Any

import bpy

from dcc.render.import_usd import MATERIAL
from shared.material_library import FALLBACK_NAME, Material, find_material


def library_material(name: str) -> bpy.types.Material | None:
    """The node material for a library (or ``Color_rrggbb``) name, built once a file; None for an unknown name."""
    definition = find_material(name)
    return node_material(definition) if definition else None


def fallback_material() -> bpy.types.Material:
    """The magenta material of an unresolved part."""
    material = library_material(FALLBACK_NAME)
    assert material is not None
    return material


def node_material(definition: Material) -> bpy.types.Material:
    """The node material for ``definition``; the one in this file if it was built before."""
    for known in bpy.data.materials:
        if known.get(MATERIAL) == definition.name and known.library is None:
            return known
    material = bpy.data.materials.new(definition.name)
    material[MATERIAL] = definition.name
    _Builder(material, definition).build()
    # The colour of the viewport's solid mode.
    shown: Any = material
    shown.diffuse_color = (*definition.base_color, 1.0 - 0.7 * definition.transmission)
    material.metallic, material.roughness = definition.metallic, definition.roughness
    return material


class _Builder:
    """Builds the node tree of one material, left to right."""

    def __init__(self, material: bpy.types.Material, definition: Material) -> None:
        tree = material.node_tree
        assert tree is not None
        self._tree = tree
        self._definition = definition
        tree.nodes.clear()
        self._surface: Any = self._node("ShaderNodeBsdfPrincipled", (460, 0))
        output: Any = self._node("ShaderNodeOutputMaterial", (780, 0))
        self._link(self._surface.outputs["BSDF"], output.inputs["Surface"])

    def build(self) -> None:
        definition = self._definition
        for socket, value in {
            "Base Color": (*definition.base_color, 1.0),
            "Metallic": definition.metallic,
            "Roughness": definition.roughness,
            "Anisotropic": definition.anisotropy,
            "IOR": definition.ior,
            "Transmission Weight": definition.transmission,
            "Coat Weight": definition.coat,
            "Coat Roughness": definition.coat_roughness,
            "Alpha": definition.opacity,
        }.items():
            self._surface.inputs[socket].default_value = value
        strength = max(definition.emission)
        if strength > 0:
            self._surface.inputs["Emission Color"].default_value = (*(c / strength for c in definition.emission), 1.0)
            self._surface.inputs["Emission Strength"].default_value = strength
        if definition.anisotropy > 0:
            self._turned_grooves()
        elif definition.metallic == 0 and definition.transmission == 0 and definition.roughness > 0.5:
            self._grain()

    def _turned_grooves(self) -> None:
        """Fine concentric lines about the part's axis, as a lathe leaves them, and the highlight they stretch."""
        tangent: Any = self._node("ShaderNodeTangent", (-220, -260))
        tangent.direction_type, tangent.axis = "RADIAL", "Z"
        self._link(tangent.outputs["Tangent"], self._surface.inputs["Tangent"])
        centred = self._math("SUBTRACT", self._generated(), (0.5, 0.5, 0.5), (-1080, 0))
        flat = self._math("MULTIPLY", centred, (1.0, 1.0, 0.0), (-900, 120))
        axial = self._math("MULTIPLY", centred, (0.0, 0.0, 1.0), (-900, -60))
        length: Any = self._node("ShaderNodeVectorMath", (-740, 120))
        length.operation = "LENGTH"
        self._link(flat, length.inputs[0])
        # Radius in x, height in z: the noise below does not change around the axis, only across the grooves.
        lines: Any = self._node("ShaderNodeVectorMath", (-580, 40))
        lines.operation = "ADD"
        self._link(length.outputs["Value"], lines.inputs[0])
        self._link(axial, lines.inputs[1])
        noise = self._noise(160.0, detail=3.0)
        self._link(lines.outputs["Vector"], noise.inputs["Vector"])
        self._vary_roughness(noise, 0.07)
        self._ripple(noise, strength=0.05)

    def _grain(self) -> None:
        """The matt grain of rubber."""
        noise = self._noise(220.0, detail=2.0)
        self._link(self._generated(), noise.inputs["Vector"])
        self._ripple(noise, strength=0.12)

    def _noise(self, scale: float, detail: float) -> Any:
        noise: Any = self._node("ShaderNodeTexNoise", (-420, 60))
        noise.inputs["Scale"].default_value = scale
        noise.inputs["Detail"].default_value = detail
        return noise

    def _vary_roughness(self, noise: Any, amount: float) -> None:
        mean = self._definition.roughness
        spread: Any = self._node("ShaderNodeMapRange", (-220, 60))
        spread.inputs["From Min"].default_value, spread.inputs["From Max"].default_value = 0.25, 0.75
        spread.inputs["To Min"].default_value, spread.inputs["To Max"].default_value = mean - amount, mean + amount
        self._link(noise.outputs[0], spread.inputs["Value"])
        self._link(spread.outputs["Result"], self._surface.inputs["Roughness"])

    def _ripple(self, noise: Any, strength: float) -> None:
        """Tilt the normal a little by the noise. A bump map would do it by height, which depends on the part's size."""
        centred = self._math("SUBTRACT", noise.outputs["Color"], (0.5, 0.5, 0.5), (-220, -60))
        tilt = self._math("MULTIPLY", centred, (strength, strength, strength), (-60, -200))
        geometry: Any = self._node("ShaderNodeNewGeometry", (-220, -420))
        tilted: Any = self._node("ShaderNodeVectorMath", (100, -260))
        tilted.operation = "ADD"
        self._link(geometry.outputs["Normal"], tilted.inputs[0])
        self._link(tilt, tilted.inputs[1])
        unit: Any = self._node("ShaderNodeVectorMath", (260, -260))
        unit.operation = "NORMALIZE"
        self._link(tilted.outputs["Vector"], unit.inputs[0])
        self._link(unit.outputs["Vector"], self._surface.inputs["Normal"])

    def _generated(self) -> Any:
        """Position inside the part's own box, 0 to 1: the same on a ball and on a housing, whatever their size."""
        coordinates: Any = self._node("ShaderNodeTexCoord", (-1260, 0))
        return coordinates.outputs["Generated"]

    def _math(self, operation: str, value: Any, operand: tuple[float, float, float], place: tuple[int, int]) -> Any:
        node: Any = self._node("ShaderNodeVectorMath", place)
        node.operation = operation
        node.inputs[1].default_value = operand
        self._link(value, node.inputs[0])
        return node.outputs["Vector"]

    def _node(self, kind: str, place: tuple[int, int]) -> bpy.types.Node:
        node = self._tree.nodes.new(kind)
        node.location = place
        return node

    def _link(self, source: Any, target: Any) -> None:
        self._tree.links.new(source, target)
