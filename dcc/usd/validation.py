"""What a USD file must fulfil before it is published: named checks, each with a remedy, some with an automatic fix.

A layer that stands above others (a look) holds bare overrides: alone, hardly anything of it composes, and nothing can
be said about what it overrides. ``below`` names the layers it will stand on; then the composition is checked, as it
will be published. Without ``below``, only what the layer itself says is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pxr import Sdf, Usd, UsdGeom, UsdShade

from dcc.usd import asset_paths, mesh_checks
from dcc.usd.findings import Finding
from dcc.usd.look import PRODUCTS
from dcc.usd.stage import OCCURRENCE, PART_KEY, open_layer, write_stage
from dcc.usd.usd_validators import check_with_usd_validators
from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import UsdError
from shared.manifest import Manifest
from shared.material_library import nearest_name

MAX_BYTES = 4 << 30
"""Largest file that may be published, where the caller sets no other limit."""

FIX_DEFAULT_PRIM = "set_default_prim"
FIX_UP_AXIS = "set_up_axis"


@dataclass(frozen=True)
class Subject:
    """What is being checked: the file's own layer, and the stage as it composes on the layers ``below`` it."""

    path: Path
    layer: Sdf.Layer
    stage: Usd.Stage
    below: tuple[Path, ...]
    manifest: Manifest | None
    max_bytes: int

    @property
    def root(self) -> Usd.Prim:
        return self.stage.GetPrimAtPath(f"/{self.layer.defaultPrim}") if self.layer.defaultPrim else Usd.Prim()


@dataclass(frozen=True)
class Report:
    """All findings about one file."""

    file: str
    below: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing keeps the file from being published."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "below": list(self.below),
            "passed": self.passed,
            "findings": [finding.to_json() for finding in self.findings],
        }


def validate(
    path: str | Path,
    *,
    manifest: Manifest | None = None,
    below: Sequence[str | Path] = (),
    max_bytes: int = MAX_BYTES,
) -> Report:
    """Run every check on a file. ``manifest``: the CAD file whose partKeys it may use. ``below``: strongest first.

    A file that does not open is a finding like any other; a missing or broken layer of ``below`` raises UsdError.
    """
    lower = tuple(Path(item) for item in below)
    report = [str(item) for item in lower]
    try:
        layer = open_layer(path)
    except UsdError as error:
        finding = Finding("file_opens", "", error.message, error.hint)
        return Report(str(path), tuple(report), (finding,))
    for item in lower:
        open_layer(item)
    subject = Subject(Path(path), layer, _compose(layer, lower), lower, manifest, max_bytes)
    findings = [finding for check in CHECKS.values() for finding in check(subject)]
    return Report(str(path), tuple(report), tuple(dict.fromkeys(findings)))


def fix(path: str | Path, findings: Sequence[Finding]) -> list[str]:
    """Apply the automatic remedies of ``findings`` to a file, whole or not at all; returns their names.

    For a file that is still being prepared: a published item is immutable.
    """
    wanted = list(dict.fromkeys(finding.fix for finding in findings if finding.fix))
    if not wanted:
        return []
    layer = open_layer(path)
    stage = Usd.Stage.Open(layer)
    if FIX_DEFAULT_PRIM in wanted:
        layer.defaultPrim = layer.rootPrims[0].name
    if FIX_UP_AXIS in wanted:
        UsdGeom.SetStageUpAxis(stage, UP_AXIS)
    if asset_paths.FIX in wanted:
        asset_paths.fix_asset_paths(layer)
    for finding in findings:
        if finding.fix == mesh_checks.FIX_EXTENT:
            mesh_checks.fix_extent(UsdGeom.Mesh(stage.GetPrimAtPath(finding.prim)))
    write_stage(stage, path, text=layer.GetFileFormat().formatId == "usda", overwrite=True)
    return wanted


def _compose(layer: Sdf.Layer, below: Sequence[Path]) -> Usd.Stage:
    if not below:
        return Usd.Stage.Open(layer)
    root = Sdf.Layer.CreateAnonymous(".usda")
    root.subLayerPaths = [layer.identifier, *(str(item.resolve()) for item in below)]
    stage = Usd.Stage.Open(root)
    root.defaultPrim = layer.defaultPrim
    UsdGeom.SetStageMetersPerUnit(stage, METERS_PER_UNIT)
    UsdGeom.SetStageUpAxis(stage, UP_AXIS)
    return stage


def _check_size(subject: Subject) -> Iterator[Finding]:
    size = subject.path.stat().st_size
    if size > subject.max_bytes:
        yield Finding(
            "file_size",
            "",
            f"The file has {size / 1e6:.0f} MB, more than the {subject.max_bytes / 1e6:.0f} MB that are allowed.",
            "Convert with a coarser deflection, or have the limit raised.",
        )


def _check_default_prim(subject: Subject) -> Iterator[Finding]:
    name = subject.layer.defaultPrim
    roots = [spec.name for spec in subject.layer.rootPrims]
    if name in roots:
        return
    message = f'defaultPrim names "{name}", which is not there.' if name else "It has no defaultPrim."
    if len(roots) == 1:
        yield Finding("default_prim", "", message, f"Set it to {roots[0]}.", FIX_DEFAULT_PRIM)
    else:
        yield Finding("default_prim", "", message, f"Put all prims under one root prim (now: {', '.join(roots)}).")


