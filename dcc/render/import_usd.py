"""Bring a USD stage into the open scene as real objects that know their part, occurrence and prim.

Blender imports USD instances as Empties that instance a hidden collection; materials of one occurrence cannot show
there. So each instance is made real: an object of its own over the same mesh data, which Cycles still keeps once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bpy
from mathutils import Matrix

from dcc.render.face_sets import all_subsets_bound, keep_face_sets
from shared.errors import UsdError

PART_KEY = "raceway:partKey"
OCCURRENCE = "raceway:occurrence"
PRIM_PATH = "raceway:primPath"
MATERIAL = "raceway:material"
"""Custom property of a Blender material that was built from the library: the library's name for it."""
USD_NAME = "raceway:usdName"
"""Custom property of a material as Blender imported it: the library's name for it, or that of its prim."""


@dataclass
class ImportedModel:
    """What an import brought: its collection, the objects without a parent, and every mesh object."""

    collection: bpy.types.Collection
    roots: list[bpy.types.Object] = field(default_factory=list)
    meshes: list[bpy.types.Object] = field(default_factory=list)


def import_model(usd: Path, collection_name: str) -> ImportedModel:
    """Import ``usd`` into a new collection of the open scene, every instance made real.

    Each mesh object gets ``raceway:partKey`` and ``raceway:occurrence`` of the occurrence it belongs to, and
    ``raceway:primPath``, the path of its Mesh prim as an instance proxy. Faces of a GeomSubset have a slot of their
    own, empty where the stage binds nothing (:mod:`dcc.render.face_sets`). Raises UsdError where the file cannot be
    opened or holds no mesh.
    """
    if not usd.is_file():
        raise UsdError(f"There is no USD file {usd}.", hint="Check the path, or publish the asset first.")
    # Where Blender puts what it imports. Asking each object for its collections would look through all of them.
    holder = bpy.context.view_layer.active_layer_collection.collection
    before = set(bpy.data.objects)
    collections_before = set(bpy.data.collections)
    materials_before = set(bpy.data.materials)
    _run_importer(usd)
    imported = [item for item in bpy.data.objects if item not in before]
    for placeholder in keep_face_sets({mesh_of(item) for item in imported if item.type == "MESH"}):
        bpy.data.materials.remove(placeholder)
    for material in [item for item in bpy.data.materials if item not in materials_before]:
        # Name and mark are left free for the material that the library builds.
        material[USD_NAME] = str(material.pop(MATERIAL, "") or material.name.partition(".")[0])
        material.name = f"usd {material[USD_NAME]}"
    prototypes = [item for item in bpy.data.collections if item not in collections_before]
    hidden = {item for prototype in prototypes for item in prototype.objects}
    placed = [item for item in imported if item not in hidden]

    model = ImportedModel(_new_collection(collection_name))
    for item in placed:
        item[PRIM_PATH] = prim_path(item)
        holder.objects.unlink(item)
        model.collection.objects.link(item)
    model.roots = [item for item in placed if item.parent is None]
    model.meshes = [item for item in placed if item.type == "MESH"]
    for mesh in model.meshes:
        _inherit_identity(mesh)
    for instancer in [item for item in placed if item.instance_collection is not None]:
        model.meshes.extend(_realise(instancer, model.collection))
    for item in hidden:
        bpy.data.objects.remove(item)
    for prototype in prototypes:
        bpy.data.collections.remove(prototype)
    for item in model.collection.objects:
        # Blender selects what it imports; an operator on "the selected parts" would mean all of them.
        item.select_set(False)
    if not model.meshes:
        remove_model(model)
        raise UsdError(f"{usd.name} holds no mesh.", hint="Convert the CAD file again and publish its model.")
    return model


def mesh_of(item: bpy.types.Object) -> bpy.types.Mesh:
    """The mesh data of a mesh object."""
    assert isinstance(item.data, bpy.types.Mesh)
    return item.data


def remove_model(model: ImportedModel) -> None:
    """Take an imported model out of the file again."""
    for item in list(model.collection.objects):
        bpy.data.objects.remove(item)
    bpy.data.collections.remove(model.collection)


def prim_path(item: bpy.types.Object) -> str:
    """Path of the prim that an object just imported came from.

    Blender makes names unique with ``.001``; USD prim names cannot contain a dot, so what stands before it is exact.
    """
    names = [name.partition(".")[0] for name in _names_to_root(item)]
    return "/" + "/".join(reversed(names))


def identified(objects: Iterable[bpy.types.Object], key: str) -> dict[str, list[bpy.types.Object]]:
    """Mesh objects by the value of one of the identity properties; those without it are left out."""
    found: dict[str, list[bpy.types.Object]] = {}
    for item in objects:
        if item.type == "MESH" and item.get(key):
            found.setdefault(str(item[key]), []).append(item)
    return found


def _run_importer(usd: Path) -> None:
    try:
        with all_subsets_bound(usd) as stage:
            outcome = bpy.ops.wm.usd_import(
                filepath=str(stage),
                # Else a part's Xform and its mesh become one object, and the part's name and partKey are lost.
                merge_parent_xform=False,
                support_scene_instancing=True,
                # Materials of the scene keep what the artist made of them.
                mtl_name_collision_mode="MAKE_UNIQUE",
                import_cameras=True,
                import_lights=False,
                set_frame_range=False,
            )
    except RuntimeError as error:
        outcome, reason = {"CANCELLED"}, str(error).strip()
    else:
        reason = "Blender reads no stage in it."
    if "FINISHED" not in outcome:
        raise UsdError(f"Blender cannot import {usd}: {reason}", hint="Open it in usdview or publish it again.")


def _new_collection(name: str) -> bpy.types.Collection:
    collection = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(collection)
    return collection


def _realise(instancer: bpy.types.Object, collection: bpy.types.Collection) -> Iterator[bpy.types.Object]:
    """Give ``instancer`` the meshes of the collection it instances as children; nested instances too."""
    prototype = instancer.instance_collection
    assert prototype is not None
    offset = Matrix.Translation((-prototype.instance_offset).to_tuple())
    instancer.instance_type = "NONE"
    instancer.instance_collection = None
    sources = list(prototype.objects)
    for source in sources:
        if source.type != "MESH" and source.instance_collection is None:
            continue
        copy = source.copy()
        copy.parent = instancer
        copy.matrix_parent_inverse = Matrix.Identity(4)
        copy.matrix_basis = offset @ _matrix_in_prototype(source)
        copy[PRIM_PATH] = instancer[PRIM_PATH] + prim_path(source)
        collection.objects.link(copy)
        _inherit_identity(copy)
        if copy.type == "MESH":
            yield copy
        else:
            yield from _realise(copy, collection)


def _inherit_identity(item: bpy.types.Object) -> None:
    """Copy partKey and occurrence down from the nearest ancestor that has them."""
    for key in (PART_KEY, OCCURRENCE):
        holder: bpy.types.Object | None = item
        while holder is not None and not holder.get(key):
            holder = holder.parent
        if holder is not None:
            item[key] = holder[key]


def _matrix_in_prototype(item: bpy.types.Object) -> Matrix:
    # matrix_world is not evaluated inside hidden collections.
    matrix = item.matrix_basis.copy()
    while item.parent is not None:
        matrix = item.parent.matrix_basis @ item.matrix_parent_inverse @ matrix
        item = item.parent
    return matrix


def _names_to_root(item: bpy.types.Object | None) -> Iterator[str]:
    while item is not None:
        yield item.name
        item = item.parent
