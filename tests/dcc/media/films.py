"""Small films to read: each frame a grey of its own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av


def write_film(
    place: Path,
    *,
    rate: str = "24",
    count: int = 12,
    size: tuple[int, int] = (64, 48),
    codec: str = "mpeg4",
    times: Sequence[float] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A film of ``count`` frames at ``rate``, or with a frame at each of ``times`` in seconds; answers ``place``."""
    with av.open(str(place), "w") as container:
        container.metadata.update(metadata or {})
        stream: Any = container.add_stream(codec, rate=Fraction(rate))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(count if times is None else len(times)):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane, level in zip(frame.planes, (16 + number * 200 // max(1, count), 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            frame.pts = number if times is None else round(times[number] * 1000)
            frame.time_base = 1 / Fraction(rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return place
