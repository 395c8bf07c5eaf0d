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
    work, cad_file = revised
    assert cad_file["open_questions"] >= 2
    seen: dict[str, Any] = work.in_blender("revision_run")
    with Client.from_context(work.context) as client:
        report = client.revision_report(cad_file["id"])
        assert report["job_id"]
        client.wait_for_job(report["job_id"], timeout=120)
        report = client.revision_report(cad_file["id"])
    assert len({new_key for new_key, _, _ in seen["listed"]}) == cad_file["open_questions"]
    assert seen["said"] == f"{cad_file['open_questions']} uncertain parts"
    assert seen["refused"] == "input.revision_decisions"
    confirmed, old_key, _ = seen["listed"][0]
    assert seen["confirmed"] == f"{confirmed} is {old_key}. Import CAD again when it is converted."
    assert confirmed not in {new_key for new_key, _, _ in seen["left"]}
    assert report["state"] == "current" and report["keys"][confirmed] == old_key
    decided = {decision["new_key"]: decision["old_key"] for decision in report["decisions"]}
    assert decided[confirmed] == old_key and list(decided.values()).count(None) == 1
