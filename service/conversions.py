"""CAD files and their conversions: the same content with the same settings is converted once."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from service import jobs
from service.database import current_actor, current_tenant
from service.models import Asset, CadFile, Conversion
from shared import __version__
from shared.errors import ConflictError
from shared.manifest import SCHEMA_VERSION

SOURCE_NAME = "source.step"
CONVERTER = f"{__version__}+manifest{SCHEMA_VERSION}"
"""Version of what converts: what another one made is not taken for its result."""
DEFLECTIONS = ("relative_deflection", "linear_deflection", "angular_deflection")
PREVIOUS = "previous"
"""Setting of a conversion: storage-relative path of the manifest of the revision before, whose keys are kept."""


def add_cad_file(
    current: Session,
    asset: Asset,
    *,
    filename: str,
    sha256: str,
    size: int,
    source_path: str,
    lineage: str,
    settings: dict[str, Any],
) -> tuple[CadFile, bool]:
    """Record an uploaded file of ``asset`` and see to its conversion; answers also whether that was done before.

    The same content with the same settings in the same lineage is the same CAD file. In a new revision the parts that
    are known from the newest converted one keep their keys, and with them the material choices.
    """
    # One revision after the other: two uploads at once must not get the same number.
    current.get(Asset, (asset.tenant_id, asset.id), with_for_update={"key_share": True, "of": Asset})
    revisions = current.scalars(
        select(CadFile)
        .where(CadFile.asset_id == asset.id, CadFile.lineage == lineage)
        .order_by(CadFile.revision.desc())
    ).all()
    full = {**settings, "lineage": lineage, "source_name": filename, "converter": CONVERTER}
    same = next((cad for cad in revisions if _is_same(cad.conversion, sha256, full)), None)
    if same is not None:
        cad, conversion = same, _locked(current, same.conversion_id)
        reused = conversion.state == "ready"
    else:
        before = next((cad for cad in revisions if cad.conversion.state == "ready"), None)
        if before is not None:
            full[PREVIOUS] = before.conversion.derivatives["scene_manifest"]
        conversion, reused = _conversion(current, sha256, source_path, full)
        newest = revisions[0] if revisions else None
        cad = _new_revision(current, asset, conversion, filename, size, lineage, newest)
    if conversion.job_id is None or conversion.state == "failed":
        start(current, conversion, cad)
    return cad, reused


def start(current: Session, conversion: Conversion, cad: CadFile) -> None:
    """Queue the conversion (locked by the caller, or new)."""
    job = jobs.create(
        current, "convert", {"conversion_id": str(conversion.id)}, asset_id=cad.asset_id, cad_file_id=cad.id
    )
    conversion.job_id, conversion.state, conversion.error = job.id, "queued", None
    current.flush()


def convert_again(current: Session, cad: CadFile) -> None:
    """Convert a file whose conversion failed. Raises ConflictError for one that did not fail."""
    conversion = _locked(current, cad.conversion_id)
    if conversion.state != "failed":
        raise ConflictError(
            f"The conversion of {cad.filename} is {conversion.state}; only a failed one is done again.",
            hint="Upload the file with other settings for another result.",
            code="conflict.not_failed",
        )
    start(current, conversion, cad)


def _locked(current: Session, conversion_id: Any) -> Conversion:
    return current.scalars(
        select(Conversion).where(Conversion.id == conversion_id).with_for_update(key_share=True)
    ).one()


def _is_same(conversion: Conversion, sha256: str, settings: dict[str, Any]) -> bool:
    own = {name: value for name, value in conversion.settings.items() if name != PREVIOUS}
    return conversion.sha256 == sha256 and own == settings


def _conversion(current: Session, sha256: str, source_path: str, full: dict[str, Any]) -> tuple[Conversion, bool]:
    # The converter writes lineage and file name into the manifest, so they are part of what makes results equal.
    key = hashlib.sha256(json.dumps(full, sort_keys=True).encode()).hexdigest()[:16]
    # Of two uploads at once one inserts; the other waits here for its commit and finds the row.
    current.execute(
        insert(Conversion)
        .values(
            tenant_id=current_tenant(current),
            id=uuid4(),
            sha256=sha256,
            settings_key=key,
            settings=full,
            source_path=source_path,
            state="queued",
        )
        .on_conflict_do_nothing()
    )
    conversion = current.scalars(
        select(Conversion)
        .where(Conversion.sha256 == sha256, Conversion.settings_key == key)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    return conversion, conversion.state == "ready"


def _new_revision(
    current: Session,
    asset: Asset,
    conversion: Conversion,
    filename: str,
    size: int,
    lineage: str,
    newest: CadFile | None,
) -> CadFile:
    cad = CadFile(
        id=uuid4(),
        asset_id=asset.id,
        conversion_id=conversion.id,
        filename=filename,
        size=size,
        lineage=lineage,
        revision=newest.revision + 1 if newest else 1,
        overrides=dict(newest.overrides) if newest else {},
        occurrence_overrides=dict(newest.occurrence_overrides) if newest else {},
        created_by_id=current_actor(current),
    )
    current.add(cad)
    current.flush()
    current.refresh(cad)
    return cad
