"""A pinned render of a shot shows every asset as it was when the shot was published, whatever came later."""

from __future__ import annotations

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask

from service.database import tenant_session
from service.queue.queueing import QUEUES
from service.tasks import pinned
from service.tasks.lease import claim_next
from service.tasks.subject import subject_of
from shared.errors import NotFoundError
from tests.service.studio import Json, StudioUnderTest

Usd = pytest.importorskip("pxr.Usd")
pytestmark = pytest.mark.usefixtures("quiet_queue")


class Film:
    """A shot that refers to the asset ``gear``, which refers to the asset ``bolt``; each has a colour."""

    def __init__(self, studio: StudioUnderTest) -> None:
        self.studio = studio
        self.production = studio.production()
        self.project = self.production.project["name"]
        project_id = self.production.project["id"]
        bolt = studio.admin.post("/assets/", {"project_id": project_id, "name": "bolt"}).data
        sequence = studio.admin.post("/sequences/", {"project_id": project_id, "name": "sq010"}).data
        shot = studio.admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010"}).data
        self.tasks = {
            "bolt": self._task("asset", bolt),
            "gear": self._task("asset", self.production.asset),
            "sh010": self._task("shot", shot),
        }

    def _task(self, kind: str, target: Json) -> Json:
        body = {"target_type": kind, "target_id": target["id"], "name": "paint", "department": "look"}
        task = self.studio.admin.post("/tasks/", body).data
        return {"task_id": task["id"], "target_type": kind, "target_id": target["id"]}

    def publish(self, name: str, text: str) -> Json:
        """Publish ``text`` as the content of an asset or shot."""
        address = self.tasks[name]
        reserved = self.studio.artist.post("/publishes/reserve", {**address, "part_name": "paint"}).data
        layer = f'#usda 1.0\n(\n    defaultPrim = "{name}"\n)\ndef Xform "{name}"\n{{\n{text}\n}}\n'
        item = self.studio.write(reserved["item_usd_path"], layer)
        reservation = {"reservation_id": reserved["reservation_id"]}
        body = self.production.publish_body(item, "paint", **reservation)
        published: Json = self.studio.artist.post("/publishes/", {**body, **address}).data
        return published

    def paint(self, colour: str) -> None:
        self.publish("bolt", f'    custom string bolt = "{colour}"')
        entry = "../../../../bolt/usd/bolt.usd"
        reference = f'    def "bolt" (references = @{entry}@)\n    {{\n    }}'
        self.publish("gear", f'    custom string gear = "{colour}"\n{reference}')

    def shoot(self) -> Json:
        entry = "../../../../../../assets/gear/usd/gear.usd"
        return self.publish("sh010", f'    def "gear" (references = @{entry}@)\n    {{\n    }}')


def colours(place: Path) -> list[str]:
    """Of the gear and its bolt, on a stage of the shot."""
    stage = Usd.Stage.Open(str(place))
    stage.Reload()
    gear, bolt = stage.GetPrimAtPath("/sh010/gear"), stage.GetPrimAtPath("/sh010/gear/bolt")
    return [gear.GetAttribute("gear").Get(), bolt.GetAttribute("bolt").Get()]


def rendered(app: Flask, studio: StudioUnderTest, folder: Path) -> Path:
    """The USD that a worker renders for the next job."""
    with app.app_context():
        lease = claim_next(uuid4(), QUEUES, (), 30.0, threading.Event(), {studio.tenant_id})
        assert lease is not None
        with tenant_session(studio.tenant_id) as current:
            subject = subject_of(current, lease.job, studio.root, folder / "manifest.json")
        return pinned.with_references(lease, app.extensions["raceway"], studio.root, subject, folder).usd


def test_a_pinned_render_of_a_shot_shows_its_assets_as_they_were(
    app: Flask, studio: StudioUnderTest, tmp_path: Path
) -> None:
    film = Film(studio)
    film.paint("red")
    shot = film.shoot()
    live = studio.root / shot["entity_usd_path"]
    assert colours(live) == ["red", "red"]
    film.paint("blue")
    assert colours(live) == ["blue", "blue"]
    for wanted, seen in ((True, "red"), (False, "blue")):
        job = {"kind": "frames", "frames": "1", "publish_id": shot["id"], "pinned": wanted}
        assert studio.artist.post("/jobs/", job).status == 201
        assert colours(rendered(app, studio, tmp_path)) == [seen, seen]


def test_an_asset_that_was_not_published_then_is_named(app: Flask, studio: StudioUnderTest, tmp_path: Path) -> None:
    film = Film(studio)
    shot = film.shoot()
    film.paint("blue")
    job = {"kind": "frames", "frames": "1", "publish_id": shot["id"], "pinned": True}
    assert studio.artist.post("/jobs/", job).status == 201
    with pytest.raises(NotFoundError, match="asset:gear composes nothing"):
        rendered(app, studio, tmp_path)
