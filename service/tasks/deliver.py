"""The step ``deliver``: files of the storage, copied to a delivery folder with a manifest of their digests."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.config import Config
from service.database import tenant_session
from service.models import Asset, MediaAsset, Publish
from service.tasks import tool
from service.tasks.lease import Lease
from shared import paths
from shared.errors import ConflictError, InputError, StorageError
from shared.files import make_folder, sha256_of, storage_error, sync_folder
from shared.versions import Version

_COPIER = tool.Tool("dcc.publish.deliver", StorageError, "The delivery", "storage", "RACEWAY_CONVERT_SECONDS")
MANIFEST = "delivery.json"
_DELIVERIES = "deliveries"
"""Folder of a project."""


def run(lease: Lease, config: Config, root: Path) -> None:
    """Deliver; the folder appears whole, and nothing of it where something fails."""
    request: dict[str, Any] = lease.job.request
    with tenant_session(lease.tenant_id) as current:
        asset = current.scalars(select(Asset).where(Asset.id == lease.job.asset_id)).unique().one_or_none()
        wanted = [*_files(root, request), *_published(current, root, request)]
        about = _about(asset, lease)
    parent = make_folder(root / (asset.project_name if asset else "") / _DELIVERIES)
    final = parent / _folder_name(lease, asset)
    manifest = _earlier(final, lease) or _copy(lease, config, root, wanted, about, final)
    place = paths.relative(root, final)
    files = [f"{place}/{item['name']}" for item in manifest["files"]]
    medium = _medium(lease, root, final / MANIFEST)
    lease.complete(
        {"folder": place, "files": {"manifest": medium.path, "delivered": files}, "count": len(files)},
        lambda current: current.add(medium),
        output={"folder": place, "files": len(files)},
    )


def _copy(
    lease: Lease, config: Config, root: Path, wanted: list[dict[str, str]], about: dict[str, Any], final: Path
) -> dict[str, Any]:
    """Make the folder under a temporary name, and rename it; answers its manifest."""
    with tool.temporary_folder(lease, final.parent) as temporary:
        listed = temporary / "files.json"
        listed.write_text(json.dumps(wanted), encoding="utf-8")
        arguments = ["--files", str(listed), "--to", str(temporary / "delivery"), "--about", json.dumps(about)]
        if lease.job.request.get("link"):
            arguments.append("--link")
        manifest = tool.run(_COPIER, arguments, lease, config, root, seconds=config.convert_seconds)
        lease.start_step("store")
        _put_in_place(temporary / "delivery", final)
    return manifest


def _earlier(final: Path, lease: Lease) -> dict[str, Any] | None:
    """The manifest of what an earlier attempt of this very job delivered before its worker was lost.

    Raises ConflictError where another delivery has the name: deliveries never change.
    """
    if not final.exists():
        return None
    try:
        manifest: dict[str, Any] = json.loads((final / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = {}
    if manifest.get("job") != str(lease.job.id):
        raise _taken(final)
    return manifest


def _files(root: Path, request: dict[str, Any]) -> list[dict[str, str]]:
    places = {path: paths.absolute(root, path) for path in request.get("files", ())}
    if missing := [path for path, place in places.items() if not place.is_file()]:
        raise StorageError(
            f"{missing[0]} is not on the storage.",
            hint="Do the step again that made it, or restore it from a backup.",
            code="storage.missing",
        )
    return [{"path": str(place), "name": place.name, "source": path} for path, place in places.items()]


def _published(current: Session, root: Path, request: dict[str, Any]) -> list[dict[str, str]]:
    """The items of what the publish's asset composes now."""
    if not request.get("publish_id"):
        return []
    publish = current.scalars(select(Publish).where(Publish.id == UUID(request["publish_id"]))).unique().one()
    version = Version(publish.version, publish.iteration)
    name = f"{publish.part.target.name}_{publish.part.name}_{version}{PurePosixPath(publish.item_usd_path).suffix}"
    place = paths.absolute(root, publish.item_usd_path)
    return [{"path": str(place), "name": name, "source": publish.item_usd_path}]


def _about(asset: Asset | None, lease: Lease) -> dict[str, Any]:
    return {
        "project": asset.project_name if asset else "",
        "asset": asset.name if asset else "",
        "job": str(lease.job.id),
        "delivered_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _folder_name(lease: Lease, asset: Asset | None) -> str:
    name = str(lease.job.request.get("folder") or "")
    if not name:
        # The same for every attempt.
        return f"{asset.name if asset else 'delivery'}_{lease.job.created_at:%Y%m%d_%H%M%S}_{str(lease.job.id)[:4]}"
    if PurePosixPath(paths.normalise(name)).name != name or name.startswith("."):
        raise InputError(
            f"{name!r} is no name of a folder.",
            hint="Give one name, without slashes and not beginning with a dot.",
            fields={"folder": "must be one name"},
        )
    return name


def _taken(final: Path) -> ConflictError:
    return ConflictError(
        f"There is a delivery {final.name} already, and deliveries never change.",
        hint="Choose another folder name.",
        code="conflict.exists",
        fields={"folder": "is taken"},
    )


def _put_in_place(temporary: Path, final: Path) -> None:
    try:
        os.chmod(temporary, 0o755)
        # A folder is only replaced by another one where it is empty, so two deliveries of one name cannot mix.
        os.rename(temporary, final)
        sync_folder(final.parent)
    except OSError as error:
        raise (_taken(final) if final.exists() else storage_error(error, final)) from error


def _medium(lease: Lease, root: Path, manifest: Path) -> MediaAsset:
    return MediaAsset(
        id=uuid4(),
        asset_type="delivery",
        category_key=manifest.parent.name,
        name=manifest.name,
        path=paths.relative(root, manifest),
        mime_type="application/json",
        size=manifest.stat().st_size,
        sha256=sha256_of(manifest),
        asset_id=lease.job.asset_id,
        job_id=lease.job.id,
    )
