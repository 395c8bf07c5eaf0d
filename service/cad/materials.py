"""Materials of a tenant: the built-in library and alias table with the tenant's own, and what the parts wear."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.accounts.settings import tenant_settings
from service.cad import revisions
from service.models import CadFile, MaterialAlias, TenantMaterial
from shared.default_aliases import DEFAULT_ALIASES
from shared.manifest import EffectiveMaterial, Manifest
from shared.material_aliases import Alias, table_of
from shared.material_layers import (
    UNRESOLVED,
    MaterialLayers,
    Proposal,
    apply_layers,
    effective_of,
    manual_layer,
    part_of,
    propose_layers,
    targets_of,
)
from shared.material_library import FALLBACK_NAME, LIBRARY, Material, find_material

Value = TypeVar("Value")

_BUILT_IN = hashlib.blake2b(repr((LIBRARY, DEFAULT_ALIASES)).encode(), digest_size=8).hexdigest()
"""Changes with the materials and aliases that come with Raceway: a newer one may dress parts in another way."""


def library_of(current: Session) -> dict[str, Material]:
    """The built-in materials and the tenant's, which replace those of the same name."""
    rows = current.scalars(
        select(TenantMaterial).where(TenantMaterial.archived_at.is_(None)).order_by(TenantMaterial.name)
    )
    return {**LIBRARY, **{row.name: Material.from_json(row.definition) for row in rows}}


def aliases_of(current: Session) -> list[Alias]:
    """The tenant's alias table: its own rows, and the default ones they do not replace."""
    own = [
        Alias(kind=row.kind, pattern=row.pattern, material=row.material, priority=row.priority, tolerance=row.tolerance)  # type: ignore[arg-type]
        for row in current.scalars(
            select(MaterialAlias)
            .where(MaterialAlias.archived_at.is_(None))
            .order_by(MaterialAlias.kind, MaterialAlias.pattern)
        )
    ]
    return table_of(own, DEFAULT_ALIASES)


def manifest_of(root: Path, cad: CadFile) -> Manifest:
    """The manifest as the converter wrote it, not to be changed. Raises ConflictError while there is none."""
    return revisions.manifest_of(root, revisions.ready(cad))


@dataclass(frozen=True)
class Dressed:
    """A CAD file's manifest in which every part wears the material that counts now, and says why.

    ``tag`` changes whenever the manifest, a layer or the library does.
    """

    manifest: Manifest
    tag: str

    @functools.cached_property
    def text(self) -> bytes:
        """The manifest as JSON."""
        return json.dumps(self.manifest.to_json(), ensure_ascii=False, separators=(",", ":")).encode()


def effective_manifest(current: Session, root: Path, cad: CadFile) -> Manifest:
    """The manifest in which every part wears the material that counts now, and says why; not to be changed."""
    return dressed(current, root, cad).manifest


def dressed(current: Session, root: Path, cad: CadFile) -> Dressed:
    """The manifest with its effective materials. What was worked out before and still holds is not done again.

    Raises ConflictError while there is no manifest, StorageError where it cannot be read.
    """
    manifest = manifest_of(root, cad)
    tag = tag_of(current, cad)
    return _kept_dressed.get((cad.tenant_id, tag), lambda: _dress(current, cad, manifest, tag))


