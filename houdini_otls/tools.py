"""What the shelf's buttons do. Each asks the artist what it needs, does its work, and says what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import hou

from dcc.publish.data import InvalidPublishError, Published
from dcc.publish.pipeline import OnStep
from dcc.scenes.save import require_task
from houdini_otls import assets, dialogs, looks, material_node, publishing, scenes
from houdini_otls.dialogs import tool
from shared.client import Client
from shared.context import Context
from shared.errors import InputError, ServiceError
from shared.material_library import LIBRARY


@contextmanager
def session() -> Iterator[tuple[Context, Client]]:
    """The artist's context and a connection to the service.

    Raises InputError where Houdini was not started from the launcher.
    """
    context = Context.from_environment()
    with Client.from_context(context) as client:
        yield context, client


@tool
def load_asset() -> None:
    """Load a published asset into Solaris."""
    with session() as (context, client):
        published = assets.published_assets(client, context.project)
    if not published:
        dialogs.tell(f"Nothing is published in {context.project} yet.")
        return
    rows = [f"{asset.name}    {asset.provenance()['version']}" for asset in published]
    asset = published[dialogs.choose(rows, "Load which asset?")]
    working_on_it = context.entity is not None and str(context.entity) == f"asset:{asset.name}"
    node = assets.load(asset, as_sublayer=working_on_it)
    hou.ui.setStatusMessage(f"{node.path()} loads {asset.name}.")


@tool
def check_assets() -> None:
    """List the loaded assets that have a newer publish, and update those the artist chooses."""
    with session() as (context, client):
        loaded = assets.loaded_assets(assets.published_assets(client, context.project))
    outdated = [one for one in loaded if one.outdated]
    if not outdated:
        dialogs.tell(f"All {len(loaded)} loaded assets are up to date." if loaded else "No published asset is loaded.")
        return
    rows = [f"{one.node.path()}    {one.loaded_version}  →  {one.asset.provenance()['version']}" for one in outdated]
    for row in dialogs.choose_several(rows, "Update which assets?", chosen=range(len(rows))):
        assets.update(outdated[row])


def _no_selection(which: str) -> InputError:
    return InputError("No LOP is selected.", hint=f"Select the node {which}.", code="input.selection")


@tool
def assign_material() -> None:
    """Give parts of the asset at the selected LOP a material of the library."""
    selected = assets.selected_lop()
    if selected is None:
        raise _no_selection("whose stage shows the asset")
    stage = selected.stage()
    found = looks.assets_on(stage)
    if not found:
        raise InputError(
            f"{selected.path()} shows no asset with parts.",
            hint="Load a published asset first (Load Asset).",
            code="input.selection",
        )
    asset = found[dialogs.choose(found, "Which asset?")] if len(found) > 1 else found[0]
    parts = list(looks.parts_of(stage, asset))
    chosen = [parts[row] for row in dialogs.choose_several(parts, "Which parts?")]
    labels = [material.label for material in LIBRARY.values()]
    material = list(LIBRARY)[dialogs.choose(labels, "Which material?")]
    node = selected if material_node.is_ours(selected) else material_node.create(selected, asset)
    material_node.assign(node, dict.fromkeys(chosen, material))
    hou.ui.setStatusMessage(f"{', '.join(chosen)} wear {LIBRARY[material].label}.")


@tool
def save_scene() -> None:
    """Save this scene as its next iteration or as a new version."""
    with session() as (context, client):
        name, version = scenes.current(context)
        text = f"“{name}” was never saved here." if version is None else f"“{name}” is at {version}."
        pressed = dialogs.ask_choice(text, ("Next iteration", "New version"))
        saved = scenes.save(client, context, new_version=pressed == 1)
    hou.ui.setStatusMessage(f"Saved {saved.path}.")


def _department(client: Client, context: Context) -> str:
    """The task's department, which the part is usually called after; empty while the service is away."""
    try:
        return str(client.task(require_task(context))["department"])
    except ServiceError as error:
        if not error.is_away:
            raise
        return ""


@tool
def publish_layer() -> None:
    """Publish what the selected LOP and the nodes before it say, as a layer of this asset or shot."""
    node = assets.selected_lop()
    if node is None:
        raise _no_selection("up to which everything is published")
    with session() as (context, client):
        department = _department(client, context)
        part = dialogs.ask_text(f"Publish up to {node.path()} as which part of {context.require_entity()}?", department)

        def attempt(fix: bool = False) -> Published:
            report: OnStep = lambda step, text: hou.ui.setStatusMessage(f"{text}…")  # noqa: E731
            return publishing.publish_node(client, context, node, part, on_step=report, fix=fix)

        try:
            done = attempt()
        except InvalidPublishError as error:
            if not error.is_fixable:
                raise
            dialogs.ask_choice(f"{error.message}\n{error.hint}", ("Fix and publish",))
            done = attempt(fix=True)
    if done.queued:
        dialogs.tell(f"The service is away: {part} waits, and is sent before your next publish.")
        return
    warnings = [f"\n• {finding.line}" for finding in done.warnings]
    dialogs.tell(f"Published {done.publish['item_usd_path']}.{''.join(warnings)}")
