"""What a film is: its frame rate to the fraction, every frame counted, and no word where it does not tell."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import pytest

pytest.importorskip("av", reason="PyAV is not installed")

import av

from dcc.media.film import read_film, write_poster
from shared.errors import RacewayError, RenderError
from shared.processes import python_tool, run_tool
from tests.dcc.media.films import write_film


@pytest.mark.parametrize(
    ("name", "rate", "count", "codec"),
    [
        ("a.mp4", "24", 12, "mpeg4"),
        ("a.mp4", "24000/1001", 60, "libx264"),
        ("a.mov", "30000/1001", 40, "mpeg4"),
        # WebM counts milliseconds: no frame is where this rate has it.
        ("a.webm", "24000/1001", 50, "libvpx"),
        ("a.webm", "60", 50, "libvpx"),
        ("a.mp4", "15/2", 9, "libx264"),
        ("a.mp4", "25", 1, "mpeg4"),
    ],
)
def test_rate_frames_and_duration_are_exact(tmp_path: Path, name: str, rate: str, count: int, codec: str) -> None:
    film = read_film(write_film(tmp_path / name, rate=rate, count=count, codec=codec))
    assert (film.frame_rate, film.frame_count, film.variable_frame_rate) == (rate, count, False)
    numerator, _, denominator = rate.partition("/")
    assert film.duration == pytest.approx(count * int(denominator or 1) / int(numerator), abs=1e-5)
    assert (film.width, film.height) == (64, 48)


def test_a_rate_that_varies_is_none(tmp_path: Path) -> None:
    film = read_film(write_film(tmp_path / "a.mp4", times=[0, 0.04, 0.08, 0.2, 0.5, 0.54], codec="libx264"))
    assert (film.frame_rate, film.variable_frame_rate, film.frame_count) == (None, True, 6)
    assert 0.54 < film.duration < 0.7


def test_frames_that_are_not_stored_in_their_order_are_counted_in_it(tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", rate="25", count=50, codec="libx264")
    with av.open(str(place)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert any(after < before for before, after in itertools.pairwise(stored))
    assert (read_film(place).frame_rate, read_film(place).frame_count) == ("25", 50)


def test_the_timecode_of_the_first_frame_is_told(tmp_path: Path) -> None:
    film = read_film(write_film(tmp_path / "a.mov", rate="30000/1001", metadata={"timecode": "01:00:00;02"}))
    assert film.start_timecode == "01:00:00;02"


def test_a_film_on_its_side_has_the_size_that_is_shown(tmp_path: Path) -> None:
    upright, turned = write_film(tmp_path / "a.mp4"), tmp_path / "turned.mp4"
    with av.open(str(upright)) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    film = read_film(turned)
    assert (film.width, film.height) == (48, 64)
    assert write_poster(turned, tmp_path / "poster.jpg")
    with av.open(str(tmp_path / "poster.jpg")) as poster:
        assert (poster.streams.video[0].width, poster.streams.video[0].height) == (48, 64)


@pytest.mark.parametrize(("across", "down"), [(2**24 - 1, 2), (2, 2**24 - 1)])
def test_a_film_that_would_be_shown_wider_than_any_screen_has_the_size_of_its_frames(
    tmp_path: Path, across: int, down: int
) -> None:
    place = write_film(tmp_path / "a.mp4", size=(1024, 16), codec="libx264")
    content = bytearray(place.read_bytes())
    # The matrix of the track's header, version 0: ISO/IEC 14496-12, 8.3.2.
    matrix = content.index(b"tkhd") + 4 + 40
    struct.pack_into(">i12xi", content, matrix, across, down)
    place.write_bytes(content)
    film = read_film(place)
    assert (film.width, film.height) == (1024, 16)
    assert write_poster(place, tmp_path / "poster.jpg")


@pytest.mark.parametrize(
    "content",
    ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:10,\nother.mp4\n#EXT-X-ENDLIST\n"],
    ids=["concat", "HLS"],
)
def test_a_list_of_other_films_is_no_film(tmp_path: Path, content: str) -> None:
    """Whoever sends one would have the service read files beside it, and ask other machines."""
    write_film(tmp_path / "other.mp4")
    place = tmp_path / "a.mp4"
    place.write_text(content)
    with pytest.raises(RenderError, match="neither MP4, MOV nor WebM"):
        read_film(place)
    assert not write_poster(place, tmp_path / "poster.jpg")


def test_the_poster_is_a_small_picture_from_inside_the_film(tmp_path: Path) -> None:
    place = write_film(tmp_path / "a.mp4", count=100, size=(1280, 720), codec="libx264")
    result = run_tool(python_tool("dcc.media.film", str(place), "--poster", str(tmp_path / "poster.jpg")), timeout=60)
    assert result["poster"] == str(tmp_path / "poster.jpg")
    with av.open(str(tmp_path / "poster.jpg")) as poster:
        frame = next(iter(poster.decode(video=0)))
    assert (frame.width, frame.height) == (512, 288)


@pytest.mark.parametrize("kept", [0, 100, 700])
def test_what_is_no_film_is_told_in_words(tmp_path: Path, kept: int) -> None:
    place = write_film(tmp_path / "a.mp4")
    place.write_bytes(place.read_bytes()[:kept])
    with pytest.raises(RenderError) as refused:
        read_film(place)
    assert refused.value.code == "film.unreadable" and "a.mp4" in refused.value.message
    assert not write_poster(place, tmp_path / "poster.jpg") and not (tmp_path / "poster.jpg").exists()


def test_the_tool_answers_for_damaged_films_with_an_error_or_with_what_is_left(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "a.mp4", count=24, codec="libx264").read_bytes()
    damaged = tmp_path / "damaged.mp4"
    for place in range(40, len(whole), len(whole) // 6):
        damaged.write_bytes(
            whole[:place] + bytes(each ^ 0xFF for each in whole[place : place + 40]) + whole[place + 40 :]
        )
        try:
            film = run_tool(python_tool("dcc.media.film", str(damaged)), timeout=60)
        except RacewayError as error:
            assert error.code == "film.unreadable"
        else:
            assert film["frame_count"] >= 1
