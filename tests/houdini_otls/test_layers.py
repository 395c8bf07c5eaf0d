"""What a network adds, as one portable layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom

from houdini_otls.layers import add_published, check_portable, own_opinions
from shared.errors import UsdError
from tests.houdini_otls.sample_asset import ENTRY


@pytest.fixture
def stage(storage: Path) -> Iterator[Usd.Stage]:
    """A stage as Solaris composes one: the asset on disk below two layers in memory."""
    stage = Usd.Stage.CreateInMemory()
    weak, strong = Sdf.Layer.CreateAnonymous(), Sdf.Layer.CreateAnonymous()
    stage.GetRootLayer().subLayerPaths[:] = [strong.identifier, weak.identifier, str(storage / ENTRY)]
    for layer, radius in ((weak, 1.0), (strong, 2.0)):
        Sdf.PrimSpec(layer, "HoudiniLayerInfo", Sdf.SpecifierDef)
        with Usd.EditContext(stage, Usd.EditTarget(layer)):
            prim = stage.OverridePrim("/bearing/ball_1")
            prim.CreateAttribute("radius", Sdf.ValueTypeNames.Double).Set(radius)
    with Usd.EditContext(stage, Usd.EditTarget(weak)):
        stage.DefinePrim("/bearing/extra")
    yield stage


def test_own_opinions_are_merged_in_their_strength(stage: Usd.Stage) -> None:
    own = own_opinions(stage, "bearing")
    layer = own.GetRootLayer()
    assert layer.GetAttributeAtPath("/bearing/ball_1.radius").default == 2.0
    assert layer.GetPrimAtPath("/bearing/extra")
    assert not layer.GetPrimAtPath("/HoudiniLayerInfo")
    assert not layer.GetPrimAtPath("/bearing/Products"), "the loaded asset is not ours to publish"
    assert list(layer.subLayerPaths) == []
    assert layer.defaultPrim == "bearing"
    assert UsdGeom.GetStageUpAxis(own) == "Z"
    assert UsdGeom.GetStageMetersPerUnit(own) == 0.001


def test_the_layer_gives_the_same_result_over_the_asset(stage: Usd.Stage, storage: Path) -> None:
    item = storage / "item.usda"
    own_opinions(stage, "bearing").GetRootLayer().Export(str(item))
    composed = Usd.Stage.CreateInMemory()
    composed.GetRootLayer().subLayerPaths[:] = [str(item), str(storage / ENTRY)]
    for prim in stage.Traverse():
        if prim.GetPath() != Sdf.Path("/HoudiniLayerInfo"):
            other = composed.GetPrimAtPath(prim.GetPath())
            assert other and other.GetTypeName() == prim.GetTypeName()
    assert composed.GetPrimAtPath("/bearing/ball_1").GetAttribute("radius").Get() == 2.0


def test_what_the_part_says_already_stays_below(stage: Usd.Stage, storage: Path) -> None:
    item = storage / "demo/assets/bearing/usd/fx/data/fx_v001_i001.usda"
    published = Usd.Stage.CreateNew(str(item))
    published.DefinePrim("/bearing/older").GetReferences().AddReference("../../bearing.usd")
    published.OverridePrim("/bearing/ball_1").CreateAttribute("radius", Sdf.ValueTypeNames.Double).Set(9.0)
    published.Save()
    own = own_opinions(stage, "bearing")
    add_published(own, item, item.parent)
    assert own.GetPrimAtPath("/bearing/ball_1").GetAttribute("radius").Get() == 2.0, "the new opinion wins"
    assert own.GetPrimAtPath("/bearing/older").GetChild("ball_1"), "its files are still found"
    check_portable(own.GetRootLayer(), storage)


def test_a_network_without_opinions_is_nothing_to_publish(storage: Path) -> None:
    stage = Usd.Stage.CreateInMemory()
    stage.GetRootLayer().subLayerPaths[:] = [str(storage / ENTRY)]
    with pytest.raises(UsdError) as raised:
        own_opinions(stage, "bearing")
    assert raised.value.code == "usd.nothing_to_publish"


def test_prims_of_somebody_else_are_refused(stage: Usd.Stage) -> None:
    stage.DefinePrim("/lights/key")
    with pytest.raises(UsdError, match="/lights") as raised:
        own_opinions(stage, "bearing")
    assert raised.value.code == "usd.outside_root"


def with_reference(path: str) -> Sdf.Layer:
    layer = Sdf.Layer.CreateAnonymous(".usda")
    prim = Sdf.CreatePrimInLayer(layer, "/bearing/extra")
    prim.referenceList.prependedItems.append(Sdf.Reference(path))
    texture = Sdf.AttributeSpec(prim, "file", Sdf.ValueTypeNames.Asset)
    texture.default = Sdf.AssetPath(path)
    return layer


@pytest.mark.parametrize("path", ["anon:0x1:x.usda", "op:/stage/x.sdf", "opdef:/Lop/x?y.usd", "/elsewhere/x.usd"])
def test_what_other_machines_cannot_see_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsdError) as raised:
        check_portable(with_reference(path), tmp_path)
    assert raised.value.code == "usd.not_portable"
    assert path in raised.value.message


@pytest.mark.parametrize(
    "path", ["./textures/wood.png", "textures/wood.<UDIM>.exr", "https://assets.example/x.usd", "{storage}/a b/x.usd"]
)
def test_what_they_can_see_passes_unchanged(tmp_path: Path, path: str) -> None:
    path = path.format(storage=tmp_path)
    layer = with_reference(path)
    check_portable(layer, tmp_path)
    assert layer.GetAttributeAtPath("/bearing/extra.file").default.path == path
