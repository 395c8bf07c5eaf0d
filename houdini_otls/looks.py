"""Materials by partKey on a stage that is being edited. Plain USD, without Houdini."""

from __future__ import annotations

from collections.abc import Mapping

from pxr import Sdf, Usd, UsdGeom, UsdShade

from dcc.usd.look import GEOMETRY, MATERIALS, PRODUCTS
from dcc.usd.materials import add_materialx, define_material
from dcc.usd.stage import PART_KEY
from shared.errors import InputError
from shared.material_library import LIBRARY, Material, material_by_name


def assets_on(stage: Usd.Stage) -> list[str]:
    """Paths of the root prims of Raceway's assets on a stage, in its order."""
    return [str(prim.GetPath()) for prim in stage.GetPseudoRoot().GetChildren() if prim.GetChild(PRODUCTS)]


def parts_of(stage: Usd.Stage, asset: str) -> dict[str, str]:
    """Path of the prototype by partKey, for the asset at that path."""
    products = stage.GetPrimAtPath(asset).GetChild(PRODUCTS) if stage.GetPrimAtPath(asset) else None
    found: dict[str, str] = {}
    for product in products.GetFilteredChildren(Usd.PrimAllPrimsPredicate) if products else ():
        if key := product.GetAttribute(PART_KEY).Get():
            found[str(key)] = str(product.GetPath())
    return found


def assign(
    stage: Usd.Stage, asset: str, assignments: Mapping[str, str], library: Mapping[str, Material] = LIBRARY
) -> None:
    """Bind a material to each part named in ``assignments`` (material by partKey), at the stage's edit target.

    The binding stands in the part's prototype, so every occurrence wears it, and says that an artist chose it.

    Raises InputError for a partKey the asset does not have (``input.unknown_part``) or a material the library does
    not have, before anything is written.
    """
    parts = parts_of(stage, asset)
    unknown = sorted(set(assignments) - set(parts))
    if unknown:
        raise InputError(
            f"{asset} has no part {', '.join(unknown)}.",
            hint="Its CAD file may have changed: choose the parts again.",
            code="input.unknown_part",
            fields=dict.fromkeys(unknown, "not a partKey of this asset"),
        )
    materials = {name: material_by_name(name, library) for name in sorted(set(assignments.values()))}
    scope = Sdf.Path(asset).AppendChild(MATERIALS)
    if materials:
        UsdGeom.Scope.Define(stage, scope)
    for material in materials.values():
        # Here too where a weaker layer has it already: that layer may be published without it one day.
        path = str(scope.AppendChild(material.name))
        define_material(stage, path, material)
        add_materialx(stage, path, material)
    for part, name in assignments.items():
        prim = stage.OverridePrim(f"{parts[part]}/{GEOMETRY}")
        binding = UsdShade.MaterialBindingAPI.Apply(prim)
        binding.Bind(UsdShade.Material(stage.GetPrimAtPath(scope.AppendChild(materials[name].name))))
        relationship = binding.GetDirectBindingRel()
        relationship.SetCustomDataByKey("raceway:layer", "manual")
        relationship.SetCustomDataByKey("raceway:reason", "chosen in Houdini")
