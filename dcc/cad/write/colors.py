"""Divide the triangles of a part by the colours of their faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcc.cad.kernel import Array
from dcc.cad.mesh.mesh import Mesh
from dcc.cad.scene import ScenePart
from shared.manifest import Color
from shared.material_library import color_material_name


@dataclass(frozen=True)
class ColorSubset:
    """Triangles (indices, int32) of the ``face_count`` faces that have ``color`` instead of the part's own."""

    name: str
    color: Color
    face_count: int
    triangles: Array


def color_subsets(part: ScenePart, mesh: Mesh | None) -> list[ColorSubset]:
    """The triangles of each face colour in ``mesh``, sorted by name (``Color_c81e1e``: the colour in sRGB).

    Colours that no triangle has are left out, so that a coarser mesh may have fewer subsets.
    """
    face_colors = part.definition.face_colors
    if mesh is None or not face_colors:
        return []
    faces_of: dict[str, list[int]] = {}
    color_of: dict[str, Color] = {}
    for face, color in face_colors.items():
        # Colours of the same hex code are one: their difference is rounding.
        printed = color_material_name(color)
        faces_of.setdefault(printed, []).append(face)
        color_of.setdefault(printed, color)
    subsets: dict[str, ColorSubset] = {}
    for printed in sorted(faces_of):
        triangles = np.flatnonzero(np.isin(mesh.faces, faces_of[printed])).astype(np.int32)
        if len(triangles):
            name = color_material_name(color_of[printed][:3])
            # The short name, without alpha, unless opaque and translucent faces have the same colour.
            name = printed if name in subsets else name
            subsets[name] = ColorSubset(name, color_of[printed], len(faces_of[printed]), triangles)
    return [subsets[name] for name in sorted(subsets)]
