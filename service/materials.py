"""Materials of a tenant: the built-in library and alias table with the tenant's own, and what the parts wear."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.models import CadFile, MaterialAlias, TenantMaterial
from shared import paths
from shared.default_aliases import DEFAULT_ALIASES
from shared.errors import ConflictError, NotFoundError
from shared.files import storage_error
from shared.manifest import Manifest, read_manifest
from shared.material_aliases import Alias
from shared.material_layers import apply_layers, manual_layer, propose_layers, targets_of
from shared.material_library import LIBRARY, Material, find_material


def library_of(current: Session) -> dict[str, Material]:
    """The built-in materials and the tenant's, which replace those of the same name."""
    rows = current.scalars(select(TenantMaterial).order_by(TenantMaterial.name))
    return {**LIBRARY, **{row.name: Material.from_json(row.definition) for row in rows}}


def aliases_of(current: Session) -> list[Alias]:
    """The tenant's alias table: its own rows, and the default ones they do not replace."""
    own = [
        Alias(kind=row.kind, pattern=row.pattern, material=row.material, priority=row.priority, tolerance=row.tolerance)  # type: ignore[arg-type]
        for row in current.scalars(select(MaterialAlias).order_by(MaterialAlias.kind, MaterialAlias.pattern))
    ]
    replaced = {(alias.kind, alias.pattern) for alias in own}
    return own + [alias for alias in DEFAULT_ALIASES if (alias.kind, alias.pattern) not in replaced]


def manifest_of(root: Path, cad: CadFile) -> Manifest:
    """The manifest as the converter wrote it. Raises ConflictError while there is none."""
    path = cad.conversion.derivatives.get("scene_manifest")
    if not path:
        raise ConflictError(
            f"{cad.filename} is not converted yet: it is {cad.conversion.state}.",
            hint="Wait until its state is `ready`; where it failed, POST /api/cad/{id}/convert tries again.",
            code="cad.not_ready",
        )
    return read_manifest(paths.absolute(root, path))


def revision_report(root: Path, cad: CadFile) -> dict[str, Any]:
    """What became of the parts of the revision before. Raises NotFoundError where there was none."""
    path = cad.conversion.derivatives.get("revision_report")
    if not path:
        raise NotFoundError(
            f"{cad.filename} revision {cad.revision} has no report of an earlier revision.",
            hint="The first revision of a lineage has none; otherwise wait until its state is `ready`.",
        )
    place = paths.absolute(root, path)
    try:
        report: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise storage_error(error, place, "read") from error
    return report


def effective_manifest(current: Session, root: Path, cad: CadFile) -> Manifest:
    """The manifest in which every part wears the material that counts now, and says why."""
    manifest, library = manifest_of(root, cad), library_of(current)
    layers = propose_layers(manifest, aliases_of(current), library)
    # A material that has left the library since it was chosen cannot be worn, and a part that is gone wears nothing.
    targets = {target for part in manifest.parts for target in targets_of(part)}
    known = {target: name for target, name in chosen(cad).items() if target in targets and find_material(name, library)}
    manual = manual_layer(known, manifest.parts, library)
    return apply_layers(manifest, dataclasses.replace(layers, manual=manual))


def chosen(cad: CadFile) -> dict[str, str]:
    """The artist's choices for parts, their faces and their occurrences, in one mapping by target."""
    return {**cad.overrides, **cad.occurrence_overrides}
