"""Stands in for the renderers in tests of the queue: speaks their protocol, takes their options, and is quick.

The environment of the worker sets how it behaves: ``STAND_IN_SECONDS`` for each frame; ``STAND_IN_CRASH`` frames at
which it dies, once for each that has no mark in the folder ``STAND_IN_MARKS``; ``STAND_IN_FAIL`` frames at which it
always fails; ``STAND_IN_DAEMON`` starts a child that leaves the session and ignores SIGTERM, as a helper of a renderer
may; ``STAND_IN_HANG`` falls silent at once; ``STAND_IN_ENVIRONMENT`` prints its environment, as a renderer that crashes
may.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from shared.errors import RenderError

DEVICE = {"requested": "auto", "used": "CPU", "why": "a stand-in has no GPU"}
_DAEMON = "trap '' TERM; while :; do sleep 0.2; done"


def options() -> argparse.Namespace:
    """What the stand-ins read of the command line; they take everything."""
    parser = argparse.ArgumentParser()
    for name in ("output", "thumbnail"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("first", "last"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--frames")
    print("stand-in begins", file=sys.stderr, flush=True)
    return parser.parse_known_args()[0]


def misbehave() -> None:
    """Be as difficult as the environment says."""
    if os.environ.get("STAND_IN_DAEMON"):
        subprocess.Popen(["sh", "-c", _DAEMON], start_new_session=True)
    if os.environ.get("STAND_IN_ENVIRONMENT"):
        print(*(f"{name}={value}" for name, value in os.environ.items()), sep="\n", file=sys.stderr, flush=True)
    if os.environ.get("STAND_IN_HANG"):
        signal.pause()


def seconds() -> float:
    """How long a frame takes."""
    return float(os.environ.get("STAND_IN_SECONDS", "0"))


def render_for(frame: int) -> None:
    """Take the time of a frame, and come to grief where that is wanted."""
    time.sleep(seconds())
    if str(frame) in os.environ.get("STAND_IN_FAIL", "").split(","):
        raise RenderError(f"Frame {frame} cannot be rendered.", hint="Look at its textures.")
    marks = os.environ.get("STAND_IN_MARKS")
    if marks and str(frame) in os.environ.get("STAND_IN_CRASH", "").split(","):
        mark = Path(marks) / f"crashed-{frame}"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGSEGV)
