"""The programs the launcher can start, and where they stand on this machine."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Software:
    """A kind of program. ``commands`` are its names on PATH, ``folders`` glob patterns per ``sys.platform``.

    In a pattern ``~`` is the home folder and ``%NAME%`` an environment variable; a pattern whose variable is not set
    is skipped. ``minimum`` is the first version that our tools inside it run in.
    """

    key: str
    label: str
    minimum: str
    suffixes: tuple[str, ...]
    variable: str
    commands: tuple[str, ...]
    folders: Mapping[str, tuple[str, ...]] = field(repr=False, hash=False)

    def opens(self, path: str) -> bool:
        """Whether this program opens files of that name."""
        return path.lower().endswith(self.suffixes)


@dataclass(frozen=True)
class Installation:
    """One installed program; ``version`` is empty until it is known, ``by_hand`` where the artist named it."""

    software: str
    executable: Path
    version: str = ""
    by_hand: bool = False


BLENDER = Software(
    key="blender",
    label="Blender",
    minimum="5.0",
    suffixes=(".blend",),
    variable="RACEWAY_BLENDER",
    commands=("blender", "blender-launcher"),
    folders={
        "linux": (
            "/opt/blender*/blender",
            "/opt/blender/*/blender",
            "/usr/local/blender*/blender",
            "~/blender*/blender",
            "~/Applications/blender*/blender",
            "~/.local/blender*/blender",
            "~/.local/opt/blender*/blender",
            "/snap/bin/blender",
            "/var/lib/flatpak/exports/bin/org.blender.Blender",
            "~/.local/share/flatpak/exports/bin/org.blender.Blender",
            "~/.local/share/Steam/steamapps/common/Blender/blender",
            "~/.steam/steam/steamapps/common/Blender/blender",
        ),
        "darwin": (
            "/Applications/Blender*.app/Contents/MacOS/Blender",
            "/Applications/Blender*/Blender.app/Contents/MacOS/Blender",
            "~/Applications/Blender*.app/Contents/MacOS/Blender",
            "~/Library/Application Support/Steam/steamapps/common/Blender/Blender.app/Contents/MacOS/Blender",
        ),
        "win32": (
            "%ProgramFiles%/Blender Foundation/Blender*/blender.exe",
            "%ProgramFiles(x86)%/Steam/steamapps/common/Blender/blender.exe",
            "%LOCALAPPDATA%/Microsoft/WindowsApps/blender-launcher.exe",
            "%LOCALAPPDATA%/Programs/Blender*/blender.exe",
        ),
    },
)

HOUDINI = Software(
    key="houdini",
    label="Houdini",
    minimum="21.0",
    suffixes=(".hip", ".hiplc", ".hipnc"),
    variable="RACEWAY_HOUDINI",
    commands=("houdini",),
    folders={
        "linux": ("%HFS%/bin/houdini", "/opt/hfs*/bin/houdini", "~/hfs*/bin/houdini"),
        "darwin": (
            "%HFS%/bin/houdini",
            "/Applications/Houdini/Houdini*/Frameworks/Houdini.framework/Versions/Current/Resources/bin/houdini",
        ),
        "win32": ("%HFS%/bin/houdini.exe", "%ProgramFiles%/Side Effects Software/Houdini*/bin/houdini.exe"),
    },
)

SOFTWARE: dict[str, Software] = {software.key: software for software in (BLENDER, HOUDINI)}


def has_our_tools(installation: Installation) -> bool:
    """Whether Raceway's tools run inside this installation; one of an unknown version is given the benefit."""
    minimum = SOFTWARE[installation.software].minimum
    return not installation.version or natural_order(installation.version) >= natural_order(minimum)


def name_of(installation: Installation) -> str:
    """How a person tells this installation from another."""
    software = SOFTWARE[installation.software]
    note = "" if has_our_tools(installation) else f"  (without Raceway's tools: they need {software.minimum})"
    return f"{software.label} {installation.version or '(unknown version)'}{note}"


_VARIABLE = re.compile(r"%([^%]+)%")


@dataclass(frozen=True)
class Machine:
    """What discovery looks at. ``root`` stands before every absolute pattern, so that a test can furnish a folder."""

    platform: str = sys.platform
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=Path.home)
    root: str = ""

    def expand(self, pattern: str) -> str | None:
        """A pattern with its home folder and variables filled in; None where a variable is not set."""
        names = _VARIABLE.findall(pattern)
        if not all(self.environ.get(name) for name in names):
            return None
        if names:
            # A folder's own brackets are no wildcard.
            return _VARIABLE.sub(lambda match: glob.escape(self.environ[match[1]]), pattern)
        if pattern.startswith("~"):
            return glob.escape(str(self.home)) + pattern[1:]
        return glob.escape(self.root) + pattern


def find_installations(
    software: Software, machine: Machine | None = None, by_hand: Iterable[Path] = ()
) -> list[Installation]:
    """Every installation of a program on this machine, without its version, each program file once.

    Those named ``by_hand`` come first, then the program's own environment variable, PATH and the usual folders.
    """
    machine = machine or Machine()
    found: dict[str, Installation] = {}
    candidates: list[tuple[Path, bool]] = [(path, True) for path in by_hand]
    candidates += [(path, False) for path in _candidates(software, machine)]
    for path, chosen in candidates:
        if path.is_file() and os.access(path, os.X_OK):
            found.setdefault(_identity(path), Installation(software.key, path, by_hand=chosen))
    return list(found.values())


def _candidates(software: Software, machine: Machine) -> Iterator[Path]:
    if named := machine.environ.get(software.variable):
        yield Path(named)
    for command in software.commands:
        if on_path := shutil.which(command, path=machine.environ.get("PATH", "")):
            yield Path(on_path)
    platform = "linux" if machine.platform.startswith("linux") else machine.platform
    for pattern in software.folders.get(platform, ()):
        if expanded := machine.expand(pattern):
            # The newest folder name first: blender-5.0 before blender-4.5.
            yield from (Path(path) for path in sorted(glob.glob(expanded), key=natural_order, reverse=True))


def _identity(path: Path) -> str:
    """What makes two paths the same program. Snap's commands are all links to one file, told apart by their name."""
    resolved = path.resolve()
    return str(path) if resolved.name == "snap" else os.path.normcase(resolved)


def natural_order(text: str) -> list[tuple[int, str]]:
    """Sort key under which ``4.10`` comes after ``4.9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
