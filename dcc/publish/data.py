"""What goes from one step of a publish to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from dcc.usd.findings import Finding
from shared.client import Json
from shared.context import Entity
from shared.departments import Arc
from shared.errors import PublishError
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


@dataclass(frozen=True)
class QueuedLayer:
    """Publish a layer that waited in the queue: its relative paths are those of the item's folder already."""

    path: Path


Source = UsdFile | CadModel | CadLook | QueuedLayer


@dataclass(frozen=True)
class Request:
    """What an artist asks for.

    ``scene`` is the version of the work file it comes from. With ``fix``, what can be put right automatically is, in
    the copy that is published. The same ``key`` again answers the same publish.
    """

    part: str
    source: Source
    department: str = ""
    software: str = "raceway"
    scene: Version | None = None
    comment: str = ""
    fix: bool = False
    key: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Collected:
    """The request with everything it refers to. Paths are absolute on this machine.

    ``arc`` is how the department's items are composed, None where that is not known without the service. ``model`` is
    the entry of the published model that a look will stand on; ``latest`` the newest publish of the part.
    """

    request: Request
    task_id: str
    entity: Entity
    target_id: str
    project: str
    root: Path
    department: str
    arc: Arc | None
    content: Path | None
    manifest: Manifest | None = None
    materials: Mapping[str, EffectiveMaterial] = field(default_factory=dict)
    model: Path | None = None
    latest: Json | None = None


class InvalidPublishError(PublishError):
    """What is to be published did not pass the checks; ``findings`` are all that they found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [finding for finding in findings if finding.severity == "error"]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        hint = errors[0].hint
        if self.is_fixable:
            hint += " A publish with --fix (in Blender: Fix and publish) does this for you."
        super().__init__(
            f"It cannot be published: {f'{errors[0].prim}: ' if errors[0].prim else ''}{errors[0].message}{more}",
            hint=hint,
            code="publish.invalid",
            fields={f"{each.check} {each.prim}".strip(): f"{each.message} {each.hint}".strip() for each in errors},
        )

    @property
    def is_fixable(self) -> bool:
        """Whether every error can be put right automatically."""
        return all(finding.fix for finding in self.findings if finding.severity == "error")


@dataclass(frozen=True)
class Published:
    """The service's answer, and what the checks had to say without stopping it.

    ``unchanged``: the latest publish of the part has this very content, and no new one was made. ``queued``: the
    service was away; ``publish`` is empty, and this is the id under which it waits in the queue.
    """

    publish: Json
    warnings: tuple[Finding, ...] = ()
    fixed: tuple[str, ...] = ()
    unchanged: bool = False
    queued: str = ""


def cad_file_of(source: Source) -> str | None:
    """Id of the CAD file that a source comes from."""
    return source.cad_file_id if isinstance(source, CadModel | CadLook) else None
