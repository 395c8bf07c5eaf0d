"""What goes from one step of a publish to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import uuid4

from shared.client import Json
from shared.context import Entity
from shared.manifest import EffectiveMaterial, Manifest
from shared.versions import Version


@dataclass(frozen=True)
class UsdFile:
    """Publish a USD file as it is; its relative paths are carried over to where it will stand."""

    path: Path


@dataclass(frozen=True)
class CadModel:
    """Publish the USD master of a CAD file."""

    cad_file_id: str


@dataclass(frozen=True)
class CadLook:
    """Publish the effective materials of a CAD file's parts as a layer over its model."""

    cad_file_id: str


Source = UsdFile | CadModel | CadLook


@dataclass(frozen=True)
class Request:
    """What an artist asks for.

    ``scene`` is the version of the work file it comes from. The same ``key`` again answers the same publish.
    """

    part: str
    source: Source
    department: str = ""
    software: str = "raceway"
    scene: Version | None = None
    comment: str = ""
    key: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Collected:
    """The request with everything it refers to. Paths are absolute on this machine.

    ``model`` is the entry of the published model that a look will stand on; ``latest`` the newest publish of the part.
    """

    request: Request
    task_id: str
    entity: Entity
    target_id: str
    project: str
    root: Path
    department: str
    content: Path | None
    manifest: Manifest | None = None
    materials: Mapping[str, EffectiveMaterial] = field(default_factory=dict)
    model: Path | None = None
    latest: Json | None = None


@dataclass(frozen=True)
class Problem:
    """What a check found: in an artist's words, with the prim it is about and what to do."""

    check: str
    severity: Literal["error", "warning"]
    message: str
    hint: str = ""
    prim: str = ""

    def __str__(self) -> str:
        where = f"{self.prim}: " if self.prim else ""
        return f"{where}{self.message} {self.hint}".strip()


@dataclass(frozen=True)
class Published:
    """The service's answer, and what the checks had to say without stopping it.

    ``unchanged``: the latest publish of the part has this very content, and no new one was made.
    """

    publish: Json
    warnings: tuple[Problem, ...] = ()
    unchanged: bool = False


def cad_file_of(source: Source) -> str | None:
    """Id of the CAD file that a source comes from."""
    return None if isinstance(source, UsdFile) else source.cad_file_id
