"""Films: what they are, as a tool in a process of its own tells, and the picture that stands for each."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from sqlalchemy import func

from service.config import tool_environment
from service.models import MediaAsset
from service.publish import store
from shared.errors import RacewayError
from shared.processes import python_tool, run_tool

log = logging.getLogger(__name__)

_TOOL = "dcc.media.film"
_SECONDS = 60
_MEMORY_BYTES = 2 << 30
_POSTER_BYTES = 4 << 20
_LONGEST_NAME = 40

READERS: set[int] = set()
"""Processes of this one that read a film just now."""


@dataclass(frozen=True)
class Film:
    """What is known of a film; None for what is not."""

    width: int | None = None
    height: int | None = None
    frame_rate: str | None = None
    frame_count: int | None = None
    duration: float | None = None
    variable_frame_rate: bool | None = None
    codec: str | None = None
    start_timecode: str | None = None
    poster_path: str | None = None

    def describe(self, medium: MediaAsset) -> None:
        """Write it to the film's row; what is not known stays."""
        for each in fields(self):
            if (value := getattr(self, each.name)) is not None:
                setattr(medium, each.name, value)
        medium.film_read_at = func.now()


def read_film(place: Path, root: Path, *, poster: bool = True) -> Film:
    """What the film at ``place`` is; with ``poster``, a small picture of it is put into the store below ``root``.

    A film that cannot be read, or not in time, is still one to keep: then nothing is known of it.
    """
    with tempfile.TemporaryDirectory(prefix="raceway-") as folder:
        drawn = Path(folder, "poster.jpg")
        arguments = [str(place), *(("--poster", str(drawn)) if poster else ())]
        try:
            result = _read(arguments)
            path = _keep_poster(drawn, root) if result.pop("poster") else None
        except RacewayError as error:
            log.warning("nothing is known of the film %s: %s", place.name, error.message)
            return Film()
    return Film(**{**result, "codec": result["codec"][:_LONGEST_NAME], "poster_path": path})


def rendered_film(result: Mapping[str, Any]) -> Film:
    """What the encoder's result says of the film that it made."""
    return Film(
        width=result.get("width"),
        height=result.get("height"),
        frame_rate=str(Fraction(result["fps"]).limit_denominator(1001)),
        frame_count=result["frames"],
        duration=result["duration"],
        variable_frame_rate=False,
        codec=result["codec"],
    )


def frame_at(frame_rate: str | None, seconds: float | None) -> int | None:
    """Number of the frame, from 1, that is shown at ``seconds``; None where the frame rate is not known."""
    if frame_rate is None or seconds is None:
        return None
    # A browser stops a film at the beginning of a frame, which may be off by the last digits.
    return int(seconds * float(Fraction(frame_rate)) + 0.01) + 1


def _read(arguments: Sequence[str]) -> dict[str, Any]:
    started: list[int] = []

    def on_start(process_id: int) -> None:
        started.append(process_id)
        READERS.add(process_id)

    tool = python_tool(_TOOL, *arguments)
    try:
        return run_tool(tool, timeout=_SECONDS, memory_limit=_MEMORY_BYTES, on_start=on_start, env=tool_environment())
    finally:
        READERS.difference_update(started)


def _keep_poster(drawn: Path, root: Path) -> str:
    with store.receive(io.BytesIO(drawn.read_bytes()), root, _POSTER_BYTES) as upload:
        return upload.keep(root, "poster.jpg")
