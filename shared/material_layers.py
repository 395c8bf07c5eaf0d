"""Which material each part wears, and why: four layers of proposals and the rule by which one of them wins.

Layers, strongest first:

- ``manual``: the artist's choice.
- ``source``: the STEP material, or a row of a spreadsheet, *is* the name or label of a library material.
- ``auto``: found through the alias table by STEP material, else by part name, else by STEP colour; a colour that no
  alias is near becomes a derived painted material (``Color_rrggbb``).
- ``fallback``: nothing is known. The visible ``FailedMaterial``, so that an unresolved part is never disguised.

A proposal has a **target**: a part (``Ball``), one occurrence of it (``Ball:<path>``), or its faces of one STEP colour
(``Ball#c81e1e``). The stronger layer wins; inside a layer the more specific target wins. Whoever picks a material for
a part by hand therefore changes the whole part, whatever colours its faces and occurrences had. For the same reason
faces and occurrences are proposed colours only where the part itself is known by nothing better than its colour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.default_aliases import DEFAULT_ALIASES
from shared.errors import InputError
from shared.manifest import EffectiveMaterial, Manifest, Part
from shared.material_aliases import PART_COLOR, Alias, Kind, matching_aliases, nearest_color_alias
from shared.material_library import (
    FALLBACK_NAME,
    LIBRARY,
    Material,
    color_material_name,
    find_material,
    hex_from_linear,
    nearest_name,
    suggest_material,
)

LAYERS = ("manual", "source", "auto", "fallback")
"""Strongest first."""

UNCOLORED_PLASTIC = "WhitePlastic"
"""What plastic without a known colour looks like."""

UNRESOLVED = EffectiveMaterial(FALLBACK_NAME, "fallback", "no STEP material, name or colour of this part is known")


@dataclass(frozen=True)
class Proposal:
    """A material for a target, and the reason as a sentence for people."""

    material: str
    reason: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Proposal:
        """Rebuild ``{"material": ..., "reason": ...}``; raises InputError where there is no material."""
        if not data.get("material"):
            raise InputError(f"This is not a material proposal: {dict(data)!r}.", hint="It needs a material.")
        return cls(str(data["material"]), str(data.get("reason", "")))


Layer = Mapping[str, Proposal]
"""Proposals by target."""


def occurrence_target(part_key: str, path: str) -> str:
    """``<partKey>:<path>``, which the USD master also writes on the occurrence as ``raceway:occurrence``."""
    return f"{part_key}:{path}"


def face_target(part_key: str, color: Sequence[float]) -> str:
    """``<partKey>#rrggbb``: the faces of a part that have this linear colour."""
    return f"{part_key}#{hex_from_linear(color)}"


def part_of(target: str) -> str:
    """The partKey of a target."""
    return target.partition(":")[0].partition("#")[0]


def targets_of(part: Part) -> Iterator[str]:
    """Everything of a part that can wear a material of its own, the part itself first."""
    yield part.part_key
    for face in part.face_colors:
        yield face_target(part.part_key, face.color)
    for occurrence in part.occurrences:
        yield occurrence_target(part.part_key, occurrence.path)


