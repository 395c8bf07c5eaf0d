"""The real add-on in the real Blender: an artist decides about the uncertain parts of a new revision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.client import Client, Json
from shared.context import Entity
from tests.blender_addon.conftest import Work


@pytest.fixture(scope="module")
def revised(work: Work, tmp_path_factory: pytest.TempPathFactory) -> tuple[Work, Json]:
    """An asset whose second revision has parts that are hard to tell, and that revision's CAD file."""
    from tests.revised_model import upload_revised

    with Client.from_context(work.context) as client:
        project = client.projects()[0]["name"]
        cad_file = upload_revised(client, project, tmp_path_factory.mktemp("revisions"))
    return Work(replace(work.context, entity=Entity.asset("machine")), cad_file), cad_file


def test_an_artist_confirms_parts_in_blender(revised: tuple[Work, Json]) -> None:
    """One by one, together where they are asked about for one reason; and takes that back. Others do it, too."""
    work, cad_file = revised
    seen: dict[str, Any] = work.in_blender("revision_run")
    with Client.from_context(work.context) as client:
        client.wait_for_job(client.revision_report(cad_file["id"])["job_id"], timeout=120)
        report = client.revision_report(cad_file["id"])

    assert len(seen["listed"]) == cad_file["open_questions"] == 4
    assert seen["check"] == "4 uncertain parts"
    group = seen["group"]
    assert len(group) == 2 and all(seen["listed"][new_key] == [old_key] for new_key, old_key in group.items())
    confirmed, others = sorted(seen["listed"].keys() - group.keys())
    assert seen["unknown part"] == "input.revision_decisions"

    assert seen["too late"] == "conflict.stale"
    assert "your answer was not taken" in seen["explained"] and "still open" in seen["explained"]
    assert seen["left"].keys() == {confirmed, *group}

    again = "Import CAD again when it is converted."
    assert seen["together"] == f"2 parts are earlier ones. {again}"
    assert seen["asked no more"] == seen["gone"] == "not_found"
    was = seen["listed"][confirmed][0]
    assert seen["one"] == f"{confirmed} is {was}. {again}"
    assert seen["taken back"].startswith("Taken back; 2 uncertain parts")
    assert seen["new"].startswith("2 parts are new") and seen["open again"].startswith("Taken back; 2")

    assert {each["new_key"]: each["old_key"] for each in report["decisions"]} == {confirmed: was, others: None}
    assert report["state"] == "current" and report["keys"][confirmed] == was
    assert not set(group) - {each["new_key"] for each in report["uncertain"]}

    layout = seen["layout"]
    for label in ("2 parts for one reason", "Each is its likeliest part", "All are new", *group, *group.values()):
        assert label in layout
    assert f"{confirmed} is {was}, said " in layout and f"{others} is a new part, said " in layout
    for name in ("check_revision", "confirm_group", "confirm_part", "take_back"):
        assert f"bpy.ops.raceway.{name}(" in layout