def appearance(current: Session, root: Path, cad: CadFile) -> bytes:
    """What each part wears and how it looks, as JSON: ``{"targets": {target: ...}, "materials": {name: ...}}``."""
    worn = effective_of(effective_manifest(current, root, cad))
    library = library_of(current)
    looks = {name: find_material(name, library) for name in sorted({each.material for each in worn.values()})}
    data = {
        "targets": {target: dataclasses.asdict(each) for target, each in worn.items()},
        "materials": {name: look.to_json() for name, look in looks.items() if look},
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def tag_of(current: Session, cad: CadFile) -> str:
    """Changes with everything that the effective materials depend on; found without looking at any part."""
    sheet = cad.source_materials.get("at")
    own = (cad.id, cad.conversion_id, cad.filename, cad.lineage, cad.overrides_revision, sheet)
    parts = (*own, _table_version(current))
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def _table_version(current: Session) -> tuple[Any, ...]:
    """Version of the library, alias table and fallback material that the tenant has."""
    counts = [
        select(
            func.concat_ws("/", func.count(), func.sum(table.revision), func.max(table.updated_at))
        ).scalar_subquery()
        for table in (TenantMaterial, MaterialAlias)
    ]
    return (_BUILT_IN, *current.execute(select(*counts)).one(), tenant_settings(current).fallback_material)


def _dress(current: Session, cad: CadFile, manifest: Manifest, tag: str) -> Dressed:
    library = library_of(current)
    table = (cad.tenant_id, cad.conversion_id, _table_version(current))
    proposed = _kept_proposals.get(table, lambda: propose_layers(manifest, aliases_of(current), library))
    targets = {target for part in manifest.parts for target in targets_of(part)}
    # A material that has left the library since it was chosen cannot be worn, and a part that is gone wears nothing.
    known = {target: name for target, name in chosen(cad).items() if target in targets and find_material(name, library)}
    sheet = {
        target: Proposal.from_json(row)
        for target, row in cad.source_materials.get("targets", {}).items()
        if target in targets and find_material(row["material"], library)
    }
    fallback = dataclasses.replace(UNRESOLVED, material=_fallback(current, library))
    layers = dataclasses.replace(
        proposed,
        manual=manual_layer(known, manifest.parts, library),
        source={**_below(sheet, proposed.source), **sheet},
        fallback=fallback,
    )
    # Several shared this conversion perhaps; the manifest is this CAD file's.
    named = dataclasses.replace(
        manifest, lineage=cad.lineage, source=dataclasses.replace(manifest.source, name=cad.filename)
    )
    open_ = {key: question for key, question in cad.material_questions.items() if key in targets}
    return Dressed(_ask(apply_layers(named, _without(layers, open_)), open_, fallback), tag)


def _below(sheet: Mapping[str, Proposal], stated: Mapping[str, Proposal]) -> dict[str, Proposal]:
    """What the CAD file itself states, but for faces and places of parts that the spreadsheet speaks of."""
    return {
        target: each for target, each in stated.items() if target == part_of(target) or part_of(target) not in sheet
    }


def _without(layers: MaterialLayers, keys: Collection[str]) -> MaterialLayers:
    """The layers without what is proposed for some parts: which of several choices counts for them is open."""
    if not keys:
        return layers
    return dataclasses.replace(
        layers,
        source={target: each for target, each in layers.source.items() if part_of(target) not in keys},
        auto={target: each for target, each in layers.auto.items() if part_of(target) not in keys},
    )


def _ask(
    manifest: Manifest, questions: Mapping[str, Mapping[str, str | None]], fallback: EffectiveMaterial
) -> Manifest:
    if not questions:
        return manifest

    def reason(key: str) -> str:
        chosen_for = ", ".join(f"{name or 'nothing'} for {old}" for old, name in sorted(questions[key].items()))
        return f"products that are one now had different choices: {chosen_for}; choose one"

    return dataclasses.replace(
        manifest,
        parts=tuple(
            dataclasses.replace(part, material=dataclasses.replace(fallback, reason=reason(part.part_key)))
            if part.part_key in questions
            else part
            for part in manifest.parts
        ),
    )


def _fallback(current: Session, library: Mapping[str, Material]) -> str:
    """The tenant's fallback material; the visible one where it has left the library since."""
    wanted = tenant_settings(current).fallback_material
    return wanted if find_material(wanted, library) else FALLBACK_NAME


def chosen(cad: CadFile) -> dict[str, str]:
    """The artist's choices for parts, their faces and their occurrences, in one mapping by target."""
    return {**cad.overrides, **cad.occurrence_overrides}


class _Kept(Generic[Value]):
    """The last few results in memory, for all requests of this process. One that is asked for twice at once may be
    worked out twice; the results are equal.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Value]) -> Value:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


_kept_dressed: _Kept[Dressed] = _Kept(8)
_kept_proposals: _Kept[MaterialLayers] = _Kept(8)
