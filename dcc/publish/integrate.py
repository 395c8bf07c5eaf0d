"""Integrate: reserve a version, bring the item to its place without ever replacing one, and commit it.

Nothing of it is visible before the commit, which the service does in one transaction and answers the same however
often it is repeated. What a crash leaves is a reserved version and perhaps a file that no entry composes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcc.publish.collect import Source, Target
from dcc.publish.extract import Extract
from dcc.publish.validate import check_item
from shared import paths
from shared.client import Client, Json
from shared.errors import RacewayError, StorageError
from shared.files import TEMPORARY_PREFIX, make_folder, sha256_of, storage_error, sync_folder
from shared.manifest import Manifest

_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True)
class PartPublish:
    """A part to publish. ``below``: the entries that its layer will stand on, strongest first, for its checks."""

    name: str
    department: str
    extract: Extract
    manifest: Manifest | None = None
    below: Sequence[Path] = ()
    cad_file_id: str = ""
    metadata: Json = field(default_factory=dict)


def integrate(client: Client, target: Target, part: PartPublish, source: Source) -> Json:
    """Publish one part and answer what the service says of it.

    Raises PublishError where its checks fail, StorageError where the storage refuses, and what the service answers.
    Then nothing of it is visible.
    """
    reservation = client.reserve_publish(
        task_id=target.task_id,
        target_type=target.target_type,
        target_id=target.target_id,
        part_name=part.name,
        department=part.department,
    )
    item = paths.absolute(target.context.root, reservation["item_usd_path"])
    digest = _place(item, part)
    try:
        return client.commit_publish(
            reservation["reservation_id"],
            reservation_id=reservation["reservation_id"],
            task_id=target.task_id,
            target_type=target.target_type,
            target_id=target.target_id,
            software=source.software,
            source_version=source.scene.version if source.scene else None,
            source_iteration=source.scene.iteration if source.scene else None,
            item_usd_path=reservation["item_usd_path"],
            asset_usd_path=reservation["part_usd_path"],
            status="published",
            sha256=digest,
            metadata={
                "asset_name": target.entity.name,
                "part_name": part.name,
                "department": part.department,
                **({"cad_file_id": part.cad_file_id} if part.cad_file_id else {}),
                **part.metadata,
            },
        )
    except RacewayError as error:
        # Refused for certain: the file is nobody's. After anything else it may be part of a commit that came about.
        if error.status in _CLIENT_ERRORS:
            with contextlib.suppress(OSError):
                item.unlink()
        raise


def _place(item: Path, part: PartPublish) -> str:
    """Extract beside the item under a temporary name, check it there, give it its name; answers its SHA-256."""
    folder = make_folder(item.parent)
    try:
        staging = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder))
    except OSError as error:
        raise storage_error(error, folder) from error
    staged = staging / item.name
    try:
        part.extract(staged)
        check_item(staged, part.name, manifest=part.manifest, below=part.below)
        digest = sha256_of(staged)
        try:
            os.link(staged, item)
            sync_folder(folder)
        except FileExistsError as error:
            raise StorageError(
                f"{item} exists already, although its version was free.",
                hint="Somebody copied a file there by hand: move it away and publish again.",
                code="storage.exists",
            ) from error
        except OSError as error:
            raise storage_error(error, item) from error
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
            staging.rmdir()
    return digest
