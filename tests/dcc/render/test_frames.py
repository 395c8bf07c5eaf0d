"""Frames of shots and turntables, rendered: what stands where in which frame, and what is told on the way."""

from __future__ import annotations

import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from shared.errors import RacewayError, StorageError
from shared.processes import Event, python_tool, run_tool
from tests.dcc.render.bearing_master import write_bearing_master, write_look
from tests.dcc.render.pictures import Pixels, read_png
from tests.dcc.render.shot_stage import CAMERA, FIRST, FPS, LAST, write_shot

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SMALL = ("--width", "96", "--height", "54", "--samples", "4", "--no-denoise")
MATERIALS = {"outer_ring": "BrushedSteel", "inner_ring": "BluePlastic", "ball": "Chrome"}


def frames(usd: Path, output: Path, *arguments: str, events: list[Event] | None = None) -> dict[str, Any]:
    command = python_tool("dcc.render.frames", "--usd", str(usd), "--output", str(output), *SMALL, *arguments)
    return run_tool(command, timeout=120, on_event=None if events is None else events.append)


def column_of(pixels: Pixels, channel: int) -> float:
    """Mean column of what is mostly of one colour (0 red, 2 blue)."""
    values = pixels[..., :3].astype(int)
    others = np.delete(values, channel, axis=2).max(axis=2)
    columns = np.nonzero(values[..., channel] > 2 * others + 20)[1]
    assert len(columns) > 40
    return float(columns.mean())


@pytest.mark.parametrize("camera", ["auto", CAMERA])
def test_a_shot_plays_its_time_codes(tmp_path: Path, camera: str) -> None:
    shot, events = write_shot(tmp_path / "shot.usda"), []
    output = tmp_path / "out" / "shot.####.png"
    result = frames(shot, output, "--frames", f"{FIRST},{LAST}", "--camera", camera, events=events)
    first, last = (read_png(tmp_path / "out" / f"shot.{number}.png") for number in (FIRST, LAST))
    # The boxes change places.
    assert column_of(first, 0) < 48 < column_of(first, 2)
    assert column_of(last, 2) < 48 < column_of(last, 0)

    assert result["fps"] == FPS
    assert [item["frame"] for item in result["frames"]] == [FIRST, LAST]
    told = [event for event in events if event["event"] == "frame"]
    assert [{key: event[key] for key in ("frame", "path", "seconds")} for event in told] == result["frames"]
    rendering = [event for event in events if event["event"] == "progress" and event["stage"] == "render"]
    percents = [event["percent"] for event in rendering]
    assert percents == sorted(percents) and percents[-1] == 100
    assert {event["frame"] for event in rendering} == {FIRST, LAST}
    # How long it will take is known once a frame is there.
    assert next(event["remaining"] for event in rendering if event["frame"] == LAST) > 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"shot.{FIRST}.png", f"shot.{LAST}.png"}


def test_a_turntable_loops_without_a_seam_and_stays_in_the_picture(tmp_path: Path) -> None:
    master = write_bearing_master(tmp_path / "bearing.usda")
    look = write_look(tmp_path / "look.usda", master, MATERIALS, {"Balls/Ball_8": "FailedMaterial"})
    output = tmp_path / "turn.##.png"
    turning = ("--motion", "turntable", "--turn-frames", "4", "--background", "transparent", "--no-shadow")
    result = frames(look, output, "--frames", "1-5", *turning)
    pictures = [read_png(Path(item["path"])) for item in result["frames"]]
    # The frame after the turn is the first one again, to the last bit; the others are not.
    assert (pictures[4] == pictures[0]).all()
    assert all((pictures[step] != pictures[0]).any() for step in (1, 2, 3))
    for picture in pictures:
        alpha = picture[..., 3]
        assert not alpha[0].any() and not alpha[-1].any() and not alpha[:, 0].any() and not alpha[:, -1].any()
    # A ring that turns about its axis is as large at every angle.
    covered = [int((picture[..., 3] > 128).sum()) for picture in pictures]
    assert max(covered) - min(covered) < 0.03 * max(covered)


def test_an_animated_model_turns_too(tmp_path: Path) -> None:
    """What the stage moves is turned as what stands still: half a turn swaps left and right."""
    shot = write_shot(tmp_path / "shot.usda")
    turning = ("--motion", "turntable", "--turn-frames", "2", "--frames", f"{FIRST}-{FIRST + 1}")
    result = frames(shot, tmp_path / "t.####.png", *turning)
    first, half = (read_png(Path(item["path"])) for item in result["frames"])
    assert column_of(first, 0) < column_of(first, 2)
    assert column_of(half, 2) < column_of(half, 0)


def test_a_frame_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    shot = write_shot(tmp_path / "shot.usda")
    (tmp_path / f"f.{FIRST + 1}.png").mkdir()
    with pytest.raises(StorageError, match=f"Frame {FIRST + 1}: "):
        frames(shot, tmp_path / "f.####.png", "--frames", f"{FIRST}-{LAST}")
    # The one before it stands; nothing unfinished does.
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [f"f.{FIRST}.png", "shot.usda"]


@pytest.mark.parametrize(
    ("output", "arguments", "code"),
    [
        ("f.####.png", ("--frames", "9-1"), "input.frames"),
        ("f.png", ("--frames", "1-2"), "input.output"),
        ("f.####.png", ("--frames", "1", "--format", "exr"), "input.output"),
        ("f.####.tif", ("--frames", "1"), "input.output"),
        ("f.####.png", ("--frames", "1", "--motion", "turntable", "--turn-frames", "0"), "input.render"),
        ("f.####.png", ("--frames", "1", "--background", "beach"), "input.render"),
        ("f.####.png", ("--frames", "1", "--engine", "eevee", "--device", "cpu"), "input.render"),
        ("f.####.png", ("--frames", "1", "--background", "hdri:/nowhere/sky.hdr"), "render.hdri"),
    ],
)
def test_what_cannot_be_rendered_is_said(tmp_path: Path, output: str, arguments: tuple[str, ...], code: str) -> None:
    shot = write_shot(tmp_path / "shot.usda")
    with pytest.raises(RacewayError) as failure:
        frames(shot, tmp_path / output, *arguments)
    assert failure.value.code == code
    assert failure.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["shot.usda"]


def test_a_stopped_render_leaves_whole_frames_only(tmp_path: Path) -> None:
    shot = write_shot(tmp_path / "shot.usda")
    output = ("--output", str(tmp_path / "f.####.png"), "--frames", "1001-1999")
    process = subprocess.Popen(
        python_tool("dcc.render.frames", "--usd", str(shot), *output, *SMALL),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    frame_seen = next(line for line in process.stdout if '"event": "frame"' in line)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert time.monotonic() - started < 5
    written = sorted(path for path in tmp_path.iterdir() if path.name != "shot.usda")
    assert str(written[0]) in frame_seen
    assert all(read_png(path).shape == (54, 96, 3) for path in written)
