"""A small USD master in the layout that ``dcc.cad`` writes, with its manifest: a vise of a body and three bolts."""

from __future__ import annotations

from pathlib import Path

from pxr import Gf, Kind, Sdf, Usd, UsdGeom, Vt

from dcc.usd.stage import OCCURRENCE, PART_KEY
from shared.manifest import Manifest
from tests.shared.parts import make_manifest, make_part, rgba

ROOT = "Vise_2"
"""Deliberately not the name of the asset."""
ASSET = "Vise"

BOLTS = ("Jaw/Bolt_1", "Jaw/Bolt_2", "Bolt_3")
GREEN = rgba("#00ff00")


def vise_manifest(body_color: str | None = "#336b87") -> Manifest:
    """The vise: a body with a colour and one green face, and a bolt that stands three times."""
    return make_manifest(
        make_part(
            "Body",
            "main body",
            color=rgba(body_color) if body_color else None,
            faces={"Color_00ff00": GREEN},
            occurrences={"Body": None},
            root=ROOT,
        ),
        make_part("Bolt", "hex bolt", occurrences=dict.fromkeys(BOLTS), root=ROOT),
        root=ROOT,
    )


def write_vise(path: Path) -> Path:
    """Write the master: geometry once a product below ``Products``, occurrences as instances that inherit it."""
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageMetersPerUnit(stage, 0.001)
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    root = UsdGeom.Xform.Define(stage, f"/{ROOT}").GetPrim()
    stage.SetDefaultPrim(root)
    Usd.ModelAPI(root).SetKind(Kind.Tokens.assembly)
    stage.CreateClassPrim(f"/{ROOT}/Products")
    body = _product(stage, "Body", 20.0)
    # A partition: Blender would give faces outside all subsets the material of the first.
    for name, faces in {"Color_00ff00": [0], "Rest": [1, 2, 3, 4, 5]}.items():
        UsdGeom.Subset.CreateGeomSubset(
            body, name, UsdGeom.Tokens.face, Vt.IntArray(faces), "materialBind", UsdGeom.Tokens.partition
        )
    _product(stage, "Bolt", 4.0)
    jaw = UsdGeom.Xform.Define(stage, f"/{ROOT}/Jaw")
    Usd.ModelAPI(jaw.GetPrim()).SetKind(Kind.Tokens.assembly)
    _occurrence(stage, "Body", "Body", 0.0)
    for index, place in enumerate(BOLTS):
        _occurrence(stage, "Bolt", place, 30.0 + 10.0 * index)
    stage.GetRootLayer().Export(str(path))
    return path


def _product(stage: Usd.Stage, part_key: str, size: float) -> UsdGeom.Mesh:
    prim = UsdGeom.Xform.Define(stage, f"/{ROOT}/Products/{part_key}").GetPrim()
    Usd.ModelAPI(prim).SetKind(Kind.Tokens.component)
    prim.CreateAttribute(PART_KEY, Sdf.ValueTypeNames.String, True).Set(part_key)
    UsdGeom.Scope.Define(stage, f"/{ROOT}/Products/{part_key}/geo")
    return cube(stage, f"/{ROOT}/Products/{part_key}/geo/mesh", size)


def cube(stage: Usd.Stage, path: str, size: float) -> UsdGeom.Mesh:
    """A cube of six quads with flat faceVarying normals."""
    half = size / 2
    corners = [Gf.Vec3f(x, y, z) for z in (-half, half) for y in (-half, half) for x in (-half, half)]
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    directions = [(0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0)]
    mesh = UsdGeom.Mesh.Define(stage, path)
    mesh.CreatePointsAttr(Vt.Vec3fArray(corners))
    mesh.CreateFaceVertexCountsAttr([4] * 6)
    mesh.CreateFaceVertexIndicesAttr([index for face in faces for index in face])
    mesh.CreateNormalsAttr(Vt.Vec3fArray([Gf.Vec3f(*direction) for direction in directions for _ in range(4)]))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.faceVarying)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreateExtentAttr([Gf.Vec3f(-half), Gf.Vec3f(half)])
    return mesh


def _occurrence(stage: Usd.Stage, part_key: str, path: str, x: float) -> None:
    prim = UsdGeom.Xform.Define(stage, f"/{ROOT}/{path}").GetPrim()
    prim.GetInherits().AddInherit(f"/{ROOT}/Products/{part_key}")
    prim.SetInstanceable(True)
    prim.CreateAttribute(OCCURRENCE, Sdf.ValueTypeNames.String, True).Set(f"{part_key}:{path}")
    UsdGeom.XformCommonAPI(prim).SetTranslate(Gf.Vec3d(x, 0.0, 0.0))
