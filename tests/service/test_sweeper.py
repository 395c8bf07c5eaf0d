"""What the sweeper tidies: files under temporary names, reservations and tokens whose time is over."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import update

from service.database import tenant_session
from service.models import ApiToken, Reservation
from service.tasks import sweeper
from tests.service.studio import StudioUnderTest


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


def test_a_reservation_nobody_came_back_for_expires(app: Flask, studio: StudioUnderTest) -> None:
    production = studio.production()
    reserved = studio.artist.post("/publishes/reserve", production.reserve_body()).data
    item = studio.write(reserved["item_usd_path"])
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            session.execute(update(Reservation).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        sweeper.sweep(app)
    body = production.publish_body(item, reservation_id=reserved["reservation_id"])
    refused = studio.artist.post("/publishes/", body)
    assert refused.error["code"] == "conflict.reservation" and "expired" in refused.error["message"]


def test_a_token_that_has_ended_is_forgotten(app: Flask, studio: StudioUnderTest) -> None:
    made = studio.artist.post("/tokens/", {"name": "render farm"}).data
    with app.app_context():
        with tenant_session(studio.tenant_id) as session:
            past = datetime.now(UTC) - timedelta(seconds=1)
            session.execute(update(ApiToken).where(ApiToken.id == UUID(made["id"])).values(expires_at=past))
        sweeper.sweep(app)
    assert made["id"] not in {token["id"] for token in studio.artist.get("/tokens/").data["items"]}
