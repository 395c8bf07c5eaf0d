"""``python -m dcc.render.husk``: frames of a USD stage by Karma, with the camera and the lights that are in the stage.

It builds the command lines of Houdini's ``husk``, runs them and reports as :mod:`dcc.render.frames` does; ``--print``
only reports the command lines. It runs under any Python, and under ``hython``. The command lines follow SideFX's
documentation, https://www.sidefx.com/docs/houdini/ref/utils/husk.html; they have not been run by a licensed Houdini.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dcc.render.destination import check_output, frame_path, remove_unfinished, writer_of
from dcc.render.presets import DEVICES
from shared.errors import InputError, RenderError, UsdError
from shared.events import emit, emit_progress, tool_main
from shared.files import TEMPORARY_PREFIX
from shared.frame_ranges import parse_frames

DELEGATE = "BRAY_HdKarma"
"""The Hydra delegate of Karma."""
ENGINES = {"cpu": "cpu", "gpu": "xpu", "auto": "xpu"}
"""Karma's engine by device: XPU takes what it finds, the CPU included."""
_PROGRESS = re.compile(r"ALF_PROGRESS\s+(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class HuskRequest:
    """What husk is to render. ``output`` is ``DIR/name.####.exr``; ``width`` and ``height`` are in pixels.

    ``camera`` is ``auto`` (the one of the stage's render settings) or the path of a camera prim. Raises InputError
    for what cannot be.
    """

    usd: Path
    output: Path
    frames: str
    width: int = 960
    height: int = 540
    samples: int = 48
    device: str = "auto"
    camera: str = "auto"

    def __post_init__(self) -> None:
        if self.camera != "auto" and not self.camera.startswith("/"):
            raise InputError(
                f"{self.camera!r} is no path of a camera prim.",
                hint="Give it from the root, such as /cameras/hero; `auto` takes the stage's own.",
                code="input.render",
                fields={"camera": "auto, or the path of a prim"},
            )
        frame_path(self.output, parse_frames(self.frames)[0])


def husk_commands(request: HuskRequest, houdini: Path | None = None) -> list[list[str]]:
    """Command lines that render ``request``: one for each run of evenly spaced frames, as husk takes no others.

    ``houdini`` is its folder ($HFS); without it husk is looked for on the path.
    """
    return [
        [
            *(_program("husk", houdini), "--renderer", DELEGATE, "--engine", ENGINES[request.device]),
            *("--make-output-path", "--frame", str(first), "--frame-count", str(count), "--frame-inc", str(step)),
            *("--res", str(request.width), str(request.height), "--pixel-samples", str(request.samples)),
            *(() if request.camera == "auto" else ("--camera", request.camera)),
            # Level 2, and progress as Alfred prints it.
            *("--verbose", "2a", "--output", houdini_name(request.output), str(request.usd)),
        ]
        for first, count, step in runs(parse_frames(request.frames))
    ]


def hython_command(request: HuskRequest, houdini: Path | None = None) -> list[str]:
    """Command line that runs this tool in Houdini's own Python, for farms that only start ``hython``."""
    given = [text for name, value in asdict(request).items() for text in (f"--{name}", str(value))]
    place = ["--houdini", str(houdini)] if houdini else []
    return [_program("hython", houdini), "-m", "dcc.render.husk", *given, *place]


def houdini_name(output: Path) -> str:
    """``name.####.exr`` as Houdini writes it, ``name.$F4.exr``, with forward slashes."""
    return output.with_name(re.sub(r"#+", lambda found: f"$F{len(found[0])}", output.name)).as_posix()


def runs(frames: Sequence[int]) -> list[tuple[int, int, int]]:
    """First frame, count and step of each evenly spaced run of ascending ``frames``."""
    found: list[tuple[int, int, int]] = []
    start = 0
    while start < len(frames):
        step = frames[start + 1] - frames[start] if start + 1 < len(frames) else 1
        end = start
        while end + 1 < len(frames) and frames[end + 1] - frames[end] == step:
            end += 1
        found.append((frames[start], end - start + 1, step))
        start = end + 1
    return found


def parse_progress(line: str) -> float | None:
    """Percent in a line that husk printed, or None. husk can count past 100, which is cut off."""
    found = _PROGRESS.search(line)
    return min(float(found[1]), 100.0) if found else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return tool_main(lambda: render(options))


def render(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    request = HuskRequest(**{field.name: getattr(options, field.name) for field in fields(HuskRequest)})
    if options.print:
        return {"commands": husk_commands(request, options.houdini)}
    if not request.usd.is_file():
        raise UsdError(f"There is no USD file {request.usd}.", hint="Check the path, or publish it first.")
    check_output(request.output)
    # husk writes a picture as it renders it: only what is whole gets its name.
    unfinished = request.output.with_name(f"{TEMPORARY_PREFIX}{writer_of(os.getpid())}{request.output.name}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rendered: list[dict[str, Any]] = []
    frames = parse_frames(request.frames)
    try:
        commands = husk_commands(replace(request, output=unfinished), options.houdini)
        for command, (first, count, step) in zip(commands, runs(frames), strict=True):
            run = _Run(range(first, first + count * step, step), unfinished, request.output, rendered)
            _run(command, run, len(frames))
    finally:
        remove_unfinished(request.output.parent, os.getpid())
    engine = ENGINES[request.device]
    return {
        "outputs": [item["path"] for item in rendered],
        "frames": rendered,
        "engine": "karma",
        "device": {
            "requested": request.device,
            "used": f"karma {engine}",
            "why": "Karma chooses among the devices it finds" if engine == "xpu" else "the CPU was asked for",
        },
        "samples": request.samples,
        "width": request.width,
        "height": request.height,
    }


@dataclass
class _Run:
    """The frames that one husk renders, in their order, and where they go."""

    frames: range
    unfinished: Path
    final: Path
    rendered: list[dict[str, Any]]
    taken: int = 0
    since: float = field(default_factory=time.monotonic)

    def take(self, *, ended: bool) -> None:
        """Give the frames that are whole their names: those before the one under way, all where husk has ``ended``.

        Raises RenderError for one that is not there then.
        """
        while self.taken < len(self.frames):
            frame = self.frames[self.taken]
            following = self.frames[self.taken + 1] if self.taken + 1 < len(self.frames) else None
            begun = following is not None and frame_path(self.unfinished, following).is_file()
            if not (ended or begun):
                return
            self._take(frame)

    def _take(self, frame: int) -> None:
        path = frame_path(self.final, frame)
        try:
            frame_path(self.unfinished, frame).replace(path)
        except FileNotFoundError:
            raise RenderError(
                f"Frame {frame}: husk wrote no {path.name}.",
                hint="Look into the log: the stage needs a camera.",
                code="render.failed",
            ) from None
        seconds, self.since = time.monotonic() - self.since, time.monotonic()
        self.taken += 1
        self.rendered.append({"frame": frame, "path": str(path), "seconds": round(seconds, 3)})
        emit("frame", **self.rendered[-1])


def _run(command: list[str], run: _Run, total: int) -> None:
    """Run one husk, passing its progress and its frames on; it dies with this process's group."""
    done, count = len(run.rendered), len(run.frames)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise RenderError(
            f"{command[0]} cannot be started: {error.strerror or error}.",
            hint="Install Houdini, and set $HFS or --houdini to its folder.",
            code="render.no_houdini",
        ) from error
    assert process.stdout is not None
    last = ""
    try:
        for line in process.stdout:
            print(line, end="", file=sys.stderr)
            percent = parse_progress(line)
            if percent is None:
                last = line.strip() or last
            else:
                emit_progress("render", 100 * (done + count * percent / 100) / total)
            run.take(ended=False)
    except BaseException:
        # Whoever stops this stops husk too: it would go on writing where is tidied up now.
        process.kill()
        process.wait()
        raise
    if process.wait() != 0:
        # What it wrote since its last line, too.
        run.take(ended=False)
        raise RenderError(f"husk ended with status {process.returncode}.", hint=f"Last line of its log: {last}")
    run.take(ended=True)


def _program(name: str, houdini: Path | None) -> str:
    return name if houdini is None else str(houdini / "bin" / name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.render.husk", description="Render frames of a USD stage with Karma.")
    parser.add_argument("--usd", type=Path, required=True, help="a stage with a camera and lights")
    parser.add_argument("--output", type=Path, required=True, help="the frames to write, as DIR/name.####.exr")
    parser.add_argument("--frames", default="1", help="1-24, 1-96x2 for every second one (%(default)s)")
    parser.add_argument("--width", type=int, default=HuskRequest.width, help="pixels (%(default)s)")
    parser.add_argument("--height", type=int, default=HuskRequest.height, help="pixels (%(default)s)")
    parser.add_argument("--samples", type=int, default=HuskRequest.samples, help="samples a pixel (%(default)s)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="cpu: Karma CPU, else XPU (%(default)s)")
    parser.add_argument("--camera", default="auto", metavar="auto|PRIM", help="or the path of a camera prim")
    houdini = os.environ.get("HFS")
    parser.add_argument("--houdini", type=Path, default=houdini and Path(houdini), help="Houdini's folder ($HFS)")
    parser.add_argument("--print", action="store_true", help="only report the command lines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
