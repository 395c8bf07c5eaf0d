"""The named checks of a USD file, one function each; :data:`CHECKS` lists them.

A check yields what it finds wrong: at which prim, in words, and what to do about it. What can be put right without a
person names the fix of :mod:`dcc.usd.fixes` that does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pxr import Sdf, Usd, UsdShade

from dcc.usd import asset_paths, fixes, mesh_checks
from dcc.usd.findings import Check, Finding
from dcc.usd.look import PRODUCTS
from dcc.usd.stage import OCCURRENCE, PART_KEY
from dcc.usd.usd_validators import check_with_usd_validators
from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.manifest import Manifest
from shared.material_library import nearest_name


@dataclass(frozen=True)
class Subject:
    """What is being checked: the file's own layer, and the stage as it composes on the layers ``below`` it.

    ``root_prim`` is the name that its root prim must have, "" where any will do.
    """

    path: Path
    layer: Sdf.Layer
    stage: Usd.Stage
    below: tuple[Path, ...]
    manifest: Manifest | None
    max_bytes: int
    root_prim: str = ""

    @property
    def root(self) -> Usd.Prim:
        return self.stage.GetPrimAtPath(f"/{self.layer.defaultPrim}") if self.layer.defaultPrim else Usd.Prim()


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
        yield Finding("default_prim", "", message, f"Set it to {roots[0]}.", fixes.DEFAULT_PRIM)
    else:
        yield Finding("default_prim", "", message, f"Put all prims under one root prim (now: {', '.join(roots)}).")


def _check_units(subject: Subject) -> Iterator[Finding]:
    root = subject.layer.pseudoRoot
    if not root.HasInfo("upAxis"):
        yield Finding("stage_units", "", "It has no upAxis.", f"Set it to {UP_AXIS}.", fixes.UP_AXIS)
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


def _check_root_prim(subject: Subject) -> Iterator[Finding]:
    name = subject.layer.defaultPrim
    if not subject.root_prim or not name or name == subject.root_prim:
        return
    alone = [spec.name for spec in subject.layer.rootPrims] == [name]
    yield Finding(
        "root_prim",
        f"/{name}",
        f"its root prim is /{name}; as a layer of {subject.root_prim} it must be /{subject.root_prim}.",
        f"Export it with the root prim /{subject.root_prim}: a layer only reaches prims of its own path.",
        fixes.ROOT_PRIM if alone else "",
    )


FILE_OPENS = Check("file_opens", "The file is there and opens as USD.")
"""What all other checks need: :func:`dcc.usd.validation.validate` sees to it first."""

CHECKS: dict[Check, Callable[[Subject], Iterator[Finding]]] = {
    Check("file_size", "The file is no larger than an item may be."): _check_size,
    Check(
        "default_prim",
        "defaultPrim names a root prim, so that others can reference the file.",
        "names the only root prim",
    ): _check_default_prim,
    Check(
        "root_prim",
        "The root prim of a layer is that of the asset or shot it is published to.",
        "renames the only root prim, with all that points into it",
    ): _check_root_prim,
    Check(
        "stage_units",
        f"Units are millimetres (metersPerUnit {METERS_PER_UNIT:g}) and {UP_AXIS} is up.",
        f"writes {UP_AXIS} where no up axis is given; never guesses units",
    ): _check_units,
    Check(
        "asset_paths",
        "Paths are relative, with forward slashes, and lead to files, also in the layers it composes.",
        "makes paths to existing files relative, and backslashes forward slashes",
    ): _check_asset_paths,
    Check(
        "mesh_topology",
        "Meshes have sound faces, points and normals, their extent, and materials on all faces.",
        "computes wrong or missing extents",
    ): _check_meshes,
    Check("part_keys", "Products carry partKeys that the CAD file knows, each once."): _check_part_keys,
    Check("occurrences", "No two occurrences have one name."): _check_occurrences,
    Check("material_bindings", "Bound materials exist, and so does what they are bound to."): _check_bindings,
    Check("usd_validators", "USD's own validators find no error."): _check_with_usd,
}
"""Every check with what it runs, in that order."""
