"""``raceway render``: a picture, frames or a film of a USD asset on this machine, without any service."""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcc.cad.reuse import MANIFEST, USD_MASTER
from dcc.render import openjd
from dcc.render.arguments import SETTINGS, add_scene_arguments, given_settings, settings_of
from dcc.render.destination import check_output, check_writable, frame_path, remove_unfinished
from dcc.render.presets import MOTIONS, TURN_FRAMES
from shared.cli import Command, Progress, add_json_option, print_json
from shared.errors import InputError
from shared.files import TEMPORARY_PREFIX
from shared.frame_ranges import parse_frames
from shared.processes import Event, python_tool, run_tool

FILM = ".mp4"
_EPILOG = """\
The name of the output says what is made:
  raceway render bearing.usd -o bearing.png                            a picture (.exr: scene-linear half floats)
  raceway render bearing.usd -o turn.mp4 --motion turntable            a film of the subject turning once around
  raceway render shot.usd -o shot.####.exr --frames 1001-1048x2        frames of the stage's animation
  raceway render shot.usd -o shot.####.png --frames 1-96 --film s.mp4  frames, and a film of them
  raceway render bearing.usd -o turn.mp4 --motion turntable --export openjd DIR   the same, for an OpenJD farm
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("usd", type=Path, metavar="FILE.usd", help="entry of a published asset or shot, or a master")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="what to write, see below")
    parser.add_argument("--thumbnail", type=Path, metavar="OUT.png", help="a small copy of a single picture")
    parser.add_argument("--frame", type=int, help="a single picture's time code (the first of the stage)")
    parser.add_argument("--frames", metavar="RANGE", help="1-24, 1-96x2 for every second one (a turntable's: one turn)")
    parser.add_argument("--motion", choices=MOTIONS, default="none", help="what moves beside the stage (%(default)s)")
    parser.add_argument("--turn-frames", type=int, default=TURN_FRAMES, help="frames of a full turn (%(default)s)")
    parser.add_argument("--film", type=Path, metavar="OUT.mp4", help="a film of the frames, too")
    parser.add_argument("--fps", type=float, help="frames a second of a film (those of the stage)")
    add_scene_arguments(parser)
    openjd.add_export_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    # Whatever is wrong with the options is said here, before anything is started.
    settings_of(options)
    options.manifest = options.manifest or _manifest_beside(options.usd)
    if options.export:
        return openjd.export(options)
    if options.output is None:
        raise InputError(
            "Where is it to be written?",
            hint="Give -o OUT.png, or --export openjd DIR.",
            fields={"output": "is required"},
        )
    progress = Progress()
    try:
        result = _render(options, progress)
    finally:
        progress.close()
    if options.json:
        print_json(result)
        return 0
    device = result["device"]
    for output in [*result["outputs"], *filter(None, [result.get("thumbnail")])]:
        print(output)
    print(f"{result['render_seconds']:.1f} s on {device['used']} ({device['why']})")
    if result["unresolved"]:
        print(f"without a material, and magenta: {', '.join(result['unresolved'])}")
    return 0


def _manifest_beside(usd: Path) -> Path | None:
    """The manifest that a conversion wrote beside its master; of published assets, the looks tell."""
    manifest = usd.with_name(MANIFEST)
    return manifest if usd.name == USD_MASTER and manifest.is_file() else None


def _render(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    film = options.output if options.output.suffix.lower() == FILM else options.film
    if film is None and "#" not in options.output.name and options.frames is None and options.motion == "none":
        return _still(options, progress)
    frames = _frames(options)
    _refuse(options, "thumbnail", "frame")
    if film is None:
        return _frames_of(options, options.output, progress)
    _even_steps(frames)
    check_writable(film)
    if film is not options.output:
        return _film_of(options, options.output, film, frames, progress)
    # The frames are of no use afterwards, and are gone whatever happens.
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=film.parent) as folder:
        result = _film_of(options, Path(folder) / f"{film.stem}.####.png", film, frames, progress)
    del result["frames"]
    return {**result, "outputs": [str(film)]}


def _still(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    check_output(options.output)
    extra = given_settings(options, ("thumbnail", "frame"))
    return _run("dcc.render.still", {**_scene(options), "output": options.output, **extra}, progress)


def _frames_of(options: argparse.Namespace, output: Path, progress: Progress, share: float = 100) -> dict[str, Any]:
    check_output(output)
    given = {"frames": options.frames, "motion": options.motion, "turn-frames": options.turn_frames}
    return _run("dcc.render.frames", {**_scene(options), "output": output, **given}, progress, share=share)


def _film_of(
    options: argparse.Namespace, output: Path, film: Path, frames: Sequence[int], progress: Progress
) -> dict[str, Any]:
    """Render the frames and make a film of them; the result of the frames with the film's beside it."""
    result = _frames_of(options, output, progress, share=98)
    given = {
        "frames": output,
        "first": frames[0],
        "last": frames[-1],
        "step": frames[1] - frames[0] if len(frames) > 1 else 1,
        "fps": options.fps or result["fps"],
        "output": film,
    }
    encoded = _run("dcc.render.encode", given, progress, start=98, share=2)
    del encoded["outputs"], encoded["frames"]
    return {**result, "outputs": [*result["outputs"], str(film)], "film": {"path": str(film), **encoded}}


def _frames(options: argparse.Namespace) -> list[int]:
    """The frames asked for: by default one turn of a turntable."""
    if options.frames is None:
        if options.motion != "turntable":
            raise InputError(
                "Which frames are to be rendered?",
                hint="Give --frames, such as 1-96, or --motion turntable.",
                code="input.frames",
                fields={"frames": "is required"},
            )
        options.frames = f"1-{max(options.turn_frames, 1)}"
    frames = parse_frames(options.frames)
    if options.output.suffix.lower() != FILM:
        frame_path(options.output, frames[0])
    return frames


def _even_steps(frames: Sequence[int]) -> None:
    if len({after - before for before, after in itertools.pairwise(frames)}) > 1:
        raise InputError(
            "A film has no gaps, and these frames have.",
            hint="Give one range, such as 1-96 or 1-96x2.",
            code="input.frames",
            fields={"frames": "one range"},
        )


def _refuse(options: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise InputError(
                f"--{name} belongs to a single picture, not to frames.",
                hint="Leave it out.",
                fields={name: "for a single picture"},
            )


def _scene(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "usd": options.usd,
        "preset": options.preset,
        "camera": options.camera,
        **given_settings(options, (*SETTINGS, "manifest")),
    }


def _run(
    tool: str, given: dict[str, Any], progress: Progress, *, start: float = 0, share: float = 100
) -> dict[str, Any]:
    """Run one of our tools; its progress is ``share`` percent of the whole, from ``start`` on."""
    arguments: list[str] = []
    for name, value in given.items():
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        else:
            # One word: what begins with a dash is a value all the same.
            arguments.append(f"--{name}={value}")

    def follow(event: Event) -> None:
        if event["event"] == "progress":
            message = event.get("message", "")
            if event.get("remaining") is not None:
                message += f", {_duration(event['remaining'])} left"
            progress.update(event["stage"], start + event["percent"] * share / 100, message)

    started: list[int] = []
    try:
        return run_tool(python_tool(tool, *arguments), on_event=follow, on_start=started.append)
    finally:
        # Whoever was killed, by the system for want of memory or by a person, could not tidy up.
        for process in started:
            remove_unfinished(Path(given["output"]).parent, process)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


COMMAND = Command("render", "render a picture, frames or a film of a USD asset on this machine", configure, run)
