"""Pictures and films as one film: frames by their times, every kind of picture, colours, what is damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is not installed")

import av
from numpy.typing import NDArray

from dcc.media.playlist_film import frames_of_film, make_film
from shared.errors import RacewayError, RenderError
from tests.dcc.media.films import write_film
from tests.dcc.render.pictures import write_png

RED = (200, 30, 40)
Pixels = NDArray[np.uint8]


def item(place: Path, mime_type: str = "image/png", **more: object) -> dict[str, Any]:
    return {"path": str(place), "name": place.name, "mime_type": mime_type, "duration": None, **more}


def made(tmp_path: Path, *items: dict[str, Any], **settings: object) -> list[Pixels]:
    """The frames of a small film of these items."""
    wanted = {
        "width": 160, "height": 90, "frame_rate": "25", "still_seconds": 0.2, "most_seconds": 60, "items": list(items),
        **settings,
    }  # fmt: skip
    prepared = tmp_path / "prepared"
    prepared.mkdir(exist_ok=True)
    result = make_film(wanted, prepared, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert result["frames"] == len(shown)
    return shown


def is_coloured(pixel: Pixels, colour: Sequence[int], most: int = 4) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= most)


@pytest.mark.parametrize(
    ("rate", "count", "at", "expected"),
    [
        ("24", 48, "24", [1] * 48),
        ("24000/1001", 48, "24000/1001", [1] * 48),
        ("12", 6, "24", [2] * 6),
        ("50", 10, "25", [1, 0] * 5),
        ("24", 24, "25", 25),
        ("25", 1, "25", [1]),
    ],
)
def test_each_frame_is_shown_at_its_time(
    tmp_path: Path, rate: str, count: int, at: str, expected: list[int] | int
) -> None:
    place = write_film(tmp_path / "a.mp4", rate=rate, count=count, codec="libx264")
    counts = [number for *_, number in frames_of_film(place, Fraction(at), None)]
    assert len(counts) == count
    assert sum(counts) == expected if isinstance(expected, int) else sorted(counts) == sorted(expected)


def test_a_rate_that_varies_keeps_its_times(tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", times=[0, 0.04, 0.2, 0.6], codec="libx264")
    counts = [number for *_, number in frames_of_film(place, Fraction(25), None)]
    assert counts[:3] == [1, 4, 10] and counts[3] >= 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp"])
def test_every_kind_of_picture_keeps_its_colours(tmp_path: Path, suffix: str) -> None:
    kinds = {"jpg": ("mjpeg", "yuvj444p", "jpeg"), "gif": ("gif", "rgb8", "gif"), "tiff": ("tiff", "rgb24", "tiff")}
    kinds |= {"png": ("png", "rgb24", "png"), "webp": ("libwebp", "bgra", "webp")}
    codec, pixels, mime = kinds[suffix]
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no encoder {codec}")
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 160, 90, pixels, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((90, 160, 3), RED, np.uint8), format="rgb24")
    place = tmp_path / f"a.{suffix}"
    if suffix == "gif":
        with av.open(str(place), "w", format="gif") as container:
            stream: Any = container.add_stream("gif", rate=25)
            stream.width, stream.height, stream.pix_fmt = 160, 90, "rgb8"
            container.mux([*stream.encode(frame), *stream.encode(None)])
    else:
        frame.pts = 0
        given = frame.reformat(format=pixels)
        given.pts = 0
        place.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(given), *encoder.encode(None)]))
    shown = made(tmp_path, item(place, f"image/{mime}"))
    assert len(shown) == 5
    assert is_coloured(shown[2][45, 80], RED, most=40 if suffix == "gif" else 6), shown[2][45, 80]


def test_what_is_transparent_shows_black(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    pixels = np.full((90, 160, 4), (255, 255, 255, 128), np.uint8)
    pixels[:, :80, 3] = 0
    write_png(place, pixels)
    frame = made(tmp_path, item(place))[2]
    assert is_coloured(frame[45, 40], (0, 0, 0)) and is_coloured(frame[45, 120], (128, 128, 128))


def test_pixels_that_are_not_square_are_shown_as_they_are_meant(tmp_path: Path) -> None:
    place = tmp_path / "a.mp4"
    with av.open(str(place), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frame_shown = made(tmp_path, item(place, "video/mp4"))[2]
    # Twice as wide as high: 160x80 of 160x90.
    assert frame_shown[45, 2].min() > 190 and frame_shown[8, 80].min() > 190 and frame_shown[1, 80].max() < 10


def test_films_are_read_by_the_colours_that_they_are_written_in(tmp_path: Path) -> None:
    for name, matrix, size in (("hd", "bt709", (1280, 720)), ("sd", "bt601", (320, 180))):
        place = tmp_path / f"{name}.mp4"
        with av.open(str(place), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), RED, np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709" if matrix == "bt709" else "ITU601")
            frame.pts, frame.colorspace = 0, 2
            container.mux([*stream.encode(frame), *stream.encode(None)])
        shown = made(tmp_path, item(place, "video/mp4"))
        assert is_coloured(shown[0][45, 80], RED, most=6), (name, shown[0][45, 80])


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_a_damaged_picture_is_named(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "broken.png"
    place.write_bytes(content)
    with pytest.raises(RenderError) as refused:
        made(tmp_path, item(place))
    assert refused.value.code == "film.unreadable" and "broken.png" in refused.value.message


def test_a_film_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", rate="25", count=25, codec="libx264")
    assert len(made(tmp_path, item(place, "video/mp4", duration=1.0))) == 25
    with pytest.raises(RenderError) as refused:
        made(tmp_path, item(place, "video/mp4", duration=2.0))
    assert refused.value.code == "film.unreadable" and "1.00 s of it can be read" in refused.value.message


def test_no_film_is_longer_than_it_may_be(tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", rate="25", count=50, codec="libx264")
    with pytest.raises(RenderError) as refused:
        made(tmp_path, item(place, "video/mp4"), most_seconds=1)
    assert refused.value.code == "film.too_long"


# -- what Blender draws for it


def drawn(tmp_path: Path, *items: dict[str, Any]) -> Path:
    listed, folder = tmp_path / "list.json", tmp_path / "prepared"
    folder.mkdir(exist_ok=True)
    listed.write_text(json.dumps({"width": 640, "height": 360, "items": items}))
    tool = [sys.executable, "-m", "dcc.render.film_parts", str(listed), "--to", str(folder)]
    told = subprocess.run(tool, capture_output=True, text=True, check=False)
    last = json.loads(told.stdout.splitlines()[-1])
    if last["event"] == "error":
        raise RacewayError.from_json(last)
    return folder


def test_a_line_is_written_in_any_script_and_cut_short_before_the_number(tmp_path: Path) -> None:
    pytest.importorskip("bpy", reason="Blender is not installed")
    place = tmp_path / "a.png"
    write_png(place, np.full((90, 160, 3), 255, np.uint8))
    texts = ["Überblick 日本語 v001", "W" * 400, ""]
    items = [item(place, caption=[text, f"{number} of 3"]) for number, text in enumerate(texts, 1)]
    drawn(tmp_path, *items)
    shown = made(tmp_path, *items, width=640, height=360)
    assert len(shown) == 15
    for number in range(3):
        frame = shown[2 + 5 * number]
        line, above = frame[349:], frame[:344]
        assert above.min() > 250, "over the bar the picture is as it was"
        assert 90 < int(frame[359, 320].mean()) < 135, "the bar lets it shine through"
        assert line[:, 600:632].max() > 225, "its number stands right"
        assert bool(line[:, 10:200].max() > 225) == (number < 2)
    written = np.flatnonzero(shown[7][349:, 500:632].max(axis=(0, 2)) > 140)
    assert written[0] < 10 and np.diff(written).max() > 5, "a long text ends before the number"


def test_scene_linear_pictures_are_shown_through_our_view_transform(tmp_path: Path) -> None:
    bpy = pytest.importorskip("bpy", reason="Blender is not installed")
    place = tmp_path / "grey.exr"
    image = bpy.data.images.new("grey", 64, 36, float_buffer=True)
    image.pixels = [0.18, 0.18, 0.18, 1.0] * (64 * 36)
    image.file_format, image.filepath_raw = "OPEN_EXR", str(place)
    image.save()
    broken = tmp_path / "broken.exr"
    broken.write_bytes(place.read_bytes()[:200])
    grey = item(place, "image/x-exr", linear=True, caption=None)
    drawn(tmp_path, grey)
    [*_, frame] = made(tmp_path, grey)
    # Khronos PBR Neutral takes the 0.04 that a surface reflects off 0.18: 0.14 is 104 of 255 in sRGB.
    assert is_coloured(frame[45, 80], (104, 104, 104), most=2), frame[45, 80]
    with pytest.raises(RacewayError) as refused:
        drawn(tmp_path, item(broken, "image/x-exr", linear=True, caption=None))
    assert refused.value.code == "film.unreadable" and "broken.exr" in refused.value.message
