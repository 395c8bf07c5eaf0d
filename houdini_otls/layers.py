"""A Solaris stage as something to publish: its own opinions as one layer. Plain USD, without Houdini."""

from __future__ import annotations

import os
from pathlib import Path

from pxr import Sdf, Usd, UsdGeom, UsdUtils

from dcc.usd.stage import open_layer
from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import UsdError

_HOUDINI_PRIMS = ("/HoudiniLayerInfo",)
"""Houdini's notes to itself in each layer."""
_SESSION_PATHS = ("anon:", "op:", "opdef:", "oplib:")
"""Starts of paths that name a layer in memory, a node, or a file inside a digital asset."""


def own_opinions(stage: Usd.Stage, root_prim: str) -> Usd.Stage:
    """Everything that the nodes of a network say themselves, as the root layer of a new stage, below ``/<root_prim>``.

    That is the stage's layers in memory, merged in their order of strength; layers that stand on disk (a loaded
    asset) are what the publish is laid over, and stay out.

    Raises UsdError: ``usd.nothing_to_publish``, or ``usd.outside_root`` for opinions about prims that do not belong
    to the asset or shot.
    """
    merged = Sdf.Layer.CreateAnonymous("publish.usda")
    for layer in stage.GetLayerStack(includeSessionLayers=False):
        if layer.anonymous:
            UsdUtils.StitchLayers(merged, layer)
    merged.subLayerPaths.clear()
    for path in _HOUDINI_PRIMS:
        if prim := merged.GetPrimAtPath(path):
            del merged.rootPrims[prim.name]
    outside = [f"/{prim.name}" for prim in merged.rootPrims if prim.name != root_prim]
    if outside:
        raise UsdError(
            f"The layer speaks about {', '.join(outside)}, but only /{root_prim} is published.",
            hint=f"Put everything below /{root_prim}, or publish from a node before those prims come in.",
            code="usd.outside_root",
        )
    if not merged.rootPrims:
        raise UsdError(
            "The selected node adds nothing to what is loaded.",
            hint="Select the last node of your own changes.",
            code="usd.nothing_to_publish",
        )
    merged.defaultPrim = root_prim
    own = Usd.Stage.Open(merged)
    UsdGeom.SetStageMetersPerUnit(own, METERS_PER_UNIT)
    UsdGeom.SetStageUpAxis(own, UP_AXIS)
    return own


def composed_items(entry: Path) -> list[Path]:
    """The published files that a part's entry composes: one, or none where nothing is published.

    Raises UsdError where the entry cannot be read.
    """
    if not entry.is_file():
        return []
    layer = open_layer(entry)
    return [Path(layer.ComputeAbsolutePath(path)) for path in layer.GetCompositionAssetDependencies()]


def add_published(own: Usd.Stage, item: Path, folder: Path) -> None:
    """Put what an item says below the opinions of ``own``, as a part's next item replaces its last one.

    ``folder`` is where the part's items stand, which the item's relative paths start from also while it waits
    somewhere else. Without all this, publishing three changed bindings of a look would drop all the others. Raises
    UsdError where the item cannot be read.
    """
    published = open_layer(item)
    weaker = Sdf.Layer.CreateAnonymous("published.usda")
    weaker.TransferContent(published)

    def anchored(path: str) -> str:
        place = os.path.normpath(folder / path)
        return place if path.startswith(".") and os.path.exists(place) else path

    UsdUtils.ModifyAssetPaths(weaker, anchored)
    UsdUtils.StitchLayers(own.GetRootLayer(), weaker)


def check_portable(layer: Sdf.Layer, storage: Path) -> None:
    """Refuse a layer that other machines cannot read whole.

    Raises UsdError (``usd.not_portable``) naming the files outside ``storage``, and the layers and textures that only
    exist in this Houdini session. Relative paths and addresses on the network pass.
    """
    root = storage.resolve()
    foreign: list[str] = []

    def look_at(path: str) -> str:
        outside = os.path.isabs(path) and not Path(path).resolve().is_relative_to(root)
        if outside or path.startswith(_SESSION_PATHS):
            foreign.append(path)
        return path

    UsdUtils.ModifyAssetPaths(layer, look_at)
    if foreign:
        raise UsdError(
            f"The layer uses {', '.join(dict.fromkeys(foreign))}, which other machines cannot see.",
            hint=f"Publish it, or put it on the shared storage ({storage}), and load it from there.",
            code="usd.not_portable",
        )
