"""``python -m dcc.render.encode``: frames to a film, H.264 in an MP4 file, with the encoder that comes with Blender.

PNG frames are taken as they are, EXR frames get the view transform of our pictures. The film is 4:2:0 in the limited
range of BT.709 and says so; its index stands in front, so that it plays while it is being loaded. Prints the events of
:mod:`shared.events`; the result has ``outputs``, ``codec``, ``fps``, ``frames``, ``duration`` (seconds), ``width`` and
``height`` (pixels: 4:2:0 needs even numbers, a last odd row or column is left out).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcc.render.blender import empty_file, leave, run_in_blender, scratch_file, whole_file
from dcc.render.destination import check_writable, frame_path
from dcc.render.mp4 import move_index_to_front
from dcc.render.stage_time import DEFAULT_FPS, StageTime
from shared.errors import InputError, NotFoundError, RenderError
from shared.events import emit_progress

if TYPE_CHECKING:
    import bpy

BEHIND = "ffffff"
"""What shows through transparent frames, as RRGGBB: a film has no alpha."""
_CODEC = "h264"
_NAMED = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return run_in_blender("dcc.render.encode", arguments, lambda: encode(options))


def encode(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    frames = _frames(options)
    behind = _colour(options.behind)
    if options.output.suffix.lower() != ".mp4":
        raise InputError(
            f"{options.output.name} does not end in .mp4.",
            hint="Films are written as H.264 in MP4.",
            code="input.output",
            fields={"output": "must end in .mp4"},
        )
    if not 1 <= options.fps <= 240:
        raise InputError(
            f"{options.fps} frames a second are out of range.",
            hint="Choose 1 to 240.",
            code="input.render",
            fields={"fps": "1 to 240"},
        )
    check_writable(options.output)
    emit_progress("load", 0, f"{len(frames)} frames")
    empty_file()
    import bpy

    scene = bpy.context.scene
    size = _size_of(frames)
    _set_up_film(scene, size, options.fps)
    _lay_out(scene, frames, behind)
    with whole_file(options.output) as film:
        with scratch_file(options.output) as raw:
            _write(scene, raw, len(frames))
            emit_progress("save", 95)
            written = move_index_to_front(raw, film)
        if written != len(frames):
            raise RenderError(
                f"Only {written} of {len(frames)} frames were written to {options.output.name}.",
                hint="Look whether the disk is full.",
                code="render.film",
            )
    return {
        "outputs": [str(options.output)],
        "codec": _CODEC,
        "fps": options.fps,
        "frames": len(frames),
        "duration": round(len(frames) / options.fps, 3),
        "width": _even(size[0]),
        "height": _even(size[1]),
    }


def _frames(options: argparse.Namespace) -> list[Path]:
    """The pictures of the film in order; raises where one is missing."""
    if options.step < 1 or options.last < options.first:
        raise InputError(
            f"There are no frames from {options.first} to {options.last} in steps of {options.step}.",
            hint="Give the first and the last number, and a step of 1 or more.",
            code="input.frames",
            fields={"frames": "from a first to a last one"},
        )
    numbers = range(options.first, options.last + 1, options.step)
    places = {number: frame_path(options.frames, number) for number in numbers}
    missing = [number for number, path in places.items() if not path.is_file()]
    if missing:
        named = ", ".join(str(number) for number in missing[:_NAMED]) + (" and more" if len(missing) > _NAMED else "")
        raise NotFoundError(
            f"{len(missing)} of {len(places)} frames are missing in {options.frames.parent}: {named}.",
            hint="Render them before the film is made.",
            code="render.frames_missing",
            fields={"frames": named},
        )
    return list(places.values())


def _size_of(frames: Sequence[Path]) -> tuple[int, int]:
    """Width and height of all ``frames`` in pixels; raises RenderError where they differ or are no pictures."""
    import bpy

    sizes: dict[tuple[int, int], Path] = {}
    for path in frames:
        image: Any = bpy.data.images.load(str(path))
        sizes.setdefault(tuple(image.size), path)
        bpy.data.images.remove(image)
    (size, first), *others = sizes.items()
    if 0 in size or others:
        wrong = others[0][1] if others else first
        raise RenderError(
            f"{wrong.name} is no picture of {'x'.join(map(str, size))} pixels as {first.name} is."
            if others
            else f"{wrong.name} is no picture.",
            hint="Render it again.",
            code="render.frames_differ",
            fields={"frames": wrong.name},
        )
    return size


def _set_up_film(scene: bpy.types.Scene, size: tuple[int, int], fps: float) -> None:
    render: Any = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = _even(size[0]), _even(size[1]), 100
    render.fps, render.fps_base = StageTime(fps).fps_and_base
    render.use_sequencer = True
    # The temporary name is the name: no frame numbers in it.
    render.use_file_extension = False
    image = render.image_settings
    image.media_type, image.file_format, image.color_mode = "VIDEO", "FFMPEG", "RGB"
    film = render.ffmpeg
    film.format, film.codec, film.audio_codec = "MPEG4", "H264", "NONE"
    film.constant_rate_factor, film.ffmpeg_preset = "HIGH", "GOOD"
    film.gopsize = max(1, round(fps / 2))


def _lay_out(scene: bpy.types.Scene, frames: Sequence[Path], behind: tuple[float, float, float]) -> None:
    """Lay the frames one after another over the colour behind them."""
    from dcc.render.scene import set_up_colours

    if frames[0].suffix.lower() == ".exr":
        set_up_colours(scene)
    else:
        # The frames have been through the view transform already.
        view: Any = scene.view_settings
        view.view_transform = "Standard"
    settings: Any = scene.sequencer_colorspace_settings
    settings.name = "sRGB"
    strips: Any = scene.sequence_editor_create().strips
    colour = strips.new_effect("Behind", "COLOR", channel=1, frame_start=1, length=len(frames))
    colour.color = behind
    pictures = strips.new_image("Frames", str(frames[0]), channel=2, frame_start=1, fit_method="ORIGINAL")
    for path in frames[1:]:
        pictures.elements.append(path.name)
    pictures.blend_type = "ALPHA_OVER"
    # Centred, an odd picture lies half a pixel off; anything but the nearest pixel would blur it.
    pictures.transform.filter = "NEAREST"
    scene.frame_start, scene.frame_end = 1, len(frames)


def _write(scene: bpy.types.Scene, film: Path, count: int) -> None:
    import bpy

    def follow(*_: object) -> None:
        emit_progress("encode", 5 + 90 * scene.frame_current / count, f"frame {scene.frame_current} of {count}")

    scene.render.filepath = str(film)
    bpy.app.handlers.render_post.append(follow)
    try:
        bpy.ops.render.render(animation=True)
    except RuntimeError as error:
        raise RenderError(
            f"The film could not be encoded: {str(error).strip()}",
            hint="Look into the log, and whether the disk is full.",
            code="render.film",
        ) from error


def _even(number: int) -> int:
    return number - number % 2


def _colour(text: str) -> tuple[float, float, float]:
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise InputError(
            f"{text!r} is no colour.",
            hint="Write it as RRGGBB, such as ffffff.",
            code="input.render",
            fields={"behind": "RRGGBB"},
        )
    red, green, blue = (int(text.removeprefix("#")[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.render.encode", description="Make a film of frames.")
    parser.add_argument("--frames", type=Path, required=True, help="the frames, as DIR/name.####.png")
    parser.add_argument("--first", type=int, required=True, help="number of the first frame")
    parser.add_argument("--last", type=int, required=True, help="number of the last frame")
    parser.add_argument("--step", type=int, default=1, help="every which frame there is (%(default)s)")
    parser.add_argument("--fps", type=float, default=DEFAULT_FPS, help="frames a second (%(default)s)")
    parser.add_argument("--behind", default=BEHIND, metavar="RRGGBB", help="colour behind transparent frames")
    parser.add_argument("--output", type=Path, required=True, help="the film to write (.mp4)")
    return parser


if __name__ == "__main__":
    leave(main())
