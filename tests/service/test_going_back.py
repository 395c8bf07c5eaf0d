"""An earlier revision of a CAD file is made the newest again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.dcc.cad.revisions import make_model, write_model
from tests.service.studio import Json, StudioUnderTest, work
from tests.service.test_cad import upload
from tests.service.test_revisions import choose, keys_of, materials_by_identity, revision

pytestmark = pytest.mark.usefixtures("quiet_queue")


def restored(studio: StudioUnderTest, cad: Json) -> Json:
    answer = studio.artist.post(f"/cad/{cad['id']}/restore")
    assert answer.status == 201, answer.body
    work(studio.app)
    found: Json = studio.artist.get(f"/cad/{answer.data['id']}").data
    assert found["state"] == "ready" and found["sha256"] == cad["sha256"] and found["previous_id"] == cad["id"]
    return found


def test_an_earlier_revision_is_made_the_newest_again_with_what_was_chosen_since(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    model = make_model(random.Random(5), 4)
    first = revision(studio, production, model, tmp_path / "1")
    keys = keys_of(studio, first)
    choose(studio, first, {keys["id0"]: "Brass", keys["id1"]: "Brass"})
    second = revision(studio, production, model.changed(0, name="Other"), tmp_path / "2")
    assert studio.artist.post(f"/cad/{second['id']}/restore").error["code"] == "conflict.newest"
    choose(studio, second, {keys["id1"]: None, keys["id2"]: "Chrome"})
    # Sent once more, it stays the earlier one, and that is said.
    again = upload(studio, production, (tmp_path / "1" / "model.step").read_bytes())
    assert (again["id"], again["revision"], again["newest_revision"]) == (first["id"], 1, 2)

    third = restored(studio, first)
    assert (third["revision"], third["newest_revision"], third["open_questions"]) == (3, 3, 0)
    assert keys_of(studio, third) == keys
    worn = materials_by_identity(studio, third)
    assert worn["id0"] == ("Brass", "manual") and worn["id2"] == ("Chrome", "manual")
    assert worn["id1"][1] != "manual" and worn["id3"][1] != "manual", "taken back since, and never chosen"
    listed = studio.artist.get(f"/cad/?project={production.project['name']}").data["items"]
    assert [(each["revision"], each["newest_revision"]) for each in listed] == [(3, 3), (2, 3), (1, 3)]


def test_going_back_from_quite_another_file_asks_nothing_and_loses_nothing(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    first = revision(studio, production, make_model(random.Random(6), 3), tmp_path / "1")
    keys = keys_of(studio, first)
    choose(studio, first, {keys["id1"]: "Brass"})
    revision(studio, production, make_model(random.Random(60), 2), tmp_path / "2")
    third = restored(studio, first)
    assert keys_of(studio, third) == keys and third["open_questions"] == 0
    assert materials_by_identity(studio, third)["id1"] == ("Brass", "manual")


def test_nothing_goes_back_while_the_newest_is_being_converted(studio: StudioUnderTest, tmp_path: Path) -> None:
    production = studio.production()
    model = make_model(random.Random(7), 2)
    first = revision(studio, production, model, tmp_path / "1")
    upload(studio, production, write_model(model.changed(0, name="Other"), tmp_path / "2").read_bytes())
    assert studio.artist.post(f"/cad/{first['id']}/restore").error["code"] == "cad.not_ready"
