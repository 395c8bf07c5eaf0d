"""Asset paths must work on every machine: relative to their layer, with forward slashes, to files that exist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pxr import Sdf, UsdUtils

from dcc.usd.findings import Finding

CHECK = "asset_paths"
FIX = "relative_paths"

_ABSOLUTE = re.compile(r"^(/|[A-Za-z]:|\\\\|//|file:)")


def check_asset_paths(layer: Sdf.Layer) -> Iterator[Finding]:
    """Faults of the asset paths (sublayers, references, payloads, textures) that ``layer`` itself holds."""
    for path in asset_paths(layer):
        if _ABSOLUTE.match(path):
            relative = _relative(path, layer)
            yield Finding(
                CHECK,
                "",
                f"@{path}@ is an absolute path: it works on no other machine.",
                f"Write @{relative}@." if relative else "Copy the file beside the layer and refer to it from there.",
                FIX if relative else "",
            )
        elif "\\" in path:
            yield Finding(CHECK, "", f"@{path}@ has backslashes.", f"Write @{_slashes(path)}@.", FIX)
        elif not is_there(Path(layer.ComputeAbsolutePath(path))):
            yield Finding(
                CHECK, "", f"@{path}@ cannot be found.", "Publish the file it names first, or remove the reference."
            )


def check_dependencies(layer: Sdf.Layer) -> Iterator[Finding]:
    """Files that are missing further down: named by the layers that ``layer`` composes, not by itself."""
    own = {str(Path(layer.ComputeAbsolutePath(path))) for path in asset_paths(layer)}
    for path in sorted(set(UsdUtils.ComputeAllDependencies(layer.identifier)[2])):
        if str(Path(path)) not in own:
            yield Finding(
                CHECK,
                "",
                f"A layer that it composes refers to {path}, which cannot be found.",
                "Publish that layer again, or restore the file.",
            )


def check_storage(layer: Sdf.Layer, root: Path) -> Iterator[Finding]:
    """Files that ``layer`` itself names and that are there, but not below the storage's ``root``."""
    root = root.resolve()
    for path in asset_paths(layer):
        place = Path(os.path.normpath(layer.ComputeAbsolutePath(path)))
        if "://" not in path and is_there(place) and not place.is_relative_to(root):
            yield Finding(
                CHECK,
                "",
                f"{place} is not on the shared storage ({root}): other machines do not find it.",
                "Publish it, or copy it onto the storage, and refer to it there.",
            )


def fix_asset_paths(layer: Sdf.Layer) -> None:
    """Make absolute paths of existing files relative, and backslashes forward, wherever ``layer`` holds any."""

    def relocated(path: str) -> str:
        if _ABSOLUTE.match(path):
            return _relative(path, layer) or path
        return _slashes(path)

    UsdUtils.ModifyAssetPaths(layer, relocated)


def asset_paths(layer: Sdf.Layer) -> list[str]:
    """Every asset path that ``layer`` itself holds, each once: sublayers, then references and textures, payloads."""
    return list(dict.fromkeys(path for kind in UsdUtils.ExtractExternalReferences(layer.identifier) for path in kind))


def is_there(path: Path) -> bool:
    """Whether there is a file at an asset path.

    Of a set of textures (``<UDIM>``, ``%04d``, ``####``) any tile or frame will do; of a file in a ``.usdz``, the
    package itself.
    """
    outer = Path(str(path).partition("[")[0])
    pattern = re.sub(r"<UDIM>|%0\d+d|#+", "*", outer.name)
    return outer.is_file() or ("*" in pattern and any(place.is_file() for place in outer.parent.glob(pattern)))


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _relative(path: str, layer: Sdf.Layer) -> str:
    """``path`` as seen from ``layer``, or "" where no such file is there or no relative path leads to it."""
    target = Path(_slashes(path.removeprefix("file://")))
    if not layer.realPath or not is_there(target):
        return ""
    try:
        relative = _slashes(os.path.relpath(target.resolve(), Path(layer.realPath).resolve().parent))
    except ValueError:  # another drive
        return ""
    return relative if relative.startswith(".") else f"./{relative}"
