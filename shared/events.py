"""What a tool's process tells its parent: one JSON object a line on standard output.

``{"event": "progress", "stage": "mesh", "percent": 42.0, "message": "..."}`` any number of times, then either
``{"event": "result", ...}`` or ``{"event": "error", "code": ..., "message": ..., "hint": ...}``.
Everything else a tool prints belongs on standard error, which is its log.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from shared.errors import ProcessError, RacewayError

_stream: TextIO | None = None


def claim_stdout() -> None:
    """Keep the real standard output for events, and send whatever else is printed to standard error.

    CAD kernels and renderers print from C code; without this their lines would stand between the events.
    """
    global _stream
    if _stream is not None:
        return
    sys.stdout.flush()
    _stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)


def emit(event: str, **data: Any) -> None:
    """Write one event line at once."""
    stream = _stream or sys.stdout
    stream.write(json.dumps({"event": event, **data}, ensure_ascii=False) + "\n")
    stream.flush()


def emit_progress(stage: str, percent: float, message: str = "") -> None:
    """Report ``percent`` (0 to 100) of the whole work, while in ``stage``."""
    emit("progress", stage=stage, percent=round(min(max(percent, 0.0), 100.0), 1), message=message)


def emit_result(data: Mapping[str, Any]) -> None:
    """Report success; ``data`` is what the parent's ``run_tool`` returns."""
    emit("result", **data)


def log(text: str) -> None:
    """Write a line of the tool's log, with the time of day (UTC)."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def emit_error(error: RacewayError) -> None:
    """Report the coded error that ended the tool."""
    emit("error", **error.to_json(), status=error.status)


def tool_main(main: Callable[[], Mapping[str, Any]]) -> int:
    """Run a tool's ``main``, report its result or error, and return the exit status (0 or 1).

    Anything that is not a RacewayError is a defect of ours: its traceback goes to the log and the parent gets a
    coded error, so that a user never meets a traceback.
    """
    claim_stdout()
    try:
        emit_result(main())
    except RacewayError as error:
        log(f"failed [{error.code}]: {error.message}")
        emit_error(error)
        return 1
    except MemoryError:
        emit_error(_memory_error())
        return 1
    except Exception as error:
        traceback.print_exc()
        emit_error(
            RacewayError(
                f"{type(error).__name__}: {error}",
                code="process.failed",
                hint="This is a defect in Raceway: please report it with the log.",
            )
        )
        return 1
    return 0


def _memory_error() -> RacewayError:
    return ProcessError(
        "The tool ran out of the memory it may use.",
        code="process.memory",
        hint="Raise the memory limit, or convert with a coarser deflection.",
    )
