"""Publish what a LOP network adds, as a layer of the asset or shot that is worked on."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hou
from pxr import Usd

from dcc.publish.data import Published, Request, UsdFile
from dcc.publish.pipeline import OnStep, publish
from dcc.usd.stage import write_stage
from houdini_otls import scenes
from houdini_otls.layers import add_published, check_portable, composed_items, own_opinions
from shared import paths
from shared.client import Client
from shared.context import Context
from shared.publish_queue import PublishQueue
from shared.versions import Version


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

    ``department`` is by default the task's. ``fix`` puts right what can be. While the service is away, the publish is
    checked as far as that goes and waits in the queue. Raises UsdError for a stage that cannot be published (see
    ``houdini_otls.layers``), and what ``dcc.publish.pipeline.publish`` raises; then nothing of it is visible.
    """
    entity = context.require_entity()
    own = own_opinions(node.stage(), entity.name)
    queue = PublishQueue.of_user()
    _add_what_the_part_says(own, context, part, queue)
    check_portable(own.GetRootLayer(), context.root)
    _, version = scenes.current(context)
    with tempfile.TemporaryDirectory(prefix="raceway-") as folder:
        file = write_stage(own, Path(folder) / f"{part}.usd", text=False)
        request = Request(part, UsdFile(file), department, software=scenes.SOFTWARE, scene=version, fix=fix)
        return publish(client, context, request, on_step, queue=queue)


def _add_what_the_part_says(own: Usd.Stage, context: Context, part: str, queue: PublishQueue) -> None:
    """Put what ``part`` says already below ``own``: the artist's last publish of it that waits for the service, which
    is sent before this one, else what its entry on the storage composes. Neither needs the service."""
    entity = context.require_entity()
    entry = paths.absolute(context.root, paths.part_entry(context.project, entity, part))
    folder = paths.absolute(context.root, paths.part_item(context.project, entity, part, Version(1, 1))).parent
    address = ("layer", context.project, str(entity), part)
    waiting = [
        each.layer
        for each in queue.entries(context.root)
        if each.state == "waiting"
        and (each.publish.kind, each.publish.project, each.publish.entity, each.publish.part) == address
    ]
    for item in waiting[-1:] or composed_items(entry):
        add_published(own, item, folder)
