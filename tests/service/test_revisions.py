"""What an artist chose for a part comes along to the next revision of the CAD file, and never to another part."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from dcc.cad.bearing import main as write_bearing
from service.accounts.permissions import Role
from service.database import db, tenant_session
from service.models import CadFile, Job
from tests.dcc.cad.revisions import Model, make_model, write_model
from tests.service.farm import until
from tests.service.page import Page
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
    assert second["revision"] == 2 and not second["summary"]["another_product"]
    worn = materials_by_identity(studio, second)
    assert worn["id0"] == ("Brass", "manual")
    assert worn["stranger"][1] != "manual"

    report = studio.artist.get(f"/cad/{second['id']}/revision-report").data
    assert any(match["new_key"] == "Renamed" and match["old_key"] == keys["id0"] for match in report["matches"])
    open_ = {item["new_key"] for item in report["uncertain"]} | set(report["new"])
    assert len(open_) == 1
    assert report["removed"] == [keys["id1"]]


def test_the_file_of_another_product_is_said_to_be_one(studio: StudioUnderTest, tmp_path: Path) -> None:
    production, bearing = studio.production(), tmp_path / "bearing.step"
    first = revision(studio, production, make_model(random.Random(3), 8), tmp_path)
    assert write_bearing([str(bearing)]) == 0
    second = upload(studio, production, bearing.read_bytes())
    work(studio.app)
    assert studio.artist.get(f"/cad/{second['id']}").data["summary"]["another_product"]
    assert studio.artist.get(f"/cad/{second['id']}/revision-report").data["another_product"]
    page = Page(studio.browser().get(f"/assets/{second['asset_id']}"))
    assert "Is this another product?" in page.text
    assert {f"/cad/{second['id']}/revision", f"/assets/{second['asset_id']}?cad={first['id']}"} <= set(page.links)
    assert "Is this another product?" in Page(studio.browser().get(f"/cad/{second['id']}/revision")).text
    assert "another product" not in Page(studio.browser().get(f"/assets/{second['asset_id']}?cad={first['id']}")).text


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


# -- a person confirms and corrects


def parts_of(studio: StudioUnderTest, cad: Json) -> dict[str, Json]:
    """The parts of a CAD file by the identity that the test gave them."""
    manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
    return {part["step_material"]: part for part in manifest["parts"]}


def keys_of(studio: StudioUnderTest, cad: Json) -> dict[str, str]:
    return {identity: part["part_key"] for identity, part in parts_of(studio, cad).items()}


def choose(studio: StudioUnderTest, cad: Json, chosen: dict[str, str | None]) -> Json:
    """Add choices by hand."""
    path = f"/cad/{cad['id']}/manual-material-overrides"
    known = studio.artist.get(path).data
    places = known["occurrence_overrides"]
    answer = studio.artist.put(path, {"overrides": {**known["overrides"], **chosen}, "occurrence_overrides": places})
    assert answer.status == 200, answer.body
    data: Json = answer.data
    return data


def report_of(studio: StudioUnderTest, cad: Json) -> Json:
    report: Json = studio.artist.get(f"/cad/{cad['id']}/revision-report").data
    return report


class Revised:
    """Two revisions of a model of four parts; in the second the first part is renamed and found again."""

    def __init__(self, studio: StudioUnderTest, folder: Path) -> None:
        self.studio, self.folder, self.production = studio, folder, studio.production()
        self.model = make_model(random.Random(11), 4)
        self.first = revision(studio, self.production, self.model, folder / "1")
        self.keys = keys_of(studio, self.first)
        choose(studio, self.first, {self.keys["id0"]: "Brass", self.keys["id1"]: "Chrome"})
        self.model = self.model.changed(0, name="Renamed")
        self.second = revision(studio, self.production, self.model, folder / "2")
        self.path = f"/cad/{self.second['id']}/revision-decisions"

    def new_key(self, identity: str) -> str:
        """The key that the second file itself gives a part."""
        final = keys_of(self.studio, self.second)[identity]
        return next(own for own, key in report_of(self.studio, self.second)["keys"].items() if key == final)

    def worn(self, cad: Json | None = None) -> dict[str, tuple[str, str]]:
        return materials_by_identity(self.studio, cad or self.second)


@pytest.fixture
def revised(studio: StudioUnderTest, tmp_path: Path) -> Revised:
    return Revised(studio, tmp_path)


def test_a_correction_moves_the_choices_to_the_right_part_and_nothing_is_lost(revised: Revised) -> None:
    studio, second = revised.studio, revised.second
    assert revised.worn()["id0"] == ("Brass", "manual")
    # Chosen in this revision, for the part one sees: it stays with it, whatever its key will be.
    choose(studio, second, {revised.keys["id1"]: "Glass"})
    before = keys_of(studio, second)
    # The person knows better: what came as id2 is the part that id0 was before.
    decided = studio.artist.put(revised.path, {"decisions": {revised.new_key("id2"): revised.keys["id0"]}})
    assert decided.status == 200 and decided.data["state"] == "applying"
    (decision,) = decided.data["decisions"]
    assert decision["by"] == "artist" and decision["at"]
    # What there is stays until the new conversion is ready.
    assert keys_of(studio, second) == before and studio.artist.get(f"/cad/{second['id']}").data["state"] == "ready"

    work(studio.app)
    report = report_of(studio, second)
    assert report["state"] == "current"
    (match,) = [each for each in report["matches"] if each["old_key"] == revised.keys["id0"]]
    assert match["confidence"] == 1.0 and "person" in match["reason"] and match["decided"]["by"] == "artist"
    after = keys_of(studio, second)
    assert after["id2"] == revised.keys["id0"] and after["id0"] not in set(before.values())
    worn = revised.worn()
    assert worn["id2"] == ("Brass", "manual") and worn["id1"] == ("Glass", "manual")
    assert worn["id0"][1] != "manual", "an uncertain part wears no other part's material"
    glb = (studio.root / studio.artist.get(f"/cad/{second['id']}").data["derivatives"]["gltf_geometry"]).read_bytes()
    assert all(key.encode() in glb for key in after.values())

    # Taken back, the result of before is there at once.
    undone = studio.artist.delete(f"{revised.path}/{revised.new_key('id2')}").data
    assert undone["state"] == "current" and undone["decisions"] == []
    assert keys_of(studio, second) == before
    worn = revised.worn()
    assert worn["id0"] == ("Brass", "manual") and worn["id1"] == ("Glass", "manual") and worn["id2"][1] != "manual"


def test_what_is_taken_back_and_said_again_is_converted_although_the_first_conversion_is_still_being_stopped(
    revised: Revised,
) -> None:
    studio = revised.studio
    decisions = {"decisions": {revised.new_key("id2"): revised.keys["id0"]}}
    first = studio.artist.patch(revised.path, decisions).data["job_id"]
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        job = session.get_one(Job, (studio.tenant_id, UUID(first)))
        later = datetime.now(UTC) + timedelta(minutes=1)
        job.state, job.lease_until, job.document = "running", later, {**job.document, "state": "running"}
    assert studio.artist.put(revised.path, {"decisions": {}}).data["state"] == "current"
    assert studio.artist.get(f"/jobs/{first}").data["cancel_requested"] is True
    again = studio.artist.patch(revised.path, decisions).data
    assert again["state"] == "applying" and again["job_id"] != first
    work(studio.app)
    assert report_of(studio, revised.second)["state"] == "current"
    assert keys_of(studio, revised.second)["id2"] == revised.keys["id0"]


def test_who_decides_anew_while_a_worker_ends_the_conversion_does_not_wait_for_it_in_a_ring(revised: Revised) -> None:
    studio = revised.studio
    decided = studio.artist.patch(revised.path, {"decisions": {revised.new_key("id2"): revised.keys["id0"]}}).data
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with (
        ThreadPoolExecutor(1) as pool,
        studio.app.app_context(),
        tenant_session(studio.tenant_id) as worker,
        db.engine.connect() as beside,
    ):
        # A worker that ends a conversion locks its job, and then the CAD files that wait for it.
        worker.get_one(Job, (studio.tenant_id, UUID(decided["job_id"])), with_for_update={"of": Job})
        answer = pool.submit(studio.artist.put, revised.path, {"decisions": {}})
        until(lambda: beside.scalar(waiting))
        file = (studio.tenant_id, UUID(revised.second["id"]))
        worker.get_one(CadFile, file, with_for_update={"of": CadFile})
        worker.rollback()
        assert (answer.result().status, answer.result().data["state"]) == (200, "current")
    assert studio.artist.get(f"/jobs/{decided['job_id']}").data["state"] == "cancelled"


def test_a_choice_made_in_the_revision_stays_with_the_part_that_one_sees(revised: Revised) -> None:
    studio = revised.studio
    choose(studio, revised.second, {revised.keys["id0"]: "Glass"})
    studio.artist.put(revised.path, {"decisions": {revised.new_key("id0"): None}})
    work(studio.app)
    keys = keys_of(studio, revised.second)
    assert keys["id0"] not in revised.keys.values()
    assert revised.worn()["id0"] == ("Glass", "manual")
    overrides = studio.artist.get(f"/cad/{revised.second['id']}/manual-material-overrides").data
    # Brass, chosen for the part that is gone, waits for it to come back.
    assert overrides["waiting"][revised.keys["id0"]]["material"] == "Brass"
    assert set(overrides["overrides"]) == {keys["id0"], keys["id1"]}


def test_confirming_what_the_converter_found_needs_no_conversion_and_says_who(revised: Revised) -> None:
    studio, jobs = revised.studio, revised.studio.artist.get("/jobs/?kind=convert").data["total"]
    key = revised.new_key("id0")
    report = studio.artist.put(f"{revised.path}/{key}", {"old_key": revised.keys["id0"]}).data
    assert report["state"] == "current"
    (match,) = [each for each in report["matches"] if each["new_key"] == key]
    assert match["decided"]["by"] == "artist"
    assert studio.artist.get("/jobs/?kind=convert").data["total"] == jobs


def test_a_correction_holds_for_the_later_revisions(revised: Revised) -> None:
    studio = revised.studio
    # The third revision came before anybody noticed.
    third_model = revised.model.changed(3, name="Also renamed")
    third = revision(studio, revised.production, third_model, revised.folder / "3")
    assert keys_of(studio, third)["id0"] == revised.keys["id0"]
    decisions = {revised.new_key("id2"): revised.keys["id0"]}
    assert studio.artist.put(revised.path, {"decisions": decisions}).status == 200
    work(studio.app)
    assert keys_of(studio, third) == keys_of(studio, revised.second)
    assert revised.worn(third)["id2"] == ("Brass", "manual") and revised.worn(third)["id0"][1] != "manual"
    fourth = revision(studio, revised.production, third_model.changed(2, name="Another"), revised.folder / "4")
    assert keys_of(studio, fourth)["id2"] == revised.keys["id0"]
    assert revised.worn(fourth)["id2"] == ("Brass", "manual")


def test_decisions_of_a_later_revision_follow_a_correction_of_an_earlier_one(revised: Revised) -> None:
    studio = revised.studio
    third = revision(studio, revised.production, revised.model.changed(3, name="Other"), revised.folder / "3")
    report = report_of(studio, third)
    own = next(new for new, final in report["keys"].items() if final == revised.keys["id0"])
    confirmed = studio.artist.put(f"/cad/{third['id']}/revision-decisions/{own}", {"old_key": revised.keys["id0"]})
    assert confirmed.status == 200
    studio.artist.put(revised.path, {"decisions": {revised.new_key("id0"): None}})
    work(studio.app)
    (decision,) = report_of(studio, third)["decisions"]
    assert decision["old_key"] == keys_of(studio, revised.second)["id0"] == keys_of(studio, third)["id0"]


def test_what_was_published_before_keys_changed_is_out_of_date(revised: Revised) -> None:
    studio = revised.studio
    body: Json = {"asset_name": "gear", "part_name": "look", "cad_file_id": revised.second["id"]}
    published = studio.publish(revised.production, "look", metadata=body)
    assert report_of(studio, revised.second)["outdated_publishes"] == []
    studio.artist.put(revised.path, {"decisions": {revised.new_key("id0"): None}})
    work(studio.app)
    (outdated,) = report_of(studio, revised.second)["outdated_publishes"]
    assert outdated["publish_id"] == published["id"] and outdated["part_name"] == "look" and outdated["is_latest"]


def test_a_group_of_parts_that_are_asked_about_for_one_reason_is_confirmed_in_one_call(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    model = make_model(random.Random(11), 7)
    first = revision(studio, production, model, tmp_path / "1")
    keys = keys_of(studio, first)
    for number in range(3):
        model = model.changed(number, name=f"Item {number}", places=((-700.0 - 200 * number, 90.0, 7.0 * number, 0.0),))
    second = revision(studio, production, model, tmp_path / "2")
    (group,) = report_of(studio, second)["groups"]
    assert set(group["decisions"].values()) == {keys[f"id{number}"] for number in range(3)}
    decided = studio.artist.patch(f"/cad/{second['id']}/revision-decisions", {"decisions": group["decisions"]})
    assert decided.status == 200 and decided.data["groups"] == []
    work(studio.app)
    assert keys_of(studio, second) == keys


def test_wrong_decisions_are_refused_by_name_and_change_nothing(revised: Revised) -> None:
    studio, path = revised.studio, revised.path
    etag = studio.artist.get(f"/cad/{revised.second['id']}/revision-report").headers["ETag"]
    new_keys = {identity: revised.new_key(identity) for identity in ("id0", "id1", "id2")}
    wrong = {"Nobody": None, new_keys["id0"]: "Nothing", new_keys["id1"]: revised.keys["id3"]}
    answer = studio.artist.put(path, {"decisions": {**wrong, new_keys["id2"]: revised.keys["id3"]}})
    assert (answer.status, answer.error["code"]) == (422, "input.revision_decisions")
    claimed_twice = max(new_keys["id1"], new_keys["id2"])
    assert set(answer.error["fields"]) == {"Nobody", new_keys["id0"], claimed_twice}
    assert report_of(studio, revised.second)["decisions"] == []
    assert studio.artist.put(f"{path}/{new_keys['id0']}", {"old_key": None}, headers={"If-Match": etag}).status == 200
    stale = studio.artist.put(path, {"decisions": {}}, headers={"If-Match": etag})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    first = studio.artist.put(f"/cad/{revised.first['id']}/revision-decisions", {"decisions": {}})
    assert first.status == 404 and "first revision" in first.error["hint"]
    assert studio.api(Role.CLIENT).put(path, {"decisions": {}}).status == 403


def test_a_correction_that_cannot_be_applied_says_so_and_is_tried_again(revised: Revised) -> None:
    studio, second = revised.studio, revised.second
    source = next((studio.root / ".store").glob(f"*/{second['sha256']}/source.step"))
    content = source.read_bytes()
    source.write_bytes(b"ISO-10303-21; damaged on the storage")
    before = keys_of(studio, second)
    studio.artist.put(revised.path, {"decisions": {revised.new_key("id0"): None}})
    work(studio.app)
    report = report_of(studio, second)
    assert report["state"] == "failed" and report["error"]["code"].startswith("cad.")
    assert keys_of(studio, second) == before and studio.artist.get(f"/cad/{second['id']}").data["state"] == "ready"
    source.write_bytes(content)
    assert studio.artist.post(f"/cad/{second['id']}/convert").status == 200
    work(studio.app)
    assert report_of(studio, second)["state"] == "current" and keys_of(studio, second)["id0"] != before["id0"]


def test_products_that_became_one_with_different_choices_are_an_open_question(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    base = make_model(random.Random(5), 2)
    pins = [
        replace(base.parts[0], identity=f"pin{n}", name=f"Pin {n}", places=((600.0 + 90 * n, 0.0, 0.0, 0.0),))
        for n in range(2)
    ]
    first = revision(studio, production, replace(base, parts=(base.parts[1], *pins)), tmp_path / "1")
    keys = keys_of(studio, first)
    choose(studio, first, {keys["pin0"]: "Brass", keys["pin1"]: "Chrome"})
    one = replace(pins[0], places=(*pins[0].places, *pins[1].places))
    second = revision(studio, production, replace(base, parts=(base.parts[1], one)), tmp_path / "2")
    report = report_of(studio, second)
    (question,) = report["material_questions"]
    assert {choice["material"] for choice in question["choices"]} == {"Brass", "Chrome"}
    wears = next(p["material"] for p in parts_of(studio, second).values() if p["part_key"] == question["part_key"])
    assert wears["layer"] == "fallback" and "Brass" in wears["reason"] and "Chrome" in wears["reason"]
    choose(studio, second, {question["part_key"]: "Chrome"})
    assert report_of(studio, second)["material_questions"] == []
    assert ("Chrome", "manual") in materials_by_identity(studio, second).values()


def test_choices_for_one_occurrence_and_choices_taken_back_come_along(studio: StudioUnderTest, tmp_path: Path) -> None:
    production = studio.production()
    model = make_model(random.Random(8), 3)
    places = tuple((100.0 * n, 900.0, 0.0, 0.0) for n in range(3))
    model = model.changed(0, places=places)
    first = revision(studio, production, model, tmp_path / "1")
    part = parts_of(studio, first)["id0"]
    middle = next(o for o in part["occurrences"] if o["transform"][12] == 100.0)
    target = f"{part['part_key']}:{middle['path']}"
    path = f"/cad/{first['id']}/manual-material-overrides"
    other = keys_of(studio, first)["id1"]
    assert (
        studio.artist.put(path, {"overrides": {other: "Steel"}, "occurrence_overrides": {target: "Brass"}}).status
        == 200
    )

    # Renamed, and one place less: paths are others now, the place is not.
    second = revision(studio, production, model.changed(0, name="Peg", places=places[1:]), tmp_path / "2")
    part = parts_of(studio, second)["id0"]
    (worn,) = [o for o in part["occurrences"] if o["material"]]
    assert worn["transform"][12] == 100.0 and worn["material"]["material"] == "Brass"
    choose(studio, second, {other: None})
    third = revision(studio, production, model.changed(0, name="Peg 2", places=places[1:]), tmp_path / "3")
    assert other not in studio.artist.get(f"/cad/{third['id']}/manual-material-overrides").data["overrides"]
    assert [o["material"]["material"] for o in parts_of(studio, third)["id0"]["occurrences"] if o["material"]] == [
        "Brass"
    ]


def test_a_part_that_was_suppressed_for_a_revision_is_asked_about_and_gets_its_choice_back(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    model = make_model(random.Random(23), 4)
    first = revision(studio, production, model, tmp_path / "1")
    key = keys_of(studio, first)["id1"]
    choose(studio, first, {key: "Chrome"})
    revision(studio, production, replace(model, parts=(model.parts[0], *model.parts[2:])), tmp_path / "2")
    third = revision(studio, production, model.changed(2, name="Other"), tmp_path / "3")
    (asked,) = report_of(studio, third)["uncertain"]
    assert [candidate["old_key"] for candidate in asked["candidates"]] == [key]
    assert materials_by_identity(studio, third)["id1"][1] != "manual"
    decided = {"old_key": key}
    assert studio.artist.put(f"/cad/{third['id']}/revision-decisions/{asked['new_key']}", decided).status == 200
    work(studio.app)
    assert materials_by_identity(studio, third)["id1"] == ("Chrome", "manual")


def grid_of_pins(count: int, skipped: tuple[int, ...] = (), shift: float = 0.0) -> Model:
    """A plate, and a product that stands in a row with 50 mm between its occurrences."""
    model = make_model(random.Random(8), 3)
    places = tuple((50.0 * n + shift, 900.0, 0.0, 0.0) for n in range(count) if n not in skipped)
    return model.changed(0, places=places)


def choose_at(studio: StudioUnderTest, cad: Json, chosen: dict[float, str]) -> None:
    """Choose materials for the pins that stand at these x."""
    pin = parts_of(studio, cad)["id0"]
    targets = {round(o["transform"][12]): f"{pin['part_key']}:{o['path']}" for o in pin["occurrences"]}
    body = {"overrides": {}, "occurrence_overrides": {targets[round(x)]: name for x, name in chosen.items()}}
    assert studio.artist.put(f"/cad/{cad['id']}/manual-material-overrides", body).status == 200


def worn_at(studio: StudioUnderTest, cad: Json) -> dict[float, str]:
    """What the pins wear that wear something of their own, by the x at which they stand."""
    pins = parts_of(studio, cad)["id0"]["occurrences"]
    return {round(o["transform"][12], 3): o["material"]["material"] for o in pins if o["material"]}


def test_what_was_chosen_for_an_occurrence_that_goes_is_worn_by_no_other_and_is_there_when_it_comes_back(
    studio: StudioUnderTest, tmp_path: Path
) -> None:
    production = studio.production()
    first = revision(studio, production, grid_of_pins(6), tmp_path / "1")
    choose_at(studio, first, {50: "Brass", 100: "Chrome", 250: "Steel"})

    # The others are numbered anew, so that another pin has the path of the one that is gone.
    second = revision(studio, production, grid_of_pins(6, skipped=(1,)), tmp_path / "2")
    assert worn_at(studio, second) == {100: "Chrome", 250: "Steel"}
    waiting = studio.artist.get(f"/cad/{second['id']}/manual-material-overrides").data["waiting"]
    assert [(choice["material"], round(choice["place"][0] // 50)) for choice in waiting.values()] == [("Brass", 1)]

    third = revision(studio, production, grid_of_pins(7), tmp_path / "3")
    assert worn_at(studio, third) == {50: "Brass", 100: "Chrome", 250: "Steel"}
    assert studio.artist.get(f"/cad/{third['id']}/manual-material-overrides").data["waiting"] == {}


def test_what_was_chosen_for_occurrences_goes_where_they_go(studio: StudioUnderTest, tmp_path: Path) -> None:
    production = studio.production()
    model = grid_of_pins(5)
    first = revision(studio, production, model, tmp_path / "1")
    choose_at(studio, first, {50: "Brass", 200: "Chrome"})
    places = model.parts[0].places
    nudged = (*places[:1], (53.0, 902.0, 0.0, 0.0), *places[2:])
    second = revision(studio, production, model.changed(0, places=nudged), tmp_path / "2")
    assert worn_at(studio, second) == {53: "Brass", 200: "Chrome"}

    # All is shifted by the distance of two pins: each stands where its neighbour stood.
    shifted = replace(model.changed(0, places=nudged), shift=(50.0, 0.0, 0.0))
    third = revision(studio, production, shifted, tmp_path / "3")
    assert worn_at(studio, third) == {103: "Brass", 250: "Chrome"}
