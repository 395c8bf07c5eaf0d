"""Dress imported objects in the library's node materials, as the stage and the material layers say.

A product's material sits on the mesh data that all its occurrences share; that of one occurrence sits on its object.
This mirrors USD, where the first is bound inside the prototype and the second on the instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from dcc.render.face_sets import face_set_target, face_sets
from dcc.render.import_usd import MATERIAL, OCCURRENCE, PART_KEY, PRIM_PATH, USD_NAME, ImportedModel, identified
from dcc.render.materials import fallback_material, library_material
from shared.material_layers import occurrence_target

OccurrenceLook = Mapping[str, str]
"""For the mesh of one occurrence: the material it wears instead of one that its product wears ("" for none)."""


@dataclass
class DressReport:
    """Which material each part wears (joined by ``, `` where its faces differ), and which wear the fallback."""

    assigned: dict[str, str] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)


def dress_from_stage(
    model: ImportedModel, usd: Path, manifest_materials: Mapping[str, str] | None = None
) -> DressReport:
    """Replace what Blender imported by node materials of the same names, and add the overrides of single occurrences.

    ``manifest_materials`` names materials by partKey, faces or occurrence for what the stage leaves unbound. What is
    then still without a material, or asks for one that nobody knows, wears the fallback.
    """
    layers = manifest_materials or {}
    overrides = occurrence_overrides(usd)
    report = DressReport()
    dressed: set[bpy.types.Mesh] = set()
    for item in model.meshes:
        mesh = item.data
        assert isinstance(mesh, bpy.types.Mesh)
        part_key = str(item.get(PART_KEY, ""))
        if mesh not in dressed:
            dressed.add(mesh)
            _dress_mesh(mesh, _by_slot(mesh, part_key, layers))
        override = overrides.get(str(item.get(PRIM_PATH)), {})
        chosen = layers.get(str(item.get(OCCURRENCE, "")), "")
        if override or chosen:
            _dress_object(item, override, chosen)
    for item in model.meshes:
        _record(report, item)
    for material in [known for known in bpy.data.materials if known.get(USD_NAME) and not known.users]:
        bpy.data.materials.remove(material)
    return report


def dress_bare(model: ImportedModel) -> None:
    """Give every mesh that wears nothing the fallback: not yet resolved, and it shows."""
    for item in model.meshes:
        assert isinstance(item.data, bpy.types.Mesh)
        if not any(item.data.materials):
            _fill_slots(item.data, [fallback_material()] * max(len(item.data.materials), 1))


def assign_effective(objects: Iterable[bpy.types.Object], scene_manifest: Mapping[str, Any]) -> DressReport:
    """Dress ``objects`` as the service's scene manifest says: parts first, then the occurrences that differ."""
    items = list(objects)
    parts = {part["part_key"]: part["material"]["material"] for part in scene_manifest["parts"] if part.get("material")}
    faces = {
        face_set_target(part["part_key"], face["subset"]): face["material"]["material"]
        for part in scene_manifest["parts"]
        for face in part["face_colors"]
        if face.get("material")
    }
    places = {
        occurrence_target(part["part_key"], place["path"]): place["material"]["material"]
        for part in scene_manifest["parts"]
        for place in part["occurrences"]
        if place.get("material")
    }
    report = assign_to_parts(items, {**parts, **faces})
    assign_to_occurrences(items, places)
    return report


def assign_to_parts(objects: Iterable[bpy.types.Object], materials: Mapping[str, str]) -> DressReport:
    """Give every part of ``materials`` among ``objects`` its material, on all its occurrences.

    ``materials`` are names by partKey, and by ``face_set_target`` for faces that wear something else than their part.
    """
    report = DressReport()
    for part_key, items in identified(objects, PART_KEY).items():
        if part_key not in materials:
            continue
        for mesh in {item.data for item in items}:
            assert isinstance(mesh, bpy.types.Mesh)
            _fill_slots(mesh, [_material(name) for name in _by_slot(mesh, part_key, materials)])
        for item in items:
            _record(report, item)
    return report


def assign_to_occurrences(objects: Iterable[bpy.types.Object], materials: Mapping[str, str]) -> None:
    """Give single occurrences their own material (name by occurrence); those not named go back to their part's."""
    for occurrence, items in identified(objects, OCCURRENCE).items():
        for item in items:
            if occurrence in materials:
                _override_slots(item, [_material(materials[occurrence])] * len(item.material_slots))
            else:
                for slot in item.material_slots:
                    slot.link = "DATA"


