"""Running a job's tool: with its limits, its log, its own temporary folder, and its failures named."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from service.config import MEBIBYTE, Config, tool_environment
from service.tasks.lease import Lease
from service.tasks.logs import log_path
from shared.errors import ProcessError, RacewayError
from shared.files import TEMPORARY_PREFIX, make_folder, storage_error
from shared.jobs import now
from shared.processes import Event, python_tool, run_tool
from shared.warm_tool import WarmTool


@dataclass(frozen=True)
class Tool:
    """A tool of ours, and how to name what it does when it fails."""

    module: str
    error: type[RacewayError]
    program: str
    area: str
    """Start of its error codes."""
    time_variable: str
    """The variable that sets its time limit."""
    warm: WarmTool | None = None
    """Where it stands ready; None: it is started each time."""


def run(
    tool: Tool,
    arguments: list[str],
    lease: Lease,
    config: Config,
    root: Path,
    *,
    seconds: int,
    memory_bytes: int = 0,
    should_stop: Callable[[], bool] | None = None,
    on_event: Callable[[Event], None] | None = None,
    stall_seconds: float = 0,
) -> dict[str, Any]:
    """Run ``tool`` for the job and return its result.

    ``memory_bytes`` is for this run instead of what the configuration says; ``should_stop`` and ``on_event`` instead
    of the lease's. A tool that neither reports nor logs anything for ``stall_seconds`` (0: as long as it likes) is
    stopped. Raises what the tool reports, ``tool.error`` with the code ``<area>.crashed``, ``<area>.timeout``,
    ``<area>.memory`` or ``<area>.stalled``, or ProcessError where it was stopped on purpose.
    """
    memory_bytes = memory_bytes or config.tool_memory_bytes
    place = log_path(root, lease.job.id)
    make_folder(place.parent)
    with place.open("a", encoding="utf-8") as log:
        log.write(f"--- attempt {lease.attempt}, {now()}\n")
    watch = _Watch(place, stall_seconds, on_event or lease.on_event, should_stop or lease.should_stop)
    try:
        return _starter(tool)(
            arguments,
            timeout=seconds,
            memory_limit=memory_bytes,
            on_event=watch.on_event,
            on_start=lease.on_start,
            should_cancel=watch.should_stop,
            env=tool_environment(),
            log=place,
        )
    except ProcessError as error:
        if watch.stalled:
            raise tool.error(
                f"{tool.program} made no progress for {stall_seconds:g} s and was stopped.",
                code=f"{tool.area}.stalled",
                hint="See the log of the job; RACEWAY_STALL_SECONDS sets how long it may be silent.",
            ) from error
        raise _explained(error, tool, memory_bytes, seconds) from error


@dataclass
class _Watch:
    """Sees to it that a tool gives signs of life."""

    log: Path
    stall_seconds: float
    heard: Callable[[Event], None]
    stop: Callable[[], bool]
    stalled: bool = False
    last_event: float = field(default_factory=time.time)

    def on_event(self, event: Event) -> None:
        self.last_event = time.time()
        self.heard(event)

    def should_stop(self) -> bool:
        if self.stop():
            return True
        if self.stall_seconds:
            silent = time.time() - max(self.last_event, self.log.stat().st_mtime)
            self.stalled = silent > self.stall_seconds
        return self.stalled


def _starter(tool: Tool) -> Callable[..., dict[str, Any]]:
    if tool.warm is not None:
        return tool.warm.run
    return lambda arguments, **options: run_tool(python_tool(tool.module, *arguments), **options)


@contextlib.contextmanager
def temporary_folder(lease: Lease, parent: Path) -> Iterator[Path]:
    """A folder below ``parent`` for this attempt, removed at its end; an earlier attempt's is removed first."""
    folder = _temporary(make_folder(parent), lease.job.id, lease.attempt)
    remove_temporary(parent, lease.job.id, lease.attempt)
    try:
        folder.mkdir()
    except OSError as error:
        raise storage_error(error, folder, "create the folder") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_temporary(parent: Path, job_id: UUID, attempt: int) -> None:
    """Remove the temporary folders of a job's attempts up to this one, whose workers are gone."""
    for number in range(1, attempt + 1):
        shutil.rmtree(_temporary(parent, job_id, number), ignore_errors=True)


def _temporary(parent: Path, job_id: UUID, attempt: int) -> Path:
    return parent / f"{TEMPORARY_PREFIX}{job_id}-{attempt}"


def _explained(error: ProcessError, tool: Tool, memory_bytes: int, seconds: int) -> RacewayError:
    limit = memory_bytes // MEBIBYTE
    explanations = {
        "process.crashed": (f"{tool.program} crashed.", error.hint or "See the job's log."),
        "process.timeout": (
            f"{tool.program} took longer than {seconds} s and was stopped.",
            f"Try again with more seconds or a coarser setting, raise {tool.time_variable}, or simplify the model.",
        ),
        "process.memory": (
            f"{tool.program} needed more than {limit} MiB of memory and was stopped.",
            "Try again with more memory or a coarser setting, raise RACEWAY_TOOL_MEMORY_MB, or simplify the model.",
        ),
    }
    if error.code not in explanations:
        return error
    message, hint = explanations[error.code]
    return tool.error(message, code=error.code.replace("process", tool.area), hint=hint)