@dataclass(frozen=True)
class MaterialLayers:
    """The proposals of each layer. What none of them knows wears ``fallback``."""

    manual: Layer = field(default_factory=dict)
    source: Layer = field(default_factory=dict)
    auto: Layer = field(default_factory=dict)
    fallback: EffectiveMaterial = UNRESOLVED

    def resolve(self, target: str) -> EffectiveMaterial:
        """The one material that counts for a target: stronger layer first, then the more specific target."""
        for name in ("manual", "source", "auto"):
            layer: Layer = getattr(self, name)
            proposal = layer.get(target) or layer.get(part_of(target))
            if proposal:
                return EffectiveMaterial(proposal.material, name, proposal.reason)
        return self.fallback

    def effective(self, parts: Iterable[Part]) -> dict[str, EffectiveMaterial]:
        """The material of every part, and of those of its occurrences and faces that wear something else than it."""
        result: dict[str, EffectiveMaterial] = {}
        for part in parts:
            whole = self.resolve(part.part_key)
            for target in targets_of(part):
                material = self.resolve(target)
                if target == part.part_key or material.material != whole.material:
                    result[target] = material
        return result

    def to_json(self) -> dict[str, dict[str, dict[str, str]]]:
        """``{layer: {target: {"material": ..., "reason": ...}}}``, without the fallback."""
        return {name: layer for name, layer in dataclasses.asdict(self).items() if name != "fallback"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MaterialLayers:
        """Rebuild what ``to_json`` wrote; a missing layer is empty. Raises InputError for a proposal that is none."""
        layers: dict[str, Layer] = {
            name: {str(target): Proposal.from_json(entry) for target, entry in (data.get(name) or {}).items()}
            for name in ("manual", "source", "auto")
        }
        return cls(layers["manual"], layers["source"], layers["auto"])


def apply_layers(manifest: Manifest, layers: MaterialLayers) -> Manifest:
    """The manifest with the effective material of every part, and of the occurrences and faces that differ from it."""
    effective = layers.effective(manifest.parts)
    return dataclasses.replace(
        manifest,
        parts=tuple(
            dataclasses.replace(
                part,
                material=effective[part.part_key],
                face_colors=tuple(
                    dataclasses.replace(item, material=effective.get(face_target(part.part_key, item.color)))
                    for item in part.face_colors
                ),
                occurrences=tuple(
                    dataclasses.replace(item, material=effective.get(occurrence_target(part.part_key, item.path)))
                    for item in part.occurrences
                ),
            )
            for part in manifest.parts
        ),
    )


def effective_of(manifest: Manifest) -> dict[str, EffectiveMaterial]:
    """What ``apply_layers`` wrote into a manifest, by target: the inverse, for whoever got only the manifest."""
    found: dict[str, EffectiveMaterial | None] = {}
    for part in manifest.parts:
        found[part.part_key] = part.material
        found |= {face_target(part.part_key, item.color): item.material for item in part.face_colors}
        found |= {occurrence_target(part.part_key, item.path): item.material for item in part.occurrences}
    return {target: material for target, material in found.items() if material}


def propose_layers(
    manifest: Manifest,
    aliases: Iterable[Alias] = DEFAULT_ALIASES,
    library: Mapping[str, Material] = LIBRARY,
) -> MaterialLayers:
    """The source and auto layers that follow from what a CAD file says about its parts.

    The name of a file that holds one part only counts as that part's name too.
    """
    rows = tuple(alias for alias in aliases if alias.material == PART_COLOR or find_material(alias.material, library))
    source: dict[str, Proposal] = {}
    auto: dict[str, Proposal] = {}
    file_name = manifest.source.name.rpartition(".")[0] if len(manifest.parts) == 1 else ""
    for part in manifest.parts:
        stated = find_material(part.step_material, library) if part.step_material else None
        if stated:
            source[part.part_key] = Proposal(stated.name, f'STEP material "{part.step_material}" is a library material')
        by_words = _by_words(part, file_name, rows)
        if by_words:
            auto[part.part_key] = by_words
        else:
            auto |= _by_colors(part, rows)
    return MaterialLayers(source=source, auto=auto)


def _by_words(part: Part, file_name: str, aliases: Sequence[Alias]) -> Proposal | None:
    asked: tuple[tuple[str, str, tuple[Kind, ...]], ...] = (
        ("STEP material", part.step_material or "", ("material", "word")),
        ("body name", part.body_name, ("name", "word")),
        ("part name", part.source_name, ("name", "word")),
        ("file name", file_name, ("name", "word")),
    )
    for what, text, kinds in asked:
        for alias in matching_aliases(text, kinds, aliases):
            reason = f'{what} "{text}" matches the alias "{alias.pattern}"'
            if alias.material != PART_COLOR:
                return Proposal(alias.material, reason)
            if part.color:
                return Proposal(color_material_name(part.color), f"{reason}, in its STEP colour")
            return Proposal(UNCOLORED_PLASTIC, f"{reason}; it has no STEP colour")
    return None


def _by_colors(part: Part, aliases: Sequence[Alias]) -> dict[str, Proposal]:
    """Proposals for a part that is known by its colours only: for itself, its faces and its occurrences."""
    found: dict[str, Proposal] = {}
    if part.color:
        found[part.part_key] = _by_color(part.color, "STEP colour", aliases)
    elif part.face_colors:
        most = max(part.face_colors, key=lambda face: face.face_count)
        found[part.part_key] = _by_color(most.color, "STEP colour of most of its faces", aliases)
    for face in part.face_colors:
        target = face_target(part.part_key, face.color)
        found[target] = _by_color(face.color, "STEP colour of these faces", aliases)
    for occurrence in part.occurrences:
        if occurrence.color:
            target = occurrence_target(part.part_key, occurrence.path)
            found[target] = _by_color(occurrence.color, "STEP colour of this occurrence", aliases)
    return found


def _by_color(color: Sequence[float], what: str, aliases: Sequence[Alias]) -> Proposal:
    code = hex_from_linear(color)
    # A translucent colour is never one of the opaque substances that colour aliases stand for.
    near = nearest_color_alias((color[0], color[1], color[2]), aliases) if len(code) == 6 else None
    if near:
        alias, distance = near
        return Proposal(alias.material, f"{what} #{code} is near the alias {alias.pattern} (delta E {distance:.1f})")
    return Proposal(color_material_name(color), f"{what} #{code}, which no colour alias is near")


def manual_layer(
    overrides: Mapping[str, str],
    parts: Iterable[Part],
    library: Mapping[str, Material] = LIBRARY,
    *,
    reason: str = "chosen by hand",
) -> dict[str, Proposal]:
    """The manual layer from an artist's ``{target: material}``.

    Materials may be given by name or label. Raises one InputError (``input.material_overrides``) that names every
    unknown part, occurrence, face colour and material in ``fields``; then nothing is accepted.
    """
    targets = {target for part in parts for target in targets_of(part)}
    problems: dict[str, str] = {}
    result: dict[str, Proposal] = {}
    for target, name in overrides.items():
        material = find_material(str(name), library)
        if target not in targets:
            problems[target] = _unknown_target(target, targets)
        elif material is None:
            problems[target] = f'unknown material "{name}". {suggest_material(str(name), library)}'
        else:
            result[target] = Proposal(material.name, reason)
    if problems:
        listed = "; ".join(f"{target}: {problem}" for target, problem in problems.items())
        raise InputError(
            f"The material overrides were not accepted: {listed}",
            hint="Correct the named entries and send all of them again; nothing was changed.",
            code="input.material_overrides",
            fields=problems,
        )
    return result


def _unknown_target(target: str, targets: set[str]) -> str:
    kind = "part"
    if part_of(target) in targets:
        kind = "face colour" if "#" in target.partition(":")[0] else "occurrence"
    near = nearest_name(target, targets)
    return f"unknown {kind}." + (f' Did you mean "{near}"?' if near else "")
