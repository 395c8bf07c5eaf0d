"""The look of an asset: which material each part wears, as a layer of overrides above the geometry.

The layer holds ``over "/<asset>"`` with the used materials in the scope ``mtl`` and nothing but bindings besides:

- a part's material on ``/<asset>/Products/<partKey>/geo``, inside the prototype, from where inheritance takes it to
  every instance;
- the colours of single faces on the GeomSubsets below it, which win over the part's because they are closer;
- one occurrence's on its own prim, ``strongerThanDescendants``, so that it wins over all that its part wears.

Face colours of the CAD file are therefore kept exactly where ``material_layers`` gives those faces a material of
their own: in parts that are known by their STEP colours only. A choice by hand, a STEP material or a matching name
covers the part whole, and no subset of it is bound.

Each binding carries its provenance as ``customData = {dictionary raceway = {string layer, string reason}}``. The
MaterialX networks stand in the variant ``materialx`` of the variant set ``shading``; the default ``preview`` leaves
them out, because a USD without MaterialX definitions (as in ``usd-core``) reports every such shader as an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pxr import Sdf, Usd, UsdGeom, UsdShade

from dcc.usd.materials import add_materialx, define_material
from dcc.usd.stage import MATERIAL, OCCURRENCE, PART_KEY, default_prim, new_stage, open_stage, write_stage
from shared.context import check_name
from shared.errors import InputError, UsdError
from shared.manifest import EffectiveMaterial, Manifest, Part
from shared.material_layers import UNRESOLVED, face_target, occurrence_target, targets_of
from shared.material_library import LIBRARY, Material, material_by_name

MATERIALS = "mtl"
GEOMETRY = "geo"
PRODUCTS = "Products"
SHADING = "shading"
SHADING_PREVIEW = "preview"
SHADING_MATERIALX = "materialx"


@dataclass(frozen=True)
class Binding:
    """A material bound in a look layer: where, which, and why."""

    prim_path: str
    material: str
    layer: str
    reason: str


def write_look(
    path: str | Path,
    asset: str,
    manifest: Manifest,
    effective: Mapping[str, EffectiveMaterial],
    master: str | Path,
    library: Mapping[str, Material] = LIBRARY,
    *,
    overwrite: bool = False,
) -> list[Binding]:
    """Write the look of ``asset`` over ``master``: ``effective`` materials by target (``MaterialLayers.effective``).

    A part that ``effective`` does not name wears the visible fallback. Returns what was bound.

    Raises InputError (``input.unknown_part``, ``input.unknown_material``) for a target that the manifest does not
    know or a material that the library does not; UsdError (``usd.prim_missing``) where manifest and master do not
    belong together; StorageError where the file cannot be written.
    """
    stage = look_stage(asset, manifest, effective, open_stage(master), library)
    write_stage(stage, path, overwrite=overwrite)
    return read_bindings(stage.GetRootLayer())


def look_stage(
    asset: str,
    manifest: Manifest,
    effective: Mapping[str, EffectiveMaterial],
    master: Usd.Stage,
    library: Mapping[str, Material] = LIBRARY,
) -> Usd.Stage:
    """The look as a stage in memory; see ``write_look``."""
    check_name(asset, "asset")
    _check_targets(manifest, effective)
    bindings = list(_bindings(manifest, effective, master))
    stage = new_stage(asset)
    root = Sdf.Path(f"/{asset}")
    scope = root.AppendChild(MATERIALS)
    UsdGeom.Scope.Define(stage, scope)
    used = [material_by_name(name, library) for name in sorted({entry.material for _, entry, _ in bindings})]
    for material in used:
        define_material(stage, f"{scope}/{check_name(material.name, 'material')}", material)
    _add_materialx_variant(stage, root, used)
    # By specs and in one change: through the stage, every binding would compose it anew.
    with Sdf.ChangeBlock():
        for prim_path, entry, strength in bindings:
            path = prim_path.ReplacePrefix(manifest.root_prim, root)
            _bind(stage.GetRootLayer(), path, scope.AppendChild(entry.material), entry, strength)
    # Defining the scope has defined its parent too; the asset itself is defined by its entry, here it is overridden.
    stage.GetRootLayer().GetPrimAtPath(root).specifier = Sdf.SpecifierOver
    return stage


def read_bindings(layer: Sdf.Layer) -> list[Binding]:
    """All bindings that a look layer itself holds, by prim path."""
    found: list[Binding] = []

    def visit(path: Sdf.Path) -> None:
        if path.IsPropertyPath() and path.name == UsdShade.Tokens.materialBinding:
            relationship = layer.GetRelationshipAtPath(path)
            provenance = relationship.customData.get("raceway", {})
            layer_name, reason = provenance.get("layer", ""), provenance.get("reason", "")
            targets = relationship.targetPathList.GetAppliedItems()
            found.extend(Binding(str(path.GetPrimPath()), target.name, layer_name, reason) for target in targets)

    layer.Traverse(Sdf.Path.absoluteRootPath, visit)
    return sorted(found, key=lambda binding: binding.prim_path)


def part_materials(stage: Usd.Stage) -> dict[str, str]:
    """Name of the material by partKey, "" where none is bound, as a composed stage resolves it."""
    products = default_prim(stage).GetChild(PRODUCTS)
    found: dict[str, str] = {}
    for product in products.GetFilteredChildren(Usd.PrimAllPrimsPredicate) if products else ():
        key = product.GetAttribute(PART_KEY).Get()
        if key:
            found[key] = _bound_material(product.GetChild(GEOMETRY) or product)
    return found


def occurrence_materials(stage: Usd.Stage) -> dict[str, str]:
    """Name of the material by occurrence, for the occurrences that a composed stage gives one of their own."""
    found: dict[str, str] = {}
    for prim in stage.Traverse():
        occurrence = prim.GetAttribute(OCCURRENCE).Get()
        if occurrence and UsdShade.MaterialBindingAPI(prim).GetDirectBinding().GetMaterial():
            found[occurrence] = _bound_material(prim)
    return found


def _bound_material(prim: Usd.Prim) -> str:
    material = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
    if not material:
        return ""
    return str(material.GetPrim().GetAttribute(MATERIAL).Get() or material.GetPrim().GetName())


def _bindings(
    manifest: Manifest, effective: Mapping[str, EffectiveMaterial], master: Usd.Stage
) -> Iterator[tuple[Sdf.Path, EffectiveMaterial, str]]:
    """Prim path in the master, material and binding strength of everything that is bound."""
    weaker, stronger = UsdShade.Tokens.weakerThanDescendants, UsdShade.Tokens.strongerThanDescendants
    for part in manifest.parts:
        geometry = _prim(master, f"{part.prim_path}/{GEOMETRY}", manifest)
        yield geometry.GetPath(), effective.get(part.part_key, UNRESOLVED), weaker
        for subset, entry in _face_materials(part, effective).items():
            for path in _subset_paths(geometry, subset):
                yield path, entry, weaker
        for occurrence in part.occurrences:
            own = effective.get(occurrence_target(part.part_key, occurrence.path))
            if own:
                yield _prim(master, occurrence.prim_path, manifest).GetPath(), own, stronger


def _face_materials(part: Part, effective: Mapping[str, EffectiveMaterial]) -> dict[str, EffectiveMaterial]:
    """Material by GeomSubset name, for the faces of a part that wear something of their own."""
    chosen = {face.subset: effective.get(face_target(part.part_key, face.color)) for face in part.face_colors}
    return {subset: entry for subset, entry in chosen.items() if entry}


def _subset_paths(geometry: Usd.Prim, name: str) -> Iterator[Sdf.Path]:
    # A part of several bodies or levels of detail has the subset once in each mesh.
    for prim in Usd.PrimRange(geometry, Usd.PrimAllPrimsPredicate):
        if prim.GetName() == name and prim.IsA(UsdGeom.Subset):
            yield prim.GetPath()


def _prim(master: Usd.Stage, path: str, manifest: Manifest) -> Usd.Prim:
    prim = master.GetPrimAtPath(path)
    if not prim:
        raise UsdError(
            f"The USD master of {manifest.source.name} has no prim {path}, which its manifest names.",
            hint="Manifest and geometry are from different conversions: convert the CAD file again and use both.",
            code="usd.prim_missing",
        )
    return prim


def _check_targets(manifest: Manifest, effective: Mapping[str, EffectiveMaterial]) -> None:
    known = {target for part in manifest.parts for target in targets_of(part)}
    unknown = [target for target in effective if target not in known]
    if unknown:
        raise InputError(
            f"{manifest.source.name} has no part, occurrence or face colour {', '.join(unknown)}.",
            hint="Use the partKeys of the CAD file that this asset was made from.",
            code="input.unknown_part",
            fields=dict.fromkeys(unknown, "not in the scene manifest"),
        )


def _bind(layer: Sdf.Layer, path: Sdf.Path, material: Sdf.Path, entry: EffectiveMaterial, strength: str) -> None:
    """What ``UsdShade.MaterialBindingAPI.Bind`` authors on a bare override, and why."""
    prim = Sdf.CreatePrimInLayer(layer, path)
    prim.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["MaterialBindingAPI"]))
    relationship = Sdf.RelationshipSpec(prim, UsdShade.Tokens.materialBinding, custom=False)
    relationship.targetPathList.explicitItems = [material]
    relationship.customData = {"raceway": {"layer": entry.layer, "reason": entry.reason}}
    if strength != UsdShade.Tokens.weakerThanDescendants:
        relationship.SetInfo(UsdShade.Tokens.bindMaterialAs, strength)


def _add_materialx_variant(stage: Usd.Stage, root: Sdf.Path, materials: list[Material]) -> None:
    variants = stage.GetPrimAtPath(root).GetVariantSets().AddVariantSet(SHADING)
    for name in (SHADING_PREVIEW, SHADING_MATERIALX):
        variants.AddVariant(name)
    variants.SetVariantSelection(SHADING_MATERIALX)
    with variants.GetVariantEditContext():
        for material in materials:
            add_materialx(stage, f"{root}/{MATERIALS}/{material.name}", material)
    variants.SetVariantSelection(SHADING_PREVIEW)
