"""``python -m dcc.render.still``: one picture of a published asset or a USD master, and its thumbnail.

Prints the events of :mod:`shared.events`. The result has ``outputs``, ``thumbnail``, ``engine``, ``device``
(``requested``, ``used``, ``why``), ``samples``, ``width``, ``height``, ``bounds`` (metres), ``materials``,
``unresolved`` and ``render_seconds``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dcc.display_libraries import import_bpy
from dcc.render.presets import BACKGROUNDS, ENGINES, PRESETS, StillSettings
from shared.events import emit_progress, tool_main
from shared.manifest import read_manifest
from shared.material_layers import effective_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return tool_main(lambda: render(options))


def render(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    settings = _settings(options)
    emit_progress("load", 0, options.usd.name)
    # bpy takes a second to import: not before the arguments are known to be good.
    import_bpy()
    from dcc.render import camera, device, import_usd, looks, output, scene, studio
    from dcc.render.framing import Bounds

    stage_scene = scene.new_scene(settings)
    choice = device.choose_device(stage_scene, settings.device)
    model = import_usd.import_model(options.usd, "Asset")
    dressed = looks.dress_from_stage(model, options.usd, _materials_of(options.manifest))
    points = camera.visible_points(stage_scene)
    bounds = Bounds.around(points)
    view = camera.place_camera(stage_scene, points, settings.width / settings.height)
    studio.build_studio(stage_scene, bounds, view, backdrop=settings.background == "studio")
    if options.camera != "auto":
        camera.use_stage_camera(stage_scene, model, options.camera)

    emit_progress("render", 10, f"on {choice.used}")
    seconds = output.render_still(
        stage_scene, options.output, lambda done, words: emit_progress("render", 10 + 85 * done, words)
    )
    emit_progress("save", 96)
    if options.thumbnail:
        output.write_thumbnail(options.output, options.thumbnail, settings.thumbnail_width)
    return {
        "outputs": [str(options.output)],
        "thumbnail": str(options.thumbnail) if options.thumbnail else None,
        "engine": settings.engine,
        "device": asdict(choice),
        "samples": settings.samples,
        "width": settings.width,
        "height": settings.height,
        "background": settings.background,
        "bounds": {"low": bounds.low, "high": bounds.high},
        "materials": dressed.assigned,
        "unresolved": dressed.unresolved,
        "render_seconds": round(seconds, 3),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.render.still", description="Render one picture of a USD asset.")
    parser.add_argument("--usd", type=Path, required=True, help="entry of a published asset, or a USD master")
    parser.add_argument("--output", type=Path, required=True, help="the picture to write (PNG)")
    parser.add_argument("--thumbnail", type=Path, help="a small copy of the picture (PNG)")
    parser.add_argument("--manifest", type=Path, help="scene manifest: materials for parts that the USD leaves unbound")
    parser.add_argument("--preset", choices=PRESETS, default="preview", help="what is not given below")
    parser.add_argument("--width", type=int, help="pixels")
    parser.add_argument("--height", type=int, help="pixels")
    parser.add_argument("--samples", type=int, help="samples a pixel, at most")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"))
    parser.add_argument("--background", choices=BACKGROUNDS)
    parser.add_argument("--denoise", action=argparse.BooleanOptionalAction)
    parser.add_argument("--camera", default="auto", help="auto, or the path of a camera prim")
    return parser


def _settings(options: argparse.Namespace) -> StillSettings:
    """The preset with what the command line gives in its place; raises InputError for values out of range."""
    values = asdict(PRESETS[options.preset])
    given = {name: getattr(options, name) for name in values if getattr(options, name, None) is not None}
    return StillSettings(**{**values, **given})


def _materials_of(manifest: Path | None) -> dict[str, str]:
    """Material name by target (partKey, ``<partKey>:<path>``) in a scene manifest."""
    if manifest is None:
        return {}
    return {target: chosen.material for target, chosen in effective_of(read_manifest(manifest)).items()}


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Blender's own teardown in module mode can crash after the work is done; the result is out.
    os._exit(status)
