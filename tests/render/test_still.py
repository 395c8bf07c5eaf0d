"""Real pictures by Cycles, small ones: what is in them, and what the tool says about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from importlib.util import find_spec

from shared.errors import InputError, RacewayError, UsdError
from shared.processes import Event, python_tool, run_tool
from tests.render.bearing_master import write_bearing_master, write_look
from tests.render.pictures import magenta, read_png

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

SMALL = ("--width", "96", "--height", "54", "--samples", "4", "--no-denoise")
MATERIALS = {"outer_ring": "BrushedSteel", "inner_ring": "BluePlastic", "ball": "Chrome"}


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bearing_master(tmp_path_factory.mktemp("usd") / "bearing.usda")


def still(usd: Path, output: Path, *arguments: str, events: list[Event] | None = None) -> dict[str, Any]:
    command = python_tool("dcc.render.still", "--usd", str(usd), "--output", str(output), *SMALL, *arguments)
    return run_tool(command, timeout=120, on_event=None if events is None else events.append)


def test_a_dressed_asset_is_framed_lit_and_on_its_materials(master: Path, tmp_path: Path) -> None:
    look = write_look(master.parent / "look.usda", master, MATERIALS, {})
    picture, thumbnail, events = tmp_path / "bearing.png", tmp_path / "small.png", []
    result = still(look, picture, "--thumbnail", str(thumbnail), "--device", "gpu", events=events)

    assert result["materials"] == MATERIALS
    assert result["unresolved"] == []
    assert result["outputs"] == [str(picture)]
    assert (result["bounds"]["low"][0], result["bounds"]["high"][2]) == pytest.approx((-0.026, 0.006), abs=1e-6)
    device = result["device"]
    assert device["requested"] == "gpu"
    assert device["used"] != "CPU" or device["why"].startswith("no GPU was found")

    pixels = read_png(picture)
    assert pixels.shape == (54, 96, 3)
    assert not magenta(pixels).any()
    # Blue plastic is in the middle, where the inner ring is, and nowhere near the border.
    red, blue = pixels[..., 0].astype(int), pixels[..., 2].astype(int)
    is_blue = blue > 1.5 * red + 20
    assert is_blue[15:40, 30:66].sum() > 60
    assert not is_blue[:, :8].any() and not is_blue[:, -8:].any()
    # The backdrop is light, and the subject is neither black nor burnt out.
    assert pixels[:6].mean() > 90
    assert 25 < pixels[15:40, 25:71].mean() < 235
    assert read_png(thumbnail).shape == (54, 96, 3)

    rendering = [event["percent"] for event in events if event["stage"] == "render"]
    assert (events[0]["stage"], events[-1]["stage"]) == ("load", "save")
    assert rendering == sorted(rendering) and len(rendering) > 2


def test_what_is_unresolved_is_magenta(master: Path, tmp_path: Path) -> None:
    result = still(master, tmp_path / "bare.png")
    assert set(result["unresolved"]) == set(MATERIALS)
    assert magenta(read_png(tmp_path / "bare.png")).sum() > 500


def test_one_occurrence_wears_its_own_material(master: Path, tmp_path: Path) -> None:
    look = write_look(master.parent / "one.usda", master, MATERIALS, {"Balls/Ball_8": "FailedMaterial"})
    result = still(look, tmp_path / "one.png")
    assert result["unresolved"] == ["ball"]
    pixels = magenta(read_png(tmp_path / "one.png"))
    assert 3 < pixels.sum() < 200


def test_a_transparent_picture_has_only_the_subject(master: Path, tmp_path: Path) -> None:
    look = write_look(master.parent / "alpha.usda", master, MATERIALS, {})
    still(look, tmp_path / "alpha.png", "--background", "transparent")
    alpha = read_png(tmp_path / "alpha.png")[..., 3]
    assert not alpha[0].any() and not alpha[-1].any() and not alpha[:, 0].any()
    covered = np.argwhere(alpha > 128)
    assert covered[:, 0].min() > 1 and covered[:, 0].max() < 52
    assert len(covered) > 54 * 96 / 6


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsdError, match=r"nothing\.usd"):
        still(tmp_path / "nothing.usd", tmp_path / "out.png")
    assert not list(tmp_path.iterdir())


def test_a_setting_out_of_range_is_named(master: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as failure:
        still(master, tmp_path / "out.png", "--samples", "0")
    assert failure.value.fields == {"samples": "1 to 65536"}


def test_a_camera_that_is_not_there_is_named(master: Path, tmp_path: Path) -> None:
    with pytest.raises(RacewayError) as failure:
        still(master, tmp_path / "out.png", "--camera", "/Bearing/cam")
    assert failure.value.code == "render.camera"
    assert not list(tmp_path.iterdir())
