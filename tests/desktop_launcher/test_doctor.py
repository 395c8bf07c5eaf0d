"""The doctor on workplaces where the launcher, or what it starts, cannot work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from desktop_launcher.qt_libraries import libraries_error, missing_libraries
from tests.doctor import Report, examine

SCREEN = {"DISPLAY": ":99", "QT_QPA_PLATFORM": "", "WAYLAND_DISPLAY": ""}
"""A session with a screen; what it would load is looked at, nothing is opened."""
_COMPLETE = find_spec("PySide6") is not None and not missing_libraries(SCREEN)

needs_qt = pytest.mark.skipif(
    not sys.platform.startswith("linux")
    or not _COMPLETE
    or not shutil.which("unshare")
    or bool(subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode),
    reason="needs Qt with its libraries, and a mount namespace of its own to take one away in",
)


def _without(library: str, scratch: Path, environ: dict[str, str]) -> Report:
    """The doctor where everything is as it is here, but ``library``.

    Its folder is covered, for this process alone, by one of links to all the files in it but that one.
    """
    script = (
        'found=$(/sbin/ldconfig -p | sed -n "s|^\\s$1 .*=> ||p" | head -1);'
        'folder=$(readlink -f "$(dirname "$found")");'
        'mkdir "$2/real" "$2/links"; mount --bind "$folder" "$2/real"; cp -as "$2/real/." "$2/links";'
        'rm "$2/links/$1"; mount --bind "$2/links" "$folder"; shift 2; exec "$@"'
    )
    wrapper = ("unshare", "-Urm", "sh", "-ec", script, "sh", library, str(scratch))
    return examine("launcher", environ, wrapper=wrapper)


@needs_qt
@pytest.mark.parametrize(
    ("library", "package"),
    [("libxcb-cursor.so.0", "libxcb-cursor0"), ("libEGL.so.1", "libegl1"), ("libGL.so.1", "libgl1")],
)
def test_a_library_of_qt_that_is_missing(tmp_path: Path, library: str, package: str) -> None:
    report = _without(library, tmp_path, SCREEN)
    found = next(found for found in report.findings if found["code"] == "launcher.qt_libraries")
    assert library in found["message"]
    assert f"apt install {package}" in found["hint"] and f"'{library}()(64bit)'" in found["hint"]
    assert report.status == 1


@needs_qt
def test_without_a_screen_the_libraries_of_a_screen_are_not_missed(tmp_path: Path) -> None:
    headless = dict.fromkeys(SCREEN, "")
    report = _without("libxcb-cursor.so.0", tmp_path, headless)
    assert report.status == 0 and "no_screen" in report.codes


def test_every_library_is_named_with_its_package() -> None:
    error = libraries_error(["libxkbcommon-x11.so.0", "libdbus-1.so.3", "libX11.so.6", "libglib-2.0.so.0"])
    assert "apt install libxkbcommon-x11-0 libdbus-1-3 libx11-6 libglib2.0-0." in error.hint


def test_a_qt_that_is_damaged(tmp_path: Path) -> None:
    damaged = tmp_path / "PySide6"
    damaged.mkdir()
    (damaged / "__init__.py").write_text("raise ImportError('QtCore.abi3.so: undefined symbol: _Zcheese')")
    report = examine("launcher", {**SCREEN, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"})
    found = next(found for found in report.findings if found["code"] == "launcher.qt_broken")
    assert "_Zcheese" in found["message"] and "pip install" in found["hint"]


def test_no_blender_and_an_old_one(tmp_path: Path) -> None:
    bare = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    assert "RACEWAY_BLENDER" in examine("launcher", bare).finding("no_blender")["hint"]
    old = tmp_path / "blender"
    old.write_text("#!/bin/sh\necho Blender 4.2.1\n")
    old.chmod(0o755)
    found = examine("launcher", {**bare, "RACEWAY_BLENDER": str(old)}).finding("blender_old")
    assert "4.2.1" in found["message"] and "5.0" in found["hint"]
