"""Named points at which a test ends a process with SIGKILL, or holds it until the test has ended another.

The code under test knows nothing of them: a process that imports this module and calls :func:`install` has the named
functions wrapped. A point is armed by a file of its name in ``$TEST_FAULTS`` and works once, so that a process that is
started again lives on.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "TEST_FAULTS"
_HELD = ".held"
_POLL_SECONDS = 0.01
_LONGEST_SECONDS = 60

POINTS: dict[str, tuple[str, str]] = {
    "client before reserve": ("before", "shared.client:Client.reserve_publish"),
    "client after reserve": ("after", "shared.client:Client.reserve_publish"),
    "client during write": ("after", "dcc.usd.items:_link_or_copy"),
    "client after rename, before commit": ("before", "shared.client:Client.commit_publish"),
    "client after commit": ("after", "shared.client:Client.commit_publish"),
    "service before lock": ("before", "service.publish.publishing:_locked_target"),
    "service after insert, before commit": ("after", "service.publish.publishing:_record"),
    "service after commit, before entries": ("before", "service.publish.entries:refresh"),
    "service between part entry and asset entry": ("after", "service.publish.entries:_write"),
    "service while writing an entry": ("before", "shared.files:_sync_file"),
    "service after entries, before their commit": ("after", "service.publish.entries:refresh"),
    "sweeper after removing an item": ("after", "service.tasks.publish_sweep:_remove_unpublished"),
    "sweeper while writing an entry": ("before", "service.publish.entries:_write"),
}


def install() -> None:
    """Wrap the functions of all points whose modules this process can import."""
    folder = Path(os.environ[VARIABLE])
    for point, (when, place) in POINTS.items():
        module_name, _, path = place.partition(":")
        *owners, name = path.split(".")
        try:
            owner: Any = importlib.import_module(module_name)
        except ModuleNotFoundError:
            continue
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, name, _wrapped(getattr(owner, name), folder / point, when))


def arm(folder: Path, point: str, action: str = "kill") -> None:
    """Let the next process that comes to ``point`` die there, or wait (``hold``)."""
    assert point in POINTS
    (folder / point).write_text(action)


def wait_until_held(folder: Path, point: str) -> None:
    """Wait until a process is held at ``point``."""
    _wait(lambda: (folder / f"{point}{_HELD}").exists(), f"somebody comes to {point!r}")


def release(folder: Path, point: str) -> None:
    """Let the process that is held go on."""
    (folder / f"{point}{_HELD}").unlink()


def _wrapped(function: Callable[..., Any], armed: Path, when: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            _strike(armed)
        result = function(*arguments, **options)
        if when == "after":
            _strike(armed)
        return result

    return wrapper


def _strike(armed: Path) -> None:
    held = armed.with_name(armed.name + _HELD)
    try:
        action = armed.read_text()
        armed.rename(held)
    except FileNotFoundError:
        return
    if action == "kill":
        held.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    _wait(lambda: not held.exists(), f"{armed.name!r} is released")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(_POLL_SECONDS)
