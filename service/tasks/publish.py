"""The step ``publish``: a converted CAD file becomes its asset's published model and look."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.cad import materials
from service.config import Config
from service.database import current_tenant, hold, tenant_session
from service.models import Asset, CadFile, Part, Publish, Task
from service.production.statuses import status_given
from service.publish.publishing import Commit, PartAddress, commit_publish, reserve
from service.tasks import tool
from service.tasks.lease import Lease
from service.tasks.logs import FOLDER
from shared import paths
from shared.errors import PublishError
from shared.files import atomic_path, sha256_of, storage_error
from shared.manifest import write_manifest

_MAKER = tool.Tool("dcc.publish.cad_item", PublishError, "The check", "publish", "RACEWAY_CONVERT_SECONDS")
_SOFTWARE = "raceway"
MODEL, LOOK = "model", "look"


@dataclass(frozen=True)
class _Subject:
    """What is published, and where its sources stand."""

    asset_id: UUID
    asset_name: str
    cad_file_id: UUID
    master: Path
    model_entry: Path


def run(lease: Lease, config: Config, root: Path) -> None:
    """Publish the model and, unless that is not wanted, the look over it."""
    request: dict[str, Any] = lease.job.request
    warnings: list[str] = []
    with tool.temporary_folder(lease, root / FOLDER) as temporary:
        manifest = temporary / "manifest.json"
        with tenant_session(lease.tenant_id) as current:
            subject = _subject(current, lease, root, manifest)
        arguments = ["--master", str(subject.master), "--manifest", str(manifest), "--asset", subject.asset_name]
        parts: dict[str, list[str]] = {MODEL: []}
        if request.get("look", True):
            parts[LOOK] = ["--look", str(temporary / "look.usd"), "--model", str(subject.model_entry)]
        published: dict[str, Publish] = {}
        for part, more in parts.items():
            made = tool.run(_MAKER, [*arguments, *more], lease, config, root, seconds=config.convert_seconds)
            warnings += made["warnings"]
            lease.start_step(f"publish {part}")
            published[part] = _publish(lease, root, subject, part, Path(made["file"]), str(request.get("status")))
    items = {part: publish.item_usd_path for part, publish in published.items()}
    last = published.get(LOOK, published[MODEL])
    lease.complete(
        {
            "publish_id": str(last.id),
            "publishes": {part: str(row.id) for part, row in published.items()},
            "files": items,
        }
        | {"warnings": warnings},
        lambda current: None,
        output={"files": items},
    )


def _subject(current: Session, lease: Lease, root: Path, manifest: Path) -> _Subject:
    cad = current.scalars(select(CadFile).where(CadFile.id == lease.job.cad_file_id)).one()
    asset: Asset = cad.asset
    # Raises what to do where the file is not converted.
    write_manifest(materials.effective_manifest(current, root, cad), manifest)
    return _Subject(
        asset.id,
        asset.name,
        cad.id,
        paths.absolute(root, cad.conversion.derivatives["usd_master"]),
        paths.absolute(root, paths.part_entry(asset.project_name, asset.entity, MODEL)),
    )


def _publish(lease: Lease, root: Path, subject: _Subject, part: str, file: Path, status: str) -> Publish:
    """Publish a file as the next version of a part; the newest one where it has this content already."""
    key = f"job:{lease.job.id}:{part}"
    digest = sha256_of(file)
    with tenant_session(lease.tenant_id, lease.job.created_by_id) as current:
        newest = _newest(current, subject.asset_id, part)
        if newest is not None and newest.sha256 == digest:
            return newest
        address = PartAddress(task_for(current, subject.asset_id, part), "asset", subject.asset_id, part, part)
        reservation = reserve(current, root, address, idempotency_key=key)
        item, reservation_id = reservation.item_usd_path, reservation.id
    # Not inside a transaction: a large file takes its time.
    _place(file, paths.absolute(root, item), digest)
    with tenant_session(lease.tenant_id, lease.job.created_by_id) as current:
        publish, _ = commit_publish(
            current,
            root,
            Commit(
                address,
                _SOFTWARE,
                item,
                status,
                metadata={"part_name": part, "asset_name": subject.asset_name, "job_id": str(lease.job.id)},
                reservation_id=reservation_id,
                idempotency_key=key,
                sha256=digest,
                cad_file_id=subject.cad_file_id,
            ),
        )
        return publish


def _newest(current: Session, asset_id: UUID, part: str) -> Publish | None:
    statement = select(Publish).join(Part, (Part.tenant_id == Publish.tenant_id) & (Part.id == Publish.part_id))
    statement = statement.where(Part.asset_id == asset_id, Part.name == part, Part.current_publish_id == Publish.id)
    return current.scalars(statement).unique().one_or_none()


def task_for(current: Session, asset_id: UUID, department: str) -> UUID:
    """The asset's task of a department; made where there is none, because every publish belongs to one."""
    known = _known_task(current, asset_id, department)
    if known is not None:
        return known
    status = status_given(current, None)
    # As service.api.records.add does: of two who publish the first of a department, one finds the other's task.
    hold(current, current_tenant(current), Task.__tablename__, asset_id, department)
    known = _known_task(current, asset_id, department)
    if known is not None:
        return known
    # Another department's task, or one that was put away, may be called so.
    taken = set(current.scalars(select(func.lower(Task.name)).where(Task.asset_id == asset_id)))
    names = itertools.chain([department], (f"{department}_{number}" for number in itertools.count(2)))
    name = next(name for name in names if name not in taken)
    task = Task(id=uuid4(), asset_id=asset_id, name=name, department=department, status=status)
    current.add(task)
    current.flush()
    return task.id


def _known_task(current: Session, asset_id: UUID, department: str) -> UUID | None:
    of_department = (Task.asset_id == asset_id, Task.department == department, Task.archived_at.is_(None))
    return current.scalars(select(Task.id).where(*of_department).order_by(Task.created_at).limit(1)).one_or_none()


def _place(file: Path, item: Path, digest: str) -> None:
    """Make ``item`` a file of this content, sharing its bytes where the disk can; one of an earlier attempt is as good.

    Raises StorageError.
    """
    if item.is_file() and sha256_of(item) == digest:
        return
    item.unlink(missing_ok=True)
    with atomic_path(item, overwrite=False) as temporary:
        try:
            temporary.unlink()
            os.link(file.resolve(), temporary)
        except OSError:
            try:
                shutil.copyfile(file, temporary)
            except OSError as error:
                raise storage_error(error, item) from error
