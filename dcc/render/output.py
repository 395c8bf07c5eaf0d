"""Render the open scene to files: progress while it runs, whole files or none at its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from dcc.render.blender import whole_file
from shared.errors import RenderError

_SAMPLE = re.compile(r"Sample (\d+)/(\d+)")
_REMAINING = re.compile(r"Remaining: ?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")

OnProgress = Callable[[float, str, float | None], None]
"""Called with the fraction done, 0 to 1, a few words, and the seconds this picture still takes, where known."""


def set_up_output(scene: bpy.types.Scene, kind: str) -> None:
    """Write pictures of ``kind``: PNG as it is to be looked at, EXR scene-linear in half floats."""
    image = scene.render.image_settings
    transparent = scene.render.film_transparent
    if kind == "exr":
        image.file_format = "OPEN_EXR"
        image.color_mode, image.color_depth, image.exr_codec = "RGBA", "16", "ZIP"
    else:
        image.file_format = "PNG"
        image.color_mode, image.color_depth = "RGBA" if transparent else "RGB", "8"
        image.compression = 60


def render_picture(scene: bpy.types.Scene, output: Path, on_progress: OnProgress) -> float:
    """Render one picture to ``output`` and return the seconds it took.

    Raises RenderError where the engine gives up and StorageError where the file cannot be written.
    """
    started = time.monotonic()

    def follow(statistics: object, *_: object) -> None:
        step = parse_statistics(str(statistics))
        if step:
            on_progress(*step)

    bpy.app.handlers.render_stats.append(follow)
    try:
        outcome = bpy.ops.render.render()
    except RuntimeError as error:
        raise _failed(output, str(error).strip()) from error
    finally:
        bpy.app.handlers.render_stats.remove(follow)
    if "FINISHED" not in outcome:
        raise _failed(output, "the engine stopped")
    _save(scene, output)
    return time.monotonic() - started


def write_thumbnail(picture: Path, thumbnail: Path, width: int, scene: bpy.types.Scene) -> None:
    """Write ``picture`` as a PNG ``width`` pixels wide (never enlarged) to ``thumbnail``, its proportions kept."""
    image: Any = bpy.data.images.load(str(picture))
    try:
        full_width, full_height = image.size
        small = min(width, full_width)
        image.scale(small, max(1, round(full_height * small / full_width)))
        with whole_file(thumbnail) as temporary:
            if image.is_float:
                set_up_output(scene, "png")
                image.save_render(str(temporary), scene=scene)
            else:
                image.file_format = "PNG"
                image.save(filepath=str(temporary))
    finally:
        bpy.data.images.remove(image)


def parse_statistics(text: str) -> tuple[float, str, float | None] | None:
    """Fraction done, words and remaining seconds in a line of the engine's statistics; None where it tells none."""
    sample = _SAMPLE.search(text)
    if not sample:
        return None
    found = _REMAINING.search(text)
    remaining = 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3]) if found else None
    return int(sample[1]) / max(int(sample[2]), 1), f"sample {sample[1]} of {sample[2]}", remaining


def _save(scene: bpy.types.Scene, output: Path) -> None:
    # Rendered first and written then: there is no file to leave behind while hours go by.
    with whole_file(output) as temporary:
        try:
            bpy.data.images["Render Result"].save_render(str(temporary), scene=scene)
        except RuntimeError as error:
            raise _unwritten(output, str(error).strip()) from error
        if temporary.stat().st_size == 0:
            raise _unwritten(output, "nothing was written")


def _failed(output: Path, reason: str) -> RenderError:
    return RenderError(
        f"{output.name} could not be rendered: {reason}",
        hint="Look into the log; fewer samples or a smaller picture need less memory.",
    )


def _unwritten(output: Path, reason: str) -> RenderError:
    return RenderError(
        f"{output} could not be written: {reason}",
        hint="Free some space, or choose another folder.",
        code="render.unwritten",
    )
