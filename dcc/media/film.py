"""``python -m dcc.media.film FILM``: what a film is, and a small picture that stands for it.

Films come from anywhere, and decoders are a favourite of attackers: this runs in a process of its own, with limits.
Prints the events of :mod:`shared.events`; the result is :class:`Film`'s fields, and ``poster`` with ``--poster``.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from shared.errors import RenderError
from shared.events import tool_main

_STANDARD = [Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 100, 120)]
_STANDARD += [Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120)]
_TIMECODE = re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d")
_POSTER_SIDE = 512
_POSTER_AT = Fraction(1, 10)
"""Films begin black: the picture is taken from here, as a part of the whole."""
_QUALITY = 4
"""Of the JPEG: the encoder's quantiser, 2 is best and 31 worst."""
_MOST_FRAMES = 5_000_000
_LONGEST_SIDE = 65_535
_EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True)
class Film:
    """What a film is; None for what it does not tell. Width and height are those of the picture as it is shown."""

    width: int
    height: int
    frame_rate: str | None
    """Frames a second, exactly, such as ``24000/1001``; None where it varies or is not known."""
    frame_count: int
    duration: float
    """Seconds from the first frame to the end of the last."""
    variable_frame_rate: bool
    codec: str
    start_timecode: str | None
    """Of the first frame, such as ``01:00:00:00``; with a semicolon before the frames where numbers are dropped."""


@dataclass(frozen=True)
class _Times:
    """When the frames of a film are shown: in units of ``base`` seconds, in their order."""

    shown: list[int]
    base: Fraction
    end: int
    """When the last frame ends; when it begins, where that is not told."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    parser = argparse.ArgumentParser(prog="dcc.media.film", description="Tell what a film is.")
    parser.add_argument("film", type=Path)
    parser.add_argument("--poster", type=Path, metavar="OUT.jpg", help="also write a small picture of it")
    options = parser.parse_args(arguments)
    return tool_main(lambda: _read(options.film, options.poster))


def _read(place: Path, poster: Path | None) -> dict[str, Any]:
    film = read_film(place)
    # A film may be readable where its pictures are not.
    drawn = poster is not None and write_poster(place, poster)
    return {**asdict(film), "poster": str(poster) if drawn else None}


def read_film(place: Path) -> Film:
    """What the film at ``place`` is, by the times of all its frames; nothing is decoded but its first frame.

    Raises RenderError (``film.unreadable``) for what is no film, or has no frame.
    """
    import av

    try:
        with open_film(place) as container:
            stream = video_of(container)
            times = _times_of(container, stream)
        with open_film(place) as container:
            stream = video_of(container)
            first = next(iter(container.decode(stream)), None)
            coded = stream.codec_context
            width, height = shown_size(first, stream.sample_aspect_ratio) if first else (coded.width, coded.height)
            rate = _rate_of(times, [stream.base_rate, stream.average_rate, stream.guessed_rate])
            timecodes = [each.metadata.get("timecode", "") for each in (container, stream, *container.streams)]
            codec = stream.codec_context.name
    except (av.FFmpegError, ValueError, OSError) as error:
        raise unreadable(place, getattr(error, "strerror", None) or error) from error
    if not (times.shown and width and height):
        raise unreadable(place, "it has no frame")
    lasts = _duration(times, rate)
    return Film(
        width=width,
        height=height,
        frame_rate=str(rate) if rate else None,
        frame_count=len(times.shown),
        duration=round(float(lasts), 6),
        variable_frame_rate=rate is None and len(times.shown) > 1,
        codec=codec,
        start_timecode=next((each for each in timecodes if _TIMECODE.fullmatch(each)), None),
    )


def write_poster(place: Path, target: Path) -> bool:
    """Write a small JPEG of a film to ``target``; answers whether one could be made."""
    import av

    with contextlib.suppress(av.FFmpegError, ValueError, OSError):
        for part in (_POSTER_AT, Fraction(0)):
            with open_film(place) as container:
                stream = video_of(container)
                if part and stream.duration:
                    container.seek((stream.start_time or 0) + int(stream.duration * part), stream=stream)
                frame = next(iter(container.decode(stream)), None)
                if frame is not None:
                    target.write_bytes(_jpeg(frame, *shown_size(frame, stream.sample_aspect_ratio)))
                    return True
    return False


def open_film(place: Path) -> Any:
    """The film at ``place``. Raises ValueError for what is neither MP4, MOV nor WebM.

    The file itself does not choose what reads it: some of FFmpeg's formats are lists of other files and of addresses.
    """
    import av

    with place.open("rb") as stream:
        head = stream.read(8)
    if head[4:] != b"ftyp" and not head.startswith(_EBML):
        raise ValueError("it is neither MP4, MOV nor WebM")
    return av.open(str(place), format="mov" if head[4:] == b"ftyp" else "matroska")


def video_of(container: Any) -> Any:
    """The film's pictures: not those of a cover that a film carries along. Raises ValueError where there are none."""
    import av.stream

    covers = av.stream.Disposition.attached_pic
    films = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not films:
        raise ValueError("it has no pictures")
    return films[0]


