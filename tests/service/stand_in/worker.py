"""``raceway worker`` whose renderers are stand-ins: ``python -m tests.service.stand_in.worker``."""

from __future__ import annotations

import dataclasses
import sys

from service.commands import worker
from service.tasks import encode, frames, still


def stand_in() -> None:
    """Let this process's render tasks start stand-ins."""
    frames.RENDERER = dataclasses.replace(frames.RENDERER, module="tests.service.stand_in.frames")
    encode.ENCODER = dataclasses.replace(encode.ENCODER, module="tests.service.stand_in.encode")
    still.RENDERER = dataclasses.replace(still.RENDERER, module="tests.service.stand_in.still")


if __name__ == "__main__":
    stand_in()
    sys.exit(worker.main())
