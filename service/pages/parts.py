"""The parts table of an asset: each part of a CAD file, what it wears, and where that came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shared.manifest import EffectiveMaterial, Manifest, Part
from shared.material_layers import UNRESOLVED
from shared.material_library import Material, find_material, hex_from_linear
from shared.natural_order import natural_order

ROW_LIMIT = 200
"""Parts on one page; a search finds those beyond."""
PLACE_LIMIT = 60
"""Occurrences listed for one part."""


@dataclass(frozen=True)
class Worn:
    """A material as it is shown: ``color`` is ``#rrggbb`` (sRGB), ``finish`` is metal, glass, failed or plain."""

    name: str
    label: str
    color: str
    finish: str
    layer: str
    reason: str


@dataclass(frozen=True)
class Place:
    """An occurrence, and what it wears where that is not what its part wears."""

    path: str
    hidden: bool
    worn: Worn | None


@dataclass(frozen=True)
class PartRow:
    """One row of the table."""

    part: Part
    worn: Worn
    face_colors: list[str]
    """``#rrggbb`` of its faces in the CAD file, where they have colours of their own."""
    places: list[Place]

    @property
    def failed(self) -> bool:
        """Whether no layer knows a material for the part."""
        return self.worn.layer == "fallback"

    @property
    def own_materials(self) -> int:
        """Number of listed occurrences that wear something of their own."""
        return sum(place.worn is not None for place in self.places)

    @property
    def unlisted(self) -> int:
        """Number of occurrences beyond those in ``places``."""
        return self.part.occurrence_count - len(self.places)


@dataclass(frozen=True)
class PartsTable:
    """What the page shows of a CAD file's parts. ``total`` and the counts are over all parts, not the listed ones."""

    rows: list[PartRow]
    total: int
    matching: int
    number: int
    """Which page of the matching parts ``rows`` are, the first is 1."""
    layers: Mapping[str, int]
    triangles: int
    occurrences: int

    @property
    def more(self) -> bool:
        """Whether another page follows."""
        return self.number * ROW_LIMIT < self.matching

    @property
    def failed(self) -> int:
        """Number of parts without a material."""
        return self.layers.get("fallback", 0)


def parts_table(manifest: Manifest, library: Mapping[str, Material], query: str = "", number: int = 1) -> PartsTable:
    """Page ``number`` of the parts that contain ``query``, those without a material first.

    ``manifest`` is one with the effective materials: ``service.cad.materials.effective_manifest``.
    """
    chosen = [part for part in manifest.parts if _matches(part, query)]
    chosen.sort(key=lambda part: _material(part).layer != "fallback")
    return PartsTable(
        rows=[_row(part, library) for part in chosen[(number - 1) * ROW_LIMIT : number * ROW_LIMIT]],
        total=len(manifest.parts),
        matching=len(chosen),
        number=number,
        layers=Counter(_material(part).layer for part in manifest.parts),
        # A part's triangles are drawn at each of its places.
        triangles=sum(part.triangle_count * part.occurrence_count for part in manifest.parts),
        occurrences=sum(part.occurrence_count for part in manifest.parts),
    )


def _material(part: Part) -> EffectiveMaterial:
    return part.material or UNRESOLVED


def _matches(part: Part, query: str) -> bool:
    material = _material(part)
    texts = (part.part_key, part.source_name, part.body_name, material.material, material.layer)
    return query.casefold() in " ".join(texts).casefold()


def _row(part: Part, library: Mapping[str, Material]) -> PartRow:
    # Those that wear something of their own must not be lost among many that do not.
    ordered = sorted(part.occurrences, key=lambda item: (item.material is None, natural_order(item.path)))
    return PartRow(
        part=part,
        worn=worn(_material(part), library),
        face_colors=[f"#{hex_from_linear(face.color[:3])}" for face in part.face_colors],
        places=[
            Place(item.path, item.hidden, worn(item.material, library) if item.material else None)
            for item in ordered[:PLACE_LIMIT]
        ],
    )


def worn(effective: EffectiveMaterial, library: Mapping[str, Material]) -> Worn:
    """An effective material with its looks. One that the library has lost is shown by its name, in grey."""
    material = find_material(effective.material, library)
    if material is None:
        return Worn(effective.material, effective.material, "#808080", "plain", effective.layer, effective.reason)
    return Worn(
        name=material.name,
        label=material.label,
        color=f"#{hex_from_linear(material.base_color)}",
        finish=_finish(material, effective.layer),
        layer=effective.layer,
        reason=effective.reason,
    )


def _finish(material: Material, layer: str) -> str:
    if layer == "fallback":
        return "failed"
    if material.transmission > 0.5:
        return "glass"
    return "metal" if material.metallic > 0.5 else "plain"