def worn_materials(item: bpy.types.Object) -> list[str]:
    """Names of the materials an object shows, in the order of its slots."""
    return [slot.material.name if slot.material else "" for slot in item.material_slots]


def occurrence_overrides(usd: Path) -> dict[str, OccurrenceLook]:
    """What single occurrences wear instead of their product's materials, by the path of the Mesh as instance proxy.

    Blender's importer sees the materials inside the prototypes only; these bindings stand on the instances, so they
    are read from the stage.
    """
    from pxr import Usd, UsdGeom, UsdShade

    stage = Usd.Stage.Open(str(usd))
    found: dict[str, OccurrenceLook] = {}
    for prim in stage.Traverse():
        if not prim.IsInstance() or not _bound_outside_prototype(prim):
            continue
        for proxy in Usd.PrimRange(prim, Usd.TraverseInstanceProxies()):
            if not proxy.IsA(UsdGeom.Mesh):
                continue
            subsets = UsdShade.MaterialBindingAPI(proxy).GetMaterialBindSubsets()
            places = [proxy, *(subset.GetPrim() for subset in subsets)]
            names = {_bound_name(place.GetPrimInPrototype()): _bound_name(place) for place in places}
            changed = {before: after for before, after in names.items() if before != after}
            if changed:
                found[str(proxy.GetPath())] = changed
    return found


def _bound_outside_prototype(prim: Any) -> bool:
    while prim and not prim.IsPseudoRoot():
        if any(name.startswith("material:binding") for name in prim.GetAuthoredPropertyNames()):
            return True
        prim = prim.GetParent()
    return False


def _bound_name(prim: Any) -> str:
    from pxr import UsdShade

    material = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
    return str(material.GetPrim().GetName()) if material else ""


def _by_slot(mesh: bpy.types.Mesh, part_key: str, materials: Mapping[str, str]) -> list[str]:
    """What ``materials`` name for each slot of a part's mesh, or for its first where it has none: faces, else part."""
    whole = materials.get(part_key, "")
    return [materials.get(face_set_target(part_key, faces), whole) for faces in face_sets(mesh) or [""]]


def _dress_mesh(mesh: bpy.types.Mesh, unbound: Sequence[str]) -> None:
    imported = list(mesh.materials) or [None]
    _fill_slots(mesh, [_replacement(worn, name) for worn, name in zip(imported, unbound, strict=True)])


def _dress_object(item: bpy.types.Object, override: OccurrenceLook, chosen: str) -> None:
    worn = []
    for slot in item.material_slots:
        name = _library_name(slot.material) if slot.material else ""
        worn.append(_material(override[name]) if name in override else slot.material)
    if not override:
        worn = [_material(chosen)] * len(worn)
    _override_slots(item, worn)


def _override_slots(item: bpy.types.Object, materials: list[bpy.types.Material | None]) -> None:
    for slot, material in zip(item.material_slots, materials, strict=True):
        slot.link = "OBJECT"
        slot.material = material


def _fill_slots(mesh: bpy.types.Mesh, materials: Sequence[bpy.types.Material]) -> None:
    """Put ``materials`` into the slots of a mesh; the first makes one where there is none."""
    if not mesh.materials:
        mesh.materials.append(materials[0])
    for index, material in enumerate(materials):
        mesh.materials[index] = material


def _replacement(imported: bpy.types.Material | None, unbound: str) -> bpy.types.Material:
    """The library's material of the imported one's name; a material the library does not know stays as it is."""
    if imported is None:
        return _material(unbound)
    return library_material(_library_name(imported)) or imported


def _library_name(material: bpy.types.Material) -> str:
    return str(material.get(MATERIAL) or material.get(USD_NAME) or material.name)


def _material(name: str) -> bpy.types.Material:
    return (library_material(name) if name else None) or fallback_material()


def _record(report: DressReport, item: bpy.types.Object) -> None:
    part_key = str(item.get(PART_KEY) or item.get(PRIM_PATH) or item.name)
    names = worn_materials(item)
    report.assigned.setdefault(part_key, ", ".join(dict.fromkeys(names)))
    if fallback_material().name in names and part_key not in report.unresolved:
        report.unresolved.append(part_key)
