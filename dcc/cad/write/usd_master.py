"""Write the USD master: every product's geometry once, every occurrence an instance of it.

::

    /<Root>                          Xform, default prim, kind assembly
    /<Root>/Products                 class: one prototype a part
    /<Root>/Products/<partKey>       Xform, kind component, raceway:partKey
    /<Root>/Products/<partKey>/geo   Scope: looks bind here
    /<Root>/Products/<partKey>/geo/<partKey>   Mesh (or BasisCurves), GeomSubsets for faces of another colour
    /<Root>/<assembly>/.../<occurrence>        Xform, instanceable, inherits its prototype, raceway:occurrence

The mesh stands in the variants ``high`` (the default), ``medium`` and ``low`` of the variant set ``LOD`` on the root.

Occurrences inherit rather than reference: an opinion about a prototype in a stronger layer, such as a look's
binding, then reaches all of them. In a model of very many occurrences, sub-assemblies that repeat become prototypes
below ``/<Root>/Assemblies`` in the same way.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
from pxr import Gf, Kind, Sdf, Tf, UsdGeom, Vt

from dcc.cad.kernel import IDENTITY_MATRIX, Array
from dcc.cad.mesh.mesh import Curves, Mesh
from dcc.cad.mesh.properties import bounding_box
from dcc.cad.scene import Scene, SceneAssembly, SceneChild, ScenePart
from dcc.cad.settings import COARSER_LEVELS, FULL_DETAIL
from dcc.cad.write.colors import color_subsets
from shared.errors import CadError
from shared.files import atomic_path
from shared.manifest import BoundingBox, Color

_UP_AXIS = UsdGeom.Tokens.z
_METERS_PER_UNIT = 0.001
_FULL_DISK = 1 << 20
"""Free bytes below which a disk counts as full."""

DETAIL_VARIANTS = "LOD"
"""Variant set on the root prim that chooses how fine the meshes are."""

REST_SUBSET = "Rest"
"""GeomSubset of the faces without a colour of their own, in a mesh where other faces have one."""


def product_path(scene: Scene, key: str) -> str:
    """Path of a part's prototype."""
    return f"/{scene.name}/Products/{key}"


def write_usd_master(scene: Scene, path: Path, asset_info: dict[str, str]) -> None:
    """Write ``scene`` as a crate file; the same scene gives the same bytes.

    ``asset_info`` goes to the default prim (``name``, ``version``, ... as USD names them).

    Raises StorageError where the disk refuses, CadError (``cad.write_failed``) where USD does.
    """
    with atomic_path(path) as temporary:
        layer = Sdf.Layer.CreateAnonymous(".usdc")
        with Sdf.ChangeBlock():
            _write_scene(layer, scene, asset_info)
        try:
            exported = layer.Export(str(temporary))
            reason = "no reason given"
        except Tf.ErrorException as error:
            exported = False
            reason = str(error).strip().splitlines()[-1]
        if not exported:
            # USD does not pass on what the system said; a full disk is by far the likeliest.
            if shutil.disk_usage(temporary.parent).free < _FULL_DISK:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise CadError(
                f"USD could not write {path.name}: {reason}",
                code="cad.write_failed",
                hint="Check the disk and the rights of the folder.",
            )


def _write_scene(layer: Sdf.Layer, scene: Scene, asset_info: dict[str, str]) -> None:
    layer.defaultPrim = scene.name
    layer.pseudoRoot.SetInfo(UsdGeom.Tokens.metersPerUnit, _METERS_PER_UNIT)
    layer.pseudoRoot.SetInfo(UsdGeom.Tokens.upAxis, _UP_AXIS)
    root = _prim(layer.pseudoRoot, scene.name, "Xform", Kind.Tokens.assembly)
    root.SetInfo("assetInfo", asset_info)
    root.SetInfo("displayName", scene.root.source_name or scene.name)
    _attribute(root, "extentsHint", Sdf.ValueTypeNames.Float3Array, _extent(scene.bounding_box))
    _display_color(root, scene.root.color)
    products = Sdf.PrimSpec(root, "Products", Sdf.SpecifierClass)
    for part in scene.parts:
        _write_product(products, part)
    _write_detail_levels(root, scene)
    shared = [assembly for assembly in scene.assemblies if assembly.shared]
    if shared:
        prototypes = Sdf.PrimSpec(root, "Assemblies", Sdf.SpecifierClass)
        for assembly in shared:
            prim = _prim(prototypes, assembly.key, "Xform", Kind.Tokens.group)
            prim.SetInfo("displayName", assembly.source_name or assembly.key)
            _display_color(prim, assembly.color)
            _write_children(prim, assembly, scene, "")
    _write_children(root, scene.root, scene, "")