def _check_units(subject: Subject) -> Iterator[Finding]:
    root = subject.layer.pseudoRoot
    if not root.HasInfo("upAxis"):
        yield Finding("stage_units", "", "It has no upAxis.", f"Set it to {UP_AXIS}.", FIX_UP_AXIS)
    elif root.GetInfo("upAxis") != UP_AXIS:
        yield Finding(
            "stage_units",
            "",
            f"Its upAxis is {root.GetInfo('upAxis')}; everything in the pipeline has {UP_AXIS} up.",
            f"Export it again with {UP_AXIS} up.",
        )
    meters = root.GetInfo("metersPerUnit") if root.HasInfo("metersPerUnit") else None
    if meters is None or abs(meters - METERS_PER_UNIT) > 1e-9:
        said = "has no metersPerUnit" if meters is None else f"has metersPerUnit {meters:g}"
        # Not fixed automatically: nobody knows what unit its numbers were meant in.
        yield Finding(
            "stage_units",
            "",
            f"It {said}; everything in the pipeline is in millimetres ({METERS_PER_UNIT:g}).",
            "Export it again in millimetres.",
        )


def _check_asset_paths(subject: Subject) -> Iterator[Finding]:
    yield from asset_paths.check_asset_paths(subject.layer)
    yield from asset_paths.check_dependencies(subject.layer)


def _check_meshes(subject: Subject) -> Iterator[Finding]:
    for mesh in mesh_checks.meshes_of(subject.stage):
        for finding in mesh_checks.check_mesh(mesh):
            # A fix can only write into the file itself.
            own = subject.layer.GetPrimAtPath(finding.prim) is not None
            yield finding if own or not finding.fix else Finding(**{**finding.to_json(), "fix": ""})


def _check_part_keys(subject: Subject) -> Iterator[Finding]:
    products = subject.root.GetChild(PRODUCTS) if subject.root else Usd.Prim()
    known = {part.part_key for part in subject.manifest.parts} if subject.manifest else set()
    present: dict[str, str] = {}
    for product in products.GetFilteredChildren(Usd.PrimAllPrimsPredicate) if products else ():
        path = str(product.GetPath())
        key = product.GetAttribute(PART_KEY).Get()
        if product.HasDefiningSpecifier() and not key:
            yield Finding("part_keys", path, f"it has no {PART_KEY}.", "Convert the CAD file again.")
            continue
        if key in present:
            yield Finding(
                "part_keys", path, f'"{key}" is the partKey of {present[key]} too.', "Give each product its own."
            )
        # Nothing defines a bare override of a look: it speaks of the product that has its name.
        name = key or product.GetName()
        present.setdefault(name, path)
        if subject.manifest and name not in known:
            near = nearest_name(name, known)
            yield Finding(
                "part_keys",
                path,
                f'"{name}" is no partKey of {subject.manifest.source.name}.',
                f'Did you mean "{near}"?' if near else "Use the partKeys of the CAD file this asset was made from.",
            )
    if products and products.HasDefiningSpecifier():
        for key in sorted(known - present.keys()):
            yield Finding(
                "part_keys", str(products.GetPath()), f"the part {key} is missing.", "Convert the CAD file again."
            )


def _check_occurrences(subject: Subject) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for prim in subject.stage.Traverse():
        occurrence = prim.GetAttribute(OCCURRENCE).Get()
        if occurrence and occurrence in seen:
            yield Finding(
                "occurrences",
                str(prim.GetPath()),
                f'"{occurrence}" is the {OCCURRENCE} of {seen[occurrence]} too.',
                "Convert the CAD file again.",
            )
        elif occurrence:
            seen[occurrence] = str(prim.GetPath())


def _check_bindings(subject: Subject) -> Iterator[Finding]:
    for prim in Usd.PrimRange(subject.stage.GetPseudoRoot(), Usd.PrimAllPrimsPredicate):
        for name in prim.GetAuthoredPropertyNames():
            if not name.startswith(UsdShade.Tokens.materialBinding) or not prim.GetRelationship(name):
                continue
            path = str(prim.GetPath())
            targets = prim.GetRelationship(name).GetTargets()
            material = subject.stage.GetPrimAtPath(targets[0]) if targets else Usd.Prim()
            if ":collection:" not in name and not UsdShade.Material(material):
                target = targets[0] if targets else "nothing"
                yield Finding(
                    "material_bindings",
                    path,
                    f"it is bound to {target}, which is no material.",
                    "Assign a material again and publish the look again.",
                )
            if subject.below and not prim.HasDefiningSpecifier():
                yield Finding(
                    "material_bindings",
                    path,
                    "a material is bound to it, but the geometry below this layer has no such prim.",
                    "Make the look again for this revision of the CAD file.",
                )


def _check_with_usd(subject: Subject) -> Iterator[Finding]:
    return check_with_usd_validators(subject.stage)


CHECKS: dict[str, Callable[[Subject], Iterator[Finding]]] = {
    "file_size": _check_size,
    "default_prim": _check_default_prim,
    "stage_units": _check_units,
    "asset_paths": _check_asset_paths,
    "mesh_topology": _check_meshes,
    "part_keys": _check_part_keys,
    "occurrences": _check_occurrences,
    "material_bindings": _check_bindings,
    "usd_validators": _check_with_usd,
}
"""Every check by name, in the order they run."""
