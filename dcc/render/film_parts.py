"""``python -m dcc.render.film_parts LIST.json --to FOLDER``: what a playlist's film needs Blender for.

That is the line of text over each item's bottom, in whatever script it is written, and pictures that are scene-linear,
through the view transform of all our pictures. ``LIST.json`` is that of :mod:`dcc.media.playlist_film`; its items with
``caption`` (what stands left, and right) get ``caption.0001.png`` below ``FOLDER``, by their number, those of which
``linear`` is true ``picture.0001.png``.

Prints the events of :mod:`shared.events`; the result has ``captions`` and ``pictures``, how many were drawn.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcc.media.letterbox import unreadable_picture
from dcc.render.blender import empty_file, leave, run_in_blender
from shared.events import emit_progress

_LINES = 27
"""So many lines of text would fill a picture's height."""
_LETTERS = 0.5
"""Size of the letters, as a part of the line."""
_BASELINE = 0.34
_MARGIN = 0.6
_FONT = 0
"""Blender's own, which falls back to others for scripts that it lacks."""
_DOTS = "…"
_PERCENT = 5
"""Of the whole work, which goes on elsewhere."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    parser = argparse.ArgumentParser(prog="dcc.render.film_parts", description="Draw what a playlist's film needs.")
    parser.add_argument("list", type=Path, help="what is shown, and how (JSON)")
    parser.add_argument("--to", type=Path, required=True, help="the folder to draw into")
    options = parser.parse_args(arguments)
    return run_in_blender(
        "dcc.render.film_parts", arguments, lambda: draw(json.loads(options.list.read_text("utf-8")), options.to)
    )


def draw(wanted: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Draw what ``wanted`` needs; returns the data of the result event.

    Raises RenderError (``film.unreadable``) for a picture that cannot be read.
    """
    emit_progress("draw", 0)
    empty_file()
    items = wanted["items"]
    captions = pictures = 0
    for number, item in enumerate(items, 1):
        if item.get("caption"):
            left, right = item["caption"]
            draw_line(left, right, wanted["width"], wanted["height"], folder / f"caption.{number:04}.png")
            captions += 1
        if item.get("linear"):
            _show(Path(item["path"]), item["name"], folder / f"picture.{number:04}.png")
            pictures += 1
        emit_progress("draw", _PERCENT * number / len(items), f"{number} of {len(items)}: {item['name']}")
    return {"captions": captions, "pictures": pictures}


def draw_line(left: str, right: str, width: int, height: int, place: Path) -> None:
    """Write a line of white text for a film of ``width`` by ``height`` pixels: a PNG as wide, transparent elsewhere.

    What stands ``left`` and does not fit beside what stands ``right`` is cut short.
    """
    import imbuf

    line = max(12, height // _LINES)
    # The stubs do not know all of it.
    blf: Any = importlib.import_module("blf")
    margin, baseline = line * _MARGIN, line * _BASELINE
    blf.size(_FONT, line * _LETTERS)
    blf.color(_FONT, 1.0, 1.0, 1.0, 1.0)
    number = blf.dimensions(_FONT, right)[0]
    room = width - 3 * margin - number
    shown = left
    while shown and blf.dimensions(_FONT, shown if shown == left else shown + _DOTS)[0] > room:
        shown = shown[:-1]
    picture: Any = imbuf.new((width, line))
    with blf.bind_imbuf(_FONT, picture):
        for text, x in ((shown if shown == left else shown + _DOTS, margin), (right, width - margin - number)):
            blf.position(_FONT, x, baseline, 0)
            blf.draw_buffer(_FONT, text)
    imbuf.write(picture, filepath=str(place))


def _show(path: Path, name: str, place: Path) -> None:
    """Write a scene-linear picture as it is looked at."""
    import bpy

    from dcc.render.output import set_up_output
    from dcc.render.scene import set_up_colours

    scene = bpy.context.scene
    try:
        image: Any = bpy.data.images.load(str(path))
        if 0 in image.size:
            raise RuntimeError("it is damaged")
        set_up_colours(scene)
        set_up_output(scene, "png")
        image.save_render(str(place), scene=scene)
        bpy.data.images.remove(image)
    except RuntimeError as error:
        raise unreadable_picture(name, str(error).strip()) from error


if __name__ == "__main__":
    leave(main())
