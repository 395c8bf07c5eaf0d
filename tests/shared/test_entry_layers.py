"""Entry layers are written without pxr; here real USD reads them."""

from __future__ import annotations

import random
from pathlib import Path

from pxr import Sdf, Usd, UsdGeom

from shared.departments import Arc
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer, pinned_entry_layer

PARTS = [
    PartContribution("model", "model_v002_i001.usd", 6, Arc.PAYLOAD),
    PartContribution("look", "look_v001_i001.usd", 5, Arc.SUBLAYER),
    PartContribution("particles01", "particles01_v003_i001.usd", 2, Arc.SUBLAYER),
    PartContribution("body", "body_v001_i001.usd", 6, Arc.PAYLOAD),
]
GROOM = PartContribution("fur", "fur_v001_i001.usd", 4.5, Arc.SUBLAYER)
RIG = PartContribution("rig", "rig_v001_i001.usd", 5.5, Arc.PAYLOAD)


def layer_of(text: str) -> Sdf.Layer:
    layer = Sdf.Layer.CreateAnonymous(".usda")
    assert layer.ImportFromString(text)
    return layer


def test_the_strongest_department_comes_first_whoever_published_first() -> None:
    texts = {entity_entry_layer("bearing", random.sample(PARTS, len(PARTS))) for _ in range(20)}
    assert len(texts) == 1
    layer = layer_of(texts.pop())
    assert list(layer.subLayerPaths) == [
        "./particles01/particles01.usd",
        "./look/look.usd",
        "./body/body.usd",
        "./model/model.usd",
    ]
    assert layer.defaultPrim == "bearing"


def test_a_departments_contribution_comes_in_between_and_changes_nothing_else() -> None:
    for layer in (entity_entry_layer, pinned_entry_layer):
        before, after = (layer("bearing", parts).splitlines() for parts in (PARTS, [GROOM, *PARTS]))
        (new,) = [line for line in after if "fur" in line]
        assert [line for line in after if line != new] == before
        above, below = after[after.index(new) - 1], after[after.index(new) + 1]
        assert "particles01" in above and "look" in below


def test_geometry_of_several_departments_is_pinned_in_their_order() -> None:
    layer = layer_of(pinned_entry_layer("bearing", [*PARTS, RIG]))
    payloads = layer.GetPrimAtPath("/bearing").payloadList.prependedItems
    assert [payload.assetPath.split("/")[1] for payload in payloads] == ["rig", "body", "model"]


def test_an_entry_without_parts_is_a_valid_stage() -> None:
    stage = Usd.Stage.Open(layer_of(entity_entry_layer("bearing", [])))
    assert stage.GetDefaultPrim().GetPath() == "/bearing"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.001
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert Usd.ModelAPI(stage.GetDefaultPrim()).GetKind() == "assembly"


def test_geometry_comes_as_a_payload_and_the_rest_as_sublayers() -> None:
    for arc in Arc:
        layer = layer_of(part_entry_layer("bearing", "p_v001_i001.usd", arc))
        payloads = layer.GetPrimAtPath("/bearing").payloadList.prependedItems
        if arc is Arc.PAYLOAD:
            assert [payload.assetPath for payload in payloads] == ["./data/p_v001_i001.usd"]
            assert not layer.subLayerPaths
        else:
            assert not payloads
            assert list(layer.subLayerPaths) == ["./data/p_v001_i001.usd"]


def test_a_stronger_departments_opinion_wins_in_usd(tmp_path: Path) -> None:
    root = tmp_path / "usd"
    for part in PARTS:
        folder = root / part.part
        (folder / "data").mkdir(parents=True)
        (folder / f"{part.part}.usd").write_text(part_entry_layer("bearing", part.item, part.arc))
        item = Usd.Stage.CreateNew(str(folder / "data" / part.item))
        prim = item.DefinePrim("/bearing", "Xform")
        item.SetDefaultPrim(prim)
        prim.CreateAttribute("winner", Sdf.ValueTypeNames.String).Set(part.part)
        prim.CreateAttribute(f"from_{part.part}", Sdf.ValueTypeNames.Bool).Set(True)
        item.Save()
    entry = root / "bearing.usd"
    entry.write_text(entity_entry_layer("bearing", PARTS))
    stage = Usd.Stage.Open(str(entry))
    prim = stage.GetPrimAtPath("/bearing")
    assert prim.GetAttribute("winner").Get() == "particles01"
    assert all(prim.GetAttribute(f"from_{part.part}").Get() for part in PARTS)
    unloaded = Usd.Stage.Open(str(entry), Usd.Stage.LoadNone)
    assert not unloaded.GetPrimAtPath("/bearing").GetAttribute("from_model").IsValid()
