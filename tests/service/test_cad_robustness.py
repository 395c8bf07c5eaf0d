"""Files that crash, hang or exceed the converter become failed CAD files that say why; the worker lives on."""

from __future__ import annotations

import dataclasses
import random
from hashlib import sha256

import pytest
from flask import Flask

from dcc.cad.bearing import main as write_bearing
from service.accounts.permissions import Role
from tests.dcc.cad.revisions import make_model, write_model
from tests.service.studio import Json, Production, StudioUnderTest, work
from tests.service.test_cad import upload

pytestmark = pytest.mark.usefixtures("quiet_queue")

HEADER = "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"
CLOSED = "ENDSEC;\nEND-ISO-10303-21;\n"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_model(make_model(random.Random(1), 2), tmp_path_factory.mktemp("good")).read_bytes()


@pytest.fixture(scope="module")
def bearing(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("bearing") / "bearing.step"
    assert write_bearing([str(place)]) == 0
    return place.read_bytes()


def failed(studio: StudioUnderTest, cad: Json) -> Json:
    """The error of a CAD file that failed, after checking that it is whole and that nothing was left behind."""
    found = studio.artist.get(f"/cad/{cad['id']}").data
    assert found["state"] == "failed" and found["derivatives"] == {}
    error: Json = found["error"]
    assert error["code"].startswith("cad.") and error["message"] and error["hint"]
    left = [each.name for each in (studio.root / ".store").rglob("*") if each.is_file() and each.name != "source.step"]
    assert not [name for name in left if not name.endswith(".log")], left
    return error


def nested(levels: int) -> bytes:
    """An entity inside an entity, so deep that a reader that recurses overflows its stack."""
    schema = "FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\n"
    return (HEADER + schema + "#1=X(" + "(" * levels + ")" * levels + ");\n" + CLOSED).encode()


def damaged(good: bytes, number: int) -> bytes:
    """A valid file with digits of its references changed: these have crashed kernels."""
    chance = random.Random(number)
    changed = bytearray(good)
    digits = [place for place in range(800, len(good) - 60) if 48 <= good[place] <= 57]
    for place in chance.sample(digits, 60):
        changed[place] = chance.randrange(48, 58)
    return bytes(changed)


def test_bad_files_fail_with_a_reason_each_and_the_worker_goes_on(
    app: Flask, studio: StudioUnderTest, good: bytes
) -> None:
    production = studio.production()
    bad = {
        "truncated.step": good[: len(good) // 2],
        "nested.step": nested(200_000),
        "empty_data.step": (HEADER + "FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\n" + CLOSED).encode(),
        "infinite.step": good.replace(b"CARTESIAN_POINT('',(0.,", b"CARTESIAN_POINT('',(1E+999999,", 5),
        **{f"digits{number}.step": damaged(good, number) for number in range(3)},
    }
    files = {name: upload(studio, production, content, filename=name, lineage=name) for name, content in bad.items()}
    last = upload(studio, production, good, filename="good.step", lineage="good")
    work(app)
    states = {name: studio.artist.get(f"/cad/{cad['id']}").data for name, cad in files.items()}
    for name in ("truncated.step", "nested.step", "empty_data.step"):
        failed_error = states[name]["error"]
        assert states[name]["state"] == "failed" and failed_error["code"].startswith("cad."), (name, failed_error)
    for name, found in states.items():
        assert found["state"] in ("ready", "failed"), name
        if found["state"] == "failed":
            assert found["error"]["hint"] and found["derivatives"] == {}
        else:
            assert found["summary"]["warnings"] or found["summary"]["parts"], name
    assert studio.artist.get(f"/cad/{last['id']}").data["state"] == "ready"


def test_too_long_too_much_memory_and_too_many_triangles_can_be_tried_again(
    app: Flask, studio: StudioUnderTest, bearing: bytes
) -> None:
    config = app.extensions["raceway"]
    app.extensions["raceway"] = dataclasses.replace(config, tool_memory_bytes=64 << 20)
    try:
        cad = upload(studio, studio.production(), bearing)
        work(app)
    finally:
        app.extensions["raceway"] = config
    error = failed(studio, cad)
    assert error["code"] == "cad.memory" and "64 MiB" in error["message"]
    again = f"/cad/{cad['id']}/convert"
    tries = {"triangles=500": "cad.too_many_triangles", "seconds=1&relative_deflection=0.00001": "cad.timeout"}
    for query, code in tries.items():
        assert studio.artist.post(f"{again}?{query}").data["state"] == "queued"
        work(app)
        assert failed(studio, cad)["code"] == code
    coarse = studio.artist.post(f"{again}?relative_deflection=0.01")
    assert coarse.status == 200
    work(app)
    ready = studio.artist.get(f"/cad/{cad['id']}").data
    assert ready["state"] == "ready" and ready["error"] is None and ready["progress"]["percent"] == 100
    assert studio.artist.post(again).error["code"] == "conflict.not_failed"


def test_settings_of_another_revision_are_not_taken_twice(app: Flask, studio: StudioUnderTest, good: bytes) -> None:
    production = studio.production()
    cut = good[: len(good) // 2]
    first = upload(studio, production, cut)
    second = upload(studio, production, cut, relative_deflection="0.01")
    work(app)
    assert second["revision"] == 2
    taken = studio.artist.post(f"/cad/{first['id']}/convert?relative_deflection=0.01")
    assert (taken.status, taken.error["code"]) == (409, "conflict.exists")
    assert failed(studio, first)["code"] == "cad.truncated"


def test_more_than_the_usual_limits_is_for_project_managers(studio: StudioUnderTest) -> None:
    cad = upload(studio, studio.production(), b"ISO-10303-21; cut off")
    work(studio.app)
    for query in ("seconds=80000", "memory_mb=900000"):
        refused = studio.artist.post(f"/cad/{cad['id']}/convert?{query}")
        assert refused.status == 403 and "project manager" in refused.error["hint"]
    assert studio.artist.post(f"/cad/{cad['id']}/convert?relative_deflection=-1").status == 422
    assert studio.artist.post(f"/cad/{cad['id']}/convert?seconds=0").status == 422
    allowed = studio.api(Role.PROJECT_MANAGER).post(f"/cad/{cad['id']}/convert?seconds=80000")
    assert allowed.status == 200


def test_the_stages_of_a_conversion_reach_the_client(app: Flask, studio: StudioUnderTest, good: bytes) -> None:
    cad = upload(studio, studio.production(), good)
    assert studio.artist.get(f"/cad/{cad['id']}").data["progress"]["percent"] == 0
    work(app)
    steps = studio.artist.get(f"/jobs/{cad['job_id']}").data["document"]["steps"]
    names = [step["name"] for step in steps]
    assert names[:2] == ["check", "read"] and names[-2:] == ["write", "store"]
    assert studio.artist.get(f"/cad/{cad['id']}").data["progress"] == {"stage": "done", "percent": 100.0}


# -- the same content again


def test_content_that_is_there_need_not_be_sent_again(studio: StudioUnderTest, good: bytes) -> None:
    production: Production = studio.production()
    digest = sha256(good).hexdigest()
    asked = {"project": production.project["name"], "asset": "gear", "filename": "gear.step", "sha256": digest}
    unknown = studio.artist.upload(b"", **asked)
    assert (unknown.status, unknown.error["code"]) == (404, "cad.unknown_content")
    first = upload(studio, production, good, sha256=digest)
    work(studio.app)
    again = studio.artist.upload(b"", **asked)
    assert again.status == 201 and again.data["id"] == first["id"] and again.data["reused"]
    # The same content under another name in another asset is not converted again.
    studio.admin.post("/assets/", {"project_id": production.project["id"], "name": "nut"})
    other = studio.artist.upload(b"", **{**asked, "asset": "nut", "filename": "nut.step"}).data
    assert other["id"] != first["id"] and other["state"] == "ready" and other["reused"]
    assert studio.artist.get("/jobs/?kind=convert").data["total"] == 1
    manifest = studio.artist.get(f"/cad/{other['id']}/scene-manifest").data
    assert manifest["source"]["name"] == "nut.step" and manifest["lineage"] == "nut"


def test_another_tenant_learns_nothing_of_what_there_is(
    studio: StudioUnderTest, other_studio: StudioUnderTest, good: bytes
) -> None:
    upload(studio, studio.production(), good)
    production = other_studio.production()
    asked = {"project": production.project["name"], "asset": "gear", "filename": "gear.step"}
    unknown = other_studio.artist.upload(b"", **asked, sha256=sha256(good).hexdigest())
    assert (unknown.status, unknown.error["code"]) == (404, "cad.unknown_content")


def test_a_body_that_is_not_what_it_says_is_refused(studio: StudioUnderTest, good: bytes) -> None:
    production = studio.production()
    asked = {"project": production.project["name"], "asset": "gear", "filename": "gear.step"}
    wrong = studio.artist.upload(good + b"\n", **asked, sha256=sha256(good).hexdigest())
    assert (wrong.status, wrong.error["code"]) == (422, "input.digest")
    assert [path for path in studio.root.rglob("*") if path.is_file()] == []
