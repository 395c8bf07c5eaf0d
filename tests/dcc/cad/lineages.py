"""Lineages of edited models through the real converter: what became of every key in every revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcc.cad.convert import convert
from dcc.cad.identity.revision import Previous
from dcc.cad.settings import Settings, tessellation
from shared.manifest import Manifest
from tests.dcc.cad.revisions import Model, write_model

SETTINGS = Settings(tessellation(None, 0.01, 0.6), processes=1)


@dataclass
class Lineage:
    """How the keys of a lineage fared. ``wrong``: a key that came to mean another part."""

    kept: int = 0
    changed: int = 0
    """Parts that got a new key although they were there before: they are asked for, or count as new."""
    wrong: list[str] = field(default_factory=list)


def run_lineage(models: Sequence[Model], folder: Path) -> Lineage:
    """Convert each model as the next revision of the one before."""
    result = Lineage()
    meaning: dict[str, str] = {}
    key_of: dict[str, str] = {}
    previous: Manifest | None = None
    for number, model in enumerate(models):
        step = write_model(model, folder / str(number))
        before = Previous(previous, {}) if previous else None
        previous = convert(step, folder / str(number) / "out", SETTINGS, previous=before).manifest
        keys: dict[str, list[str]] = {}
        for part in previous.parts:
            identity = part.step_material or ""
            keys.setdefault(identity, []).append(part.part_key)
            if meaning.setdefault(part.part_key, identity) != identity:
                result.wrong.append(f"revision {number}: {part.part_key} was {meaning[part.part_key]}, is {identity}")
        for identity, found in keys.items():
            if identity in key_of:
                result.kept += key_of[identity] in found
                result.changed += key_of[identity] not in found
            key_of[identity] = key_of[identity] if key_of.get(identity) in found else found[0]
        reused = set(previous.retired_keys) & {part.part_key for part in previous.parts}
        result.wrong += [f"revision {number}: {key} is retired and in use" for key in sorted(reused)]
    return result
