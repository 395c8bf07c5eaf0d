"""Looks and checks on what ``dcc.cad`` really writes."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pxr import Usd

from dcc.usd.items import place_item
from dcc.usd.look import part_materials, write_look
from dcc.usd.validation import validate
from shared.departments import Arc
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer
from shared.files import atomic_write
from shared.manifest import read_manifest
from shared.material_layers import propose_layers
from tests.dcc.usd.conftest import usd_complaints

pytestmark = pytest.mark.skipif(find_spec("OCP") is None, reason="the CAD kernel is not installed")


@pytest.mark.parametrize(
    "name", ["as1-oc-214.stp", "framework-hinge-r-assy.stp", "red-cube-blue-cylinder.step"]
)  # fmt: skip
def test_a_converted_file_is_dressed_and_passes(name: str, tmp_path: Path, data_folder: Path) -> None:
    step = data_folder / "step" / name
    command = [sys.executable, "-m", "dcc.cad.convert", str(step), "--out", str(tmp_path / "cad")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    master, manifest = tmp_path / "cad/usd_master.usdc", read_manifest(tmp_path / "cad/manifest.json")
    effective = propose_layers(manifest).effective(manifest.parts)

    usd = tmp_path / "usd"
    ranked = [("look", 5, Arc.SUBLAYER), ("model", 6, Arc.PAYLOAD)]
    parts = [PartContribution(part, f"{part}_v001_i001.usd", rank, arc) for part, rank, arc in ranked]
    place_item(master, usd / "model/data/model_v001_i001.usd")
    write_look(usd / "look/data/look_v001_i001.usd", "Thing", manifest, effective, master)
    for part in parts:
        atomic_write(usd / part.part / f"{part.part}.usd", part_entry_layer("Thing", part.item, part.arc))
    entry = atomic_write(usd / "Thing.usd", entity_entry_layer("Thing", parts))

    assert validate(master, manifest=manifest).passed
    assert validate(entry, manifest=manifest).passed
    stage = Usd.Stage.Open(str(entry))
    assert usd_complaints(stage) == []
    assert part_materials(stage) == {part.part_key: effective[part.part_key].material for part in manifest.parts}
    assert len(stage.GetPrototypes()) == len(manifest.parts)
