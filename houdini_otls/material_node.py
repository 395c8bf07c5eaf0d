"""A Python Script LOP that assigns library materials by partKey; what it assigns is kept in its own parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import hou

from houdini_otls import looks, provenance
from shared.errors import InputError

NODE_TYPE = "pythonscript"
COOK = """import raceway_houdini  # makes our packages importable
from houdini_otls import material_node

material_node.cook(hou.pwd())
"""


def create(after: hou.LopNode, asset: str) -> hou.LopNode:
    """Make a node after ``after`` that assigns materials to the parts of the asset at that prim path."""
    parent = cast(hou.Node, after.parent())
    node = cast(hou.LopNode, parent.createNode(NODE_TYPE, "assign_materials"))
    node.setInput(0, after)
    cast(hou.Parm, node.parm("python")).set(COOK)
    provenance.write(node, {"asset_prim": asset, "assignments": "{}"})
    node.moveToGoodPosition()
    node.setDisplayFlag(True)
    node.setCurrent(True, clear_all_selected=True)
    return node


def is_ours(node: hou.OpNode) -> bool:
    """Whether this node was made by :func:`create`."""
    return bool(provenance.read(node, "assignments"))


def assignments(node: hou.OpNode) -> dict[str, str]:
    """Material by partKey; raises InputError where somebody wrote something else into the parameter."""
    text = provenance.read(node, "assignments")
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise InputError(
            f"The assignments of {node.path()} cannot be read ({error}).",
            hint='Write them as JSON, {"partKey": "Material"}, or make the node again.',
            code="input.assignments",
        ) from error
    return {str(part): str(material) for part, material in found.items()}


def assign(node: hou.OpNode, chosen: Mapping[str, str]) -> None:
    """Add assignments; those of the same parts are replaced."""
    merged = {**assignments(node), **chosen}
    provenance.write(node, {"assignments": json.dumps(merged, sort_keys=True)})


def cook(node: hou.Node) -> None:
    """Write the assignments onto the node's stage: what its Python code calls."""
    lop = cast(hou.LopNode, node)
    stage = lop.editableStage()
    if stage is not None:
        looks.assign(stage, provenance.read(lop, "asset_prim"), assignments(lop))
