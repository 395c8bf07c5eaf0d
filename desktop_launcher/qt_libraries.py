"""The system libraries that Qt is linked against: which of them this machine lacks, and what installs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from shared.errors import RacewayError

_NOT_FOUND = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_SONAME = re.compile(r"(?P<name>.+)\.so\.(?P<version>\d+)")
_SECONDS = 20
# Where Debian's name of a package does not follow from its library's.
_DEBIAN = {"libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0", "libz.so.1": "zlib1g"}


def missing_libraries(environ: Mapping[str, str] | None = None) -> list[str]:
    """Names of all libraries that the dynamic linker does not find for a window in the desktop session of ``environ``.

    Empty where nothing is missing, and where that cannot be told: outside Linux, without PySide6 or ``ldd``.
    """
    found: dict[str, None] = {}
    for file in _linked_files(os.environ if environ is None else environ):
        try:
            done = subprocess.run(
                ["ldd", str(file)], capture_output=True, text=True, timeout=_SECONDS, check=False, env={"LC_ALL": "C"}
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        found.update(dict.fromkeys(_NOT_FOUND.findall(done.stdout)))
    return list(found)


def libraries_error(libraries: Iterable[str]) -> RacewayError:
    """The error that names ``libraries`` and the packages which bring them."""
    names = list(libraries)
    debian = " ".join(dict.fromkeys(_debian_package(name) for name in names))
    fedora = " ".join(f"'{name}()(64bit)'" for name in names)
    number = "A system library that Qt needs is" if len(names) == 1 else "System libraries that Qt needs are"
    return RacewayError(
        f"{number} missing: {', '.join(names)}.",
        hint=f"Debian and Ubuntu: sudo apt install {debian}. Fedora: sudo dnf install {fedora}.",
        code="launcher.qt_libraries",
    )


def _linked_files(environ: Mapping[str, str]) -> list[Path]:
    """The files of PySide6 that a window loads: the module of widgets, and the plugin for the session's screen."""
    spec = find_spec("PySide6")
    if not sys.platform.startswith("linux") or spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(spec.submodule_search_locations[0])
    screens = {"WAYLAND_DISPLAY": "wayland", "DISPLAY": "xcb"}
    chosen = environ.get("QT_QPA_PLATFORM") or next((screens[name] for name in screens if environ.get(name)), "")
    plugins = [folder / f"Qt/plugins/platforms/libq{name.partition(':')[0]}.so" for name in chosen.split(";")]
    return [*folder.glob("QtWidgets*.so"), *(plugin for plugin in plugins if plugin.is_file())]


def _debian_package(library: str) -> str:
    """Debian Policy 8.1: a package is called like its library and the version in its soname, in lower case."""
    match = _SONAME.fullmatch(library)
    if library in _DEBIAN or match is None:
        return _DEBIAN.get(library, library)
    hyphen = "-" if match["name"][-1].isdigit() else ""
    return f"{match['name']}{hyphen}{match['version']}".lower()
