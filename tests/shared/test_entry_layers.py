"""Entry layers are written without pxr; here real USD reads them."""

from __future__ import annotations

import random
from pathlib import Path

from pxr import Sdf, Usd, UsdGeom

from shared.departments import DEPARTMENTS
from shared.entry_layers import PartContribution, entity_entry_layer, part_entry_layer

PARTS = [
    PartContribution("model", "model", "model_v002_i001.usd"),
    PartContribution("look", "look", "look_v001_i001.usd"),
    PartContribution("particles01", "fx", "particles01_v003_i001.usd"),
    PartContribution("body", "model", "body_v001_i001.usd"),
]


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


def test_an_entry_without_parts_is_a_valid_stage() -> None:
    stage = Usd.Stage.Open(layer_of(entity_entry_layer("bearing", [])))
    assert stage.GetDefaultPrim().GetPath() == "/bearing"
    assert UsdGeom.GetStageMetersPerUnit(stage) == 0.001
    assert UsdGeom.GetStageUpAxis(stage) == "Z"
    assert Usd.ModelAPI(stage.GetDefaultPrim()).GetKind() == "assembly"


def test_geometry_comes_as_a_payload_and_the_rest_as_sublayers() -> None:
    for department in DEPARTMENTS:
        layer = layer_of(part_entry_layer("bearing", PartContribution("p", department.name, "p_v001_i001.usd")))
        payloads = layer.GetPrimAtPath("/bearing").payloadList.prependedItems
        if department.name == "model":
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
        (folder / f"{part.part}.usd").write_text(part_entry_layer("bearing", part))
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
