"""The real add-on in the real Blender: an artist decides about the uncertain parts of a new revision."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.client import Client, Json
from shared.context import Entity
from tests.blender_addon.conftest import Work


@pytest.fixture(scope="module")
def revised(work: Work, tmp_path_factory: pytest.TempPathFactory) -> tuple[Work, Json]:
    """An asset whose second revision has parts that are hard to tell, and that revision's CAD file."""
    from tests.dcc.cad.revisions import PartSpec, make_model, write_model

    folder = tmp_path_factory.mktemp("revisions")
    model = make_model(random.Random(11), 6)

    def redrawn(part: PartSpec, number: int) -> PartSpec:
        places = tuple((x + 35 * number, y + 20, z, turn) for x, y, z, turn in part.places)[:1]
        shape = part.shape.scaled(1.0 + 0.11 * number)
        return replace(part, name=f"Part {number}", shape=shape, places=places, group="")

    parts = tuple(redrawn(part, number) if number < 4 else part for number, part in enumerate(model.parts))
    with Client.from_context(work.context) as client:
        project = client.projects()[0]
        client.post("/assets/", {"project_id": project["id"], "name": "machine", "title": "Machine"})
        for number, each in enumerate((model, replace(model, parts=parts))):
            step: Path = write_model(each, folder / str(number))
            cad = client.upload_cad(step, project=project["name"], asset="machine")
            client.wait_for_job(cad["job_id"], timeout=120)
        cad_file = client.cad_file(cad["id"])
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
