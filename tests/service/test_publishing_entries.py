"""Entries: nobody's contribution is lost, many publishes at once cost few writes, and the past stays reachable."""

from __future__ import annotations

import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from service.database import db, tenant_session
from service.models import Job, Part, Publish, StaleEntry
from service.tasks.subject import subject_of
from shared.departments import DEPARTMENTS
from tests.service.studio import Json, Production, StudioUnderTest
from tests.service.test_statements import counting


def folder_of(studio: StudioUnderTest, production: Production) -> Path:
    return studio.root / production.project["name"] / "assets/gear/usd"


def publish_as(studio: StudioUnderTest, production: Production, part: str, department: str) -> Json:
    """Publish a part of some department."""
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body(part, department=department)).data
    item = studio.write(reserved["item_usd_path"])
    body = production.publish_body(item, part, reservation_id=reserved["reservation_id"])
    body["metadata"]["department"] = department
    published: Json = studio.artist.post("/publishes/", body).data
    return published


def composed(entry: str) -> list[str]:
    """Names of the parts that an asset's entry composes, the strongest first."""
    return re.findall(r"@\./(\w+)/\w+\.usd@", entry)


def test_departments_that_publish_roll_back_and_withdraw_at_once_lose_nothing(studio: StudioUnderTest) -> None:
    production = studio.production()
    departments = [department.name for department in DEPARTMENTS]

    def work(department: str) -> None:
        dice = random.Random(department)
        first = publish_as(studio, production, f"{department}_a", department)
        for _ in range(3):
            publish_as(studio, production, f"{department}_{dice.choice('ab')}", department)
        studio.admin.post(f"/publishes/{first['id']}/compose")
        last = publish_as(studio, production, f"{department}_gone", department)
        studio.admin.post(f"/publishes/{last['id']}/withdraw")

    with ThreadPoolExecutor(len(departments)) as pool:
        list(pool.map(work, departments))
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        current = {
            part.name: publish
            for part, publish in session.execute(
                select(Part, Publish).join(Publish, Publish.id == Part.current_publish_id)
            ).unique()
        }
        assert session.scalars(select(StaleEntry.id)).all() == []
    folder = folder_of(studio, production)
    listed = composed((folder / "gear.usd").read_text())
    assert set(listed) == set(current) and len(listed) >= len(departments)
    assert not [part for part in listed if part.endswith("_gone")]
    assert listed == sorted(listed, key=lambda part: (departments.index(part.rpartition("_")[0]), part))
    for part, publish in current.items():
        name = Path(publish.item_usd_path).name
        assert f"@./data/{name}@" in (folder / part / f"{part}.usd").read_text()
        if part.endswith("_a"):
            assert name == f"{part}_v001_i001.usd"