def _write_product(products: Sdf.PrimSpec, part: ScenePart) -> None:
    prim = _prim(products, part.key, "Xform", Kind.Tokens.component)
    prim.SetInfo("displayName", part.definition.body_name or part.definition.name or part.key)
    _custom_string(prim, "raceway:partKey", part.key)
    # On the prototype, not on the mesh: an occurrence with a colour of its own can then override it.
    _display_color(prim, part.definition.color)
    geo = Sdf.PrimSpec(prim, "geo", Sdf.SpecifierDef, "Scope")
    mesh, curves = part.geometry.mesh, part.geometry.curves
    if mesh is not None:
        _attribute(prim, "extentsHint", Sdf.ValueTypeNames.Float3Array, _extent(bounding_box(mesh.points)))
    elif curves is not None:
        _attribute(prim, "extentsHint", Sdf.ValueTypeNames.Float3Array, _extent(bounding_box(curves.points)))
        _write_curves(geo, part, curves)


def _write_detail_levels(root: Sdf.PrimSpec, scene: Scene) -> None:
    """Write the meshes of all parts into one variant for each level of detail."""
    meshed = [(part, [part.geometry.mesh, *part.geometry.coarser]) for part in scene.parts if part.geometry.mesh]
    if not meshed:
        return
    variants = Sdf.VariantSetSpec(root, DETAIL_VARIANTS)
    root.variantSetNameList.Prepend(DETAIL_VARIANTS)
    root.variantSelections[DETAIL_VARIANTS] = FULL_DETAIL
    for number, name in enumerate((FULL_DETAIL, *(level.name for level in COARSER_LEVELS))):
        variant = Sdf.VariantSpec(variants, name)
        products = Sdf.PrimSpec(variant.primSpec, "Products", Sdf.SpecifierOver)
        for part, meshes in meshed:
            mesh = meshes[number]
            assert mesh is not None
            product = Sdf.PrimSpec(products, part.key, Sdf.SpecifierOver)
            _write_mesh(Sdf.PrimSpec(product, "geo", Sdf.SpecifierOver), part, mesh)


def _write_mesh(geo: Sdf.PrimSpec, part: ScenePart, mesh: Mesh) -> None:
    types = Sdf.ValueTypeNames
    prim = Sdf.PrimSpec(geo, part.key, Sdf.SpecifierDef, "Mesh")
    corners = mesh.triangles.ravel()
    _attribute(prim, "points", types.Point3fArray, Vt.Vec3fArray.FromNumpy(mesh.points))
    _attribute(prim, "extent", types.Float3Array, _extent(bounding_box(mesh.points)))
    counts = Vt.IntArray.FromNumpy(np.full(len(mesh.triangles), 3, np.int32))
    _attribute(prim, "faceVertexCounts", types.IntArray, counts)
    _attribute(prim, "faceVertexIndices", types.IntArray, Vt.IntArray.FromNumpy(mesh.point_of_vertex[corners]))
    # As a primvar they can be indexed, which makes the whole file less than half as large.
    normals = _attribute(prim, "primvars:normals", types.Normal3fArray, Vt.Vec3fArray.FromNumpy(mesh.normals))
    normals.SetInfo("interpolation", UsdGeom.Tokens.faceVarying)
    _attribute(prim, "primvars:normals:indices", types.IntArray, Vt.IntArray.FromNumpy(corners))
    _uniform(prim, "subdivisionScheme", types.Token, UsdGeom.Tokens.none)
    _uniform(prim, "orientation", types.Token, UsdGeom.Tokens.rightHanded)
    # A surface without thickness is seen from both sides, a solid only from outside.
    _uniform(prim, "doubleSided", types.Bool, part.definition.kind != "solid")
    subsets = color_subsets(part, mesh)
    if not subsets:
        return
    _uniform(prim, "subsetFamily:materialBind:familyType", types.Token, UsdGeom.Tokens.partition)
    base = part.definition.color or (0.5, 0.5, 0.5, 1.0)
    colors = np.tile(np.array(base[:3], np.float32), (len(mesh.triangles), 1))
    rest = np.ones(len(mesh.triangles), bool)
    for subset in subsets:
        _write_subset(prim, subset.name, subset.triangles)
        colors[subset.triangles] = subset.color[:3]
        rest[subset.triangles] = False
    # Blender gives faces outside all subsets the first one's material; in a subset of their own they keep the part's.
    if rest.any():
        _write_subset(prim, REST_SUBSET, np.flatnonzero(rest).astype(np.int32))
    varying = _attribute(prim, "primvars:displayColor", types.Color3fArray, Vt.Vec3fArray.FromNumpy(colors))
    varying.SetInfo("interpolation", UsdGeom.Tokens.uniform)


