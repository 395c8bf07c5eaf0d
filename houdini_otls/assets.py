"""Published assets in Solaris: load one, see which are out of date, bring them up to date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import hou

from houdini_otls import provenance
from shared.client import Client
from shared.errors import NotFoundError
from shared.versions import Version

STAGE = "/stage"
ROOT_VARIABLE = "$PM_ROOT"
"""Stands in file parameters for the shared storage, so that a scene opens on every machine."""
NODE_TYPES = ("sublayer", "reference")


@dataclass(frozen=True)
class PublishedAsset:
    """An asset with its latest publishes; ``path`` is its entry below the storage root."""

    project: str
    name: str
    path: str
    publishes: dict[str, str] = field(hash=False)
    """Publish id by part."""
    versions: dict[str, str] = field(hash=False)
    """Version (``v001_i002``) by part."""

    def provenance(self) -> dict[str, str]:
        """What is written on a node that loads this asset as it now stands."""
        parts = sorted(self.publishes)
        return {
            "project": self.project,
            "asset": self.name,
            "publish_id": " ".join(self.publishes[part] for part in parts),
            "version": ", ".join(f"{part} {self.versions[part]}" for part in parts),
        }


@dataclass(frozen=True)
class LoadedAsset:
    """A node that loads an asset, and the asset as the service has it now."""

    node: hou.OpNode
    asset: PublishedAsset

    @property
    def outdated(self) -> bool:
        return provenance.read(self.node, "publish_id") != self.asset.provenance()["publish_id"]

    @property
    def loaded_version(self) -> str:
        return provenance.read(self.node, "version")


def published_assets(client: Client, project: str) -> list[PublishedAsset]:
    """The assets of a project that something is published of, by name."""
    found: dict[str, PublishedAsset] = {}
    for row in client.publishes(project=project, latest_per_part=1):
        if row["target_type"] != "asset":
            continue
        path = str(row["entity_usd_path"])
        name = path.rpartition("/")[2].rpartition(".")[0]
        asset = found.setdefault(name, PublishedAsset(project, name, path, {}, {}))
        part = str(row["part_name"])
        asset.publishes[part] = str(row["id"])
        asset.versions[part] = str(Version(int(row["version"]), int(row["iteration"])))
    return [found[name] for name in sorted(found)]


def load(asset: PublishedAsset, *, as_sublayer: bool) -> hou.LopNode:
    """Make a node in the stage that loads the asset, after the selected LOP where one is selected.

    As a sublayer the asset keeps its place in the scene graph, which working on that asset itself needs; as a
    reference it can stand in a shot many times. Raises NotFoundError where the scene has no stage network.
    """
    stage = hou.node(STAGE)
    if stage is None:
        raise NotFoundError(f"This scene has no {STAGE} network.", hint="Make one, or open a new scene.")
    before = selected_lop()
    parent = before.parent() if before is not None else stage
    node = cast(hou.LopNode, cast(hou.Node, parent).createNode("sublayer" if as_sublayer else "reference", asset.name))
    if before is not None:
        node.setInput(0, before)
    cast(hou.Parm, node.parm("filepath1")).set(f"{ROOT_VARIABLE}/{asset.path}")
    provenance.write(node, asset.provenance())
    node.moveToGoodPosition()
    node.setDisplayFlag(True)
    node.setCurrent(True, clear_all_selected=True)
    return node


def loaded_assets(published: Iterable[PublishedAsset]) -> list[LoadedAsset]:
    """The nodes of this scene that load one of the published assets."""
    known = {(asset.project, asset.name): asset for asset in published}
    found: list[LoadedAsset] = []
    for type_name in NODE_TYPES:
        node_type = hou.lopNodeTypeCategory().nodeType(type_name)
        for node in node_type.instances() if node_type is not None else ():
            asset = known.get((provenance.read(node, "project"), provenance.read(node, "asset")))
            if asset is not None:
                found.append(LoadedAsset(node, asset))
    return sorted(found, key=lambda loaded: _natural(loaded.node.path()))


def update(loaded: LoadedAsset) -> None:
    """Make a node load what is published now."""
    cast(hou.Parm, loaded.node.parm("filepath1")).set(f"{ROOT_VARIABLE}/{loaded.asset.path}")
    # The entry's path stays the same over all versions: only reading it again brings in the new one.
    if (reload := loaded.node.parm("reload")) is not None:
        reload.pressButton()
    provenance.write(loaded.node, loaded.asset.provenance())


def selected_lop() -> hou.LopNode | None:
    """The selected LOP; None where none, or something else, is selected."""
    category = hou.lopNodeTypeCategory().name()
    for node in hou.selectedNodes():
        if node.type().category().name() == category:
            return cast(hou.LopNode, node)
    return None


def _natural(text: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
