"""Stages that light themselves: how bright every kind of light is, where a dome's picture stands, and who is asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux, UsdRender, UsdShade

from shared.errors import RenderError
from shared.processes import python_tool, run_tool
from tests.dcc.render.pictures import read_exrs, read_png, write_png

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SMALL = ("--width", "16", "--height", "16", "--samples", "32", "--no-denoise", "--device", "cpu")
ALBEDO = 0.8
AWAY = 2.0
"""Metres from a light to what it lights."""
RADIUS = 0.1


@dataclass(frozen=True)
class Lamp:
    """A light that shines straight down on a white card, and the irradiance that its definition puts there."""

    make: Callable[[Usd.Stage, Sdf.Path, float], Any]
    irradiance: float


def sphere(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.SphereLight:
    light = UsdLux.SphereLight.Define(stage, path)
    light.CreateRadiusAttr(RADIUS / unit)
    light.CreateIntensityAttr(10.0)
    return light


def normalised_sphere(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.SphereLight:
    light = sphere(stage, path, unit)
    light.CreateNormalizeAttr(True)
    return light


def point(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.SphereLight:
    light = sphere(stage, path, unit)
    light.CreateTreatAsPointAttr(True)
    return light


def spot(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.SphereLight:
    light = sphere(stage, path, unit)
    UsdLux.ShapingAPI.Apply(light.GetPrim()).CreateShapingConeAngleAttr(30.0)
    return light


def disk(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.DiskLight:
    light = UsdLux.DiskLight.Define(stage, path)
    light.CreateRadiusAttr(RADIUS / unit)
    light.CreateIntensityAttr(5.0)
    light.CreateExposureAttr(1.0)
    return light


def rectangle(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.RectLight:
    light = UsdLux.RectLight.Define(stage, path)
    light.CreateWidthAttr(0.2 / unit)
    light.CreateHeightAttr(0.1 / unit)
    light.CreateIntensityAttr(10.0)
    return light


def normalised_rectangle(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.RectLight:
    light = rectangle(stage, path, unit)
    light.CreateNormalizeAttr(True)
    return light


def cylinder(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.CylinderLight:
    light = UsdLux.CylinderLight.Define(stage, path)
    light.CreateLengthAttr(0.2 / unit)
    light.CreateRadiusAttr(0.05 / unit)
    light.CreateIntensityAttr(10.0)
    return light


def distant(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.DistantLight:
    light = UsdLux.DistantLight.Define(stage, path)
    light.CreateAngleAttr(1.0)
    light.CreateIntensityAttr(1000.0)
    return light


def normalised_distant(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.DistantLight:
    light = distant(stage, path, unit)
    light.CreateIntensityAttr(2.0)
    light.CreateNormalizeAttr(True)
    return light


def dome(stage: Usd.Stage, path: Sdf.Path, unit: float) -> UsdLux.DomeLight:
    light = UsdLux.DomeLight.Define(stage, path)
    light.CreateIntensityAttr(0.5)
    return light


_OF_SPHERE = math.pi * 10 * (RADIUS / AWAY) ** 2
LAMPS = (
    Lamp(sphere, _OF_SPHERE),
    Lamp(normalised_sphere, _OF_SPHERE / (4 * math.pi * RADIUS**2)),
    Lamp(point, _OF_SPHERE),
    Lamp(spot, _OF_SPHERE),
    Lamp(disk, math.pi * 10 * RADIUS**2 / (RADIUS**2 + AWAY**2)),
    Lamp(rectangle, 10 * 0.2 * 0.1 / AWAY**2),
    Lamp(normalised_rectangle, 10 / AWAY**2),
    Lamp(cylinder, 10 * 0.2 * 0.1 / AWAY**2),
    Lamp(distant, 1000 * math.pi * math.sin(math.radians(0.5)) ** 2),
    Lamp(normalised_distant, 2.0),
    Lamp(dome, 0.5 * math.pi),
)


def still(usd: Path, output: Path, *arguments: str) -> dict[str, Any]:
    return run_tool(python_tool("dcc.render.still", "--usd", str(usd), "--output", str(output), *SMALL, *arguments))


def write_card(path: Path, unit: float = 1.0, up: str = "Z") -> Usd.Stage:
    """A white card that faces up, and a camera that looks down on it; ``unit`` in metres."""
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, up)
    UsdGeom.SetStageMetersPerUnit(stage, unit)
    root = UsdGeom.Xform.Define(stage, "/set")
    if up == "Y":
        root.AddRotateXOp().Set(-90.0)
    stage.SetDefaultPrim(root.GetPrim())
    card = UsdGeom.Mesh.Define(stage, "/set/card")
    half = 0.1 / unit
    card.CreatePointsAttr([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)])
    card.CreateFaceVertexCountsAttr([4])
    card.CreateFaceVertexIndicesAttr([0, 1, 2, 3])
    card.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    material = UsdShade.Material.Define(stage, "/set/mtl/card")
    shader = UsdShade.Shader.Define(stage, "/set/mtl/card/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    for name, value in (("roughness", 1.0), ("ior", 1.0)):
        shader.CreateInput(name, Sdf.ValueTypeNames.Float).Set(value)
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(Gf.Vec3f(ALBEDO))
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    UsdShade.MaterialBindingAPI.Apply(card.GetPrim()).Bind(material)
    add_camera(stage, "/set/camera", Gf.Vec3d(0, 0, 0.5 / unit))
    return stage


def add_camera(stage: Usd.Stage, path: str, place: Gf.Vec3d, turn: Gf.Vec3f | None = None) -> None:
    camera = UsdGeom.Camera.Define(stage, path)
    camera.CreateFocalLengthAttr(100.0)
    camera.CreateHorizontalApertureAttr(10.0)
    camera.CreateVerticalApertureAttr(10.0)
    camera.CreateClippingRangeAttr(Gf.Vec2f(0.001, 1_000_000))
    camera.AddTranslateOp().Set(place)
    camera.AddRotateXYZOp().Set(turn or Gf.Vec3f(0))


@pytest.mark.parametrize(("unit", "up"), [(1.0, "Z"), (0.01, "Y"), (0.001, "Z")])
def test_lights_are_as_bright_as_usdlux_defines_them_and_animated(tmp_path: Path, unit: float, up: str) -> None:
    stage = write_card(tmp_path / "card.usda", unit, up)
    stage.SetStartTimeCode(1)
    stage.SetEndTimeCode(len(LAMPS))
    for frame, lamp in enumerate(LAMPS, 1):
        light = lamp.make(stage, Sdf.Path(f"/set/lights/{lamp.make.__name__}"), unit)
        place = UsdGeom.Xformable(light).AddTranslateOp()
        # Each shines in one frame only, and only there does it stand above the card.
        for time, height in ((frame - 1, 50.0), (frame, AWAY), (frame + 1, 50.0)):
            place.Set(Gf.Vec3d(0, 0, height / unit), time)
            words = UsdGeom.Tokens.inherited if time == frame else UsdGeom.Tokens.invisible
            light.GetVisibilityAttr().Set(words, time)
    stage.GetRootLayer().Save()
    result = run_tool(
        python_tool(
            "dcc.render.frames", "--usd", str(tmp_path / "card.usda"), "--output", str(tmp_path / "f.##.exr"),
            *SMALL, "--frames", f"1-{len(LAMPS)}",
        )
    )  # fmt: skip
    assert result["lighting"]["used"].startswith(f"{len(LAMPS)} lights of the stage: sphere, ")
    assert (result["camera"]["used"], result["background"]) == ("/set/camera", "stage")
    seen = [pixels[..., :3].mean() for pixels in read_exrs([Path(path) for path in result["outputs"]])]
    expected = [ALBEDO * lamp.irradiance / math.pi for lamp in LAMPS]
    names = [lamp.make.__name__ for lamp in LAMPS]
    assert dict(zip(names, seen, strict=True)) == pytest.approx(dict(zip(names, expected, strict=True)), rel=0.03)


DIRECTIONS = {"z": (0.5, 0.5), "x": (0.25, 0.5), "minus_x": (0.75, 0.5), "top": (0.5, 0.95)}
"""Where a direction of the dome is in its picture: shares of its width, and of its height from below (OpenEXR)."""
COLOURS = {"z": (255, 0, 0), "x": (0, 255, 0), "minus_x": (0, 0, 255), "top": (255, 255, 0)}
TURNS = {
    "z": Gf.Vec3f(0, 180, 0), "x": Gf.Vec3f(0, -90, 0), "minus_x": Gf.Vec3f(0, 90, 0), "top": Gf.Vec3f(90, 0, 0)
}  # fmt: skip
"""Rotations of a camera, which looks along its -Z, towards each direction of the stage's axes."""


