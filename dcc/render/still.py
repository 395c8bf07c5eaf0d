"""``python -m dcc.render.still``: one picture of a published asset or a USD master, and its thumbnail.

Prints the events of :mod:`shared.events`; progress has ``remaining`` (seconds, where known) too. The result has
``outputs``, ``thumbnail``, ``engine``, ``device``, ``lighting`` and ``camera`` (``requested``, ``used``, ``why``),
``samples``, ``width``, ``height``, ``background``, ``bounds`` (metres), ``materials``, ``unresolved`` and
``render_seconds``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcc.render.arguments import add_scene_arguments, materials_of, settings_of
from dcc.render.blender import leave, run_in_blender
from dcc.render.destination import check_output
from dcc.render.prepare import prepare
from shared.events import emit, emit_progress, log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return run_in_blender("dcc.render.still", arguments, lambda: render(options))


def render(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    settings = settings_of(options)
    kind = check_output(options.output)
    prepared = prepare(options.usd, settings, camera_prim=options.camera, materials=materials_of(options.manifest))
    from dcc.render import output

    output.set_up_output(prepared.scene, kind)
    if options.frame is not None:
        prepared.show(options.frame)

    def progress(done: float, words: str, remaining: float | None) -> None:
        emit("progress", stage="render", percent=round(10 + 85 * done, 1), message=words, remaining=remaining)

    progress(0.0, f"on {prepared.device.used}", None)
    seconds = output.render_picture(prepared.scene, options.output, progress)
    log(f"rendered in {seconds:.1f} s, {options.output.name}")
    emit_progress("save", 96)
    if options.thumbnail:
        output.write_thumbnail(options.output, options.thumbnail, settings.thumbnail_width, prepared.scene)
    return {
        "outputs": [str(options.output)],
        "thumbnail": str(options.thumbnail) if options.thumbnail else None,
        "render_seconds": round(seconds, 3),
        **prepared.report(),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.render.still", description="Render one picture of a USD asset.")
    parser.add_argument("--usd", type=Path, required=True, help="entry of a published asset, or a USD master")
    parser.add_argument("--output", type=Path, required=True, help="the picture to write (.png or .exr)")
    parser.add_argument("--thumbnail", type=Path, help="a small copy of the picture (PNG)")
    parser.add_argument("--frame", type=int, help="time code of an animated stage (its first)")
    add_scene_arguments(parser)
    return parser


if __name__ == "__main__":
    leave(main())
