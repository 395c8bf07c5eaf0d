"""The real add-on in the real Blender, against the real service."""

from __future__ import annotations

from typing import Any

import pytest

from shared.client import Client
from shared.processes import python_tool, run_tool
from shared.versions import Version
from tests.blender_addon.conftest import Work


@pytest.fixture(scope="module")
def seen(work: Work) -> dict[str, Any]:
    return work.in_blender("operators_run")


def wears(seen: dict[str, Any], moment: str, part: str) -> set[str]:
    return {name for place, names in seen[moment].items() if place.startswith(f"{part}:") for name in names}


def test_every_occurrence_is_an_object_over_shared_meshes(seen: dict[str, Any], work: Work) -> None:
    summary = work.cad_file["summary"]
    assert len(seen["imported"]) == summary["occurrences"] > summary["parts"]
    assert seen["shared_meshes"] == summary["parts"]


def test_what_has_no_material_yet_is_magenta(seen: dict[str, Any]) -> None:
    assert {tuple(names) for names in seen["imported"].values()} == {("FailedMaterial",)}


def test_materials_are_those_of_the_services_layers(seen: dict[str, Any], work: Work) -> None:
    with Client.from_context(work.context) as client:
        parts = client.scene_manifest(work.cad_file["id"])["parts"]
    for part in parts:
        assert wears(seen, "assigned", part["part_key"]) == {part["material"]["material"]}
        assert seen["layers"][part["part_key"]] == part["material"]["layer"]


def test_a_choice_by_hand_covers_one_occurrence_or_all(seen: dict[str, Any]) -> None:
    red = [place for place, names in seen["one_red"].items() if names == ["RedPlastic"]]
    assert red == [seen["chosen"]]
    assert "Brass" in wears(seen, "all_brass", "Ball")
    assert wears(seen, "all_brass", "Ball") <= {"Brass", "RedPlastic"}
    assert seen["layers_by_hand"]["Ball"] == "manual"
    assert seen["automatic"] == seen["assigned"]


def test_importing_again_keeps_what_the_artist_made(seen: dict[str, Any]) -> None:
    assert seen["imported_again"] == seen["automatic"]
    assert seen["kept"] == ["Round", True]
    assert seen["moved"] == []


def test_saves_are_versions_of_the_service(seen: dict[str, Any], work: Work) -> None:
    assert seen["files"] == ["bearing_v001_i002.blend", "bearing_v002_i001.blend"]
    with Client.from_context(work.context) as client:
        scenes = client.scenes(work.context.task_id)
    versions = {str(Version(item["version"], item["iteration"])) for item in scenes if item["name"] == "bearing"}
    assert {"v001_i001", "v001_i002", "v002_i001"} <= versions


def test_an_opened_scene_still_knows_its_task(seen: dict[str, Any], work: Work) -> None:
    name, task, version, iteration, worn = seen["opened"]
    assert (name, task, version, iteration) == ("bearing_v001_i002.blend", work.context.task_id, 1, 2)
    assert worn == seen["automatic"]


def test_publishing_says_what_it_did(seen: dict[str, Any]) -> None:
    assert seen["published"] == ["Published look v001_i001", "v001_i001"]
    assert "nothing to publish" in seen["published_again"]
    assert seen["up_to_date"] == "This scene is up to date"


def test_what_cannot_be_done_is_refused_with_a_remedy(seen: dict[str, Any]) -> None:
    assert [(name, code) for name, code, _ in seen["refused"]] == [
        ("assign_materials", "input.no_cad"),
        ("set_material", "input.selection"),
        ("publish", "publish.invalid"),
    ]
    assert "Import one first." in seen["refused"][0][2]


def test_the_panel_shows_context_parts_and_buttons(work: Work) -> None:
    layout = work.in_blender("panel_run")["layout"]
    for label in ("film", "asset:bearing", "not saved yet", "Ball (8)", "Chrome", "Publish look"):
        assert repr(label) in layout
    named = "import_cad assign_materials set_material save_scene open_scene publish check_outdated"
    for name in named.split():
        assert f"bpy.ops.raceway.{name}(" in layout


def test_a_headless_session_makes_scene_and_publishes(work: Work, seen: dict[str, Any]) -> None:
    """After the artist's session, so that the published asset is there to be published again."""
    stages: list[str] = []
    result = run_tool(
        python_tool("blender_addon.headless"),
        stdin={"cad_file_id": work.cad_file["id"], "scene_name": "session", "part": "look"},
        env=work.environment(),
        timeout=120,
        on_event=lambda event: stages.append(event["stage"]),
    )
    assert stages == ["start", "import", "assign", "save", "publish", "publish"]
    assert result["scene"].endswith("/scenes/lookdev/session_v001_i001.blend")
    assert (work.context.root / result["scene"]).is_file()
    model, look = result["publishes"]
    assert (model["part_name"], look["part_name"]) == ("model", "look")
    assert (work.context.root / look["entity_usd_path"]).is_file()
    assert result["unresolved"] == []
    assert set(result["assigned"]) == set(seen["layers"])
