"""What a scene uses and what is newer: one request, whatever it uses."""

from __future__ import annotations

from uuid import uuid4

from dcc.publish.data import Request, UsdFile
from dcc.publish.pipeline import publish
from dcc.scenes.outdated import newer_than
from shared.client import Client
from shared.context import Context
from tests.dcc.publish.test_pipeline import write_layer


def test_a_scene_asks_once_and_is_told_what_is_newer(client: Client, context: Context) -> None:
    asked: list[str] = []
    client._session.hooks["response"].append(lambda answer, **_: asked.append(answer.url))
    cad_file_id = str(uuid4())
    latest = client.publishes(project="film", asset="ball_bearing", part="look", latest_per_part=1)[0]
    used = f"v{latest['version']:03d}_i{latest['iteration']:03d}"
    asked.clear()
    assert newer_than(client, context, cad_file_id, used) == []
    assert len(asked) == 1
    assert newer_than(client, context, cad_file_id) == [f"look: {used}"]
    publish(client, context, Request("look", UsdFile(write_layer(context, "look.usda")), "look"))
    assert newer_than(client, context, cad_file_id, used) == [f"look: v{latest['version'] + 1:03d}_i001"]
