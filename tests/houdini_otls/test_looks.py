"""Materials by partKey on a stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Usd, UsdShade

from dcc.usd.look import part_materials, read_bindings
from houdini_otls.looks import assets_on, assign, parts_of
from shared.errors import InputError
from tests.houdini_otls.sample_asset import ENTRY


@pytest.fixture
def stage(storage: Path) -> Usd.Stage:
    stage = Usd.Stage.CreateInMemory()
    stage.GetRootLayer().subLayerPaths[:] = [str(storage / ENTRY)]
    stage.SetDefaultPrim(stage.GetPrimAtPath("/bearing"))
    return stage


def test_assets_and_their_parts_are_found(stage: Usd.Stage) -> None:
    stage.DefinePrim("/lights")
    assert assets_on(stage) == ["/bearing"]
    assert parts_of(stage, "/bearing") == {"ball": "/bearing/Products/ball", "ring": "/bearing/Products/ring"}
    assert parts_of(stage, "/lights") == parts_of(stage, "/nothing") == {}


def test_every_occurrence_wears_its_parts_material(stage: Usd.Stage) -> None:
    assign(stage, "/bearing", {"ball": "Chrome", "ring": "BrushedSteel"})
    assert part_materials(stage) == {"ball": "Chrome", "ring": "BrushedSteel"}
    proxy = stage.GetPrimAtPath("/bearing/ball_1/geo/mesh")
    assert proxy.IsInstanceProxy()
    assert UsdShade.MaterialBindingAPI(proxy).ComputeBoundMaterial()[0].GetPath() == "/bearing/mtl/Chrome"


def test_a_binding_says_who_chose_it(stage: Usd.Stage) -> None:
    assign(stage, "/bearing", {"ball": "Chrome"})
    (binding,) = read_bindings(stage.GetRootLayer())
    assert (binding.prim_path, binding.material) == ("/bearing/Products/ball/geo", "Chrome")
    assert (binding.layer, binding.reason) == ("manual", "chosen in Houdini")


def test_assigning_again_replaces(stage: Usd.Stage) -> None:
    assign(stage, "/bearing", {"ball": "Chrome"})
    assign(stage, "/bearing", {"ball": "Brass"})
    assert part_materials(stage)["ball"] == "Brass"


@pytest.mark.parametrize(
    "assignments", [{"ball": "Chrome", "gone": "Brass"}, {"ball": "Chrome", "ring": "Unobtainium"}]
)
def test_a_wrong_name_writes_nothing(stage: Usd.Stage, assignments: dict[str, str]) -> None:
    before = stage.GetRootLayer().ExportToString()
    with pytest.raises(InputError):
        assign(stage, "/bearing", assignments)
    assert stage.GetRootLayer().ExportToString() == before
