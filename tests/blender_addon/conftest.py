"""A running service with a worker, and an artist's task on an asset whose CAD file is converted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from shared.client import Client, Json
from shared.context import Context, Entity
from shared.processes import python_tool, run_tool

NEEDED = ("bpy", "pxr", "OCP", "flask")


@dataclass(frozen=True)
class Work:
    """What the artist works on."""

    context: Context
    cad_file: Json

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.context.to_environment(), **more}

    def in_blender(self, script: str, *arguments: str) -> dict[str, Any]:
        """Run a script of this folder under ``bpy`` in the artist's environment and return its result."""
        command = python_tool(f"tests.blender_addon.{script}", *arguments)
        return run_tool(command, env=self.environment(), timeout=120)


@pytest.fixture(scope="package")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    from service.stack import running

    folder = tmp_path_factory.mktemp("addon")
    step = folder / "bearing.step"
    run_tool(python_tool("dcc.cad.bearing", str(step)), timeout=120)
    with running(folder / "data", workers=1) as stack, Client(stack.api_url, stack.admin_token) as client:
        yield Work(*_production(client, stack.api_url, stack.admin_token, stack.root, step))


def _production(client: Client, api_url: str, token: str, root: Path, step: Path) -> tuple[Context, Json]:
    project = client.post("/projects/", {"name": "film", "title": "Film"})
    asset = client.post("/assets/", {"project_id": project["id"], "name": "bearing", "title": "Bearing"})
    body = {"target_type": "asset", "target_id": asset["id"], "name": "lookdev", "department": "look"}
    task = client.post("/tasks/", body)
    cad_file = client.upload_cad(step, project="film", asset="bearing")
    if cad_file["state"] != "ready":
        client.wait_for_job(cad_file["job_id"], timeout=120)
    context = Context(api_url, token, "film", Entity.asset("bearing"), task["id"], "Maya", root)
    return context, client.cad_file(cad_file["id"])
