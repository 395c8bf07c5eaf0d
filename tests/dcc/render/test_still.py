"""Real pictures by Cycles, small ones: what is in them, and what the tool says about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from importlib.util import find_spec

from shared.errors import InputError, RacewayError, RenderError, UsdError
from shared.processes import Event, python_tool, run_tool
from tests.dcc.render.bearing_master import write_bearing_master, write_look
from tests.dcc.render.pictures import magenta, read_exrs, read_png, write_png

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
    still(look, tmp_path / "alpha.png", "--background", "transparent", "--no-shadow")
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


def test_a_shadow_is_caught_under_a_transparent_picture(master: Path, tmp_path: Path) -> None:
    look = write_look(master.parent / "shadow.usda", master, MATERIALS, {})
    for name, shadow in (("with", "--shadow"), ("without", "--no-shadow")):
        still(look, tmp_path / f"{name}.png", "--background", "transparent", shadow)
    caught, bare = (read_png(tmp_path / f"{name}.png") for name in ("with", "without"))
    only_shadow = (bare[..., 3] == 0) & (caught[..., 3] > 40)
    assert only_shadow.sum() > 100
    # It is black, and thinner than the subject.
    assert caught[only_shadow][:, :3].max() < 40
    assert caught[only_shadow][:, 3].mean() < 160


def test_an_exr_is_scene_linear_in_half_floats(master: Path, tmp_path: Path) -> None:
    look = write_look(master.parent / "exr.usda", master, MATERIALS, {})
    still(look, tmp_path / "a.exr", "--thumbnail", str(tmp_path / "t.png"))
    still(look, tmp_path / "a.png")
    kinds, linear = exr_pixels(tmp_path / "a.exr")
    assert set(kinds) == {"A", "B", "G", "R"} and set(kinds.values()) == {"half"}
    # The view transform is on the PNG and on the small copy only: what looks mid-grey is a fifth of white in light.
    backdrop = read_png(tmp_path / "a.png")[:6, :, 1].mean()
    assert linear[-6:, :, 1].mean() == pytest.approx((backdrop / 255) ** 2.2, rel=0.25)
    assert read_png(tmp_path / "t.png")[:6, :, 1].mean() == pytest.approx(backdrop, abs=6)


def test_a_panorama_lights_the_subject_and_is_seen(master: Path, tmp_path: Path) -> None:
    sky = tmp_path / "sky.png"
    panorama = np.zeros((32, 64, 3), np.uint8)
    panorama[...] = (30, 90, 250)
    write_png(sky, panorama)
    look = write_look(master.parent / "hdri.usda", master, MATERIALS, {})
    still(look, tmp_path / "sky.out.png", "--background", f"hdri:{sky}", "--no-shadow")
    pixels = read_png(tmp_path / "sky.out.png").astype(int)
    assert (pixels[:4, :, 2] > pixels[:4, :, 0] + 80).all()
    # Chrome and steel mirror it.
    steel = pixels[20:40, 20:76].reshape(-1, 3).mean(axis=0)
    assert steel[2] > 1.5 * steel[0]


def test_no_engine_stands_in_for_eevee(master: Path, tmp_path: Path) -> None:
    """Without an OpenGL driver Blender would abort the process."""
    command = python_tool("dcc.render.still", "--usd", str(master), "--output", str(tmp_path / "e.png"), *SMALL)
    without_driver = {**os.environ, "__EGL_VENDOR_LIBRARY_FILENAMES": "/nonexistent"}
    with pytest.raises(RenderError, match="EEVEE") as failure:
        run_tool([*command, "--engine", "eevee"], timeout=120, env=without_driver)
    assert failure.value.code == "render.engine"
    assert "cycles" in failure.value.hint


def test_a_render_leaves_nothing_in_the_temporary_folder(master: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = python_tool("dcc.render.still", "--usd", str(master), "--output", str(tmp_path / "a.png"), *SMALL)
    run_tool(command, timeout=120, env={**os.environ, "TMPDIR": str(temporary)})
    assert not list(temporary.iterdir())


def exr_pixels(path: Path) -> tuple[dict[str, str], NDArray[np.float32]]:
    """Type of each channel, and the pixels as Blender reads them: rows from the bottom, RGBA."""
    header = path.read_bytes()[:2000]
    at = header.index(b"channels\0chlist\0") + len(b"channels\0chlist\0") + 4
    kinds = {}
    while header[at]:
        end = header.index(b"\0", at)
        kinds[header[at:end].decode()] = ("uint", "half", "float")[header[end + 1]]
        at = end + 17
    return kinds, read_exrs([path])[0]
