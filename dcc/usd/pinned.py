"""Pin a stage with all that it refers to, so that it composes for ever what it composed at one moment.

An entry changes with every publish, and with it each shot that refers to it. The service knows what each entry composed
at a moment. Layers that refer to entries are copied, with references to pinned entries in the place of those; the
copies stand beside the pinned entries, and are named by their content. Layers that refer to no entry are used as they
are: items never change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from pxr import Sdf, UsdUtils

from dcc.usd.asset_paths import asset_paths
from dcc.usd.stage import open_layer
from shared import items, paths
from shared.client import Client, Json
from shared.context import Entity
from shared.departments import Arc
from shared.entry_layers import part_entry_layer
from shared.errors import NotFoundError
from shared.files import atomic_write

PinnedAt = Callable[[str, Entity], Json | None]
"""What the service says of a project's asset or shot: ``usd_path`` of its pinned entry, and the ``parts`` that it
composes, each with ``part_name``, ``arc`` and ``item_usd_path``. None where that is not known yet."""


def pin_publish(client: Client, root: Path, publish_id: str) -> Path:
    """The asset or shot as it was when that publish was committed, and so is every entry that it refers to.

    Raises NotFoundError for an unknown publish, or an entry that composed nothing then; UsdError, StorageError.
    """
    pin = client.pinned_entry(publish_id)
    pinning = Pinning(root, lambda project, entity: client.pinned_at(project, entity, pin["moment"]))
    return pinning.layer(paths.absolute(root, pin["usd_path"]))


class Pinning:
    """One moment, and the layers pinned to it so far; ``missing`` are the assets and shots that are not known yet.

    As long as any is missing, what :meth:`layer` answers is not pinned.
    """

    def __init__(self, root: Path, pinned_at: PinnedAt) -> None:
        self.missing: set[tuple[str, Entity]] = set()
        self._root, self._pinned_at = root.resolve(), pinned_at
        self._pins: dict[tuple[str, Entity], Json | None] = {}
        self._done: dict[Path, Path] = {}

    def layer(self, place: Path) -> Path:
        """``place`` itself, or its copy that refers to pinned entries."""
        place = place.resolve()
        if place not in self._done:
            self._done[place] = place  # what refers to itself is left alone
            self._done[place] = self._copied(place)
        return self._done[place]

    def _copied(self, place: Path) -> Path:
        layer = open_layer(place)
        moved: dict[str, Path] = {}
        for path in asset_paths(layer):
            target = _place_of(layer, path)
            if target.suffix in items.SUFFIXES and target.is_file() and target.is_relative_to(self._root):
                moved[path] = self._pinned(target)
        if self.missing or all(_place_of(layer, path) == target for path, target in moved.items()):
            return place
        folder = _pinned_folder(place)
        copy = Sdf.Layer.CreateAnonymous(".usda")
        copy.TransferContent(layer)

        def relocated(path: str) -> str:
            target = moved.get(path) or Path(layer.ComputeAbsolutePath(path))
            relative = Path(os.path.relpath(target, folder)).as_posix()
            return relative if relative.startswith(".") else f"./{relative}"

        UsdUtils.ModifyAssetPaths(copy, relocated)
        return _written(folder, place.stem, copy.ExportToString())

    def _pinned(self, target: Path) -> Path:
        """The layer that a reference to ``target`` is to lead to instead."""
        entry = paths.parse_entry(target.relative_to(self._root).as_posix())
        if entry is None:
            return self.layer(target)
        project, entity, part = entry
        pin = self._pin_of(project, entity)
        if pin is None:
            return target
        if not part:
            return self.layer(paths.absolute(self._root, pin["usd_path"]))
        for composed in pin["parts"]:
            if composed["part_name"] == part:
                item = PurePosixPath(composed["item_usd_path"]).name
                text = part_entry_layer(entity.name, item, Arc(composed["arc"]), data=f"../{part}/data")
                return self.layer(_written(target.parent.parent / paths.PINNED, part, text))
        raise NotFoundError(
            f"The part {part} of {entity} was not composed at that moment.",
            hint="It was published later, or withdrawn: refer to the asset or shot instead, or pin a later publish.",
        )

    def _pin_of(self, project: str, entity: Entity) -> Json | None:
        key = (project, entity)
        if key not in self._pins:
            self._pins[key] = self._pinned_at(project, entity)
        if self._pins[key] is None:
            self.missing.add(key)
        return self._pins[key]


def _place_of(layer: Sdf.Layer, path: str) -> Path:
    return Path(layer.ComputeAbsolutePath(path)).resolve()


def _pinned_folder(place: Path) -> Path:
    """The folder of pinned entries of the asset or shot that a layer belongs to."""
    usd = next((folder for folder in place.parents if folder.name == "usd"), place.parent)
    return usd / paths.PINNED


def _written(folder: Path, name: str, text: str) -> Path:
    place = folder / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}.usd"
    if not place.is_file():
        atomic_write(place, text)
    return place
