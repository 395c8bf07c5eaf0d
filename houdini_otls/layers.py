"""A Solaris stage as something to publish: its own opinions as one layer. Plain USD, without Houdini."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pxr import Sdf, Usd, UsdUtils

from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import UsdError

_HOUDINI_PRIMS = ("/HoudiniLayerInfo",)
"""Houdini's notes to itself in each layer."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def own_opinions(stage: Usd.Stage, root_prim: str) -> Sdf.Layer:
    """Everything that the nodes of a network say themselves, as one layer below ``/<root_prim>``.

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
    root = Usd.Stage.Open(merged)
    root.SetMetadata("metersPerUnit", METERS_PER_UNIT)
    root.SetMetadata("upAxis", UP_AXIS)
    merged.defaultPrim = root_prim
    return merged


def make_portable(layer: Sdf.Layer, item: Path, storage: Path) -> None:
    """Rewrite the layer's absolute file paths below ``storage`` as paths relative to ``item``, its future place.

    Raises UsdError (``usd.not_portable``) for files outside the storage, and for layers and textures that only exist
    in this Houdini session.
    """
    base, root = item.resolve().parent, storage.resolve()
    foreign: list[str] = []

    def portable(path: str) -> str:
        if path.startswith("anon:") or _is_session_path(path):
            foreign.append(path)
            return path
        if not os.path.isabs(path):
            return path
        file = Path(path).resolve()
        if not file.is_relative_to(root):
            foreign.append(path)
            return path
        relative = Path(os.path.relpath(file, base)).as_posix()
        return relative if relative.startswith("../") else f"./{relative}"

    UsdUtils.ModifyAssetPaths(layer, portable)
    if foreign:
        raise UsdError(
            f"The layer uses {', '.join(dict.fromkeys(foreign))}, which other machines cannot see.",
            hint=f"Publish it, or put it on the shared storage ({storage}), and load it from there.",
            code="usd.not_portable",
        )


def _is_session_path(path: str) -> bool:
    # `op:/stage/...` and `opdef:...` name nodes; a single letter before the colon is a Windows drive.
    return bool(_SCHEME.match(path)) and path.partition(":")[0] in ("op", "opdef", "oplib")
