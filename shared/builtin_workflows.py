"""The workflows that every tenant has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_CAD_FILE = {"type": "cad_file", "help": "the uploaded STEP file"}


@dataclass(frozen=True)
class BuiltIn:
    """A workflow of our own: ``graph`` as :mod:`shared.workflows` reads it."""

    name: str
    title: str
    description: str
    graph: dict[str, Any]


STEP_TO_PICTURE = BuiltIn(
    "step_to_picture",
    "STEP to picture",
    "Converts a STEP file, publishes its model and look, renders a picture and delivers both.",
    {
        "inputs": {
            "cad_file": _CAD_FILE,
            "width": {"type": "integer", "help": "width of the picture in px", "default": 960},
            "height": {"type": "integer", "help": "height of the picture in px", "default": 540},
            "samples": {"type": "integer", "help": "light paths for each pixel", "default": 48},
            "device": {"type": "string", "help": "auto, cpu or gpu", "default": "auto"},
        },
        "nodes": [
            {"name": "convert", "step": "convert"},
            {"name": "publish", "step": "publish"},
            {"name": "render", "step": "still"},
            {"name": "deliver", "step": "deliver"},
        ],
        "edges": [
            {"from": "inputs.cad_file", "to": "convert.cad_file"},
            {"from": "convert.model", "to": "publish.model"},
            {"from": "publish.publish", "to": "render.subject"},
            *({"from": f"inputs.{name}", "to": f"render.{name}"} for name in ("width", "height", "samples", "device")),
            {"from": "render.pictures", "to": "deliver.files"},
            {"from": "publish.publish", "to": "deliver.publish"},
        ],
    },
)

BUILT_IN: dict[str, BuiltIn] = {workflow.name: workflow for workflow in (STEP_TO_PICTURE,)}
"""By name."""
