"""The CAD model of a work scene: brought in once, and brought up to date without losing what the artist made."""

from __future__ import annotations

from pathlib import Path

import bpy

from dcc.render.face_sets import face_sets
from dcc.render.import_usd import (
    OCCURRENCE,
    PART_KEY,
    PRIM_PATH,
    ImportedModel,
    identified,
    import_model,
    mesh_of,
)
from dcc.render.looks import dress_bare

MODEL = "raceway:model"
"""Custom property of the collection that holds an imported model: the name it was brought in under."""


def bring_in(master: Path, name: str) -> str:
    """Import a USD master into the open scene under ``name``, or update the model of that name; says what changed.

    Raises UsdError where the master cannot be imported; then the scene is as before.
    """
    existing = next((item for item in bpy.data.collections if item.get(MODEL) == name), None)
    model = import_model(master, name)
    dress_bare(model)
    if existing is None:
        model.collection[MODEL] = name
        return f"{len(identified(model.meshes, PART_KEY))} parts in {len(model.meshes)} places imported"
    return _update(existing, model)


def _update(existing: bpy.types.Collection, model: ImportedModel) -> str:
    """Move the new geometry and placements into the objects that are there already.

    Objects are matched by occurrence and mesh (assemblies by prim path), so everything that hangs on an object,
    modifiers, animation, constraints, children, stays; materials go over by partKey. What the new revision no longer
    has is removed, what it adds is added.
    """
    old = {_identity(item): item for item in existing.objects if item.get(PRIM_PATH)}
    new = {_identity(item): item for item in model.collection.objects}
    _carry_materials(list(old.values()), model)
    kept = {new[identity]: item for identity, item in old.items() if identity in new}
    for fresh, item in kept.items():
        if fresh.type == "MESH":
            _carry_overrides(item, fresh)
            item.data = fresh.data
        item.matrix_basis = fresh.matrix_basis
        item.parent = kept.get(fresh.parent, fresh.parent) if fresh.parent else None
        item.matrix_parent_inverse = fresh.matrix_parent_inverse
        for key in (PART_KEY, OCCURRENCE, PRIM_PATH):
            if fresh.get(key):
                item[key] = fresh[key]
    added = [item for item in model.collection.objects if item not in kept]
    for item in added:
        item.parent = kept.get(item.parent, item.parent) if item.parent else None
        existing.objects.link(item)
    removed = [item for identity, item in old.items() if identity not in new]
    counts = (len({_part(item) for item in added} - {""}), len({_part(item) for item in removed} - {""}))
    for item in [*removed, *kept]:
        bpy.data.objects.remove(item)
    bpy.data.collections.remove(model.collection)
    return f"updated, {counts[0]} parts with new places, {counts[1]} parts with places that are gone"


def _identity(item: bpy.types.Object) -> tuple[str, str]:
    """What makes an object the same one in the next revision."""
    path = str(item.get(PRIM_PATH, ""))
    if item.type == "MESH" and item.get(OCCURRENCE):
        return str(item[OCCURRENCE]), path.rpartition("/")[2]
    return str(item.get(OCCURRENCE) or path), ""


def _part(item: bpy.types.Object) -> str:
    return str(item.get(PART_KEY, ""))


def _carry_materials(old: list[bpy.types.Object], model: ImportedModel) -> None:
    """Give the new meshes what the old ones of the same part wear, by the faces' own name or the slot's place."""
    worn = {part: mesh_of(items[0]) for part, items in identified(old, PART_KEY).items()}
    for part, items in identified(model.meshes, PART_KEY).items():
        if part not in worn:
            continue
        before = list(worn[part].materials)
        by_faces = {name: material for name, material in zip(face_sets(worn[part]), before, strict=True) if name}
        for mesh in {mesh_of(item) for item in items}:
            for index, name in enumerate(face_sets(mesh)):
                in_place = before[min(index, len(before) - 1)] if before else None
                mesh.materials[index] = by_faces.get(name, in_place)


def _carry_overrides(item: bpy.types.Object, fresh: bpy.types.Object) -> None:
    # Swapping the mesh keeps an object's own slots as long as there are as many.
    while len(mesh_of(item).materials) < len(mesh_of(fresh).materials):
        mesh_of(item).materials.append(None)
