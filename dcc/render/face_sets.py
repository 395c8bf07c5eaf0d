"""Keep apart, through Blender's import, the faces of a mesh that can wear a material of their own.

Blender makes material slots of the GeomSubsets that a material is bound to and forgets the others, with their names.
A USD master binds nothing; its subsets say which faces have a colour of their own. So such a stage is imported through
a layer over it that binds each of them to a placeholder, and each slot then knows its subset by name.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dcc.render.blender import scratch_file

if TYPE_CHECKING:
    import bpy
    from pxr import Sdf, Usd

FACE_SET = "raceway:faceSet"
"""Attribute and custom property of a placeholder: the subset's name."""
FACE_SETS = "raceway:faceSets"
"""Custom property of a Blender mesh: subset names by slot, joined by ``,`` (USD names hold none)."""
_PLACEHOLDER = "raceway_faces_"


def face_set_target(part_key: str, subset: str) -> str:
    """What the faces of one GeomSubset of a part are called where materials are chosen: ``<partKey>#<subset>``."""
    return f"{part_key}#{subset}"


@contextlib.contextmanager
def all_subsets_bound(usd: Path) -> Iterator[Path]:
    """``usd``, or a layer over it that exists for the block only, in which a material is bound to every subset.

    Those inside the instances of a reference are left as they are: no layer can reach them.
    """
    layer = _placeholders_over(usd)
    if layer is None:
        yield usd
        return
    # As text, which USD reads whole: a binary file stays open, and could not be removed everywhere.
    with scratch_file(Path(tempfile.gettempdir()) / "faces.usda") as over:
        layer.Export(str(over))
        yield over


def keep_face_sets(meshes: Iterable[bpy.types.Mesh]) -> set[bpy.types.Material]:
    """Empty the slots that wear placeholders, and note on the mesh which subset each of them is.

    Returns the placeholders, which nothing wears any more.
    """
    placeholders: set[bpy.types.Material] = set()
    for mesh in meshes:
        names = [str(worn.get(FACE_SET, "")) if worn else "" for worn in mesh.materials]
        if not any(names):
            continue
        mesh[FACE_SETS] = ",".join(names)
        for index, worn in enumerate(mesh.materials):
            if worn and names[index]:
                placeholders.add(worn)
                mesh.materials[index] = None
    return placeholders


def face_sets(mesh: bpy.types.Mesh) -> list[str]:
    """Name of the GeomSubset by material slot; "" where it is none, or where somebody has changed the slots."""
    names = str(mesh.get(FACE_SETS, "")).split(",")
    return names if len(names) == len(mesh.materials) else [""] * len(mesh.materials)


def _placeholders_over(usd: Path) -> Sdf.Layer | None:
    """A layer over ``usd`` that binds its unbound subsets to placeholders, one a name; None where all are bound."""
    from pxr import Sdf, Usd, UsdShade

    stage = Usd.Stage.Open(str(usd))
    subsets = list(_unbound_subsets(stage))
    if not subsets:
        return None
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.subLayerPaths.append(usd.resolve().as_posix())
    # Units, up axis and time are read from the strongest layer only.
    below = stage.GetRootLayer().pseudoRoot
    for key in below.ListInfoKeys():
        if not key.startswith("subLayer"):
            layer.pseudoRoot.SetInfo(key, below.GetInfo(key))
    with Sdf.ChangeBlock():
        for path in subsets:
            # At the root: a scope would become an object of the scene.
            placeholder = Sdf.Path(f"/{_PLACEHOLDER}{path.name}")
            if not layer.GetPrimAtPath(placeholder):
                material = Sdf.CreatePrimInLayer(layer, placeholder)
                material.specifier, material.typeName = Sdf.SpecifierDef, "Material"
                mark = Sdf.AttributeSpec(material, FACE_SET, Sdf.ValueTypeNames.String)
                mark.custom, mark.default = True, path.name
            subset = Sdf.CreatePrimInLayer(layer, path)
            subset.SetInfo("apiSchemas", Sdf.TokenListOp.Create(prependedItems=["MaterialBindingAPI"]))
            binding = Sdf.RelationshipSpec(subset, UsdShade.Tokens.materialBinding, custom=False)
            binding.targetPathList.explicitItems = [placeholder]
    return layer


def _unbound_subsets(stage: Usd.Stage) -> Iterator[Sdf.Path]:
    from pxr import Usd, UsdGeom, UsdShade

    # Not by GetMaterialBindSubsets, which passes over the abstract prims that our products are.
    for prim in Usd.PrimRange(stage.GetPseudoRoot(), Usd.PrimAllPrimsPredicate):
        if not prim.IsA(UsdGeom.Subset):
            continue
        family = UsdGeom.Subset(prim).GetFamilyNameAttr().Get()
        if family == UsdShade.Tokens.materialBind and not UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]:
            yield prim.GetPath()
