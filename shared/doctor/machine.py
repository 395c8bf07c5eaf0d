"""Checks of this computer: Python, packages, text encoding, memory, disks. They need nothing but Python."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import shared
from shared.doctor.disks import folder_findings
from shared.doctor.report import Check, Finding, Setup, fault, fine, skipped, warning

_PYTHON = (3, 11)
_CONSTRAINTS = Path(shared.__file__).parent.parent / "constraints.txt"
"""Pinned versions of everything; there in a checkout."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")
_OPEN_FILES = 1024
_MEMORY_KILOBYTES = 3 * 2**20


def _python(setup: Setup) -> Iterator[Finding]:
    running = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, _PYTHON))
    if sys.version_info[:2] != _PYTHON:
        yield fault(
            "python_version",
            f"This is Python {running}; Blender 5.0 and the CAD kernel need {wanted}.",
            f"Install Python {wanted} and make the environment anew: `make demo PYTHON=python{wanted}`.",
        )
    elif sys.maxsize < 2**32:
        yield fault("python_bits", "This Python is a 32-bit program.", f"Install the 64-bit Python {wanted}.")
    else:
        yield fine(f"Python {running}, {sys.executable}")


def _installation(setup: Setup) -> Iterator[Finding]:
    try:
        installed = distribution("raceway").version
    except PackageNotFoundError:
        yield fault(
            "not_installed",
            f"Raceway runs from {Path(shared.__file__).parent.parent} without being installed.",
            "Run `make demo`, or `pip install --editable .` in that folder.",
        )
        return
    if installed != shared.__version__:
        yield fault(
            "version_drift",
            f"Raceway {shared.__version__} runs, but {installed} is what is installed: commands may be missing.",
            "Install it again: pip install --constraint constraints.txt --editable '.[service,cad,blender]'.",
        )
    else:
        yield fine(f"Raceway {installed}")


def _packages(setup: Setup) -> Iterator[Finding]:
    constraints = Path(setup.get("RACEWAY_CONSTRAINTS") or _CONSTRAINTS)
    if not constraints.is_file():
        yield skipped("Versions of packages: there is no constraints.txt beside this installation.")
        return
    pins = {match[1]: match[2] for line in constraints.read_text().splitlines() if (match := _PIN.match(line))}
    installed = {name: _installed_version(name) for name in pins}
    drifted = [
        f"{name} {installed[name]} (tested: {pin})" for name, pin in pins.items() if installed[name] not in ("", pin)
    ]
    if drifted:
        yield warning(
            "package_drift",
            f"Other versions than the tested ones: {', '.join(drifted[:8])}{', ...' if len(drifted) > 8 else ''}.",
            f"pip install --constraint {constraints} --upgrade " + " ".join(item.split()[0] for item in drifted[:8]),
        )
    else:
        yield fine(f"{sum(bool(found) for found in installed.values())} packages at the tested versions")


def _installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _text(setup: Setup) -> Iterator[Finding]:
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        yield fault(
            "encoding",
            f"File names are read as {encoding}: parts and files with letters outside English break.",
            "Set LC_ALL=C.UTF-8 (or another UTF-8 locale), or PYTHONUTF8=1.",
        )
    else:
        yield fine("File names are UTF-8")


def _limits(setup: Setup) -> Iterator[Finding]:
    if os.name == "nt":
        yield skipped("Limits of the process: Windows has none that matter here.")
        return
    import resource

    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _OPEN_FILES:
        yield warning(
            "open_files",
            f"A process may open only {files} files; the service and large USD stages need more.",
            f"Run `ulimit -n {_OPEN_FILES * 4}` first" + (f" (at most {most} here)." if most > 0 else "."),
        )
    else:
        yield fine(f"Processes may open {files if files > 0 else 'any number of'} files")


def _memory(setup: Setup) -> Iterator[Finding]:
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        yield skipped("Memory: this system does not tell.")
        return
    values = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available = int(values["MemAvailable"].split()[0])
    if available < _MEMORY_KILOBYTES:
        yield warning(
            "memory",
            f"Only {available / 2**20:.1f} GiB of memory are free; a render of a large model needs more.",
            "End other programs, or render on another machine (`raceway worker`).",
        )
    else:
        yield fine(f"{available / 2**20:.0f} GiB of memory are free")


def _temporary(setup: Setup) -> Iterator[Finding]:
    folder = Path(setup.get("TMPDIR") or setup.get("TEMP") or "/tmp")
    yield from folder_findings(folder, "temporary", "The folder for temporary files", "TMPDIR", setup.free_bytes)


def _home(setup: Setup) -> Iterator[Finding]:
    home = setup.get("HOME") or setup.get("USERPROFILE")
    if not home:
        yield warning("home", "HOME is not set: settings of the launcher are lost.", "Set HOME to your own folder.")
        return
    yield from folder_findings(Path(home), "home", "Your home folder", "HOME", 0)


def _tools(setup: Setup) -> Iterator[Finding]:
    found = shutil.which("raceway", path=setup.get("PATH"))
    if found is None:
        yield warning(
            "not_on_path",
            "The command `raceway` is not on PATH, though this one was found.",
            f"Put {Path(sys.executable).parent} on PATH, or activate the environment.",
        )
    elif Path(found).parent.resolve() != Path(sys.executable).parent.resolve():
        yield warning(
            "another_raceway",
            f"`raceway` on PATH is another one: {found}.",
            f"Put {Path(sys.executable).parent} before it on PATH.",
        )
    else:
        yield fine(f"`raceway` is {found}")


CHECKS = [
    Check("machine", "python", _python),
    Check("machine", "raceway", _installation),
    Check("machine", "command", _tools),
    Check("machine", "packages", _packages),
    Check("machine", "text", _text),
    Check("machine", "limits", _limits),
    Check("machine", "memory", _memory),
    Check("machine", "temporary", _temporary),
    Check("machine", "home", _home),
]
