"""What the sweeper tidies: files under temporary names, reservations and tokens whose time is over."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update

from service.config import Config
from service.database import db, tenant_session
from service.models import ApiToken, Publish, Reservation
from service.tasks import sweeper
from tests.service.studio import StudioUnderTest

pytestmark = pytest.mark.usefixtures("few_tenants")


def aged(place: Path, age: timedelta) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.suffix:
        place.write_text("half")
    else:
        (place / "inside").mkdir(parents=True)
    then = time.time() - age.total_seconds()
    os.utime(place, (then, then))
    return place


def test_only_old_temporary_files_are_removed(app: Flask, studio: StudioUnderTest) -> None:
    old, young = sweeper.TEMPORARY_LIFETIME + timedelta(hours=1), sweeper.TEMPORARY_LIFETIME - timedelta(hours=1)
    data = studio.root / "film" / "assets" / "gear" / "usd" / "body" / "data"
    gone = [aged(data / ".tmp-a.usd", old), aged(studio.root / ".store" / "aa" / ".tmp-b", old)]
    kept = [
        aged(data / ".tmp-c.usd", young),
        aged(data / "body_v001_i001.usd", old),
        aged(studio.root / ".store" / "aa" / "bb", old),
    ]
    link = data / ".tmp-link"
    link.symlink_to(kept[2], target_is_directory=True)
    os.utime(link, (0, 0), follow_symlinks=False)
    with app.app_context():
        sweeper.tidy(app)
    assert not any(place.exists() for place in gone) and not link.is_symlink()
    assert all(place.exists() for place in kept)


def test_a_tenant_whose_storage_cannot_be_looked_through_keeps_no_other_untidy(
    app: Flask, studio: StudioUnderTest, other_studio: StudioUnderTest
) -> None:
    with app.app_context(), db.engine.connect() as connection:
        order = [tenant_id for tenant_id, _ in sweeper.tenants(app, connection)]
    broken, other = sorted((studio, other_studio), key=lambda each: order.index(each.tenant_id))
    broken.publish(broken.production())
    left = aged(other.root / "film" / ".tmp-a.usd", sweeper.TEMPORARY_LIFETIME + timedelta(hours=1))
    with app.app_context(), tenant_session(broken.tenant_id) as session:
        session.execute(update(Publish).values(item_usd_path="x" * 300))
    with app.app_context():
        sweeper.tidy(app)
    assert not left.exists()


def test_by_default_a_lost_worker_s_task_runs_again_within_15_s(config: Config) -> None:
    """How long it takes in fact is measured by ``tests.benchmarks.recovery``."""
    assert Config.lease_seconds == config.lease_seconds, "the tests' service has the defaults"
    # A lease is renewed up to the worker's death; then comes a sweep, and whoever hears its bell claims the task.
    assert config.lease_seconds + sweeper.SWEEP_SECONDS < 13


def test_a_reservation_nobody_came_back_for_ends_with_its_item(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    published = studio.publish(production)
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.write(reserved["item_usd_path"])
    let_reservations_end(app, studio)
    with app.app_context():
        sweeper.sweep(app)
    assert not (studio.root / item).exists() and (studio.root / published["item_usd_path"]).exists()
    report = reports(studio)[0]
    assert report == {"expired_reservations": [item], "removed_items": [item]}
    # A machine that slept finishes writing after its time.
    studio.write(item)
    refused = studio.artist.post(
        "/publishes/", production.publish_body(item, reservation_id=reserved["reservation_id"])
    )
    assert refused.error["code"] == "conflict.reservation" and "expired" in refused.error["message"]
    with app.app_context():
        sweeper.tidy(app)
    assert not (studio.root / item).exists()
    assert reports(studio)[0] == {"removed_items": [item]}


def test_items_that_the_database_has_forgotten_are_neither_replaced_nor_removed(
    app: Flask, studio: StudioUnderTest
) -> None:
    """After a reset, or once a backup of yesterday was restored: others may refer to what was published since."""
    production = studio.production()
    folder = f"{production.project['name']}/assets/gear/usd/body/data"
    forgotten = [studio.write(f"{folder}/body_v00{number}_i001.usd", "old") for number in (1, 2)]
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    assert (reserved["version"], reserved["item_usd_path"]) == (3, f"{folder}/body_v003_i001.usd")
    studio.write(f"{folder}/body_v003_i002.usd", "old")
    kept = studio.artist.post("/publishes/reserve", production.reserve_body(keep_version=True)).data
    assert (kept["version"], kept["iteration"]) == (3, 3)
    let_reservations_end(app, studio)
    with app.app_context():
        sweeper.sweep(app)
    assert [(studio.root / item).read_text() for item in forgotten] == ["old", "old"]


def test_scenes_that_the_database_has_forgotten_are_not_replaced(studio: StudioUnderTest) -> None:
    production = studio.production()
    scene = {"task_id": production.task["id"], "name": "main", "software": "blender", "suffix": ".blend"}
    folder = f"{production.project['name']}/assets/gear/scenes/{production.task['name']}"
    studio.write(f"{folder}/main_v001_i001.blend")
    reserved = studio.artist.post("/scenes/reserve", scene).data
    assert reserved["path"] == f"{folder}/main_v001_i002.blend"
    assert (reserved["version"], reserved["iteration"]) == (1, 2)


def test_the_key_of_an_ended_reservation_reserves_anew(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    body = production.reserve_body(idempotency_key="waited in a queue")
    first = studio.artist.post("/publishes/reserve", body).data
    let_reservations_end(app, studio)
    with app.app_context():
        sweeper.sweep(app)
    second = studio.artist.post("/publishes/reserve", body).data
    assert (first["version"], second["version"]) == (1, 2)
    assert studio.artist.post("/publishes/reserve", body).data == second


def test_entries_are_mended_and_lost_items_reported(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    body, lid = studio.publish(production), studio.publish(production, "lid")
    entries = [studio.root / body["part_usd_path"], studio.root / body["entity_usd_path"]]
    right = [entry.read_text() for entry in entries]
    entries[0].write_text("somebody edited this")
    entries[1].unlink()
    (studio.root / lid["item_usd_path"]).unlink()
    with app.app_context():
        sweeper.tidy(app)
    assert [entry.read_text() for entry in entries] == right
    assert reports(studio)[0] == {
        "repaired_entries": [body["part_usd_path"], body["entity_usd_path"]],
        "lost_items": [lid["item_usd_path"]],
    }


def test_a_round_that_finds_nothing_reports_nothing(app: Flask, studio: StudioUnderTest) -> None:
    studio.publish(studio.production())
    with app.app_context():
        sweeper.sweep(app)
        sweeper.tidy(app)
    assert reports(studio) == []
    assert studio.artist.get("/publishes/sweeps").status == 403


def let_reservations_end(app: Flask, studio: StudioUnderTest) -> None:
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(update(Reservation).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


def reports(studio: StudioUnderTest) -> list[dict[str, list[str]]]:
    return [item["report"] for item in studio.admin.get("/publishes/sweeps").data["items"]]


def test_a_token_that_has_ended_is_forgotten(app: Flask, studio: StudioUnderTest) -> None:
    made = studio.artist.post("/tokens/", {"name": "render farm"}).data
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            past = datetime.now(UTC) - timedelta(seconds=1)
            session.execute(update(ApiToken).where(ApiToken.id == UUID(made["id"])).values(expires_at=past))
        sweeper.sweep(app)
    assert made["id"] not in {token["id"] for token in studio.artist.get("/tokens/").data["items"]}