def test_publishes_that_wait_for_each_others_entries_write_them_once(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    parts = [f"part{number}" for number in range(6)]
    asset_id = production.asset["id"]
    key = int(asset_id.replace("-", ""), 16) & 0x7FFF_FFFF_FFFF_FFFF
    taken: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "mark" in values:
            taken.append(cursor.rowcount)

    with app.app_context(), ThreadPoolExecutor(len(parts)) as pool:
        with db.engine.connect() as writer:
            # Somebody writes the entries just now, and takes long.
            writer.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            answers = [pool.submit(studio.publish, production, part) for part in parts]
            wait_until_committed(studio, len(parts))
            assert not any(answer.done() for answer in answers)
            event.listen(db.engine, "after_cursor_execute", note)
        assert sorted(answer.result()["part_name"] for answer in answers) == parts
        event.remove(db.engine, "after_cursor_execute", note)
    assert sorted(taken) == [0] * (len(parts) - 1) + [len(parts)], "one of them writes for all"
    assert composed((folder_of(studio, production) / "gear.usd").read_text()) == parts


def wait_until_committed(studio: StudioUnderTest, number: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
            if len(session.scalars(select(StaleEntry.id)).all()) == number:
                return
        time.sleep(0.02)
    raise AssertionError("the publishes were not committed")


def pinned(studio: StudioUnderTest, publish: Json) -> Json:
    pin: Json = studio.artist.get(f"/publishes/{publish['id']}/pinned-entry").data
    assert (studio.root / pin["usd_path"]).read_text() == pin["text"]
    return pin


def versions(pin: Json) -> dict[str, int]:
    return {part["part_name"]: part["version"] for part in pin["parts"]}


def test_every_publish_is_pinned_with_what_stood_beside_it(studio: StudioUnderTest) -> None:
    production = studio.production()
    made = [studio.publish(production, part) for part in ("body", "lid", "body", "lid")]
    assert [versions(pinned(studio, publish)) for publish in made] == [
        {"body": 1},
        {"body": 1, "lid": 1},
        {"body": 2, "lid": 1},
        {"body": 2, "lid": 2},
    ]
    before = [pinned(studio, publish) for publish in made]
    studio.admin.post(f"/publishes/{made[0]['id']}/compose")
    studio.admin.post(f"/publishes/{made[3]['id']}/withdraw")
    studio.publish(production, "wheel")
    assert [pinned(studio, publish) for publish in made] == before
    # Asked about now, it is what the entries compose; and one composition is one file.
    query = f"?project={production.project['name']}&asset=gear"
    assert versions(studio.artist.get(f"/publishes/pinned-entry{query}").data) == {"body": 1, "wheel": 1}
    files = {pin["usd_path"] for pin in before}
    assert len(files) == 4 and all("/.pinned/gear_" in file for file in files)


def test_a_version_that_was_late_is_pinned_as_if_it_had_been_composed(studio: StudioUnderTest) -> None:
    production = studio.production()
    studio.publish(production, "lid")
    early, late = (studio.artist.post("/publishes/reserve", production.reserve_body()).data for _ in range(2))
    made = []
    for reserved in (late, early):
        item = studio.write(reserved["item_usd_path"])
        body = production.publish_body(item, reservation_id=reserved["reservation_id"])
        made.append(studio.artist.post("/publishes/", body).data)
    assert [versions(pinned(studio, publish)) for publish in made] == [{"body": 2, "lid": 1}, {"body": 1, "lid": 1}]


def test_the_moment_of_a_publish_is_with_that_publish(studio: StudioUnderTest) -> None:
    production = studio.production()
    path = f"/publishes/pinned-entry?project={production.project['name']}&asset=gear&at="
    # Several at once wait for one another, and each is of the moment when it was its turn.
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda part: studio.publish(production, part), ("body", "lid", "wheel", "axle")))
    made.sort(key=lambda publish: publish["created_at"])
    for number, publish in enumerate(made, 1):
        pin = studio.artist.get(path + quote(publish["created_at"])).data
        assert versions(pin) == {each["part_name"]: 1 for each in made[:number]}
        assert publish["updated_at"] == publish["created_at"]


def test_a_moment_of_the_past_is_found_again(studio: StudioUnderTest) -> None:
    production = studio.production()
    first = studio.publish(production)
    between = datetime.now(UTC)
    studio.publish(production)
    query = f"/publishes/pinned-entry?project={production.project['name']}&asset=gear&at="
    assert versions(studio.artist.get(query + quote(between.isoformat())).data) == {"body": 1}
    long_ago = datetime.fromisoformat(first["created_at"]) - timedelta(days=1)
    refused = studio.artist.get(query + quote(long_ago.isoformat()))
    assert refused.status == 404 and "composes nothing" in refused.error["message"]
    assert studio.artist.get(query + "yesterday").status == 422
    assert studio.artist.get("/publishes/pinned-entry").status == 422
    assert studio.artist.get("/publishes/pinned-entry?shot=sq/none").status == 404


