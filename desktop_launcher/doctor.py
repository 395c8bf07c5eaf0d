"""Checks of what the launcher needs: Qt with its system libraries, a screen, its settings, Blender and Houdini."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from desktop_launcher.app import check_display, qt_error
from desktop_launcher.probe import with_version
from desktop_launcher.qt_libraries import libraries_error, missing_libraries
from desktop_launcher.software import BLENDER, HOUDINI, Machine, Software, find_installations, has_our_tools, name_of
from shared.doctor.report import Check, Finding, Setup, Severity, fault, fine, skipped, warning
from shared.errors import RacewayError

_SECONDS = 60


def _qt(setup: Setup) -> Iterator[Finding]:
    if find_spec("PySide6") is None:
        yield skipped("The launcher's window: PySide6 is not installed here (pip install 'raceway[desktop]').")
        return
    if missing := missing_libraries(setup.environ):
        error = libraries_error(missing)
        yield Finding(Severity.ERROR, error.message, error.code, error.hint)
        return
    # In a process of its own: whatever else it lacks makes Qt abort.
    trial = [sys.executable, "-c", "from PySide6.QtWidgets import QApplication; QApplication([])"]
    try:
        done = subprocess.run(
            trial,
            env={**os.environ, **setup.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield fault("qt_hangs", "Qt does not start within a minute.", "Reinstall PySide6-Essentials.")
        return
    if done.returncode == 0:
        yield fine("Qt loads")
        return
    lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
    error = qt_error(ImportError(lines[-1].removeprefix("ImportError: ")))
    yield Finding(Severity.ERROR, error.message, error.code, error.hint)


def _screen(setup: Setup) -> Iterator[Finding]:
    try:
        check_display()
    except RacewayError as error:
        yield warning("no_screen", error.message, error.hint)
        return
    yield fine("There is a screen")


def _program(software: Software) -> Iterator[Finding]:
    found = [with_version(one) for one in find_installations(software, Machine())]
    if not found:
        yield warning(
            f"no_{software.key}",
            f"{software.label} was not found on this machine.",
            f"Install {software.label} {software.minimum} or later, or name it in the launcher's settings or by "
            f"{software.variable}.",
        )
    for one in found:
        if has_our_tools(one):
            yield fine(f"{name_of(one)}: {one.executable}")
        else:
            yield warning(
                f"{software.key}_old",
                f"{name_of(one).strip()}: {one.executable}",
                f"Install {software.label} {software.minimum} or later beside it.",
            )


def _blender(setup: Setup) -> Iterator[Finding]:
    return _program(BLENDER)


def _houdini(setup: Setup) -> Iterator[Finding]:
    return _program(HOUDINI)


CHECKS = [
    Check("launcher", "Qt", _qt),
    Check("launcher", "screen", _screen),
    Check("launcher", "Blender", _blender),
    Check("launcher", "Houdini", _houdini),
]
