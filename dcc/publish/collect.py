"""Collect: everything that a publish of a CAD asset is made of, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dcc.scenes.versioned import require_task
from shared import paths
from shared.client import Client, Json
from shared.context import Context, Entity
from shared.errors import PublishError
from shared.manifest import EffectiveMaterial, Manifest
from shared.material_layers import effective_of
from shared.versions import Version


@dataclass(frozen=True)
class Target:
    """The asset or shot that is published to, and the task in whose name."""

    context: Context
    entity: Entity
    task_id: str
    target_type: str
    target_id: str


@dataclass(frozen=True)
class CadAsset:
    """A converted CAD file with the materials that its parts wear: ``effective`` by target."""

    target: Target
    cad_file_id: str
    manifest: Manifest
    master: Path
    effective: Mapping[str, EffectiveMaterial]


@dataclass(frozen=True)
class Source:
    """The work that is published: the program, and the saved scene where there is one."""

    software: str
    scene: Version | None = None


def collect_target(client: Client, context: Context) -> Target:
    """The target of the context's task.

    Raises InputError without a task or entity in the context, and what the service answers.
    """
    task = client.task(require_task(context))
    return Target(context, context.require_entity(), task["id"], task["target_type"], task["target_id"])


def collect_cad_asset(client: Client, context: Context, cad_file_id: str) -> CadAsset:
    """What is published of a CAD file.

    Raises PublishError (``publish.not_converted``) where it has no USD master yet, and what the service answers.
    """
    target = collect_target(client, context)
    cad_file = client.cad_file(cad_file_id)
    manifest = Manifest.from_json(client.scene_manifest(cad_file_id))
    return CadAsset(target, cad_file_id, manifest, master_file(context, cad_file), effective_of(manifest))


def master_file(context: Context, cad_file: Json) -> Path:
    """Place of a CAD file's USD master on this machine; raises PublishError where it has none."""
    path = (cad_file.get("derivatives") or {}).get("usd_master")
    if not path:
        raise PublishError(
            f"The CAD file {cad_file['filename']} is {cad_file['state']}: it has no USD master to work with.",
            hint="Wait for its conversion, or start it again on its page.",
            code="publish.not_converted",
        )
    file = paths.absolute(context.root, path)
    if not file.is_file():
        raise PublishError(
            f"The USD master of {cad_file['filename']} is not on the storage: {file} is missing.",
            hint="Check that PM_ROOT is the shared storage of the service, and that it is mounted.",
            code="publish.master_missing",
        )
    return file
