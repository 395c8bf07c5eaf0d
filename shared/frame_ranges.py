"""Frame ranges as artists write them: ``1-24``, ``1-24x2`` (every second), ``1,5,9-12``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.errors import InputError

MAX_FRAMES = 100_000
_PART = re.compile(r"(-?\d{1,7})(?:-(-?\d{1,7})(?:x(\d{1,7}))?)?")


def parse_frames(text: str) -> list[int]:
    """The frames of a range, ascending, each once.

    Raises InputError (``input.frames``) for what is no range, and for more than ``MAX_FRAMES``.
    """
    frames: set[int] = set()
    for part in text.replace(" ", "").split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise _error(text, f"{part!r} is no frame and no range")
        first = int(found[1])
        last, step = (int(found[2]) if found[2] else first), int(found[3] or 1)
        if last < first or step < 1:
            raise _error(text, f"{part} goes backwards" if step else f"{part} has no step")
        if (last - first) // step + len(frames) >= MAX_FRAMES:
            raise _error(text, f"more than {MAX_FRAMES} frames")
        frames.update(range(first, last + 1, step))
    return sorted(frames)


def format_frames(frames: Sequence[int]) -> str:
    """The shortest simple way to write ascending ``frames``; ``parse_frames`` gives them back."""
    parts: list[str] = []
    start = 0
    while start < len(frames):
        step = frames[start + 1] - frames[start] if start + 1 < len(frames) else 1
        end = start
        while end + 1 < len(frames) and frames[end + 1] - frames[end] == step:
            end += 1
        if end - start == 1 and step > 1:
            end = start
        if end == start:
            parts.append(str(frames[start]))
        else:
            parts.append(f"{frames[start]}-{frames[end]}" + (f"x{step}" if step > 1 else ""))
        start = end + 1
    return ",".join(parts)


def chunks(frames: Sequence[int], size: int) -> list[list[int]]:
    """``frames`` in chunks of at most ``size``."""
    return [list(frames[start : start + size]) for start in range(0, len(frames), size)]


def _error(text: str, reason: str) -> InputError:
    return InputError(
        f"{text!r} is no range of frames: {reason}.",
        hint="Write it like 1-24, 1-24x2 for every second one, or 1,5,9-12.",
        code="input.frames",
        fields={"frames": reason},
    )
