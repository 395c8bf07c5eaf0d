"""Frame numbers as people write them: ``1-24``, ``1-96x2``, ``5``, ``1-10,20,30-40x5``."""

from __future__ import annotations

import re

from shared.errors import InputError

MOST_FRAMES = 1_000_000
_PART = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?")


def parse_frames(text: str) -> list[int]:
    """The frames that ``text`` names, each once, in its order.

    ``1-24x2`` is every second frame from 1 on, to 24 at most. Raises InputError (``input.frames``) for anything else.
    """
    frames: dict[int, None] = {}
    for part in text.replace(" ", "").split(","):
        found = _PART.fullmatch(part)
        first = int(found[1]) if found else 0
        last = int(found[2] or found[1]) if found else -1
        step = int(found[3] or 1) if found else 0
        if not found or step < 1 or last < first:
            raise _error(f"{text!r} is no range of frames{_reason(part, found)}.")
        if (last - first) // step + len(frames) >= MOST_FRAMES:
            raise _error(f"{text!r} names more than {MOST_FRAMES} frames.")
        frames.update(dict.fromkeys(range(first, last + 1, step)))
    return list(frames)


def _reason(part: str, found: re.Match[str] | None) -> str:
    if not found:
        return f": {part!r} cannot be read" if part else ": a part is empty"
    return f": the step of {part} is 0" if found[3] and int(found[3]) == 0 else f": {part} ends before it begins"


def _error(message: str) -> InputError:
    return InputError(
        message,
        hint="Write 12, 1-24, or 1-96x2 for every second one; several with commas.",
        code="input.frames",
        fields={"frames": "a range such as 1-24x2"},
    )