def _times_of(container: Any, stream: Any) -> _Times:
    shown, end = [], 0
    for packet in container.demux(stream):
        # Frames that an edit list cuts away are there, but not shown.
        if packet.pts is None or packet.is_discard:
            continue
        shown.append(packet.pts)
        end = max(end, packet.pts + (packet.duration or 0))
        if len(shown) > _MOST_FRAMES:
            raise ValueError("it has too many frames")
    return _Times(sorted(shown), Fraction(stream.time_base or 0), end)


def _rate_of(times: _Times, told: Sequence[Fraction | None]) -> Fraction | None:
    """The rate at which every frame is within one unit of its time; None where there is none.

    ``told`` are the rates that the file names, the most trustworthy first.
    """
    if len(times.shown) < 2:
        return next((Fraction(rate) for rate in told if rate), None) if times.shown else None
    first, last = times.shown[0], times.shown[-1]
    if last == first or not times.base:
        return None
    measured = Fraction(len(times.shown) - 1) / ((last - first) * times.base)
    near = sorted(_STANDARD, key=lambda rate: abs(rate - measured))[:1]
    exact = [measured] if measured.denominator in (1, 1001) else []
    said = [Fraction(rate) for rate in told if rate]
    candidates = [*exact, *said[:1], *near, *said[1:], measured.limit_denominator(1001)]
    return next((rate for rate in candidates if _fits(times, rate)), None)


def _fits(times: _Times, rate: Fraction) -> bool:
    unit = 1 / (rate * times.base)
    first = times.shown[0]
    return all(abs(shown - first - number * unit) <= 1 for number, shown in enumerate(times.shown))


def _duration(times: _Times, rate: Fraction | None) -> Fraction:
    """Seconds from the first frame to the end of the last."""
    if rate:
        return len(times.shown) / rate
    return (max(times.end, times.shown[-1]) - times.shown[0]) * times.base


def shown_size(frame: Any, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height of a frame as it is shown: with square pixels, and turned as the camera says.

    ``aspect`` is that of its pixels, where it is known.
    """
    width, height = frame.width, frame.height
    if aspect and 1 <= round(width * aspect) <= _LONGEST_SIDE:
        width = round(width * aspect)
    return (height, width) if frame.rotation % 180 else (width, height)


def upright(frame: Any) -> list[tuple[str, str]]:
    """The filters, with their arguments, that turn a frame as the camera says."""
    turns = {90: ["cclock"], 180: ["clock", "clock"], 270: ["clock"]}.get(frame.rotation % 360, [])
    return [("transpose", f"dir={turn}") for turn in turns]


def _jpeg(frame: Any, width: int, height: int) -> bytes:
    """A small picture of a frame that is shown with this size."""
    import av
    import av.filter

    scale = min(1.0, _POSTER_SIDE / max(width, height))
    small = [max(2, round(side * scale)) for side in (width, height)]
    graph = av.filter.Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format.name, time_base=Fraction(1, 1000)
    )
    steps = [
        *upright(frame),
        ("scale", f"{small[0]}:{small[1]}:out_range=full"),
        ("format", "yuvj420p"),
        ("buffersink", None),
    ]
    for name, arguments in steps:
        step = graph.add(name, arguments)
        last.link_to(step)
        last = step
    graph.configure()
    frame.pts, frame.time_base = 0, Fraction(1, 1000)
    graph.push(frame)
    drawn: Any = graph.pull()
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = drawn.width, drawn.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = _QUALITY
    return b"".join(bytes(packet) for packet in [*encoder.encode(drawn), *encoder.encode(None)])


def unreadable(place: Path, why: object) -> RenderError:
    """The error for what is no film, or a broken one."""
    return RenderError(
        f"{place.name} cannot be read as a film: {why}.",
        hint="Play it in another program; where that works, save it from there as MP4 with H.264.",
        code="film.unreadable",
    )


if __name__ == "__main__":
    sys.exit(main())
