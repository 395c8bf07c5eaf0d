"""What is newer than what a scene uses, asked in one call."""

from __future__ import annotations

from shared import paths
from shared.client import Client
from shared.context import Context

LOOK_PART = "look"


def newer_than(client: Client, context: Context, cad_file_id: str, look_version: str = "") -> list[str]:
    """Names of what has a newer version than the scene: a later revision of its CAD file, another look.

    ``look_version`` is the version of the look that the scene published or used last, "" for none.
    """
    look = paths.part_entry(context.project, context.require_entity(), LOOK_PART)
    model, looks = client.outdated(
        [{"cad_file_id": cad_file_id}, {"part_usd_path": look, "version": look_version}],
    )
    newer = []
    if model["outdated"]:
        newer.append(f"model: revision {model['latest_version']} of {model['latest_name']}")
    if looks["outdated"]:
        newer.append(f"look: {looks['latest_version']}")
    return newer
