"""A small production at a running service: what tests of the programs around the service work with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from shared.client import Client, Json
from shared.context import Context, Entity
from shared.errors import AuthError
from shared.files import atomic_write, sha256_of

PROJECT = "film"
ARTIST = "maya@studio.example"
PASSWORD = "a long and quiet sentence"
OTHER = "jonas@studio.example"

LOOK = """#usda 1.0
(
    defaultPrim = "ball_bearing"
    metersPerUnit = 0.001
    upAxis = "Z"
)
over "ball_bearing"
{
}
"""


@dataclass(frozen=True)
class Studio:
    """The production. ``look_task`` is the artist's, on the asset ``ball_bearing``."""

    url: str
    api_url: str
    root: Path
    admin_token: str
    artist: Json
    look_task: Json

    def context(self, token: str) -> Context:
        """The artist's context on her task, as the launcher sets it."""
        entity = Entity.asset("ball_bearing")
        return Context(self.api_url, token, PROJECT, entity, self.look_task["id"], self.artist["name"], self.root)

    @contextlib.contextmanager
    def token(self) -> Iterator[str]:
        """A token of the artist; it is good until the block ends."""
        with Client(self.api_url, self.admin_token) as admin:
            made = admin.post("/tokens/", {"name": "test", "user_id": self.artist["id"]})
            try:
                yield made["token"]
            finally:
                self.revoke(made["token"])

    def revoke(self, token: str) -> None:
        """Make the service forget a token; nothing where it has already."""
        with Client(self.api_url, token) as client, contextlib.suppress(AuthError):
            client.post("/auth/logout")


def make_studio(url: str, api_url: str, root: Path, admin_token: str) -> Studio:
    """Fill a new service: two artists, a project with two assets and a shot, tasks, saved scenes and a publish."""
    with Client(api_url, admin_token) as admin:
        artist, other = (
            admin.post("/artists/", {"name": name, "email": email, "role": "artist", "password": PASSWORD})
            for name, email in (("Maya Lindqvist", ARTIST), ("Jonas Berg", OTHER))
        )
        project = admin.post("/projects/", {"name": PROJECT, "title": "The film"})
        bearing, _ = (
            admin.post("/assets/", {"project_id": project["id"], "name": name, "title": title})
            for name, title in (("ball_bearing", "Ball bearing"), ("housing", "Housing"))
        )
        sequence = admin.post("/sequences/", {"project_id": project["id"], "name": "sq010"})
        frames = {"frame_in": 1001, "frame_out": 1048}
        shot = admin.post("/shots/", {"sequence_id": sequence["id"], "name": "sh010", **frames})
        tomorrow = (date.today() + timedelta(days=1)).isoformat()
        look = _task(admin, "asset", bearing, "lookdev", "look", artist, status="in_progress", due=tomorrow)
        _task(admin, "asset", bearing, "modelling", "model", other, status="done")
        _task(admin, "shot", shot, "lighting", "lighting", artist)
        for bump in ("iteration", "iteration", "version"):
            _scene(admin, root, look, bump)
        _publish_look(admin, root, look, bearing)
    return Studio(url, api_url, root, admin_token, artist, look)


def _task(admin: Client, kind: str, target: Json, name: str, department: str, assignee: Json, **fields: Any) -> Json:
    body = {
        "target_type": kind,
        "target_id": target["id"],
        "name": name,
        "department": department,
        "assignee_id": assignee["id"],
        **fields,
    }
    return dict(admin.post("/tasks/", body))


def _scene(admin: Client, root: Path, task: Json, bump: str) -> None:
    scene = admin.reserve_scene(task["id"], "ball_bearing", software="blender", suffix=".blend", bump=bump)
    file = atomic_write(root / scene["path"], f"stands in for {scene['path']}")
    admin.commit_scene(scene["id"], sha256=sha256_of(file), size=file.stat().st_size)


def _publish_look(admin: Client, root: Path, task: Json, asset: Json) -> None:
    address = {"task_id": task["id"], "target_type": "asset", "target_id": asset["id"]}
    reserved = admin.reserve_publish(**address, part_name="look", department="look")
    file = atomic_write(root / reserved["item_usd_path"], LOOK)
    admin.commit_publish(
        "first look",
        **address,
        software="blender",
        source_version=1,
        source_iteration=1,
        item_usd_path=reserved["item_usd_path"],
        asset_usd_path=reserved["part_usd_path"],
        status="published",
        metadata={"asset_name": asset["name"], "part_name": "look", "department": "look"},
        reservation_id=reserved["reservation_id"],
        sha256=sha256_of(file),
    )
