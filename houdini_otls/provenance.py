"""What a node in Houdini was loaded from, in spare parameters that are saved with the scene and show in the editor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import hou

PREFIX = "raceway_"
FIELDS = ("project", "asset", "publish_id", "version")


def write(node: hou.OpNode, values: Mapping[str, str]) -> None:
    """Set a node's provenance, adding the parameters where they are missing."""
    group = node.parmTemplateGroup()
    missing = [name for name in values if group.find(PREFIX + name) is None]
    for name in missing:
        label = f"Raceway {name.replace('_', ' ')}"
        group.append(hou.StringParmTemplate(PREFIX + name, label, 1))
    if missing:
        node.setParmTemplateGroup(group)
    for name, value in values.items():
        cast(hou.Parm, node.parm(PREFIX + name)).set(value)


def read(node: hou.OpNode, name: str) -> str:
    """One provenance value; empty where the node was not loaded by us."""
    parm = node.parm(PREFIX + name)
    return parm.evalAsString() if parm is not None else ""
