"""Versions and iterations: ``v003_i012``.

A version is a step worth a name, an iteration each save inside it; a new version starts at ``i001``. Both start at 1.
The service allocates them; nothing here guesses one from a folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.errors import InputError

_PATTERN = re.compile(r"v(\d{3,})_i(\d{3,})")
_SCENE = re.compile(r"(?P<name>.+)_(?P<version>v\d{3,}_i\d{3,})(?P<suffix>\.[A-Za-z0-9]+)")


@dataclass(frozen=True, order=True)
class Version:
    """A version and an iteration inside it, ordered as an artist expects."""

    version: int
    iteration: int = 1

    def __post_init__(self) -> None:
        if self.version < 1 or self.iteration < 1:
            raise InputError(
                f"Version {self.version} iteration {self.iteration} is not valid: both start at 1.",
                hint="Write it like v001_i001.",
                code="input.version",
            )

    def __str__(self) -> str:
        return f"v{self.version:03d}_i{self.iteration:03d}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``v001_i001``; raises InputError for anything else."""
        match = _PATTERN.fullmatch(text)
        if not match:
            raise InputError(f"{text!r} is not a version.", hint="Write it like v001_i001.", code="input.version")
        return cls(int(match[1]), int(match[2]))

    def next_iteration(self) -> Version:
        return Version(self.version, self.iteration + 1)

    def next_version(self) -> Version:
        return Version(self.version + 1, 1)


def versioned_name(name: str, version: Version, suffix: str) -> str:
    """File name of a versioned file: ``versioned_name("bearing", Version(1, 1), ".blend")``."""
    return f"{name}_{version}{suffix}"


def split_versioned_name(file_name: str) -> tuple[str, Version, str]:
    """The parts ``(name, version, suffix)`` of a versioned file name; raises InputError where it is none."""
    match = _SCENE.fullmatch(file_name)
    if not match:
        raise InputError(
            f"{file_name!r} is not a versioned file name.",
            hint="Save it with Raceway, which names it like bearing_v001_i001.blend.",
            code="input.version",
        )
    return match["name"], Version.parse(match["version"]), match["suffix"]
