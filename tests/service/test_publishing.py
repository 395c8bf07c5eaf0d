"""Publishing: versions without gaps or doubles, entries that lose nobody's work, and crashes at any point."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from service.database import db, tenant_session
from service.models import Part, Publish, StaleEntry
from service.publish import publishing
from service.tasks import sweeper
from service.tasks.publish import task_for
from shared.files import is_read_only, sha256_of
from tests.service.farm import until
from tests.service.studio import Production, Reply, StudioUnderTest, make_studio, overwrite

CLIENTS, EACH = 8, 6


def entry_of(studio: StudioUnderTest, production: Production, part: str = "") -> str:
    folder: Path = studio.root / production.project["name"] / "assets" / "gear" / "usd"
    return (folder / part / f"{part}.usd" if part else folder / "gear.usd").read_text()


def stale(studio: StudioUnderTest) -> int:
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        return len(session.scalars(select(StaleEntry.id)).all())


def count(studio: StudioUnderTest) -> int:
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        return len(session.scalars(select(Publish.id)).all())


def test_a_publish_answers_what_the_design_fixes(studio: StudioUnderTest) -> None:
    production = studio.production()
    published = studio.publish(production, source_version=3, source_iteration=12)
    usd = f"{production.project['name']}/assets/gear/usd"
    assert published["publish_id"] == published["id"]
    assert (published["version"], published["iteration"], published["is_latest"]) == (1, 1, True)
    assert (published["source_version"], published["source_iteration"]) == (3, 12)
    assert published["item_usd_path"] == f"{usd}/body/data/body_v001_i001.usd"
    assert published["part_usd_path"] == published["asset_usd_path"] == f"{usd}/body/body.usd"
    assert published["entity_usd_path"] == f"{usd}/gear.usd"
    content = (studio.root / published["item_usd_path"]).read_bytes()
    assert published["sha256"] == hashlib.sha256(content).hexdigest() and published["size"] == len(content)
    assert "@./data/body_v001_i001.usd@" in entry_of(studio, production, "body")
    assert "@./body/body.usd@" in entry_of(studio, production)
    assert studio.artist.get(f"/publishes/{published['id']}").data == published


def test_the_call_is_the_designs_to_the_letter(studio: StudioUnderTest) -> None:
    production = studio.production()
    usd = f"{production.project['name']}/assets/gear/usd"
    body = {
        "task_id": production.task["id"],
        "target_type": "asset",
        "target_id": production.asset["id"],
        "software": "blender",
        "source_version": 3,
        "source_iteration": 12,
        "item_usd_path": studio.write(f"{usd}/particles01/data/particles01_v001_i001.usd"),
        "asset_usd_path": f"{usd}/particles01/particles01.usd",
        "status": "published",
        "metadata": {"asset_name": "gear", "part_name": "particles01"},
    }
    answer = studio.artist.post("/publishes/", body)
    assert answer.status == 201 and answer.body["ok"] is True
    fixed = ("version", "iteration", "source_version", "source_iteration", "is_latest", "part_name", "part_usd_path")
    assert {name: answer.data[name] for name in fixed} == {
        "version": 1,
        "iteration": 1,
        "source_version": 3,
        "source_iteration": 12,
        "is_latest": True,
        "part_name": "particles01",
        "part_usd_path": f"{usd}/particles01/particles01.usd",
    }
    assert answer.data["publish_id"] == answer.data["id"]
    found = studio.artist.get("/publishes/?asset=gear&latest_per_part=1").data
    assert found["items"] == [answer.data] and found["total"] == 1


def test_the_latest_of_each_part_is_found(studio: StudioUnderTest) -> None:
    production = studio.production()
    for part in ("body", "body", "lid"):
        studio.publish(production, part)
    name = production.project["name"]
    latest = studio.artist.get(f"/publishes/?project={name}&asset=gear&latest_per_part=1&sort=part_name").data["items"]
    assert [(p["part_name"], p["version"], p["is_latest"]) for p in latest] == [("body", 2, True), ("lid", 1, True)]
    every = studio.artist.get(f"/publishes/?project={name}&part=body").data["items"]
    assert [(p["version"], p["is_latest"]) for p in every] == [(2, True), (1, False)]


def test_a_version_can_be_kept_for_another_iteration(studio: StudioUnderTest) -> None:
    production = studio.production()
    given = [
        studio.artist.post("/publishes/reserve", production.reserve_body(keep_version=keep)).data
        for keep in (True, True, False, True)
    ]
    assert [(r["version"], r["iteration"]) for r in given] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_the_newest_version_is_composed_whatever_the_order_of_commits(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, second = (studio.artist.post("/publishes/reserve", production.reserve_body()).data for _ in range(2))
    answers = []
    for reserved in (second, first):
        studio.write(reserved["item_usd_path"])
        body = production.publish_body(reserved["item_usd_path"], reservation_id=reserved["reservation_id"])
        answers.append(studio.artist.post("/publishes/", body).data)
    assert [(p["version"], p["is_latest"]) for p in answers] == [(2, True), (1, False)]
    assert "body_v002_i001" in entry_of(studio, production, "body")


def test_many_clients_that_reserve_at_once_get_every_version_once(studio: StudioUnderTest) -> None:
    production = studio.production()

    def client(_: int) -> list[int]:
        return [studio.publish(production)["version"] for _ in range(EACH)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        versions = [version for result in pool.map(client, range(CLIENTS)) for version in result]
    assert sorted(versions) == list(range(1, CLIENTS * EACH + 1))
    assert count(studio) == CLIENTS * EACH
    assert f"body_v{CLIENTS * EACH:03d}_i001.usd" in entry_of(studio, production, "body")


def test_parts_published_at_once_are_all_composed(studio: StudioUnderTest) -> None:
    production = studio.production()
    parts = [f"part{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda part: studio.publish(production, part), parts))
    assert all(f"@./{part}/{part}.usd@" in entry_of(studio, production) for part in parts)


def test_the_same_key_again_is_the_same_publish(studio: StudioUnderTest) -> None:
    production = studio.production()
    reserve = production.reserve_body(idempotency_key="r1")
    reserved = [studio.artist.post("/publishes/reserve", reserve).data for _ in range(2)]
    assert reserved[0] == reserved[1]
    item = studio.write(reserved[0]["item_usd_path"])
    body = production.publish_body(item, reservation_id=reserved[0]["reservation_id"])
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: studio.artist.post("/publishes/", body, headers={"Idempotency-Key": "k"}), range(8))
        )
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert len({answer.data["id"] for answer in answers}) == 1 and count(studio) == 1
    other = production.publish_body(studio.write(item.replace("v001", "v009")), idempotency_key="k")
    assert studio.artist.post("/publishes/", other).error["code"] == "conflict.idempotency_key"


def test_a_key_of_a_reservation_answers_no_other_part(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    studio.artist.post("/publishes/reserve", production.reserve_body(idempotency_key="r1"))
    answer = studio.artist.post("/publishes/reserve", production.reserve_body("lid", idempotency_key="r1"))
    assert (answer.status, answer.error["code"]) == (409, "conflict.idempotency_key")
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        assert session.scalars(select(Part.name)).all() == ["body"], "the refused part was not made"


def test_what_is_wrong_with_an_item_is_said(studio: StudioUnderTest) -> None:
    production = studio.production()
    usd = f"{production.project['name']}/assets/gear/usd"
    item = f"{usd}/body/data/x.usd"

    def code(path: str, **more: Any) -> str:
        answer = studio.artist.post("/publishes/", production.publish_body(path, **more))
        assert answer.status == 422
        return str(answer.error["code"])

    assert code(item) == "publish.item_missing"
    studio.write(item)
    assert code(item, sha256="0" * 64) == "publish.item_changed"
    assert code(studio.write(f"{usd}/elsewhere.usd")) == "publish.item_place"
    for name in (".tmp-x.usd", "at@home.usd", "a b.usd"):
        assert code(studio.write(f"{usd}/body/data/{name}")) == "publish.item_place"
    assert code(studio.write(f"{usd}/body/data/nul.usd")) == "input.name"
    assert code(studio.write(f"{usd}/body/data/y.usd", "a page of HTML")) == "publish.not_usd"
    assert code(studio.write(f"{usd}/body/data/y.txt")) == "publish.not_usd"
    assert count(studio) == 0
    assert studio.artist.post("/publishes/", production.publish_body(item)).status == 201
    overwrite(studio.root / item, "#usda 1.0\n# other content\n")
    assert code(item) == "publish.item_changed"


def test_the_report_of_the_checks_is_about_this_file_and_without_errors(studio: StudioUnderTest) -> None:
    production = studio.production()
    item = studio.write(f"{production.project['name']}/assets/gear/usd/body/data/x.usd")
    digest = hashlib.sha256((studio.root / item).read_bytes()).hexdigest()
    finding = {"check": "default_prim", "severity": "error", "prim": "/gear", "message": "no.", "hint": "Set it."}
    report = {"sha256": digest, "tool": "t 1", "checks": ["default_prim"], "findings": [finding]}

    def publish(**changes: Any) -> Reply:
        return studio.artist.post("/publishes/", production.publish_body(item, validation={**report, **changes}))

    refused = publish().error
    assert refused["code"] == "publish.invalid" and refused["hint"] == "Set it."
    assert refused["fields"] == {"default_prim /gear": "no."}
    assert publish(findings=[], sha256="0" * 64).error["code"] == "publish.invalid"
    kept = publish(findings=[{**finding, "severity": "warning"}]).data
    assert kept["validation"]["findings"][0]["severity"] == "warning"
    unchecked = studio.artist.post("/publishes/", production.publish_body(item)).data
    assert unchecked["validation"] is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.usd", "a/../../x", "C:/x.usd", "\\\\server\\x", "", "a\nb"])
def test_a_path_out_of_the_storage_is_refused(studio: StudioUnderTest, path: str) -> None:
    answer = studio.artist.post("/publishes/", studio.production().publish_body(path))
    assert answer.status == 422 and "item_usd_path" in answer.error["fields"]


def test_a_link_out_of_the_storage_is_refused(studio: StudioUnderTest) -> None:
    production = studio.production()
    item = f"{production.project['name']}/assets/gear/usd/body/data/x.usd"
    place = studio.root / item
    place.parent.mkdir(parents=True)
    place.symlink_to("/etc/hostname")
    assert studio.artist.post("/publishes/", production.publish_body(item)).error["code"] == "input.path"


def test_a_windows_clients_path_is_stored_with_forward_slashes(studio: StudioUnderTest) -> None:
    production = studio.production()
    item = studio.write(f"{production.project['name']}/assets/gear/usd/body/data/x.usd")
    published = studio.artist.post("/publishes/", production.publish_body(item.replace("/", "\\"))).data
    assert published["item_usd_path"] == item


def test_a_part_stays_with_its_department(studio: StudioUnderTest) -> None:
    production = studio.production()
    studio.publish(production)
    answer = studio.artist.post("/publishes/reserve", production.reserve_body(department="look"))
    assert answer.error["code"] == "conflict.department"
    assert studio.artist.post("/publishes/reserve", production.reserve_body("x", department="cooking")).status == 422


def test_a_reservation_serves_once(studio: StudioUnderTest) -> None:
    production = studio.production()
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    body = production.publish_body(studio.write(reserved["item_usd_path"]), reservation_id=reserved["reservation_id"])
    assert studio.artist.post("/publishes/", body).status == 201
    assert studio.artist.post("/publishes/", body).error["code"] == "conflict.reservation"
    body["reservation_id"] = str(uuid4())
    assert studio.artist.post("/publishes/", body).status == 404


def test_a_storage_that_refuses_keeps_the_publish_and_gets_its_entries_later(studio: StudioUnderTest) -> None:
    production = studio.production()
    in_the_way = studio.root / production.project["name"] / "assets/gear/usd/gear.usd"
    in_the_way.mkdir(parents=True)
    assert studio.publish(production)["version"] == 1
    assert stale(studio) == 1
    in_the_way.rmdir()
    studio.publish(production)
    assert stale(studio) == 0 and "body_v002" in entry_of(studio, production, "body")


def test_two_commits_wait_for_each_other(studio: StudioUnderTest) -> None:
    """The lock on the target is what orders publishes: one that holds it keeps the other out."""
    production = studio.production()
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.write(reserved["item_usd_path"])
    done = threading.Event()

    def commit() -> None:
        studio.artist.post("/publishes/", production.publish_body(item, reservation_id=reserved["reservation_id"]))
        done.set()

    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(text("SELECT id FROM assets FOR NO KEY UPDATE"))
        thread = threading.Thread(target=commit)
        thread.start()
        assert not done.wait(0.3)
    thread.join(10)
    assert done.is_set()


@pytest.fixture(scope="module")
def publisher(app: Flask) -> Callable[[object], int]:
    studio = make_studio(app)
    production = studio.production()
    item = studio.write(f"{production.project['name']}/assets/gear/usd/body/data/x.usd")
    body = production.publish_body(item)

    def publish(metadata: object) -> int:
        answer = studio.artist.post("/publishes/", {**body, "metadata": metadata})
        if answer.status == 201:
            assert studio.artist.get(f"/publishes/{answer.data['id']}").data["metadata"]["part_name"] == "body"
        return answer.status

    return publish


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(more=st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_whatever_metadata_holds_is_kept_or_refused(
    publisher: Callable[[object], int], more: dict[str, object]
) -> None:
    assert publisher({**more, "part_name": "body"}) in (201, 400, 422)


def test_an_item_that_was_changed_on_the_storage_is_not_composed_again(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, second = studio.publish(production), studio.publish(production)
    overwrite(studio.root / first["item_usd_path"], "#usda 1.0\n")
    refused = studio.admin.post(f"/publishes/{first['id']}/compose")
    assert refused.status == 422 and refused.error["code"] == "publish.item_changed"
    (studio.root / first["item_usd_path"]).unlink()
    assert studio.admin.post(f"/publishes/{first['id']}/compose").error["code"] == "publish.item_missing"
    assert studio.artist.get(f"/publishes/{second['id']}").data["is_latest"] is True


def test_a_part_is_rolled_back_withdrawn_and_published_again(studio: StudioUnderTest) -> None:
    production = studio.production()
    first, second = studio.publish(production), studio.publish(production)
    studio.publish(production, "lid")
    assert studio.artist.post(f"/publishes/{first['id']}/compose").status == 403
    assert studio.admin.post(f"/publishes/{first['id']}/compose").data["is_latest"] is True
    assert "body_v001" in entry_of(studio, production, "body")
    assert studio.artist.get(f"/publishes/{second['id']}").data["is_latest"] is False
    assert studio.admin.post(f"/publishes/{second['id']}/withdraw").error["code"] == "conflict.not_composed"
    studio.admin.post(f"/publishes/{first['id']}/withdraw")
    assert "@./body/body.usd@" not in entry_of(studio, production)
    assert "@./lid/lid.usd@" in entry_of(studio, production)
    assert studio.publish(production)["version"] == 3
    assert "@./body/body.usd@" in entry_of(studio, production)
    assert "body_v003" in entry_of(studio, production, "body")


# -- items that nobody writes to any more


def test_a_published_item_is_read_only_and_a_refused_one_is_not(studio: StudioUnderTest) -> None:
    production = studio.production()
    publish = studio.publish(production)
    assert is_read_only(studio.root / publish["item_usd_path"])
    assert not is_read_only(studio.root / publish["part_usd_path"]), "entries change with each publish"
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.root / studio.write(reserved["item_usd_path"], "no USD at all")
    body = production.publish_body(reserved["item_usd_path"], reservation_id=reserved["reservation_id"])
    assert studio.artist.post("/publishes/", body).status == 422
    assert not is_read_only(item)


def test_a_storage_that_keeps_no_modes_publishes_all_the_same(
    app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    publish = studio.publish(studio.production())
    place = studio.root / publish["item_usd_path"]
    assert publish["is_latest"] and not is_read_only(place)
    monkeypatch.undo()
    # As after a crash right behind the commit.
    with app.app_context():
        sweeper.tidy(app)
    assert is_read_only(place)


def test_two_who_publish_the_first_of_a_department_share_its_task(studio: StudioUnderTest) -> None:
    """As two workers do, each with a CAD file of one asset."""
    asset_id = UUID(studio.production().asset["id"])

    def task() -> UUID:
        with studio.app.app_context(), tenant_session(studio.tenant_id) as current:
            return task_for(current, asset_id, "look")

    with ThreadPoolExecutor(1) as pool, studio.app.app_context(), db.engine.connect() as looking:
        with tenant_session(studio.tenant_id) as first:
            made = task_for(first, asset_id, "look")
            other = pool.submit(task)
            until(lambda: looking.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
        assert other.result() == made
    assert [each["name"] for each in studio.artist.get("/tasks/?department=look").data["items"]] == ["look"]


def test_no_connection_to_the_database_waits_for_a_large_file_that_is_read(
    app: Flask, studio: StudioUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_use: list[int] = []
    with app.app_context():
        pool: Any = db.engine.pool

    def watched(place: Path) -> str:
        in_use.append(pool.checkedout())
        return sha256_of(place)

    monkeypatch.setattr("service.publish.items.sha256_of", watched)
    monkeypatch.setattr("service.api.scenes.sha256_of", watched)
    monkeypatch.setattr(publishing, "QUICK_BYTES", 0)
    production = studio.production()
    first = studio.publish(production)
    assert studio.publish(production)["is_latest"]
    assert studio.admin.post(f"/publishes/{first['id']}/compose").data["is_latest"]
    body = {"task_id": production.task["id"], "name": "shop", "software": "blender", "suffix": ".blend"}
    scene = studio.artist.post("/scenes/reserve", body).data
    place = studio.root / studio.write(scene["path"], "a scene")
    file = {"sha256": sha256_of(place), "size": place.stat().st_size}
    assert studio.artist.post(f"/scenes/{scene['id']}/commit", file).data["state"] == "committed"
    assert in_use == [0, 0, 0, 0]
