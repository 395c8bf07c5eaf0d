"""Files with shapes but without products, as some programs write them.

The kernel starts from products, and finds nothing in such a file. So a product of the same name is added for each
shape representation (ISO 10303-41: product_definition_shape, shape_definition_representation).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator

from dcc.cad.read.part21.statements import references, statements

DEFINED = b"SHAPE_DEFINITION_REPRESENTATION"
"""The entity that ties shapes to products: a file that has one is left to the kernel."""

_REPRESENTATIONS = (
    "SHAPE_REPRESENTATION", "ADVANCED_BREP_SHAPE_REPRESENTATION", "FACETED_BREP_SHAPE_REPRESENTATION",
    "MANIFOLD_SURFACE_SHAPE_REPRESENTATION", "GEOMETRICALLY_BOUNDED_SURFACE_SHAPE_REPRESENTATION",
    "GEOMETRICALLY_BOUNDED_WIREFRAME_SHAPE_REPRESENTATION", "EDGE_BASED_WIREFRAME_SHAPE_REPRESENTATION",
    "TESSELLATED_SHAPE_REPRESENTATION",
)  # fmt: skip
_SHAPES = (
    "MANIFOLD_SOLID_BREP", "BREP_WITH_VOIDS", "FACETED_BREP", "SHELL_BASED_SURFACE_MODEL", "FACE_BASED_SURFACE_MODEL",
    "GEOMETRIC_SET", "GEOMETRIC_CURVE_SET", "EDGE_BASED_WIREFRAME_MODEL", "MAPPED_ITEM", "TESSELLATED_SOLID",
    "TESSELLATED_SHELL", "TRIANGULATED_FACE", "COMPLEX_TRIANGULATED_FACE",
)  # fmt: skip
_MAP = "REPRESENTATION_MAP"
_NAME = re.compile(r"\s*('(?:[^']|'')*')")


def products_of(text: mmap.mmap) -> Iterator[list[str]]:
    """For each representation that no other one maps, the statements that make it the shape of a product.

    Nothing where the file has products with shapes. In the statements, ``#?n`` stands for the n-th of them.
    """
    if text.find(DEFINED) >= 0:
        return
    entities = statements(text, (*_REPRESENTATIONS, *_SHAPES, _MAP))
    mapped = {target for kind, rest in entities.values() if kind == _MAP for target in references(rest)}
    for number, (kind, rest) in entities.items():
        if kind not in _REPRESENTATIONS or number in mapped:
            continue
        shapes = [item for item in references(rest) if entities.get(item, ("", ""))[0] in _SHAPES]
        if shapes:
            named = [_name(rest), *(_name(entities[shape][1]) for shape in shapes if len(shapes) == 1)]
            name = next((name for name in named if name.strip("' ")), "''")
            yield [
                f"PRODUCT({name},{name},'',())",
                "PRODUCT_DEFINITION_FORMATION('','',#?0)",
                "APPLICATION_CONTEXT('')",
                "PRODUCT_DEFINITION_CONTEXT('part definition',#?2,'design')",
                "PRODUCT_DEFINITION('design','',#?1,#?3)",
                "PRODUCT_DEFINITION_SHAPE('','',#?4)",
                f"SHAPE_DEFINITION_REPRESENTATION(#?5,#{number})",
            ]


def _name(parameters: str) -> str:
    found = _NAME.match(parameters)
    return found[1] if found else "''"
