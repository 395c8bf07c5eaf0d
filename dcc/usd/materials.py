"""Library materials as USD: one Material prim with a UsdPreviewSurface network and a MaterialX one.

Renderers choose by render context: ``outputs:surface`` is UsdPreviewSurface, which every one of them reads (Blender,
Hydra's Storm, Karma), and ``outputs:mtlx:surface`` is MaterialX standard_surface, which says more (anisotropy,
transmission) and which Karma, Arnold, RenderMan and MaterialX-enabled Hydra prefer.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pxr import Sdf, Usd, UsdGeom, UsdShade

from dcc.usd.stage import MATERIAL, new_stage, write_stage
from shared.context import check_name
from shared.files import atomic_write
from shared.material_library import LIBRARY, Color, Material

PREVIEW = "PreviewSurface"
MATERIALX = "StandardSurface"
"""Names of the Shader prims inside a Material."""

STANDARD_SURFACE = "ND_standard_surface_surfaceshader"
LIBRARY_ROOT = "Materials"

Inputs = Mapping[str, float | Color]

# Seen through a pane of glass: UsdPreviewSurface has no transmission, only opacity.
_GLASS_OPACITY = 0.15


def preview_inputs(material: Material) -> Inputs:
    """UsdPreviewSurface inputs that differ from none: metallic workflow, colours linear Rec.709."""
    clearness = 1.0 - material.transmission * (1.0 - _GLASS_OPACITY)
    return {
        "diffuseColor": material.base_color,
        "metallic": material.metallic,
        "roughness": material.roughness,
        "ior": material.ior,
        "opacity": material.opacity * clearness,
        "clearcoat": material.coat,
        "clearcoatRoughness": material.coat_roughness,
        "emissiveColor": material.emission,
    }


def standard_surface_inputs(material: Material) -> Inputs:
    """Inputs of MaterialX ``standard_surface``. ``base`` and ``specular`` are given, as their defaults have changed."""
    glowing = max(material.emission)
    return {
        "base": 1.0,
        "base_color": material.base_color,
        "metalness": material.metallic,
        "specular": 1.0,
        "specular_roughness": material.roughness,
        "specular_IOR": material.ior,
        "specular_anisotropy": material.anisotropy,
        "transmission": material.transmission,
        "transmission_color": material.base_color if material.transmission else (1.0, 1.0, 1.0),
        "coat": material.coat,
        "coat_roughness": material.coat_roughness,
        "emission": 1.0 if glowing else 0.0,
        "emission_color": material.emission if glowing else (1.0, 1.0, 1.0),
        "opacity": (material.opacity,) * 3,
    }


def define_material(stage: Usd.Stage, path: str, material: Material) -> UsdShade.Material:
    """Define ``material`` at ``path`` with its UsdPreviewSurface network; ``raceway:material`` names it for good."""
    prim = UsdShade.Material.Define(stage, path)
    prim.GetPrim().SetDisplayName(material.label)
    prim.GetPrim().CreateAttribute(MATERIAL, Sdf.ValueTypeNames.String, custom=True).Set(material.name)
    shader = _define_shader(stage, f"{path}/{PREVIEW}", "UsdPreviewSurface", preview_inputs(material))
    prim.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return prim


def add_materialx(stage: Usd.Stage, path: str, material: Material) -> None:
    """Add the MaterialX network to the Material at ``path``, in the stage's current edit target."""
    shader = _define_shader(stage, f"{path}/{MATERIALX}", STANDARD_SURFACE, standard_surface_inputs(material))
    output = UsdShade.Material(stage.GetPrimAtPath(path)).CreateSurfaceOutput("mtlx")
    output.ConnectToSource(shader.ConnectableAPI(), "out")


def write_library(path: str | Path, library: Mapping[str, Material] = LIBRARY, *, overwrite: bool = True) -> Path:
    """Write every material below ``/Materials`` of a USD file, for use without an asset (Houdini, usdview).

    Raises InputError for a material name that cannot name a prim, StorageError where the file cannot be written.
    """
    stage = new_stage(LIBRARY_ROOT)
    UsdGeom.Scope.Define(stage, f"/{LIBRARY_ROOT}")
    for material in library.values():
        prim_path = f"/{LIBRARY_ROOT}/{check_name(material.name, 'material')}"
        define_material(stage, prim_path, material)
        add_materialx(stage, prim_path, material)
    return write_stage(stage, path, overwrite=overwrite)


def materialx_document(materials: Iterable[Material]) -> str:
    """The materials as a MaterialX document: a ``standard_surface`` and a ``surfacematerial`` each."""
    root = ElementTree.Element("materialx", version="1.38", colorspace="lin_rec709")
    for material in materials:
        shader_name = f"{check_name(material.name, 'material')}_surface"
        shader = ElementTree.SubElement(root, "standard_surface", name=shader_name, type="surfaceshader")
        for name, value in standard_surface_inputs(material).items():
            kind = "color3" if isinstance(value, tuple) else "float"
            ElementTree.SubElement(shader, "input", name=name, type=kind, value=_materialx_value(value))
        surface = ElementTree.SubElement(root, "surfacematerial", name=material.name, type="material")
        ElementTree.SubElement(surface, "input", name="surfaceshader", type="surfaceshader", nodename=shader_name)
    ElementTree.indent(root)
    return f'<?xml version="1.0"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def write_materialx(path: str | Path, library: Mapping[str, Material] = LIBRARY) -> Path:
    """Write the library as a ``.mtlx`` file."""
    return atomic_write(path, materialx_document(library.values()))


def _define_shader(stage: Usd.Stage, path: str, identifier: str, inputs: Inputs) -> UsdShade.Shader:
    shader = UsdShade.Shader.Define(stage, path)
    shader.CreateIdAttr(identifier)
    for name, value in inputs.items():
        kind: Any = Sdf.ValueTypeNames.Color3f if isinstance(value, tuple) else Sdf.ValueTypeNames.Float
        shader.CreateInput(name, kind).Set(value)
    return shader


def _materialx_value(value: float | Color) -> str:
    return ", ".join(f"{channel:g}" for channel in value) if isinstance(value, tuple) else f"{value:g}"