@pytest.mark.parametrize("up", ["Y", "Z"])
def test_the_picture_of_a_dome_stands_as_usdlux_defines_it(tmp_path: Path, up: str) -> None:
    picture = np.zeros((64, 128, 3), np.uint8)
    for name, (across, above) in DIRECTIONS.items():
        x, y = round(across * 128), round((1 - above) * 64)
        picture[max(0, y - 6) : y + 6, x - 8 : x + 8] = COLOURS[name]
    picture[:6] = COLOURS["top"]
    write_png(tmp_path / "sky.png", picture)
    stage = write_card(tmp_path / "card.usda")
    UsdGeom.SetStageUpAxis(stage, up)
    sky = UsdLux.DomeLight.Define(stage, "/sky")
    sky.CreateTextureFileAttr("./sky.png")
    for name, turn in TURNS.items():
        add_camera(stage, f"/{name}", Gf.Vec3d(0, 10, 0), turn)
    stage.GetRootLayer().Save()
    for name in ("z", "x") if up == "Z" else TURNS:
        still(tmp_path / "card.usda", tmp_path / f"{name}.png", "--camera", f"/{name}")
        seen = read_png(tmp_path / f"{name}.png")[..., :3].reshape(-1, 3).mean(axis=0)
        assert ((seen > 128) == (np.array(COLOURS[name]) > 128)).all(), name


