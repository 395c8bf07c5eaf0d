"""What stands kilometres from the origin looks as it does at the origin."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from pxr import Gf, Usd, UsdGeom, UsdLux

from shared.processes import python_tool, run_tool
from tests.dcc.render.bearing_master import ROOT, write_bearing_master, write_look
from tests.dcc.render.pictures import Pixels, read_png
from tests.dcc.render.shot_stage import FIRST, LAST, write_shot

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SMALL = ("--width", "96", "--height", "54", "--samples", "4", "--no-denoise")
AWAY = Gf.Vec3d(7_300.0, -6_100.0, 3_900.0)
"""About 10 km, in metres."""


def each_occurrence(stage: Usd.Stage) -> None:
    for prim in stage.Traverse():
        if prim.IsInstanceable():
            place = prim.GetAttribute("xformOp:translate")
            place.Set(place.Get() + AWAY * 1000)


def each_product(stage: Usd.Stage) -> None:
    for prim in Usd.PrimRange(stage.GetPrimAtPath(f"/{ROOT}/Products"), Usd.PrimAllPrimsPredicate):
        if prim.IsA(UsdGeom.Mesh):
            UsdGeom.XformCommonAPI(prim).SetTranslate(AWAY * 1000)


def picture_of_bearing(folder: Path, move: Callable[[Usd.Stage], None] | None) -> tuple[Pixels, list[float]]:
    """A still of the bearing, and the middle of what it says about the bounds of the subject."""
    master = write_bearing_master(folder / "bearing.usda")
    if move is not None:
        stage = Usd.Stage.Open(str(master))
        move(stage)
        stage.Save()
    materials = {"outer_ring": "BrushedSteel", "inner_ring": "BluePlastic", "ball": "Chrome"}
    look = write_look(folder / "look.usda", master, materials, {})
    output = folder / "bearing.png"
    result = run_tool(python_tool("dcc.render.still", "--usd", str(look), "--output", str(output), *SMALL), timeout=120)
    low, high = result["bounds"]["low"], result["bounds"]["high"]
    return read_png(output), [(one + other) / 2 for one, other in zip(low, high, strict=True)]


def test_a_model_ten_kilometres_away_looks_as_at_the_origin(tmp_path: Path) -> None:
    found = []
    for number, move in enumerate((None, each_occurrence, each_product)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(picture_of_bearing(folder, move))
    (near, middle), *far = found
    assert middle == pytest.approx([0, 0, 0], abs=1e-4)
    for picture, place in far:
        assert np.abs(picture.astype(int) - near).mean() < 0.05
        assert place == pytest.approx([*AWAY], abs=2e-3), "bounds are told where the stage has them"


@pytest.mark.parametrize(("up", "unit"), [("Z", 1.0), ("Y", 0.01)])
def test_a_shot_plays_there_too(up: str, unit: float, tmp_path: Path) -> None:
    """Animated boxes, an animated camera and a light, in a stage of any axis and unit."""
    pictures = []
    for away in (Gf.Vec3d(0), AWAY):
        folder = tmp_path / ("far" if away[0] else "near")
        folder.mkdir()
        stage = Usd.Stage.Open(str(write_shot(folder / "shot.usda")))
        UsdGeom.SetStageUpAxis(stage, up)
        UsdGeom.SetStageMetersPerUnit(stage, unit)
        lamp = UsdLux.SphereLight.Define(stage, "/shot/lamp")
        lamp.CreateRadiusAttr(1.0)
        lamp.CreateIntensityAttr(60.0)
        UsdGeom.XformCommonAPI(lamp).SetTranslate(Gf.Vec3d(3, -8, 6))
        UsdGeom.XformCommonAPI(stage.GetPrimAtPath("/shot")).SetTranslate(away / unit)
        stage.Save()
        command = ("--usd", str(folder / "shot.usda"), "--output", str(folder / "shot.####.png"))
        run_tool(python_tool("dcc.render.frames", *command, "--frames", f"{FIRST},{LAST}", *SMALL), timeout=120)
        pictures.append([read_png(folder / f"shot.{frame}.png").astype(int) for frame in (FIRST, LAST)])
    near, far = pictures
    assert np.abs(near[0] - near[1]).mean() > 5, "it is animated and lit"
    for one, other in zip(near, far, strict=True):
        assert np.abs(one - other).mean() < 0.1
