"""CAD files: what is uploaded is checked, converted once, and described with its materials."""

from __future__ import annotations

import gzip
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from dcc.cad.bearing import main as write_bearing
from service.cad import conversions
from tests.service.studio import Json, Production, StudioUnderTest, work

pytestmark = pytest.mark.usefixtures("quiet_queue")


@pytest.fixture(scope="module")
def step_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bearing that Raceway models itself."""
    place = tmp_path_factory.mktemp("step") / "bearing.step"
    assert write_bearing([str(place)]) == 0
    return place.read_bytes()


def upload(studio: StudioUnderTest, production: Production, content: bytes, **query: str) -> Json:
    given = {"project": production.project["name"], "asset": "gear", "filename": "gear.step", **query}
    answer = studio.artist.upload(content, **given)
    assert answer.status == 201, answer.body
    cad: Json = answer.data
    return cad


def converted(studio: StudioUnderTest, production: Production, content: bytes) -> Json:
    cad = upload(studio, production, content)
    work(studio.app)
    ready: Json = studio.artist.get(f"/cad/{cad['id']}").data
    assert ready["state"] == "ready", ready["error"]
    return ready


def test_a_step_file_is_converted_and_what_it_became_is_there(studio: StudioUnderTest, step_file: bytes) -> None:
    production = studio.production()
    cad = converted(studio, production, step_file)
    assert cad["progress"]["percent"] == 100 and cad["summary"]["occurrences"] > cad["summary"]["parts"]
    for name, path in cad["derivatives"].items():
        assert (studio.root / path).is_file() and path.startswith(".store/")
        answer = studio.app.test_client().get(
            f"/api/cad/{cad['id']}/files/{name}", headers={"Authorization": f"Bearer {studio.artist.token}"}
        )
        assert answer.status_code == 200 and answer.data == (studio.root / path).read_bytes()
    media = studio.artist.get("/media/assets?asset_type=cad_derivative&render_status=completed").data["items"]
    assert {medium["category_key"] for medium in media} == set(cad["derivatives"])
    document = studio.artist.get(f"/jobs/{cad['job_id']}").data["document"]
    assert document["state"] == "completed" and document["process_group"] is None
    assert document["steps"] and all(step["duration"] >= 0 for step in document["steps"])


def test_a_compressed_step_file_is_converted_too(studio: StudioUnderTest, step_file: bytes) -> None:
    cad = converted(studio, studio.production(), gzip.compress(step_file, mtime=0))
    assert cad["summary"]["parts"] > 1


def test_the_same_content_is_converted_once(studio: StudioUnderTest, step_file: bytes) -> None:
    production = studio.production()
    first = converted(studio, production, step_file)
    again = upload(studio, production, step_file)
    assert again["reused"] and again["state"] == "ready" and again["id"] == first["id"]
    finer = upload(studio, production, step_file, relative_deflection="0.0005")
    assert not finer["reused"] and finer["state"] == "queued" and finer["revision"] == 2


def test_another_converter_converts_again(
    studio: StudioUnderTest, step_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = studio.production()
    first = converted(studio, production, step_file)
    monkeypatch.setattr(conversions, "CONVERTER", "the next one")
    again = upload(studio, production, step_file)
    assert (again["reused"], again["state"], again["revision"]) == (False, "queued", 2)
    assert again["job_id"] != first["job_id"]


def test_two_uploads_at_once_are_one_conversion(studio: StudioUnderTest, step_file: bytes) -> None:
    production = studio.production()
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(lambda _: upload(studio, production, step_file), range(4)))
    assert len({cad["id"] for cad in files}) == len({cad["job_id"] for cad in files}) == 1
    assert studio.artist.get("/jobs/?kind=convert").data["total"] == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "cad.empty"),
        (b"%PDF-1.7 not a model", "cad.not_step"),
        (b"\0" * 9000, "cad.not_step"),
        (gzip.compress(b"not a model", mtime=0), "cad.not_step"),
        (b"PK\x03\x04 an archive that is cut off", "cad.damaged_archive"),
        (b"PK\x05\x06" + bytes(18), "cad.no_step_inside"),
    ],
)
def test_what_is_no_step_file_is_refused_and_not_kept(studio: StudioUnderTest, content: bytes, code: str) -> None:
    production = studio.production()
    answer = studio.artist.upload(content, project=production.project["name"], asset="gear", filename="x.step")
    assert (answer.status, answer.error["code"]) == (422, code)
    assert [path for path in studio.root.rglob("*") if path.is_file()] == []


def test_an_upload_beyond_the_limit_is_refused_and_not_kept(studio: StudioUnderTest) -> None:
    production = studio.production()
    content = b"ISO-10303-21;" + b" " * (5 << 20)
    answer = studio.artist.upload(content, project=production.project["name"], asset="gear", filename="x.step")
    assert (answer.status, answer.error["code"]) == (413, "input.too_large")
    assert [path for path in studio.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("filename", ["../x.step", "a/b.step", "..\\x.step", "a\x07.step", ""])
def test_a_file_name_cannot_lead_anywhere(studio: StudioUnderTest, filename: str) -> None:
    production = studio.production()
    answer = studio.artist.upload(b"ISO-10303-21;", project=production.project["name"], asset="gear", filename=filename)
    assert answer.status == 422 and "filename" in answer.error["fields"]


def test_an_upload_names_an_asset_that_exists(studio: StudioUnderTest) -> None:
    name = studio.production().project["name"]
    assert studio.artist.upload(b"ISO-10303-21;", project=name, asset="nut", filename="x.step").status == 404
    assert studio.artist.upload(b"ISO-10303-21;", project=name, filename="x.step").status == 422


def test_a_broken_file_fails_with_its_reason_and_can_be_tried_again(studio: StudioUnderTest) -> None:
    production = studio.production()
    cad = upload(studio, production, b"ISO-10303-21;\nHEADER;\nthis is cut off")
    assert studio.artist.post(f"/cad/{cad['id']}/convert").error["code"] == "conflict.not_failed"
    work(studio.app)
    failed = studio.artist.get(f"/cad/{cad['id']}").data
    assert failed["state"] == "failed" and failed["error"]["code"].startswith("cad.") and failed["error"]["hint"]
    assert failed["derivatives"] == {}
    assert list((studio.root / ".store").rglob("*.usdc")) == []
    unready = studio.artist.get(f"/cad/{cad['id']}/scene-manifest")
    assert (unready.status, unready.error["code"]) == (409, "cad.not_ready")
    again = studio.artist.post(f"/cad/{cad['id']}/convert").data
    assert again["state"] == "queued" and again["job_id"] != cad["job_id"]


def test_a_cancelled_conversion_says_so_and_what_to_do_and_can_be_done_again(
    studio: StudioUnderTest, step_file: bytes
) -> None:
    cad = upload(studio, studio.production(), step_file)
    assert studio.artist.post(f"/jobs/{cad['job_id']}/cancel").status == 200
    cancelled = studio.artist.get(f"/cad/{cad['id']}").data
    assert (cancelled["state"], cancelled["error"]["code"]) == ("failed", "process.cancelled")
    assert cancelled["error"]["hint"]
    assert studio.artist.post(f"/cad/{cad['id']}/convert").status == 200
    work(studio.app)
    assert studio.artist.get(f"/cad/{cad['id']}").data["state"] == "ready"


def test_every_part_says_which_material_it_wears_and_why(studio: StudioUnderTest, step_file: bytes) -> None:
    cad = converted(studio, studio.production(), step_file)
    path = f"/cad/{cad['id']}/manual-material-overrides"
    manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
    materials = {part["part_key"]: part["material"] for part in manifest["parts"]}
    assert all(material["reason"] for material in materials.values())
    key = next(iter(materials))
    before = studio.artist.get(path)
    changed = studio.artist.put(path, {"overrides": {key: "Brass"}}, headers={"If-Match": before.headers["ETag"]})
    assert changed.data["overrides"] == {key: "Brass"} and changed.headers["ETag"] != before.headers["ETag"]
    manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
    wears = next(part["material"] for part in manifest["parts"] if part["part_key"] == key)
    assert (wears["material"], wears["layer"]) == ("Brass", "manual")
    taken_back = studio.artist.put(path, {"overrides": {key: None}}).data
    assert taken_back["overrides"] == {} and taken_back["updated_at"] > before.data["updated_at"]


def test_a_stale_or_wrong_choice_of_material_changes_nothing(studio: StudioUnderTest, step_file: bytes) -> None:
    cad = converted(studio, studio.production(), step_file)
    path = f"/cad/{cad['id']}/manual-material-overrides"
    key = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data["parts"][0]["part_key"]
    etag = studio.artist.get(path).headers["ETag"]
    studio.artist.put(path, {"overrides": {key: "Brass"}}, headers={"If-Match": etag})
    answer = studio.artist.put(path, {"overrides": {key: "Steel"}}, headers={"If-Match": etag})
    assert (answer.status, answer.error["code"]) == (412, "conflict.stale")
    answer = studio.artist.put(path, {"overrides": {key: "Bras", "nobody": "Steel"}})
    assert answer.status == 422 and set(answer.error["fields"]) == {key, "nobody"}
    assert studio.artist.get(path).data["overrides"] == {key: "Brass"}


def test_a_new_revision_keeps_the_artists_choices(studio: StudioUnderTest, step_file: bytes) -> None:
    production = studio.production()
    cad = converted(studio, production, step_file)
    key = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data["parts"][0]["part_key"]
    studio.artist.put(f"/cad/{cad['id']}/manual-material-overrides", {"overrides": {key: "Chrome"}})
    newer = upload(studio, production, step_file + b"\n")
    assert newer["revision"] == 2
    assert studio.artist.get(f"/cad/{newer['id']}/manual-material-overrides").data["overrides"] == {key: "Chrome"}


def test_a_studio_adds_materials_and_aliases(studio: StudioUnderTest, step_file: bytes) -> None:
    assert (
        studio.admin.post("/materials/", {"name": "Gold", "label": "Gold", "base_color": [1, 0.8, 0.3]}).status == 201
    )
    assert studio.admin.post("/materials/", {"name": "Steel", "label": "x", "base_color": [1, 1, 1]}).status == 409
    cad = converted(studio, studio.production(), step_file)

    def parts() -> dict[str, Json]:
        manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
        return {part["part_key"]: part for part in manifest["parts"]}

    key, part = next((key, part) for key, part in parts().items() if part["material"]["layer"] == "auto")
    text = part["step_material"] or part["source_name"]
    alias = {"kind": "word", "pattern": text, "material": "Gold", "priority": 100}
    assert studio.admin.post("/materials/aliases/", alias).status == 201
    assert parts()[key]["material"]["material"] == "Gold"
    unknown = studio.admin.post("/materials/aliases/", {**alias, "material": "Glod"})
    assert unknown.status == 422 and "Gold" in unknown.error["hint"]
    listed = studio.artist.get("/materials/?q=gold").data["items"]
    assert [(material["name"], material["builtin"]) for material in listed] == [("Gold", False)]


def test_a_scene_is_committed_when_its_file_stands(studio: StudioUnderTest) -> None:
    production = studio.production()
    body = {"task_id": production.task["id"], "name": "shop", "software": "blender", "suffix": ".blend"}
    versions = []
    for bump in ("iteration", "iteration", "version", "iteration"):
        scene = studio.artist.post("/scenes/reserve", {**body, "bump": bump}).data
        versions.append((scene["version"], scene["iteration"]))
    assert versions == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert scene["path"].endswith("/assets/gear/scenes/modelling/shop_v002_i002.blend")
    content = "a scene"
    file = {"sha256": sha256(content.encode()).hexdigest(), "size": len(content)}
    commit = f"/scenes/{scene['id']}/commit"
    assert studio.artist.post(commit, file).error["code"] == "storage.scene_missing"
    studio.write(scene["path"], content)
    assert studio.artist.post(commit, {**file, "size": 1}).status == 422
    assert [studio.artist.post(commit, file).data["state"] for _ in range(2)] == ["committed"] * 2
    assert Path(studio.root / scene["path"]).read_text() == content
    assert studio.artist.get(f"/scenes/?task_id={production.task['id']}").data["total"] == 1