def test_lights_inside_instances_shine_and_what_cannot_is_told(tmp_path: Path) -> None:
    stage = write_card(tmp_path / "card.usda")
    lamp = stage.CreateClassPrim("/lamp")
    bulb = sphere(stage, Sdf.Path("/lamp/bulb"), 1.0)
    bulb.CreateColorAttr(Gf.Vec3f(1, 0.5, 0))
    UsdLux.PortalLight.Define(stage, "/set/window")
    fitted = UsdGeom.Xform.Define(stage, "/set/fitted")
    fitted.AddTranslateOp().Set(Gf.Vec3d(0, 0, AWAY))
    fitted.GetPrim().GetInherits().AddInherit(lamp.GetPath())
    fitted.GetPrim().SetInstanceable(True)
    stage.GetRootLayer().Save()
    result = still(tmp_path / "card.usda", tmp_path / "a.exr")
    red, green, blue = read_exrs([tmp_path / "a.exr"])[0][..., :3].reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(ALBEDO * _OF_SPHERE / math.pi, rel=0.03)
    assert (green, blue) == pytest.approx((red / 2, 0), rel=0.01)
    assert result["lighting"]["left_out"] == ["/set/window is a PortalLight, which is not rendered"]


def test_who_lights_and_who_looks_can_be_chosen(tmp_path: Path) -> None:
    usd = tmp_path / "card.usda"
    stage = write_card(usd)
    stage.GetRootLayer().Save()
    plain = still(usd, tmp_path / "studio.png", "--lighting", "auto", "--camera", "framed")
    assert (plain["lighting"]["used"], plain["background"], plain["camera"]["used"]) == ("studio", "studio", "framed")
    with pytest.raises(RenderError) as refused:
        still(usd, tmp_path / "no.png", "--lighting", "stage")
    assert refused.value.code == "render.no_lights" and "card.usda" in refused.value.message

    sphere(stage, Sdf.Path("/set/key"), 1.0)
    add_camera(stage, "/set/second", Gf.Vec3d(0, 0, 0.4))
    stage.GetRootLayer().Save()
    lit = still(usd, tmp_path / "stage.png", "--background", "studio")
    assert (lit["lighting"]["used"], lit["background"]) == ("1 light of the stage: key", "studio")
    assert lit["camera"]["used"] == "framed" and "2 cameras" in lit["camera"]["why"]
    assert still(usd, tmp_path / "ours.png", "--lighting", "studio")["lighting"]["used"] == "studio"

    settings = UsdRender.Settings.Define(stage, "/Render/settings")
    settings.CreateCameraRel().SetTargets(["/set/second"])
    stage.SetMetadata("renderSettingsPrimPath", "/Render/settings")
    stage.GetRootLayer().Save()
    assert still(usd, tmp_path / "second.png")["camera"]["used"] == "/set/second"