def _write_subset(mesh: Sdf.PrimSpec, name: str, triangles: Array) -> None:
    types = Sdf.ValueTypeNames
    subset = Sdf.PrimSpec(mesh, name, Sdf.SpecifierDef, "GeomSubset")
    _uniform(subset, "elementType", types.Token, UsdGeom.Tokens.face)
    _uniform(subset, "familyName", types.Token, "materialBind")
    _attribute(subset, "indices", types.IntArray, Vt.IntArray.FromNumpy(triangles))


def _write_curves(geo: Sdf.PrimSpec, part: ScenePart, curves: Curves) -> None:
    types = Sdf.ValueTypeNames
    prim = Sdf.PrimSpec(geo, part.key, Sdf.SpecifierDef, "BasisCurves")
    _attribute(prim, "points", types.Point3fArray, Vt.Vec3fArray.FromNumpy(curves.points))
    _attribute(prim, "extent", types.Float3Array, _extent(bounding_box(curves.points)))
    _attribute(prim, "curveVertexCounts", types.IntArray, Vt.IntArray.FromNumpy(curves.counts))
    _uniform(prim, "type", types.Token, UsdGeom.Tokens.linear)


def _write_children(parent: Sdf.PrimSpec, assembly: SceneAssembly, scene: Scene, prefix: str) -> None:
    """Write the occurrences below ``assembly``, whose prim is ``parent``.

    ``prefix`` is its path from the root, ending in a slash; of a shared assembly, which has several, it is empty.
    """
    for child in assembly.children:
        target = child.target
        kind = Kind.Tokens.component if isinstance(target, ScenePart) else Kind.Tokens.group
        prim = _prim(parent, child.name, "Xform", kind)
        _place(prim, child)
        if isinstance(target, ScenePart):
            _inherit(prim, product_path(scene, target.key))
            _custom_string(prim, "raceway:occurrence", f"{target.key}:{prefix}{child.name}")
        elif target.shared:
            _inherit(prim, f"/{scene.name}/Assemblies/{target.key}")
        else:
            _display_color(prim, child.color or target.color)
            _write_children(prim, target, scene, f"{prefix}{child.name}/")


def _place(prim: Sdf.PrimSpec, child: SceneChild) -> None:
    prim.SetInfo("displayName", child.source_name or child.name)
    if child.matrix is not IDENTITY_MATRIX:
        types = Sdf.ValueTypeNames
        _attribute(prim, "xformOp:transform", types.Matrix4d, Gf.Matrix4d(child.matrix.tolist()))
        _uniform(prim, "xformOpOrder", types.TokenArray, Vt.TokenArray(["xformOp:transform"]))
    if child.hidden:
        _attribute(prim, "visibility", Sdf.ValueTypeNames.Token, UsdGeom.Tokens.invisible)
    _display_color(prim, child.color)


def _inherit(prim: Sdf.PrimSpec, prototype: str) -> None:
    prim.SetInfo("instanceable", True)
    prim.inheritPathList.Prepend(prototype)


def _prim(parent: Sdf.PrimSpec, name: str, type_name: str, kind: str) -> Sdf.PrimSpec:
    prim = Sdf.PrimSpec(parent, name, Sdf.SpecifierDef, type_name)
    prim.SetInfo("kind", kind)
    return prim


def _attribute(prim: Sdf.PrimSpec, name: str, value_type: Sdf.ValueTypeName, value: object) -> Sdf.AttributeSpec:
    attribute = Sdf.AttributeSpec(prim, name, value_type)
    attribute.default = value
    return attribute


def _uniform(prim: Sdf.PrimSpec, name: str, value_type: Sdf.ValueTypeName, value: object) -> None:
    Sdf.AttributeSpec(prim, name, value_type, Sdf.VariabilityUniform).default = value


def _custom_string(prim: Sdf.PrimSpec, name: str, value: str) -> None:
    attribute = _attribute(prim, name, Sdf.ValueTypeNames.String, value)
    attribute.custom = True


def _display_color(prim: Sdf.PrimSpec, color: Color | None) -> None:
    if color is None or "primvars:displayColor" in prim.attributes:
        return
    types = Sdf.ValueTypeNames
    attribute = _attribute(prim, "primvars:displayColor", types.Color3fArray, Vt.Vec3fArray([Gf.Vec3f(*color[:3])]))
    attribute.SetInfo("interpolation", UsdGeom.Tokens.constant)
    if color[3] < 1:
        opacity = _attribute(prim, "primvars:displayOpacity", types.FloatArray, Vt.FloatArray([color[3]]))
        opacity.SetInfo("interpolation", UsdGeom.Tokens.constant)


def _extent(box: BoundingBox) -> Vt.Vec3fArray:
    corners: Array = np.array([box.min, box.max], np.float32)
    return Vt.Vec3fArray.FromNumpy(corners)
