"""``python -m dcc.media.playlist_film LIST.json --prepared FOLDER --output FILM.mp4``: pictures and films as one film.

They follow each other at one size and frame rate, letterboxed on black, without sound. ``LIST.json`` has ``width``,
``height``, ``frame_rate`` (such as ``"24000/1001"``), ``still_seconds``, ``most_seconds``, and ``items``: each with
``path``, ``name``, ``mime_type`` and, of a film, ``duration`` (seconds, null where it is not known). What
:mod:`dcc.render.film_parts` has drawn for an item stands below ``FOLDER`` by its number.

Prints the events of :mod:`shared.events`; the result has ``frames``, ``duration`` (seconds), ``fps``, ``width``,
``height`` and ``codec``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from dcc.media.film import open_film, unreadable, video_of
from dcc.media.letterbox import Letterbox, read_picture
from shared.errors import RenderError
from shared.events import emit_progress, tool_main

_CODEC = "libx264"
_QUALITY = {"crf": "18", "preset": "veryfast"}
_BT709 = 1
"""Of primaries, transfer and matrix: ITU-T H.273, tables 2 to 4."""
_LIMITED_RANGE = 1
_FILM = "video/"
_SHORT = Fraction(1, 10)
"""Part of a film that may be missing at its end before it counts as damaged: players show such films, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    parser = argparse.ArgumentParser(prog="dcc.media.playlist_film", description="Make one film of pictures and films.")
    parser.add_argument("list", type=Path, help="what is shown, and how (JSON)")
    parser.add_argument("--prepared", type=Path, required=True, help="folder of captions and pictures drawn for it")
    parser.add_argument("--output", type=Path, required=True, help="the film to write (.mp4)")
    options = parser.parse_args(arguments)
    return tool_main(lambda: make_film(json.loads(options.list.read_text("utf-8")), options.prepared, options.output))


def make_film(wanted: dict[str, Any], prepared: Path, output: Path) -> dict[str, Any]:
    """Write the film that ``wanted`` describes; returns the data of the result event.

    Raises RenderError: ``film.unreadable`` for an item that is damaged, ``film.too_long``, or ``film.failed`` where the
    film cannot be written.
    """
    import av

    rate = Fraction(wanted["frame_rate"])
    try:
        with av.open(str(output), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            written = _Writer(container, wanted, rate).write_all(prepared)
    except (av.FFmpegError, OSError) as error:
        raise RenderError(
            f"The film {output.name} could not be written: {getattr(error, 'strerror', None) or error}.",
            hint="Look whether the disk is full.",
            code="film.failed",
        ) from error
    return {
        "frames": written,
        "duration": round(float(written / rate), 6),
        "fps": str(rate),
        "width": wanted["width"],
        "height": wanted["height"],
        "codec": "h264",
    }


class _Writer:
    """Encodes the items one after the other."""

    def __init__(self, container: Any, wanted: dict[str, Any], rate: Fraction) -> None:
        self._container, self._wanted, self._rate = container, wanted, rate
        self._most = floor(wanted["most_seconds"] * rate)
        self._expected = sum(map(self._frames_expected, wanted["items"]))
        self._written, self._percent = 0, 0.0
        stream = container.add_stream(_CODEC, rate=rate, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = wanted["width"], wanted["height"], "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / rate
        # A second at most is decoded where a viewer jumps to.
        context.gop_size = max(1, round(rate))
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        self._stream = stream

    def write_all(self, prepared: Path) -> int:
        """Write the items; returns the number of frames."""
        items = self._wanted["items"]
        for number, item in enumerate(items, 1):
            self._message = f"{number} of {len(items)}: {item['name']}"
            drawn, caption = (prepared / f"{kind}.{number:04}.png" for kind in ("picture", "caption"))
            box = Letterbox(self._wanted["width"], self._wanted["height"], caption if caption.is_file() else None)
            if drawn.is_file():
                item = {**item, "path": str(drawn), "mime_type": "image/png"}
            for frame, count in self._frames_of(item, box):
                self._write(frame, count)
        self._mux(None)
        return self._written

    def _frames_of(self, item: dict[str, Any], box: Letterbox) -> Iterator[tuple[Any, int]]:
        """The frames of an item as they are shown, and how many of the film's frames each lasts."""
        import av

        path, name = Path(item["path"]), item["name"]
        if not item["mime_type"].startswith(_FILM):
            yield box.fit(read_picture(path, item["mime_type"], name)), self._frames_of_still
            return
        try:
            for frame, aspect, count in frames_of_film(path, self._rate, item.get("duration")):
                if count:
                    yield box.fit(frame, aspect), count
        except (av.FFmpegError, ValueError, OSError) as error:
            raise unreadable(Path(name), getattr(error, "strerror", None) or error) from error

    def _write(self, frame: Any, count: int) -> None:
        if self._written + count > self._most:
            raise RenderError(
                f"The film would last longer than {self._wanted['most_seconds']} s.",
                hint="Take something off the playlist, or show stills for a shorter time.",
                code="film.too_long",
            )
        for _ in range(count):
            frame.pts, frame.time_base = self._written, 1 / self._rate
            self._mux(frame)
            self._written += 1
            # By tenths, so that a long film is not silent for minutes.
            percent = round(5 + 93 * min(1.0, self._written / max(1, self._expected)), 1)
            if percent != self._percent:
                self._percent = percent
                emit_progress("encode", percent, self._message)

    def _mux(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))

    def _frames_expected(self, item: dict[str, Any]) -> int:
        seconds = item.get("duration")
        return round(seconds * self._rate) if seconds else self._frames_of_still

    @property
    def _frames_of_still(self) -> int:
        seconds: float = self._wanted["still_seconds"]
        return max(1, round(seconds * self._rate))


def frames_of_film(path: Path, rate: Fraction, duration: float | None) -> Iterator[tuple[Any, Any, int]]:
    """The frames of the film at ``path``, the aspect of their pixels, and for how many frames at ``rate`` each is
    shown.

    ``duration`` is how long the film lasts in seconds, where that is known. Raises ValueError or FFmpegError where it
    is damaged.
    """
    with open_film(path) as container:
        stream = video_of(container)
        stream.thread_type, aspect = "AUTO", stream.sample_aspect_ratio
        first, shown, since, ends = None, None, 0, Fraction(0)
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise ValueError("it is damaged")
            if frame.pts is None:
                continue
            first = frame.pts if first is None else first
            at = (frame.pts - first) * Fraction(frame.time_base)
            begins = max(since, _nearest(at * rate))
            if shown is not None:
                yield shown, aspect, begins - since
            lasts = frame.duration * Fraction(frame.time_base) if frame.duration else 1 / _rate_of(stream, rate)
            shown, since, ends = frame, begins, at + lasts
        if shown is None:
            raise ValueError("it has no frame")
        if duration and ends < Fraction(duration) * (1 - _SHORT):
            raise ValueError(f"it is damaged: it lasts {duration:.2f} s, and {float(ends):.2f} s of it can be read")
        # Of a film of a single frame something is to be seen, too.
        yield shown, aspect, max(_nearest(ends * rate) - since, 1 if since == 0 else 0)


def _rate_of(stream: Any, otherwise: Fraction) -> Fraction:
    return Fraction(stream.average_rate or otherwise)


def _nearest(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))


if __name__ == "__main__":
    sys.exit(main())
