"""The project, asset, task and artist that the demonstration works with; made once and found again."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.client import Client, Json
from shared.context import Context, Entity

PROJECT = "demo"
TASK = "lookdev"
ARTIST_NAME = "Demo Artist"
ARTIST_EMAIL = "artist@demo.example"
_MAX_ASSET_NAME = 60


@dataclass(frozen=True)
class Production:
    """What the demonstration's publishes belong to, and the artist who makes them."""

    project: Json
    asset: Json
    task: Json
    artist: Json
    token: Json
    """The artist's token as the service answered it: ``id`` and, this once, ``token``."""

    def context(self, api_url: str, root: Path) -> Context:
        """The artist's work context, as the launcher would set it."""
        return Context(
            api_url=api_url,
            token=self.token["token"],
            project=self.project["name"],
            entity=Entity.asset(self.asset["name"]),
            task_id=self.task["id"],
            artist=self.artist["name"],
            root=root,
        )


def prepare_production(admin: Client, asset_name: str) -> Production:
    """Make, or find from an earlier run, the project, the asset, its task, the artist and a token for her."""
    project = _first(admin.projects(q=PROJECT), name=PROJECT) or admin.post(
        "/projects/", {"name": PROJECT, "title": "Raceway demonstration"}
    )
    asset = _first(admin.assets(PROJECT, q=asset_name), name=asset_name) or admin.post(
        "/assets/",
        {"project_id": project["id"], "name": asset_name, "title": _title(asset_name), "asset_type": "product"},
    )
    # Nobody keeps this password: the artist of the demonstration comes in by her token.
    artist = _first(admin.pages("/artists/", q=ARTIST_EMAIL), email=ARTIST_EMAIL) or admin.post(
        "/artists/",
        {"name": ARTIST_NAME, "email": ARTIST_EMAIL, "role": "artist", "password": secrets.token_urlsafe(24)},
    )
    task = _first(admin.tasks(project=PROJECT, asset=asset_name), name=TASK) or admin.post(
        "/tasks/",
        {
            "target_type": "asset",
            "target_id": asset["id"],
            "name": TASK,
            "department": "look",
            "assignee_id": artist["id"],
        },
    )
    token = admin.post("/tokens/", {"name": f"demo {secrets.token_hex(4)}", "user_id": artist["id"]})
    return Production(project, asset, task, artist, token)


def asset_name_of(file: Path) -> str:
    """A name for the asset that a CAD file becomes: ``as1-oc-214.stp`` gives ``as1_oc_214``."""
    ascii_name = unicodedata.normalize("NFKD", file.stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "_", ascii_name).strip("_")[:_MAX_ASSET_NAME]
    return name if name[:1].isalpha() else f"asset_{name}".rstrip("_")


def _title(asset_name: str) -> str:
    return asset_name.replace("_", " ").strip().capitalize()


def _first(items: Any, **wanted: str) -> Json | None:
    return next((item for item in items if all(item[key] == value for key, value in wanted.items())), None)
