"""``python -m dcc.render.openjd_task MODULE ARGUMENTS``: runs one of our tools as a task of an OpenJD farm.

The tool's events become the lines that Open Job Description sessions look for in a task's output
(https://github.com/OpenJobDescription/openjd-specifications/wiki/How-Jobs-Are-Run#openjd-stdout-messages):
``openjd_progress: 42.0``, ``openjd_status: ...`` and ``openjd_fail: ...``. Its log is passed on as it is. The value of
``--frames`` may be a chunk in OpenJD's own notation, ``1-9:2``.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from dcc.render.destination import remove_unfinished
from shared.process_tree import kill_tree
from shared.processes import python_tool

FRAMES = "--frames"
OUTPUT = "--output"
_CANCEL_SECONDS = 5.0
_CHUNK = re.compile(r"[-\d,: ]+")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    module, *given = sys.argv[1:] if arguments is None else arguments
    process = subprocess.Popen(python_tool(module, *_in_our_notation(given)), stdout=subprocess.PIPE, text=True)

    def stop(number: int, frame: FrameType | None) -> None:
        # The session sends this first, and kills what is left after the notify period.
        kill_tree(process.pid, grace=_CANCEL_SECONDS)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    assert process.stdout is not None
    for line in process.stdout:
        for told in lines_of(line):
            print(told, flush=True)
    status = process.wait()
    if OUTPUT in given:
        # A tool that was killed could not tidy up.
        remove_unfinished(Path(given[given.index(OUTPUT) + 1]).parent, process.pid)
    return 1 if status else 0


def lines_of(line: str) -> list[str]:
    """What a session is told by a line of a tool: an event translated, anything else as it is."""
    try:
        event = json.loads(line)
        kind = event["event"]
    except (ValueError, KeyError, TypeError):
        return [line.rstrip("\n")]
    if kind == "progress":
        percent = min(max(float(event.get("percent") or 0.0), 0.0), 100.0)
        return [f"openjd_progress: {percent:.1f}", f"openjd_status: {_one_line(_status(event))}"]
    if kind == "error":
        hint = event.get("hint") or ""
        return [f"openjd_fail: {_one_line(f'''[{event.get('code')}] {event.get('message')} {hint}''')}"]
    if kind == "result":
        outputs = event.get("outputs") or []
        return ["openjd_progress: 100.0", *(f"wrote {path}" for path in outputs)]
    return []


def _status(event: dict[str, Any]) -> str:
    text = ", ".join(str(event[name]) for name in ("stage", "message") if event.get(name))
    remaining = event.get("remaining")
    return f"{text}, about {remaining:.0f} s left" if isinstance(remaining, int | float) else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_our_notation(arguments: Sequence[str]) -> list[str]:
    """``1-9:2`` as the tools read it, ``1-9x2``."""
    translated = list(arguments)
    for index, argument in enumerate(translated[:-1]):
        if argument == FRAMES and _CHUNK.fullmatch(translated[index + 1]):
            translated[index + 1] = translated[index + 1].replace(":", "x")
    return translated


if __name__ == "__main__":
    sys.exit(main())
