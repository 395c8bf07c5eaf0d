from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pxr import Usd, UsdValidation

from dcc.usd.items import place_item
from dcc.usd.look import write_look
from shared.departments import Arc
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer
from shared.files import atomic_write
from shared.manifest import EffectiveMaterial, Manifest
from shared.material_layers import propose_layers
from tests.dcc.usd.masters import ASSET, vise_manifest, write_vise

BuildAsset = Callable[..., Path]


@pytest.fixture
def master(tmp_path: Path) -> Path:
    return write_vise(tmp_path / "master.usdc")


@pytest.fixture
def manifest() -> Manifest:
    return vise_manifest()


@pytest.fixture
def build_asset(tmp_path: Path, master: Path, manifest: Manifest) -> BuildAsset:
    """Publish the vise with a look the way the service composes it; returns the asset's entry."""

    def build(effective: Mapping[str, EffectiveMaterial] | None = None, *, look: bool = True) -> Path:
        usd = tmp_path / "usd"
        parts = [PartContribution("model", "model_v001_i001.usd", 6, Arc.PAYLOAD)]
        place_item(master, usd / "model/data/model_v001_i001.usd")
        if look:
            parts.append(PartContribution("look", "look_v001_i001.usd", 5, Arc.SUBLAYER))
            if effective is None:
                effective = propose_layers(manifest).effective(manifest.parts)
            write_look(usd / "look/data/look_v001_i001.usd", ASSET, manifest, effective, master)
        for part in parts:
            atomic_write(usd / part.part / f"{part.part}.usd", part_entry_layer(ASSET, part.item, part.arc))
        return atomic_write(usd / f"{ASSET}.usd", entity_entry_layer(ASSET, parts))

    return build


def usd_complaints(stage: Usd.Stage) -> list[str]:
    """What USD's own validators say about a stage, as ``name: message``."""
    registry = UsdValidation.ValidationRegistry()
    errors = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators()).Validate(stage)
    return [f"{error.GetIdentifier()}: {error.GetMessage()}" for error in errors]
