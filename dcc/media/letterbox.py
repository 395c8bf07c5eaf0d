"""Pictures and frames of films of any size as frames of one film: fitted into it on black, over a line of text."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from dcc.media.film import shown_size, upright
from shared.errors import RenderError

_READERS = {
    "image/png": "png_pipe",
    "image/jpeg": "jpeg_pipe",
    "image/gif": "gif",
    "image/webp": "webp_pipe",
    "image/tiff": "tiff_pipe",
}
"""FFmpeg's format by media type: a file does not choose by its name or content what reads it."""
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""By the number that a frame tells: ITU-T H.273, table 4."""
_GREYS = ("pal", "gray", "mono", "ya")
_HD_HEIGHT = 720
"""From here on browsers take a film that tells no matrix for BT.709, and below for BT.601."""
_FULL_RANGE = 2
_BAR = bytes((0, 0, 0, 140))
"""Behind the line of text, so that it is read on whatever picture: red, green, blue and alpha."""
_STEP = Fraction(1, 1000)


def read_picture(path: Path, mime_type: str, name: str) -> Any:
    """The picture at ``path``, the first where it has several.

    Raises RenderError (``film.unreadable``) where it is damaged.
    """
    import av

    try:
        with av.open(str(path), format=_READERS[mime_type]) as container:
            frame = next(iter(container.decode(video=0)), None)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise unreadable_picture(name, getattr(error, "strerror", None) or error) from error
    if frame is None or frame.is_corrupt:
        raise unreadable_picture(name, "it is damaged")
    return frame


def unreadable_picture(name: str, why: object) -> RenderError:
    """The error for what is no picture, or a broken one."""
    return RenderError(
        f"{name} cannot be read as a picture: {why}.",
        hint="Open it in another program; where that works, save it from there as PNG.",
        code="film.unreadable",
    )


class Letterbox:
    """Fits frames into ``width`` by ``height`` pixels, proportions kept, in BT.709; ``caption`` lies over its bottom.

    ``caption`` is a PNG as wide as the film.
    """

    def __init__(self, width: int, height: int, caption: Path | None) -> None:
        self._size = width, height
        self._over = _line_of(read_picture(caption, "image/png", caption.name)) if caption else []
        self._made_for: tuple[Any, ...] = ()
        self._source: Any = None
        self._sink: Any = None
        self._number = 0

    def fit(self, frame: Any, aspect: Fraction | None = None) -> Any:
        """``frame``, whose pixels have this aspect, as a frame of the film."""
        looks = (
            frame.width,
            frame.height,
            aspect,
            frame.rotation,
            frame.format.name,
            frame.colorspace,
            frame.color_range,
        )
        if looks != self._made_for:
            self._make(frame, aspect)
            self._made_for, self._number = looks, 0
        frame.pts, frame.time_base = self._number, _STEP
        self._number += 1
        self._source.push(frame)
        return self._sink.pull()

    def _make(self, frame: Any, aspect: Fraction | None) -> None:
        import av.filter

        height = self._size[1]
        graph = av.filter.Graph()
        picture = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format.name, time_base=_STEP)
        last = _chain(graph, picture, self._fitting(frame, aspect))
        laid_over = []
        for line in self._over:
            source = graph.add_buffer(width=line.width, height=line.height, format=line.format.name, time_base=_STEP)
            laid = graph.add("overlay", f"x=0:y={height - line.height}:format=gbrp:eof_action=repeat")
            last.link_to(laid, 0, 0)
            source.link_to(laid, 0, 1)
            laid_over.append((source, line))
            last = laid
        last = _chain(
            graph,
            last,
            [("scale", "out_color_matrix=bt709:out_range=limited:flags=accurate_rnd"), ("format", "yuv420p")],
        )
        self._source, self._sink, self._graph = picture, _chain(graph, last, [("buffersink", "")]), graph
        graph.configure()
        for source, line in laid_over:
            line.pts, line.time_base = 0, _STEP
            source.push(line)
            source.push(None)

    def _fitting(self, frame: Any, aspect: Fraction | None) -> list[tuple[str, str]]:
        """The filters that make a frame a letterboxed RGB picture."""
        width, height = self._size
        given = shown_size(frame, aspect)
        scale = min(Fraction(width, given[0]), Fraction(height, given[1]))
        fitted = [min(most, max(1, round(side * scale))) for side, most in zip(given, self._size, strict=True)]
        is_full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
        colours = f"in_color_matrix={_matrix_of(frame)}:in_range={'full' if is_full else 'limited'}"
        if frame.format.is_rgb or frame.format.name.startswith(_GREYS):
            colours = "in_range=full"
        flags = "flags=lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"
        return [
            *upright(frame),
            ("scale", f"{fitted[0]}:{fitted[1]}:{colours}:{flags}"),
            # What is transparent shows the black behind it.
            *([("format", "gbrap"), ("premultiply", "inplace=1")] if _has_alpha(frame.format) else []),
            ("format", "gbrp"),
            ("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2:black"),
            ("setsar", "1"),
        ]


def _line_of(words: Any) -> list[Any]:
    """A line's words, and before them the bar that lies under them."""
    import av

    bar = av.VideoFrame(words.width, words.height, "rgba")
    (plane,) = bar.planes
    plane.update(_BAR * (plane.buffer_size // len(_BAR)))
    return [bar, words]


def _matrix_of(frame: Any) -> str:
    return _MATRICES.get(int(frame.colorspace), "bt709" if frame.height >= _HD_HEIGHT else "bt601")


def _has_alpha(given: Any) -> bool:
    return given.name == "pal8" or any(part.is_alpha for part in given.components)


def _chain(graph: Any, last: Any, filters: list[tuple[str, str]]) -> Any:
    for name, arguments in filters:
        added = graph.add(name, arguments or None)
        last.link_to(added)
        last = added
    return last
