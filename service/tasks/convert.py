"""The step ``convert``: a STEP file becomes USD master, GLB and scene manifest in the content-addressed store."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.cad import locks
from service.cad.conversions import DECISIONS, DEFLECTIONS, PREVIOUS, arrived, waiting_for
from service.cad.revisions import may_be_another_product
from service.config import MEBIBYTE, Config
from service.database import tenant_session
from service.models import CadFile, Conversion, MediaAsset
from service.queue import queueing
from service.tasks import tool
from service.tasks.lease import Lease, LeaseLostError
from shared import paths
from shared.errors import CadError, ProcessError
from shared.files import sha256_of, storage_error, sync_folder
from shared.warm_tool import WarmTool

WARM_CONVERTER = WarmTool("dcc.cad.convert", server="dcc.cad.server")
_CONVERTER = tool.Tool(
    "dcc.cad.convert", CadError, "The CAD converter", "cad", "RACEWAY_CONVERT_SECONDS", WARM_CONVERTER
)
_DERIVATIVES = {"usd_master": "usd_master", "gltf_geometry": "glb", "scene_manifest": "manifest"}
"""Our name of each derivative, and the converter's."""
_REPORT = "revision_report"
_REPORT_FILE = "revision.json"
"""What the converter calls what became of the parts of the revision before."""
_DECISIONS_FILE = "decisions.json"
_MIME_TYPES = {
    _REPORT: "application/json",
    "usd_master": "application/octet-stream",
    "gltf_geometry": "model/gltf-binary",
    "scene_manifest": "application/json",
}
_SUMMARY = ("parts", "occurrences", "triangles", "warnings", "root_prim", "seconds")


def run(lease: Lease, config: Config, root: Path) -> None:
    """Convert; records the derivatives with the job's end, in one transaction.

    One worker at a time converts one content: whoever comes second waits, and finds it done.
    """
    name = f"convert:{lease.tenant_id}:{_conversion_id(lease)}"
    with locks.held(queueing.bell(current_app).redis, name, lease.should_stop, seconds=lease.seconds) as lock:
        conversion, cad = _read(lease)
        if conversion.state == "ready":
            lease.complete({"files": conversion.derivatives, **conversion.summary}, lambda current: None)
            return
        try:
            _convert(lease, lock, config, root, conversion, cad)
        except ProcessError as error:
            if lock.lost and not lease.should_stop():
                raise LeaseLostError(f"The lock {name} was lost; the job is taken up again.") from error
            raise


def _read(lease: Lease) -> tuple[Conversion, CadFile]:
    with tenant_session(lease.tenant_id) as current:
        conversion = current.scalars(select(Conversion).where(Conversion.id == _conversion_id(lease))).one()
        return conversion, current.get_one(CadFile, (lease.tenant_id, lease.job.cad_file_id))


def _convert(lease: Lease, lock: locks.Lock, config: Config, root: Path, conversion: Conversion, cad: CadFile) -> None:
    folder = root / paths.store_folder(conversion.sha256)
    limits: dict[str, int] = lease.job.request.get("limits", {})
    with tool.temporary_folder(lease, folder) as temporary:
        arguments = [str(root / conversion.source_path), *_options(conversion, cad, limits, root, temporary)]
        result = tool.run(
            _CONVERTER,
            arguments,
            lease,
            config,
            root,
            seconds=limits.get("seconds", config.convert_seconds),
            memory_bytes=limits.get("memory_mb", 0) * MEBIBYTE,
            should_stop=lambda: lock.lost or lease.should_stop(),
        )
        lease.start_step("store")
        names = {name: Path(result[theirs]).name for name, theirs in _DERIVATIVES.items()}
        if result["revision"]:
            names[_REPORT] = _REPORT_FILE
        final = _put_in_place(temporary, folder / conversion.settings_key, names.values())
    files = {name: final / file for name, file in names.items()}
    derivatives = {name: paths.relative(root, file) for name, file in files.items()}
    summary = {name: result[name] for name in _SUMMARY if name in result}
    if result["revision"]:
        summary["uncertain"] = [item["new_key"] for item in result["revision"]["uncertain"]]
        summary["another_product"] = may_be_another_product(result["revision"])
    media = [_medium(lease, name, derivatives[name], file) for name, file in files.items()]

    def record(current: Session) -> None:
        # Requests lock the CAD file before its conversion; so does this, or the two could wait for one another.
        waiting_for(current, conversion.id)
        current.execute(
            update(Conversion)
            .where(Conversion.id == conversion.id)
            .values(state="ready", derivatives=derivatives, summary=summary, error=None)
        )
        current.add_all(media)
        for waiting in waiting_for(current, conversion.id):
            arrived(current, root, waiting)

    lease.complete({"files": derivatives, **summary}, record, output={"files": derivatives})


def _conversion_id(lease: Lease) -> UUID:
    return UUID(lease.job.request["conversion_id"])


def _options(conversion: Conversion, cad: CadFile, limits: dict[str, int], root: Path, folder: Path) -> list[str]:
    settings: dict[str, Any] = conversion.settings
    options = ["--out", str(folder), "--lineage", cad.lineage, "--source-name", cad.filename]
    for name in DEFLECTIONS:
        if name in settings:
            options += [f"--{name.replace('_', '-')}", str(settings[name])]
    if "triangles" in limits:
        options += ["--max-triangles", str(limits["triangles"])]
    if PREVIOUS in settings:
        options += ["--previous", str(paths.absolute(root, settings[PREVIOUS]))]
    if DECISIONS in settings:
        decided = folder / _DECISIONS_FILE
        decided.write_text(json.dumps(settings[DECISIONS]), encoding="utf-8")
        options += ["--decisions", str(decided)]
    return options


def _medium(lease: Lease, name: str, path: str, file: Path) -> MediaAsset:
    return MediaAsset(
        id=uuid4(),
        asset_type="cad_derivative",
        category_key=name,
        name=file.name,
        path=path,
        mime_type=_MIME_TYPES[name],
        size=file.stat().st_size,
        sha256=sha256_of(file),
        asset_id=lease.job.asset_id,
        cad_file_id=lease.job.cad_file_id,
        job_id=lease.job.id,
    )


def _put_in_place(temporary: Path, final: Path, names: Iterable[str]) -> Path:
    """Make the finished folder visible; a complete one that stands there already is as good, of the same content."""
    try:
        os.chmod(temporary, 0o755)
        if final.exists() and not all((final / name).is_file() for name in names):
            shutil.rmtree(final)
        if not final.exists():
            os.rename(temporary, final)
            sync_folder(final.parent)
    except OSError as error:
        if not final.exists():
            raise storage_error(error, final) from error
    return final
