"""Render the open scene to files: progress while it runs, whole files or none at its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from shared.errors import RenderError
from shared.files import atomic_path

_SAMPLE = re.compile(r"Sample (\d+)/(\d+)")
_REMAINING = re.compile(r"Remaining: ?((?:\d+:)?\d+:\d+(?:\.\d+)?)")

OnProgress = Callable[[float, str], None]
"""Called with the fraction done, 0 to 1, and a few words."""


def render_still(scene: bpy.types.Scene, output: Path, on_progress: OnProgress) -> float:
    """Render one picture to ``output`` (PNG) and return the seconds it took.

    Raises RenderError where Cycles gives up and StorageError where the file cannot be written.
    """
    started = time.monotonic()

    def follow(statistics: object, *_: object) -> None:
        step = parse_statistics(str(statistics))
        if step:
            on_progress(*step)

    bpy.app.handlers.render_stats.append(follow)
    try:
        with atomic_path(output) as temporary:
            scene.render.filepath = str(temporary)
            # Blender would append the suffix a second time.
            scene.render.use_file_extension = False
            try:
                bpy.ops.render.render(write_still=True)
            except RuntimeError as error:
                raise RenderError(
                    f"Cycles could not render {output.name}: {str(error).strip()}",
                    hint="Look into the log; fewer samples or a smaller picture need less memory.",
                ) from error
            if temporary.stat().st_size == 0:
                raise RenderError(f"Cycles wrote no picture to {output}.", hint="Look into the log of the render.")
    finally:
        bpy.app.handlers.render_stats.remove(follow)
    return time.monotonic() - started


def write_thumbnail(picture: Path, thumbnail: Path, width: int) -> None:
    """Write ``picture`` scaled to ``width`` pixels (never enlarged) to ``thumbnail``, its proportions kept."""
    image: Any = bpy.data.images.load(str(picture))
    try:
        full_width, full_height = image.size
        small = min(width, full_width)
        image.scale(small, max(1, round(full_height * small / full_width)))
        with atomic_path(thumbnail) as temporary:
            image.file_format = "PNG"
            image.save(filepath=str(temporary))
    finally:
        bpy.data.images.remove(image)


def parse_statistics(text: str) -> tuple[float, str] | None:
    """Fraction done and remaining time in a line of Cycles' statistics; None where it tells neither."""
    sample = _SAMPLE.search(text)
    if not sample:
        return None
    remaining = _REMAINING.search(text)
    words = f"sample {sample[1]} of {sample[2]}" + (f", {remaining[1]} left" if remaining else "")
    return int(sample[1]) / max(int(sample[2]), 1), words
