"""Publish what a LOP network adds, as a layer of the asset or shot that is worked on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hou

from dcc.publish.data import Published, Request, UsdFile
from dcc.publish.pipeline import OnStep, publish
from dcc.usd.stage import write_stage
from houdini_otls import scenes
from houdini_otls.layers import add_published, check_portable, own_opinions
from shared import paths
from shared.client import Client
from shared.context import Context
from shared.publish_queue import PublishQueue


def publish_node(
    client: Client,
    context: Context,
    node: hou.LopNode,
    part: str,
    department: str = "",
    on_step: OnStep | None = None,
    *,
    fix: bool = False,
) -> Published:
    """Publish the opinions of ``node`` and the nodes before it as the part ``part``, over what the part says already.

    ``department`` is by default the task's. ``fix`` puts right what can be. While the service is away for the commit,
    the publish waits in the queue. Raises UsdError for a stage that cannot be published (see
    ``houdini_otls.layers``), and what ``dcc.publish.pipeline.publish`` raises; then nothing of it is visible.
    """
    entity = context.require_entity()
    own = own_opinions(node.stage(), entity.name)
    for latest in client.publishes(
        project=context.project, part=part, latest_per_part=1, **{entity.kind: str(entity).partition(":")[2]}
    ):
        add_published(own, paths.absolute(context.root, latest["item_usd_path"]))
    check_portable(own.GetRootLayer(), context.root)
    _, version = scenes.current(context)
    with tempfile.TemporaryDirectory(prefix="raceway-") as folder:
        file = write_stage(own, Path(folder) / f"{part}.usd", text=False)
        request = Request(part, UsdFile(file), department, software=scenes.SOFTWARE, scene=version, fix=fix)
        return publish(client, context, request, on_step, queue=PublishQueue.of_user())
