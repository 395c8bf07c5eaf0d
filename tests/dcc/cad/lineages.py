"""Lineages of edited models through the real converter: what became of every key in every revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcc.cad.convert import Conversion, convert
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
    decided: int = 0
    """Parts about which a person decided."""
    wrong: list[str] = field(default_factory=list)


def run_lineage(models: Sequence[Model], folder: Path, *, with_person: bool = False) -> Lineage:
    """Convert each model as the next revision of the one before.

    ``with_person``: one who knows what every part is decides whatever did not come out right, and about no other part.
    """
    result = Lineage()
    meaning: dict[str, str] = {}
    key_of: dict[str, str] = {}
    previous: Manifest | None = None
    for number, model in enumerate(models):
        step = write_model(model, folder / str(number))
        out = folder / str(number) / "out"
        conversion = convert(step, out, SETTINGS, previous=Previous(previous, {}) if previous else None)
        if previous and with_person and (decisions := _decisions(conversion, key_of)):
            result.decided += len(decisions)
            conversion = convert(step, out, SETTINGS, previous=Previous(previous, decisions))
        previous = conversion.manifest
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
            if key_of.get(identity) not in found:
                key_of[identity] = found[0]
        reused = set(previous.retired_keys) & {part.part_key for part in previous.parts}
        result.wrong += [f"revision {number}: {key} is retired and in use" for key in sorted(reused)]
    return result


def _decisions(conversion: Conversion, key_of: Mapping[str, str]) -> dict[str, str | None]:
    """What a person says who knows the keys that every part ever had, by the keys that the file itself gives."""
    assert conversion.carried is not None
    own_key = {final: own for own, final in conversion.carried.keys.items()}
    owner = {key: identity for identity, key in key_of.items()}
    identities = {part.part_key: part.step_material or "" for part in conversion.manifest.parts}
    decisions: dict[str, str | None] = {
        own_key[key]: None for key, identity in identities.items() if owner.get(key, identity) != identity
    }
    asked = {item.new_key for item in conversion.carried.report.uncertain}
    claimed = {identity for key, identity in identities.items() if key_of.get(identity) == key}
    for key, identity in identities.items():
        if identity in key_of and identity not in claimed:
            decisions[own_key[key]] = key_of[identity]
            claimed.add(identity)
        elif own_key[key] in asked:
            decisions.setdefault(own_key[key], None)
    return decisions
