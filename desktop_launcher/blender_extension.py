"""Our Blender add-on, built into a folder that Blender is pointed at when it is started from here."""

from __future__ import annotations

from pathlib import Path


def prepare_extension(folder: Path) -> Path | None:
    return None
