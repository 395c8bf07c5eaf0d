"""Blender's process: how a tool enters it, and how it leaves it without traces.

A tool runs in the ``bpy`` wheel, or in a Blender application where ``RACEWAY_BLENDER`` names one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from dcc.display_libraries import import_bpy
from dcc.render.destination import writer_of
from shared.errors import RenderError
from shared.events import tool_main
from shared.files import TEMPORARY_PREFIX, atomic_path, storage_error

APPLICATION = "RACEWAY_BLENDER"
"""Environment variable: the Blender application to render in, in place of the wheel."""
_ENTRY = Path(__file__).with_name("in_application.py")
_unfinished: set[Path] = set()
_beginning = threading.Lock()


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
        _clean_up_on_stop()
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


def whole_file(target: Path) -> contextlib.AbstractContextManager[Path]:
    """:func:`shared.files.atomic_path` that leaves nothing behind where SIGTERM stops the process either."""
    return _removed_on_stop(atomic_path(target, writer=writer_of(os.getpid())))


def scratch_file(beside: Path) -> contextlib.AbstractContextManager[Path]:
    """An empty file in the folder of ``beside``, with its suffix, that is gone after the block."""
    return _removed_on_stop(_scratch(beside))


def leave(status: int) -> NoReturn:
    """End the process at once: Blender's own teardown in module mode can crash after the work is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextlib.contextmanager
def _removed_on_stop(opening: contextlib.AbstractContextManager[Path]) -> Iterator[Path]:
    with contextlib.ExitStack() as stack:
        with _beginning:
            temporary = stack.enter_context(opening)
            _unfinished.add(temporary)
        yield temporary
    # Only now: until it has its final name it would be left behind.
    _unfinished.discard(temporary)


@contextlib.contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    try:
        handle, name = tempfile.mkstemp(
            prefix=TEMPORARY_PREFIX + writer_of(os.getpid()), suffix=beside.suffix, dir=beside.parent
        )
    except OSError as error:
        raise storage_error(error, beside) from error
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _no_application(application: str) -> NoReturn:
    raise RenderError(
        f"{APPLICATION} names no program: {application}.",
        hint="Set it to Blender's executable, or unset it to render with the bpy wheel.",
        code="render.no_blender",
    )


def _clean_up_on_stop() -> None:
    """Take SIGTERM in a thread, which removes what is not finished, and then dies of it.

    A handler would not do: it runs when the renderer next returns to Python, seconds later. Threads that Blender
    starts inherit the mask.
    """
    if os.name == "nt":
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def wait() -> None:
        signal.sigwait({signal.SIGTERM})
        with _beginning:
            for temporary in list(_unfinished):
                temporary.unlink(missing_ok=True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stop", daemon=True).start()
