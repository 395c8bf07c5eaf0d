"""A process with all that it started: found, measured, and ended as a whole.

What is read of other processes comes from ``/proc``, see proc(5).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Container
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform.startswith("linux")
# Loaded before any fork: a child between fork and exec must not import.
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, see prctl(2) (Linux; elsewhere nothing)."""
    if _libc is not None:
        _libc.prctl(option, value)


def kill_tree(root: int, *, grace: float = 0.0) -> None:
    """Stop a process, its process group and all its descendants, a ``setsid`` child included.

    With ``grace`` (seconds) the group gets SIGTERM first and that long to leave. Descendants are suspended while they
    are collected, so that none can start another unseen.
    """
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(root)], capture_output=True, check=False)
        return
    # What left the tree's group loses its parent when the root leaves on SIGTERM, and could not be found any more.
    roots = {root: _started(root)}
    if grace > 0:
        roots |= {pid: _started(pid) for pid in descendants(root)}
        signal_group(root, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and _alive(root):
            time.sleep(0.01)
    # The number of a process that has ended may be somebody else's by now.
    roots = {pid: began for pid, began in roots.items() if pid == root or _started(pid) == began}
    suspended: set[int] = set()
    while True:
        found = set(roots).union(*(descendants(pid) for pid in roots)) - suspended
        if not found:
            break
        for pid in found:
            _signal(pid, signal.SIGSTOP)
        suspended |= found
    signal_group(root, signal.SIGKILL)
    for pid in suspended:
        _signal(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """From now on a descendant whose parent dies becomes this process's child, a daemon included (Linux)."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_descendants(spared: Container[int | None] = ()) -> None:
    """Kill every descendant of this process, and reap those that :func:`adopt_orphans` made its children.

    ``spared``: ids of processes that are to live (their descendants are not).
    """
    while left := {pid for pid in descendants(os.getpid()) if pid not in spared}:
        for pid in left:
            _signal(pid, signal.SIGSTOP)
        for pid in left | {pid for pid in descendants(os.getpid()) if pid not in spared}:
            _signal(pid, signal.SIGKILL)
        _reap()
    _reap()


def descendants(root: int) -> set[int]:
    """Process ids of all living children, grandchildren, ... of ``root`` (Linux; elsewhere empty)."""
    if not _LINUX:
        return set()
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (parent := _parent_of(int(entry))) is not None:
            children.setdefault(parent, []).append(int(entry))
    found: set[int] = set()
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found


def resident_bytes(root: int) -> int:
    """Resident memory of ``root`` and its descendants, in bytes (Linux; elsewhere 0)."""
    if not _LINUX:
        return 0
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in {root} | descendants(root):
        with contextlib.suppress(OSError, ValueError, IndexError):
            resident, shared_pages = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
            # Forked children share pages; counting them once each would stop a tool that uses both cores.
            total += (int(resident) - int(shared_pages)) * page
    return total


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group; nothing where there is none any more."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def exists(pid: int) -> bool:
    """Whether there is a process with that id, also another user's, or one that has ended and was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _parent_of(pid: int) -> int | None:
    try:
        # The command's name may contain spaces and brackets: the fields start after the last bracket.
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if stat[0] == "Z" else int(stat[1])


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty where it has ended (Linux; elsewhere always)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _alive(pid: int) -> bool:
    return _parent_of(pid) is not None if _LINUX else exists(pid)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
