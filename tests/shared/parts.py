"""Manifest parts for tests that care about names, materials and colours only."""

from __future__ import annotations

from collections.abc import Mapping

from shared.manifest import (
    IDENTITY,
    Assembly,
    BoundingBox,
    Color,
    Converter,
    FaceColor,
    Fingerprint,
    Manifest,
    Occurrence,
    Part,
    Source,
    Tessellation,
)
from shared.material_library import linear_from_hex

BOX = BoundingBox((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def rgba(code: str, alpha: float = 1.0) -> Color:
    """Linear RGBA of an sRGB hex colour."""
    return (*linear_from_hex(code), alpha)


def make_part(
    part_key: str,
    name: str = "",
    *,
    material: str | None = None,
    color: Color | None = None,
    faces: Mapping[str, Color] | None = None,
    occurrences: Mapping[str, Color | None] | None = None,
    root: str = "Root",
    body: str = "",
) -> Part:
    """A part; ``faces`` are colours by subset name, ``occurrences`` are colours (or None) by path."""
    places = tuple(
        Occurrence(path, f"/{root}/{path.replace(' ', '_')}", IDENTITY, color=own)
        for path, own in (occurrences or {}).items()
    )
    return Part(
        part_key=part_key,
        source_name=name,
        prim_path=f"/{root}/Products/{part_key}",
        kind="solid",
        volume=1.0,
        area=6.0,
        center=(0.5, 0.5, 0.5),
        bounding_box=BOX,
        fingerprint=Fingerprint(1.0, 6.0, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 0.0, 6, 12),
        triangle_count=12,
        occurrence_count=len(places) or 1,
        occurrences=places,
        body_name=body,
        color=color,
        face_colors=tuple(FaceColor(subset, own, 1) for subset, own in (faces or {}).items()),
        step_material=material,
    )


def make_manifest(*parts: Part, root: str = "Root", file_name: str = "test.stp") -> Manifest:
    return Manifest(
        source=Source(file_name, "0" * 64, 1),
        converter=Converter("raceway", "0", "0"),
        tessellation=Tessellation(0.1, 0.001, 0.5),
        root_prim=f"/{root}",
        bounding_box=BOX,
        parts=parts,
        assemblies=(Assembly(root, root, ()),),
    )
