"""What the tools do in a scene. The scene is fake (see fake_hou.py); its stages are real USD."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import UsdShade

from dcc.usd.look import part_materials
from houdini_otls import assets, dialogs, material_node, provenance, tools
from houdini_otls.assets import PublishedAsset
from shared.errors import InputError, NotFoundError
from tests.houdini_otls.fake_hou import FakeHou, LopNode
from tests.houdini_otls.sample_asset import ENTRY

BEARING = PublishedAsset(
    "demo", "bearing", ENTRY, {"model": "id-1", "look": "id-2"}, {"model": "v001_i001", "look": "v001_i003"}
)
NEWER = PublishedAsset(
    "demo", "bearing", ENTRY, {"model": "id-1", "look": "id-9"}, {"model": "v001_i001", "look": "v002_i001"}
)


@pytest.fixture
def loaded(houdini: FakeHou, storage: Path) -> LopNode:
    return assets.load(BEARING, as_sublayer=True)  # type: ignore[return-value]


def test_an_asset_is_loaded_as_a_sublayer(loaded: LopNode, storage: Path) -> None:
    assert loaded.type().name() == "sublayer"
    assert loaded.parm("filepath1").unexpandedString() == f"$PM_ROOT/{ENTRY}"
    assert loaded.stage().GetPrimAtPath("/bearing/ball_1").IsInstance()


def test_an_asset_is_referenced_more_than_once(houdini: FakeHou, storage: Path) -> None:
    first, second = (assets.load(BEARING, as_sublayer=False) for _ in range(2))
    assert second.inputs() == (first,), "a new node follows the selected one"
    stage = second.stage()
    assert stage.GetPrimAtPath("/bearing/ball_1") and stage.GetPrimAtPath("/bearing1/ball_1")
    assert houdini.selectedNodes() == (second,)


def test_a_node_says_what_it_was_loaded_from(loaded: LopNode) -> None:
    assert {name: provenance.read(loaded, name) for name in provenance.FIELDS} == {
        "project": "demo",
        "asset": "bearing",
        "publish_id": "id-2 id-1",
        "version": "look v001_i003, model v001_i001",
    }


def test_a_scene_without_a_stage_is_told(houdini: FakeHou) -> None:
    houdini.node("/stage").parent()._children.clear()
    with pytest.raises(NotFoundError, match="/stage"):
        assets.load(BEARING, as_sublayer=True)


def test_an_outdated_asset_is_found_and_updated(loaded: LopNode) -> None:
    (current,) = assets.loaded_assets([BEARING])
    assert not current.outdated
    (old,) = assets.loaded_assets([NEWER])
    assert old.outdated and old.node is loaded
    assets.update(old)
    assert loaded.parm("reload")._pressed == 1
    assert not old.outdated
    assert old.loaded_version == "look v002_i001, model v001_i001"


def test_nodes_of_others_are_left_alone(houdini: FakeHou, storage: Path) -> None:
    houdini.node("/stage").createNode("sublayer", "theirs")
    other = PublishedAsset("other_project", "bearing", ENTRY, {}, {})
    assert assets.loaded_assets([BEARING, other]) == []


def test_the_selected_lop_is_found_among_other_nodes(houdini: FakeHou) -> None:
    lop = houdini.node("/stage").createNode("null")
    houdini._select(houdini.node("/"), lop)
    assert assets.selected_lop() is lop
    houdini._select(houdini.node("/"))
    assert assets.selected_lop() is None


def test_materials_are_assigned_by_part(loaded: LopNode, houdini: FakeHou) -> None:
    houdini._dialogs.answers += [["ball", "ring"], ["Chrome"]]
    tools.assign_material()
    (node,) = houdini.selectedNodes()
    assert node.inputs() == (loaded,)
    assert material_node.assignments(node) == {"ball": "Chrome", "ring": "Chrome"}
    stage = node.stage()
    proxy = stage.GetPrimAtPath("/bearing/ball_1/geo/mesh")
    assert UsdShade.MaterialBindingAPI(proxy).ComputeBoundMaterial()[0].GetPath() == "/bearing/mtl/Chrome"

    # The selected node takes further assignments itself.
    houdini._dialogs.answers += [["ring"], ["Brass"]]
    tools.assign_material()
    assert houdini.selectedNodes() == (node,)
    stage = node.stage()
    stage.SetDefaultPrim(stage.GetPrimAtPath("/bearing"))
    assert part_materials(stage) == {"ball": "Chrome", "ring": "Brass"}


def test_assigning_needs_a_lop_with_an_asset(houdini: FakeHou) -> None:
    tools.assign_material()
    houdini._select(houdini.node("/stage").createNode("null"))
    tools.assign_material()
    assert houdini._dialogs.messages == [
        "No LOP is selected. Select the node whose stage shows the asset.",
        "/stage/null1 shows no asset with parts. Load a published asset first (Load Asset).",
    ]


def test_closing_a_dialog_changes_nothing(loaded: LopNode, houdini: FakeHou) -> None:
    houdini._dialogs.answers += [[]]
    tools.assign_material()
    assert houdini.node("/stage").children() == (loaded,)
    assert houdini._dialogs.messages[-1] == "Raceway: nothing was done."


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"'])
def test_damaged_assignments_are_named(loaded: LopNode, text: str) -> None:
    node = material_node.create(loaded, "/bearing")  # type: ignore[arg-type]
    provenance.write(node, {"assignments": text})
    with pytest.raises(InputError, match=r"assignments of /stage/assign_materials"):
        material_node.assignments(node)


def test_houdinis_own_refusals_are_shown(houdini: FakeHou) -> None:
    @dialogs.tool
    def fails() -> None:
        houdini.node("/stage").createNode("no_such_type")

    fails()
    assert houdini._dialogs.messages == ["Houdini refused: Invalid node type name: no_such_type"]


def test_outside_the_launcher_the_tools_say_so(houdini: FakeHou, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PM_API_URL", "PM_API_TOKEN", "PM_PROJECT", "PM_ROOT"):
        monkeypatch.delenv(name, raising=False)
    tools.load_asset()
    (message,) = houdini._dialogs.messages
    assert "PM_API_URL" in message and "raceway launcher" in message


def test_a_service_that_is_down_is_told(houdini: FakeHou, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PM_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PM_API_TOKEN", "token")
    monkeypatch.setenv("PM_PROJECT", "demo")
    tools.check_assets()
    assert "cannot be reached" in houdini._dialogs.messages[0]


def test_the_fake_refuses_what_houdini_does_not_have(houdini: FakeHou) -> None:
    node = houdini.node("/stage").createNode("null")
    with pytest.raises(AttributeError, match=r"hou\.ui has no 'displayMesage'"):
        houdini.ui.displayMesage("x")
    with pytest.raises(AttributeError, match=r"hou\.LopNode has no 'parmm'"):
        node.parmm("x")
    with pytest.raises(TypeError):
        node.parm()
    with pytest.raises(TypeError):
        houdini.ui.displayMessage("x", titel="y")
    with pytest.raises(AttributeError, match="severityType"):
        assert houdini.severityType.Errr
