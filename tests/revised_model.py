"""A CAD model whose second revision has parts that are hard to tell: what artists decide about in their programs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from shared.client import Client, Json
from tests.dcc.cad.revisions import PartSpec, make_model, write_model


def upload_revised(client: Client, project: str, folder: Path) -> Json:
    """Upload both revisions to a new asset ``machine`` and wait for them; answers the second's CAD file."""
    model = make_model(random.Random(11), 6)

    def redrawn(part: PartSpec, number: int) -> PartSpec:
        places = tuple((x + 35 * number, y + 20, z, turn) for x, y, z, turn in part.places)[:1]
        shape = part.shape.scaled(1.0 + 0.11 * number if number % 2 else 1.0)
        return replace(part, name=f"Part {number}", shape=shape, places=places, group="")

    parts = tuple(redrawn(part, number) if number < 4 else part for number, part in enumerate(model.parts))
    (project_id,) = [each["id"] for each in client.projects() if each["name"] == project]
    client.post("/assets/", {"project_id": project_id, "name": "machine", "title": "Machine"})
    for number, each in enumerate((model, replace(model, parts=parts))):
        step = write_model(each, folder / str(number))
        cad = client.upload_cad(step, project=project, asset="machine")
        client.wait_for_job(cad["job_id"], timeout=120)
    return client.cad_file(cad["id"])
