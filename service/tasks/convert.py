"""The step ``convert``: a STEP file becomes USD master, GLB and scene manifest in the content-addressed store."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update

from service.config import Config
from service.database import tenant_session
from service.models import Conversion, MediaAsset
from service.tasks.lease import Lease
from service.tasks.logs import log_path
from shared import paths
from shared.files import TEMPORARY_PREFIX, make_folder, sha256_of, storage_error, sync_folder
from shared.jobs import JobState
from shared.processes import python_tool, run_tool

_DERIVATIVES = {"usd_master": "usd_master", "gltf_geometry": "glb", "scene_manifest": "manifest"}
"""Our name of each derivative, and the converter's."""
_MIME_TYPES = {
    "usd_master": "application/octet-stream",
    "gltf_geometry": "model/gltf-binary",
    "scene_manifest": "application/json",
}
_SUMMARY = ("parts", "occurrences", "triangles", "warnings", "root_prim", "seconds")


def run(lease: Lease, config: Config, root: Path) -> None:
    """Convert; records the derivatives with the job's end, in one transaction."""
    with tenant_session(lease.tenant_id) as current:
        conversion = current.scalars(select(Conversion).where(Conversion.id == _conversion_id(lease))).one()
        conversion.state = "converting"
    lease.document.start_step("convert")
    folder = make_folder(root / paths.store_folder(conversion.sha256))
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder))
    try:
        result = run_tool(
            python_tool("dcc.cad.convert", str(root / conversion.source_path), *_options(conversion, temporary)),
            timeout=config.convert_seconds,
            memory_limit=config.tool_memory_bytes,
            on_event=lease.on_event,
            on_start=lease.on_start,
            should_cancel=lease.should_stop,
            log=_fresh_log(root, lease),
        )
        final = _put_in_place(temporary, folder / conversion.settings_key)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    files = {name: final / Path(result[theirs]).name for name, theirs in _DERIVATIVES.items()}
    derivatives = {name: paths.relative(root, file) for name, file in files.items()}
    digests = {name: sha256_of(file) for name, file in files.items()}
    summary = {name: result[name] for name in _SUMMARY if name in result}
    lease.document.result = {"files": derivatives, **summary}
    lease.output = summary
    with lease.finishing(JobState.COMPLETED) as current:
        current.execute(
            update(Conversion)
            .where(Conversion.id == conversion.id)
            .values(state="ready", derivatives=derivatives, summary=summary, error=None)
        )
        current.add_all(
            MediaAsset(
                id=uuid4(),
                asset_type="cad_derivative",
                category_key=name,
                name=file.name,
                path=derivatives[name],
                mime_type=_MIME_TYPES[name],
                size=file.stat().st_size,
                sha256=digests[name],
                asset_id=lease.job.asset_id,
                cad_file_id=lease.job.cad_file_id,
                job_id=lease.job.id,
            )
            for name, file in files.items()
        )


def note_failure(lease: Lease) -> None:
    """Say on the conversion that its job failed or was cancelled, unless a newer attempt has it."""
    with tenant_session(lease.tenant_id) as current:
        current.execute(
            update(Conversion)
            .where(
                Conversion.id == _conversion_id(lease),
                Conversion.job_id == lease.job.id,
                Conversion.state.in_(("queued", "converting")),
            )
            .values(state="failed", error=lease.document.error)
        )


def _conversion_id(lease: Lease) -> UUID:
    return UUID(lease.job.request["conversion_id"])


def _options(conversion: Conversion, folder: Path) -> list[str]:
    settings: dict[str, Any] = conversion.settings
    options = ["--out", str(folder), "--lineage", settings["lineage"], "--source-name", settings["source_name"]]
    if "linear_deflection" in settings:
        # The API's deflection is a share of each part's size, as the registry of steps says.
        options += ["--relative-deflection", str(settings["linear_deflection"])]
    if "angular_deflection" in settings:
        options += ["--angular-deflection", str(math.radians(settings["angular_deflection"]))]
    return options


def _fresh_log(root: Path, lease: Lease) -> Path:
    place = log_path(root, lease.job.id)
    make_folder(place.parent)
    place.unlink(missing_ok=True)
    return place


def _put_in_place(temporary: Path, final: Path) -> Path:
    """Make the finished folder visible; one that stands there already is as good, for it has the same content."""
    try:
        os.chmod(temporary, 0o755)
        if not final.exists():
            os.rename(temporary, final)
            sync_folder(final.parent)
    except OSError as error:
        if not final.exists():
            raise storage_error(error, final) from error
    return final
