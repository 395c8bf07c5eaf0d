"""A shot: a red and a blue box that change places in front of an animated camera, 30 time codes a second."""

from __future__ import annotations

from pathlib import Path

from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade

FPS = 30.0
FIRST, LAST = 1001, 1010
CAMERA = "/shot/camera"


def write_shot(path: Path) -> Path:
    """At ``FIRST`` the red box is on the left, at ``LAST`` on the right; the camera looks from the front throughout."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(FPS)
    stage.SetStartTimeCode(FIRST)
    stage.SetEndTimeCode(LAST)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/shot").GetPrim())
    _box(stage, "/shot/red", "Color_ff0000", -2.0, 2.0)
    _box(stage, "/shot/blue", "Color_0000ff", 2.0, -2.0)
    _camera(stage)
    stage.GetRootLayer().Save()
    return path


def _box(stage: Usd.Stage, path: str, material: str, start: float, end: float) -> None:
    place = UsdGeom.Xform.Define(stage, path)
    move = place.AddTranslateOp()
    move.Set(Gf.Vec3d(start, 0, 0), FIRST)
    move.Set(Gf.Vec3d(end, 0, 0), LAST)
    mesh = UsdGeom.Mesh.Define(stage, f"{path}/body")
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    mesh.CreatePointsAttr([Gf.Vec3f(*corner) for corner in corners])
    mesh.CreateFaceVertexCountsAttr([4] * 6)
    mesh.CreateFaceVertexIndicesAttr(
        [0, 1, 3, 2, 4, 6, 7, 5, 0, 4, 5, 1, 2, 3, 7, 6, 0, 2, 6, 4, 1, 5, 7, 3],
    )
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    shader = UsdShade.Material.Define(stage, Sdf.Path(f"/shot/mtl/{material}"))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(shader)


def _camera(stage: Usd.Stage) -> None:
    camera = UsdGeom.Camera.Define(stage, CAMERA)
    camera.CreateFocalLengthAttr(30.0)
    camera.CreateHorizontalApertureAttr(36.0)
    camera.CreateVerticalApertureAttr(20.25)
    turn = Gf.Matrix4d().SetRotate(Gf.Rotation(Gf.Vec3d(1, 0, 0), 90))
    op = camera.AddTransformOp()
    for frame, distance in ((FIRST, -12.0), (LAST, -10.0)):
        matrix = Gf.Matrix4d(turn)
        matrix.SetTranslateOnly(Gf.Vec3d(0, distance, 0))
        op.Set(matrix, frame)
