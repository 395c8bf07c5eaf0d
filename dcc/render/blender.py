"""Blender's process: how a tool enters it, and how it leaves it without traces.

A tool runs in the ``bpy`` wheel, or in a Blender application where ``RACEWAY_BLENDER`` names one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from dcc.display_libraries import import_bpy
from shared.errors import RenderError
from shared.events import tool_main

APPLICATION = "RACEWAY_BLENDER"
"""Environment variable: the Blender application to render in, in place of the wheel."""
_ENTRY = Path(__file__).with_name("in_application.py")
_STOPS = frozenset({signal.SIGTERM}) if os.name != "nt" else frozenset()
_writing = threading.Lock()


def run_in_blender(module: str, arguments: Sequence[str] | None, work: Callable[[], Mapping[str, Any]]) -> int:
    """Do ``work``, a tool's, where Blender is; returns its exit status.

    With ``RACEWAY_BLENDER`` set this process becomes that application, which runs ``module`` again.
    """
    application = os.environ.get(APPLICATION)
    if application and "bpy" not in sys.modules:
        if shutil.which(application):
            given = sys.argv[1:] if arguments is None else arguments
            os.execvp(application, application_command(application, module, given))
        return tool_main(lambda: _no_application(application))

    def inside() -> Mapping[str, Any]:
        _stop_between_files()
        return work()

    return tool_main(inside)


def application_command(application: str, module: str, arguments: Sequence[str]) -> list[str]:
    """Command line of a Blender application that runs ``module`` with ``arguments``, without a window.

    Options: https://docs.blender.org/manual/en/latest/advanced/command_line/arguments.html
    """
    return [
        *(application, "--background", "--factory-startup", "--python-exit-code", "1"),
        *("--python", str(_ENTRY), "--", module, *arguments),
    ]


def empty_file() -> None:
    """Open an empty file; the first call loads Blender, which takes a second."""
    import_bpy()
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    # Blender makes a folder for the session and removes it as it quits, which a process that is killed never does.
    # Nothing that renders needs it.
    with contextlib.suppress(OSError):
        os.rmdir(bpy.app.tempdir)


@contextlib.contextmanager
def whole_file() -> Iterator[None]:
    """While a file is written in this block the process is not stopped: SIGTERM waits for its end."""
    with _writing:
        yield


def leave(status: int) -> NoReturn:
    """End the process at once: Blender's own teardown in module mode can crash after the work is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _no_application(application: str) -> NoReturn:
    raise RenderError(
        f"{APPLICATION} names no program: {application}.",
        hint="Set it to Blender's executable, or unset it to render with the bpy wheel.",
        code="render.no_blender",
    )


def _stop_between_files() -> None:
    """Take SIGTERM in a thread, which lets a file that is being written be finished, and then dies of it.

    A handler would not do: it runs when the renderer next returns to Python, seconds later. Threads that Blender
    starts inherit the mask.
    """
    if not _STOPS or threading.current_thread() is not threading.main_thread():
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)

    def wait() -> None:
        number = signal.sigwait(_STOPS)
        with _writing:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            os.kill(os.getpid(), number)

    threading.Thread(target=wait, name="stop", daemon=True).start()
