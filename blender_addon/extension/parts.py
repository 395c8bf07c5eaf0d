"""The scene's list of parts, as the panel shows it."""

from typing import Any

from . import session


def refresh(manifest: dict[str, Any]) -> None:
    """Fill the list from a scene manifest of the service."""
    state = session.scene_state()
    state.parts.clear()
    for part in manifest["parts"]:
        item = state.parts.add()
        item.name = part["source_name"] or part["part_key"]
        item.part_key = part["part_key"]
        item.count = part["occurrence_count"]
        effective = part.get("material") or {}
        item.material = effective.get("material", "")
        item.layer = effective.get("layer", "")
        item.reason = effective.get("reason", "")
