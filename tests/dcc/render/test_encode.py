"""Films: the frames' own colours come back out of them, in order, from an MP4 file that says what it is."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numpy", reason="numpy is not installed")

from shared.errors import RacewayError
from shared.processes import python_tool, run_tool
from tests.dcc.render.pictures import Pixels, read_png, write_png

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

BARS = np.array(
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (255, 255, 255), (0, 0, 0), (200, 120, 60), (30, 60, 40)],
    dtype=np.uint8,
)
BAR = 16

# Decodes a film with Blender's reader, every frame to a PNG.
DECODER = """
import sys
from dcc.render.blender import empty_file, leave
empty_file()
import bpy
film, folder, width, height, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
scene = bpy.context.scene
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
scene.view_settings.view_transform = "Standard"
scene.sequencer_colorspace_settings.name = "sRGB"
strip = scene.sequence_editor_create().strips.new_movie("film", film, 1, 1)
assert strip.frame_final_duration == count, strip.frame_final_duration
scene.render.image_settings.color_mode = "RGB"
for frame in range(1, count + 1):
    scene.frame_set(frame)
    scene.render.filepath = f"{folder}/decoded.{frame}.png"
    bpy.ops.render.render(write_still=True)
leave(0)
"""


def bars(turned: int, width: int = 8 * BAR, height: int = 48) -> Pixels:
    """Vertical bars of colour, moved on by ``turned`` bars."""
    row = np.repeat(np.roll(BARS, turned, axis=0), BAR, axis=0)
    picture = np.tile(row, (height, 1, 1))
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), mode="edge")


def write_frames(folder: Path, count: int, **size: int) -> Path:
    for frame in range(1, count + 1):
        write_png(folder / f"bars.{frame:04d}.png", bars(frame, **size))
    return folder / "bars.####.png"


def encode(frames: Path, film: Path, first: int, last: int, *arguments: str) -> dict[str, Any]:
    numbers = ("--first", str(first), "--last", str(last))
    return run_tool(
        python_tool("dcc.render.encode", "--frames", str(frames), *numbers, "--output", str(film), *arguments),
        timeout=60,
    )


def decode(film: Path, folder: Path, result: dict[str, Any]) -> list[Pixels]:
    size = (str(result["width"]), str(result["height"]), str(result["frames"]))
    subprocess.run(
        [sys.executable, "-c", DECODER, str(film), str(folder), *size], check=True, stdout=subprocess.DEVNULL
    )
    return [read_png(folder / f"decoded.{frame}.png") for frame in range(1, result["frames"] + 1)]


def middles(picture: Pixels) -> Pixels:
    """The colour in the middle of every bar."""
    return picture[24, BAR // 2 :: BAR].astype(int)


def test_the_colours_of_the_frames_come_back_in_order(tmp_path: Path) -> None:
    film = tmp_path / "bars.mp4"
    result = encode(write_frames(tmp_path, 6), film, 1, 6, "--fps", "12")
    assert result == {
        "outputs": [str(film)],
        "codec": "h264",
        "fps": 12.0,
        "frames": 6,
        "duration": 0.5,
        "width": 8 * BAR,
        "height": 48,
    }
    for frame, picture in enumerate(decode(film, tmp_path, result), start=1):
        assert np.abs(middles(picture) - middles(bars(frame))).max() <= 6

    content = film.read_bytes()
    # H.264 in 4:2:0, BT.709 in the limited range (1, 1, 1, 0), the index before the data.
    assert b"avc1" in content and b"isom" in content[:40]
    assert content[content.index(b"nclx") + 4 :][:7] == struct.pack(">HHHB", 1, 1, 1, 0)
    assert content.index(b"moov") < content.index(b"mdat")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp-")]


def test_a_shot_on_twos_and_an_odd_size(tmp_path: Path) -> None:
    pattern = write_frames(tmp_path, 5, width=8 * BAR + 1, height=49)
    result = encode(pattern, tmp_path / "twos.mp4", 1, 5, "--step", "2")
    assert (result["width"], result["height"], result["frames"]) == (8 * BAR, 48, 3)
    pictures = decode(tmp_path / "twos.mp4", tmp_path, result)
    for frame, picture in zip((1, 3, 5), pictures, strict=True):
        assert np.abs(middles(picture) - middles(bars(frame))).max() <= 6
        # The last column is left out, and nothing is moved or blurred by half a pixel.
        sums = [row.astype(int).sum(axis=1) for row in (picture[24], bars(frame)[24])]
        assert np.abs(sums[0] - sums[1]).max() <= 12


def test_transparent_frames_lie_over_a_colour(tmp_path: Path) -> None:
    clear = np.zeros((48, 64, 4), np.uint8)
    clear[:, 32:] = (255, 0, 0, 255)
    write_png(tmp_path / "c.1.png", clear)
    result = encode(tmp_path / "c.#.png", tmp_path / "c.mp4", 1, 1, "--behind", "4080c0")
    (picture,) = decode(tmp_path / "c.mp4", tmp_path, result)
    assert np.abs(picture[24, 8].astype(int) - (0x40, 0x80, 0xC0)).max() <= 6
    assert np.abs(picture[24, 56].astype(int) - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize(
    ("film", "arguments", "code", "named"),
    [
        ("bars.mp4", (1, 8), "render.frames_missing", "7, 8"),
        ("bars.mp4", (6, 1), "input.frames", "6 to 1"),
        ("bars.avi", (1, 6), "input.output", "bars.avi"),
        ("bars.mp4", (1, 6, "--fps", "0"), "input.render", "0"),
        ("bars.mp4", (1, 6, "--behind", "red"), "input.render", "red"),
    ],
)
def test_what_cannot_be_encoded_is_said(
    tmp_path: Path, film: str, arguments: tuple[Any, ...], code: str, named: str
) -> None:
    pattern = write_frames(tmp_path, 6)
    with pytest.raises(RacewayError, match=named) as failure:
        encode(pattern, tmp_path / film, *arguments)
    assert failure.value.code == code
    assert not (tmp_path / film).exists()


@pytest.mark.parametrize("broken", ["other size", "no picture"])
def test_a_frame_unlike_the_others_is_named(tmp_path: Path, broken: str) -> None:
    pattern = write_frames(tmp_path, 3)
    third = tmp_path / "bars.0003.png"
    if broken == "other size":
        write_png(third, bars(3, height=60))
    else:
        third.write_bytes(zlib.compress(b"no picture"))
    with pytest.raises(RacewayError, match=r"bars\.0003\.png") as failure:
        encode(pattern, tmp_path / "bars.mp4", 1, 3)
    assert failure.value.code == "render.frames_differ"
    assert not (tmp_path / "bars.mp4").exists()