def test_shots_are_pinned_too(studio: StudioUnderTest) -> None:
    production = studio.production()
    sequence = studio.admin.post("/sequences/", {"project_id": production.project["id"], "name": "sq010"}).data
    shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
    target = {"target_type": "shot", "target_id": shot["id"]}
    task = studio.admin.post("/tasks/", {**target, "name": "light", "department": "lighting"}).data
    address = {"task_id": task["id"], **target}
    reserved = studio.artist.post("/publishes/reserve", {**address, "part_name": "key"}).data
    item = studio.write(reserved["item_usd_path"])
    body = {**production.publish_body(item, "key", reservation_id=reserved["reservation_id"]), **address}
    publish = studio.artist.post("/publishes/", body).data
    pin = pinned(studio, publish)
    assert pin["entity"] == "shot:sq010/sh010" and versions(pin) == {"key": 1}
    asked = studio.artist.get(f"/publishes/pinned-entry?shot=sq010/sh010&project={production.project['name']}").data
    # It is as of now, and so will be what it refers to.
    assert datetime.fromisoformat(asked.pop("moment")) > datetime.fromisoformat(pin.pop("moment"))
    assert asked == pin


def test_a_pin_whose_item_is_gone_says_so(studio: StudioUnderTest) -> None:
    publish = studio.publish(studio.production())
    (studio.root / publish["item_usd_path"]).unlink()
    refused = studio.artist.get(f"/publishes/{publish['id']}/pinned-entry")
    assert (refused.status, refused.error["code"]) == (422, "publish.item_missing")


def test_a_render_job_can_be_pinned(studio: StudioUnderTest) -> None:
    production = studio.production()
    first = studio.publish(production)
    second = studio.publish(production)
    pins = [pinned(studio, publish)["usd_path"] for publish in (first, second)]
    project = production.project["name"]
    asked: list[Json] = [{"publish_id": first["id"]}, {"asset": "gear", "project": project}]
    jobs = [studio.artist.post("/jobs/", {"kind": "still", "pinned": True, **subject}).data for subject in asked]
    studio.publish(production)
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        shown = [
            subject_of(session, session.get_one(Job, (studio.tenant_id, UUID(job["id"]))), studio.root, studio.root)
            for job in jobs
        ]
    assert [str(subject.usd.relative_to(studio.root)) for subject in shown] == pins
    live = studio.artist.post("/jobs/", {"kind": "still", "publish_id": first["id"]}).data
    assert "usd_path" not in live["request"]


def test_parts_that_differ_in_their_capitals_only_are_one_folder_on_windows(studio: StudioUnderTest) -> None:
    production = studio.production()
    studio.publish(production, "body")
    refused = studio.artist.post("/publishes/reserve", production.reserve_body("Body"))
    assert (refused.status, refused.error["code"]) == (409, "conflict.part_name")


@pytest.mark.parametrize("path", ["{}", "{}\\", ".\\{}"])
def test_a_windows_clients_paths_end_up_relative_with_forward_slashes(studio: StudioUnderTest, path: str) -> None:
    production = studio.production()
    item = studio.write(f"{production.project['name']}/assets/gear/usd/body/data/body_given.usd")
    body = production.publish_body(path.format(item.replace("/", "\\")))
    body["asset_usd_path"] = body["item_usd_path"]
    published = studio.artist.post("/publishes/", body).data
    assert published["item_usd_path"] == item
    folder = folder_of(studio, production)
    for entry in (folder / "gear.usd", folder / "body" / "body.usd"):
        paths = re.findall("@(.*?)@", entry.read_text())
        assert paths and all(path.startswith("./") and "\\" not in path and ":" not in path for path in paths)


def test_a_drive_letter_is_refused_with_the_remedy(studio: StudioUnderTest) -> None:
    production = studio.production()
    for path in ("P:\\film\\assets\\gear\\usd\\body\\data\\x.usd", "\\\\server\\film\\x.usd", "p:/film/x.usd"):
        refused = studio.artist.post("/publishes/", production.publish_body(path))
        assert refused.status == 422 and "below PM_ROOT" in refused.error["fields"]["item_usd_path"]


def test_a_publish_costs_as_many_statements_as_ever(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    costs = []
    for round_ in range(2):
        for number in range(5 * round_):
            studio.publish(production, f"part{number}")
        reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
        item = studio.write(reserved["item_usd_path"])
        body = production.publish_body(item, reservation_id=reserved["reservation_id"], idempotency_key=str(round_))
        with counting(app) as statements:
            assert studio.artist.post("/publishes/", body).status == 201
        costs.append(len(statements))
    assert costs[1] <= costs[0] <= 8, costs
