"""What an artist works on: the ``PM_*`` environment that the launcher sets and every tool reads."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from shared.errors import InputError

NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""Names of projects, assets, sequences, shots, tasks and parts: safe as a folder and as a USD prim name."""

_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)
"""What Windows takes for a device in every folder, also with an extension.
https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

_NEVER_FILES = frozenset({"material", "root prim"})


def check_name(name: str, what: str) -> str:
    """Return ``name`` if it may name a new ``what`` (asset, part, ...); raises InputError otherwise."""
    _check_form(name, what)
    return name if what in _NEVER_FILES else check_file_name(name, what)


def check_file_name(name: str, what: str = "file") -> str:
    """Return ``name`` if a ``what`` can be called so on every system that shares the storage.

    Raises InputError for Windows' names of devices (``nul``, ``aux.usd``), and for dots and spaces at the end, which
    Windows leaves out.
    """
    if _DEVICE.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a {what}: Windows takes it for a device.",
            hint=f"Choose another name, such as {name.partition('.')[0].strip()}_1.",
            code="input.name",
            fields={"name": "is the name of a device on Windows"},
        )
    if name != name.rstrip(". "):
        raise InputError(
            f"{name!r} cannot name a {what}: Windows leaves out dots and spaces at the end.",
            hint=f"Call it {name.rstrip('. ')!r}." if name.rstrip(". ") else "Choose another name.",
            code="input.name",
            fields={"name": "must not end with a dot or a space"},
        )
    return name


def check_id(row_id: str, what: str) -> str:
    """Return ``row_id`` if it can be the id of a ``what`` (task, publish, ...); raises InputError otherwise."""
    try:
        return str(UUID(row_id))
    except ValueError:
        raise InputError(
            f"{row_id!r} is not the id of a {what}.",
            hint=f"Search for the {what} in the browser: the id, 32 digits and letters with dashes, stands in the "
            "address of its page. The API's lists have it as `id`.",
            code="input.id",
        ) from None


def _check_form(name: str, what: str) -> str:
    if not NAME_PATTERN.fullmatch(name) or len(name) > 100:
        raise InputError(
            f"{name!r} cannot name a {what}.",
            hint="Use up to 100 letters, digits and underscores, starting with a letter.",
            code="input.name",
            fields={"name": "letters, digits and underscores only, starting with a letter"},
        )
    return name


@dataclass(frozen=True)
class Entity:
    """An asset or a shot, written ``asset:NAME`` or ``shot:SEQUENCE/SHOT``."""

    kind: str
    name: str
    sequence: str = ""

    def __post_init__(self) -> None:
        # Not check_name: what has got such a name already is still shown.
        _check_form(self.name, self.kind)
        if self.kind == "shot":
            _check_form(self.sequence, "sequence")
        elif self.kind != "asset":
            raise InputError(
                f"{self.kind!r} is neither 'asset' nor 'shot'.",
                hint="Write asset:NAME or shot:SEQUENCE/SHOT.",
                code="input.entity",
            )

    @classmethod
    def asset(cls, name: str) -> Entity:
        return cls("asset", name)

    @classmethod
    def shot(cls, sequence: str, name: str) -> Entity:
        return cls("shot", name, sequence)

    @classmethod
    def parse(cls, text: str) -> Entity:
        """Read ``asset:NAME`` or ``shot:SEQUENCE/SHOT``; raises InputError for anything else."""
        kind, _, rest = text.partition(":")
        sequence, slash, name = rest.rpartition("/")
        if kind not in ("asset", "shot") or bool(slash) != (kind == "shot"):
            raise InputError(
                f"{text!r} names no asset or shot.",
                hint="Write asset:NAME or shot:SEQUENCE/SHOT.",
                code="input.entity",
            )
        return cls(kind, name, sequence)

    def __str__(self) -> str:
        return f"shot:{self.sequence}/{self.name}" if self.kind == "shot" else f"asset:{self.name}"


CONNECTION = ("PM_API_URL", "PM_API_TOKEN", "PM_ROOT")
"""What every tool needs: the service, who asks it, and the storage."""


@dataclass(frozen=True)
class Context:
    """One artist's work context. ``token`` is left out of ``repr`` so that it reaches no log."""

    api_url: str
    token: str = field(repr=False, default="")
    project: str = ""
    entity: Entity | None = None
    task_id: str = ""
    artist: str = ""
    root: Path = field(default_factory=Path)
    python: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, *, needs_project: bool = True) -> Context:
        """Read the ``PM_*`` variables.

        Raises InputError naming every variable that is missing or wrong. A tool on the command line is told its task,
        and learns the project from the service.
        """
        env = os.environ if environ is None else environ
        needed = [*CONNECTION, *(["PM_PROJECT"] if needs_project else [])]
        missing = [name for name in needed if not env.get(name)]
        if missing:
            raise InputError(
                f"The pipeline's environment is not set: {', '.join(missing)} missing.",
                hint="Start this program from the Raceway launcher (`raceway launcher`).",
                code="input.context",
                fields=dict.fromkeys(missing, "is not set"),
            )
        entity = env.get("PM_ENTITY", "")
        return cls(
            api_url=env["PM_API_URL"].rstrip("/"),
            token=env["PM_API_TOKEN"],
            project=env.get("PM_PROJECT", ""),
            entity=Entity.parse(entity) if entity else None,
            task_id=env.get("PM_TASK_ID", ""),
            artist=env.get("PM_ARTIST", ""),
            root=Path(env["PM_ROOT"]),
            python=env.get("PM_PYTHON", "") or sys.executable,
        )

    def to_environment(self) -> dict[str, str]:
        """The ``PM_*`` variables that make a started program see this context."""
        return {
            "PM_API_URL": self.api_url,
            "PM_API_TOKEN": self.token,
            "PM_PROJECT": self.project,
            "PM_ENTITY": str(self.entity) if self.entity else "",
            "PM_TASK_ID": self.task_id,
            "PM_ARTIST": self.artist,
            "PM_ROOT": str(self.root),
            "PM_PYTHON": self.python or sys.executable,
        }

    def require_project(self) -> str:
        """The project worked on; raises InputError where none is set."""
        if not self.project:
            raise InputError(
                "No project is chosen (PM_PROJECT is not set).",
                hint="Pick a task in the Raceway launcher and start this program from there.",
                code="input.context",
            )
        return self.project

    def require_entity(self) -> Entity:
        """The asset or shot worked on; raises InputError where none is set."""
        if self.entity is None:
            raise InputError(
                "No asset or shot is chosen (PM_ENTITY is not set).",
                hint="Pick a task in the Raceway launcher and start this program from there.",
                code="input.context",
            )
        return self.entity
