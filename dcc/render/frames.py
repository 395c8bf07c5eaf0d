"""``python -m dcc.render.frames``: many frames of a USD stage; it is loaded once for all of them.

``--motion turntable`` turns the subject, otherwise the stage's own animation plays: frame 12 is time code 12. Each
frame appears under its name only when it is whole.

Prints the events of :mod:`shared.events`: progress has ``frame`` and ``remaining`` (seconds, where known) too, and
``{"event": "frame", "frame": 12, "path": "...", "seconds": 1.2}`` follows each frame. The result has ``outputs``,
``frames`` (``frame``, ``path``, ``seconds``), ``fps``, and what a still's result has.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcc.render.arguments import add_scene_arguments, materials_of, settings_of
from dcc.render.blender import leave, run_in_blender
from dcc.render.destination import check_output, frame_path
from dcc.render.prepare import PreparedScene, prepare
from dcc.render.presets import FORMATS, MOTIONS, TURN_FRAMES
from shared.errors import RacewayError
from shared.events import emit, log
from shared.frame_ranges import parse_frames


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return run_in_blender("dcc.render.frames", arguments, lambda: render(options))


def render(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    settings = settings_of(options)
    kind = check_output(options.output, options.format)
    frames = parse_frames(options.frames)
    places = {frame: frame_path(options.output, frame) for frame in frames}
    prepared = prepare(
        options.usd,
        settings,
        camera_prim=options.camera,
        materials=materials_of(options.manifest),
        turn_frames=options.turn_frames if options.motion == "turntable" else None,
    )
    from dcc.render import output

    output.set_up_output(prepared.scene, kind)
    rendered: list[dict[str, Any]] = []
    for frame, path in places.items():
        seconds = _render_frame(prepared, frame, path, rendered, len(frames))
        rendered.append({"frame": frame, "path": str(path), "seconds": round(seconds, 3)})
        emit("frame", **rendered[-1])
        log(f"frame {frame}: {seconds:.1f} s, {path.name}")
    return {
        "outputs": [str(path) for path in places.values()],
        "frames": rendered,
        "fps": prepared.time.fps,
        "render_seconds": round(sum(item["seconds"] for item in rendered), 3),
        **prepared.report(),
    }


def _render_frame(prepared: PreparedScene, frame: int, path: Path, done: Sequence[dict[str, Any]], total: int) -> float:
    """Render one frame and return its seconds; an error names the frame."""
    from dcc.render.output import render_picture

    mean = sum(item["seconds"] for item in done) / len(done) if done else None

    def progress(fraction: float, words: str, remaining: float | None) -> None:
        left = total - len(done) - 1
        if mean is not None:
            remaining = mean * (left + 1 - fraction)
        elif left:
            # Nothing is known about the frames to come before one is there.
            remaining = None
        emit(
            "progress",
            stage="render",
            percent=round(5 + 95 * (len(done) + fraction) / total, 1),
            message=f"frame {frame}, {words}",
            frame=frame,
            remaining=None if remaining is None else round(remaining, 1),
        )

    progress(0.0, f"on {prepared.device.used}", None)
    try:
        prepared.show(frame)
        return render_picture(prepared.scene, path, progress)
    except RacewayError as error:
        error.message = f"Frame {frame}: {error.message}"
        error.fields = {**error.fields, "frame": str(frame)}
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.render.frames", description="Render frames of a USD asset or shot.")
    parser.add_argument("--usd", type=Path, required=True, help="entry of a published asset or shot, or a USD master")
    parser.add_argument("--output", type=Path, required=True, help="the frames to write, as DIR/name.####.png")
    parser.add_argument("--frames", required=True, help="1-24, 1-96x2 for every second one, several with commas")
    parser.add_argument("--format", choices=FORMATS, help="must be the suffix of the output")
    parser.add_argument("--motion", choices=MOTIONS, default="none", help="what moves beside the stage (%(default)s)")
    parser.add_argument("--turn-frames", type=int, default=TURN_FRAMES, help="frames of a full turn (%(default)s)")
    add_scene_arguments(parser)
    return parser


if __name__ == "__main__":
    leave(main())
