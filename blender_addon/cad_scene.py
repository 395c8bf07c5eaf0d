"""The CAD model in the open scene: bring it in, exchange it for a newer revision, dress its parts."""

from pathlib import Path

import bpy

from dcc.render.import_usd import MATERIAL, OCCURRENCE, PART_KEY, ImportedModel, identified, import_model
from dcc.render.looks import DressReport, assign_to_occurrences, assign_to_parts
from shared.manifest import Manifest
from shared.material_layers import occurrence_target

from .properties import scene_state


def bring_in(scene: bpy.types.Scene, master: Path, name: str) -> ImportedModel:
    """Import a USD master into the scene; what an earlier import brought is exchanged for it.

    The artist's work stays: what she hung onto a part hangs onto the same occurrence again, and materials of her own
    making go to the parts of the same partKey. Lights, cameras and everything else are not touched.
    """
    state = scene_state(scene)
    earlier: bpy.types.Collection | None = state.collection
    model = import_model(master, name)
    if earlier is not None:
        _hand_over(earlier, model)
        _remove(earlier)
    model.collection.name = name
    state.collection = model.collection
    return model


def dress(scene: bpy.types.Scene, manifest: Manifest) -> DressReport:
    """Give every part and occurrence of the model in the scene its effective material."""
    objects = part_objects(scene)
    materials = {part.part_key: part.material.material for part in manifest.parts if part.material}
    report = assign_to_parts(objects, materials)
    own = {
        occurrence_target(part.part_key, item.path): item.material.material
        for part in manifest.parts
        for item in part.occurrences
        if item.material
    }
    assign_to_occurrences(objects, own)
    return report


def part_objects(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The mesh objects of the model in the scene; none where nothing was imported."""
    collection = scene_state(scene).collection
    return [] if collection is None else [item for item in collection.all_objects if item.type == "MESH"]


def _hand_over(earlier: bpy.types.Collection, model: ImportedModel) -> None:
    old = [item for item in earlier.all_objects if item.type == "MESH"]
    successors = {occurrence: items[0] for occurrence, items in identified(model.meshes, OCCURRENCE).items()}
    for item in old:
        for child in item.children:
            successor = successors.get(str(item.get(OCCURRENCE, "")))
            if successor is not None and child.name not in earlier.all_objects:
                placed = child.matrix_world.copy()
                child.parent = successor
                child.matrix_world = placed
    by_part = identified(model.meshes, PART_KEY)
    for part_key, items in identified(old, PART_KEY).items():
        own = [slot.material for slot in items[0].material_slots if slot.material and MATERIAL not in slot.material]
        for successor in by_part.get(part_key, ()) if own else ():
            mesh = successor.data
            assert isinstance(mesh, bpy.types.Mesh)
            mesh.materials.clear()
            for material in own:
                mesh.materials.append(material)


def _remove(collection: bpy.types.Collection) -> None:
    for item in list(collection.all_objects):
        bpy.data.objects.remove(item)
    bpy.data.collections.remove(collection)
    for mesh in [mesh for mesh in bpy.data.meshes if not mesh.users]:
        bpy.data.meshes.remove(mesh)
