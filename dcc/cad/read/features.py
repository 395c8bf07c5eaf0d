"""Which seldom used features of STEP a file may contain.

To look for each of them in the kernel's model takes time. So the text is searched once for the keywords, and a step
that is not needed is skipped. Files that are read piece by piece use the answer for the whole file in each piece.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass

from dcc.cad.read.bare_shapes import DEFINED
from dcc.cad.read.external_files import KEYWORDS as EXTERNAL_FILES
from dcc.cad.read.text_encoding import UTF8, encoding_of

_CHUNK = 1 << 24
_OPERATOR = b"CARTESIAN_TRANSFORMATION_OPERATOR_3D"
_DEEP_USAGE = b"SPECIFIED_HIGHER_USAGE_OCCURRENCE"
_DEEP_STYLE = b"CONTEXT_DEPENDENT_OVER_RIDING_STYLED_ITEM"
_LAYER = b"PRESENTATION_LAYER_ASSIGNMENT"
_MESH = b"TESSELLATED_SHAPE_REPRESENTATION"
_MATERIAL = b"MATERIAL_DESIGNATION"
_MADE_FROM = b"MAKE_FROM_USAGE_OPTION"
_UNSEEN = b"CONTEXT_DEPENDENT_INVISIBILITY"
_PROPERTY = b"DESCRIPTIVE_REPRESENTATION_ITEM"
_WORDS = (
    _OPERATOR, _DEEP_USAGE, _DEEP_STYLE, _LAYER, _MESH, _MATERIAL, _MADE_FROM, _UNSEEN, _PROPERTY, DEFINED,
    *EXTERNAL_FILES,
)  # fmt: skip
_NAMED_LAYER = re.compile(_LAYER + rb"\s*\(\s*'[^']*[^'\s][^']*'")


@dataclass(frozen=True)
class Features:
    """What a file may contain; False means that it certainly does not. ``encoding`` is named as the kernel names it."""

    encoding: str = UTF8
    operators: bool = True
    """Placements that may mirror or scale."""
    occurrence_styles: bool = True
    """Colours or visibility of single occurrences below the first level of an assembly."""
    layers: bool = True
    """Layers with a name."""
    meshes: bool = True
    """Tessellated shapes, perhaps beside exact ones."""
    other_forms: bool = True
    """Materials, invisible items or shapes in forms that the kernel ignores (:mod:`dcc.cad.read.other_forms`)."""
    properties: bool = True
    """Properties with text as their value, which may name materials."""
    external_files: bool = True
    """Parts that are in other files (:mod:`dcc.cad.read.external_files`)."""


def features_of(text: mmap.mmap) -> Features:
    """What the file with this text may contain."""
    mentioned = _mentioned(text)
    return Features(
        encoding_of(text),
        operators=_OPERATOR in mentioned,
        occurrence_styles=bool(mentioned & {_DEEP_USAGE, _DEEP_STYLE}),
        layers=_LAYER in mentioned and _NAMED_LAYER.search(text) is not None,
        meshes=_MESH in mentioned,
        other_forms=DEFINED not in mentioned or bool(mentioned & {_MATERIAL, _MADE_FROM, _UNSEEN}),
        properties=_PROPERTY in mentioned,
        external_files=not mentioned.isdisjoint(EXTERNAL_FILES),
    )


def _mentioned(text: mmap.mmap) -> set[bytes]:
    found: set[bytes] = set()
    overlap = max(map(len, _WORDS))
    for start in range(0, len(text), _CHUNK):
        # Bytes are searched several times faster than the mapped file itself.
        chunk = text[start : start + _CHUNK + overlap]
        found |= {word for word in _WORDS if word not in found and word in chunk}
    return found
