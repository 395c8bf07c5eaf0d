"""What an artist chose for a part comes along to the next revision of the CAD file, and never to another part."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cad.revisions import Model, make_model, write_model
from tests.service.studio import Json, Production, StudioUnderTest, work
from tests.service.test_cad import upload

pytestmark = pytest.mark.usefixtures("quiet_queue")


def revision(studio: StudioUnderTest, production: Production, model: Model, folder: Path) -> Json:
    cad = upload(studio, production, write_model(model, folder).read_bytes())
    work(studio.app)
    ready: Json = studio.artist.get(f"/cad/{cad['id']}").data
    assert ready["state"] == "ready", ready["error"]
    return ready


def materials_by_identity(studio: StudioUnderTest, cad: Json) -> dict[str, tuple[str, str]]:
    """Material and layer of each part, by the identity that the test gave it."""
    manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
    return {
        part["step_material"]: (part["material"]["material"], part["material"]["layer"]) for part in manifest["parts"]
    }


def test_a_choice_follows_its_part_through_a_rename_and_not_its_name(studio: StudioUnderTest, tmp_path: Path) -> None:
    production = studio.production()
    model = make_model(random.Random(3), 5)
    first = revision(studio, production, model, tmp_path / "1")
    keys = {
        p["step_material"]: p["part_key"] for p in studio.artist.get(f"/cad/{first['id']}/scene-manifest").data["parts"]
    }
    chosen = {keys["id0"]: "Brass", keys["id1"]: "Chrome"}
    assert studio.artist.put(f"/cad/{first['id']}/manual-material-overrides", {"overrides": chosen}).status == 200

    # id0 is renamed; id1 goes, and a stranger of another shape and place takes its name.
    stranger = replace(
        model.parts[1],
        identity="stranger",
        shape=replace(model.parts[1].shape, a=model.parts[1].shape.a * 5),
        places=((950.0, 950.0, 0.0, 0.0),),
    )
    changed = replace(
        model.changed(0, name="Renamed"), parts=(replace(model.parts[0], name="Renamed"), *model.parts[2:], stranger)
    )
    second = revision(studio, production, changed, tmp_path / "2")
    assert second["revision"] == 2
    worn = materials_by_identity(studio, second)
    assert worn["id0"] == ("Brass", "manual")
    assert worn["stranger"][1] != "manual"

    report = studio.artist.get(f"/cad/{second['id']}/revision-report").data
    assert any(match["new_key"] == "Renamed" and match["old_key"] == keys["id0"] for match in report["matches"])
    open_ = {item["new_key"] for item in report["uncertain"]} | set(report["new"])
    assert len(open_) == 1
    assert report["removed"] == [keys["id1"]]


def test_the_first_revision_has_no_report_and_the_same_content_is_no_new_revision(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    model = make_model(random.Random(4), 2)
    first = revision(studio, production, model, tmp_path / "1")
    missing = studio.artist.get(f"/cad/{first['id']}/revision-report")
    assert missing.status == 404 and "first revision" in missing.body["error"]["hint"]
    second = revision(studio, production, model.changed(0, name="Other"), tmp_path / "2")
    again = upload(studio, production, (tmp_path / "2" / "model.step").read_bytes())
    assert again["id"] == second["id"] and again["reused"]
