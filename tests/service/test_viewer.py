"""The 3D view in a real browser: it loads the model, wears the materials, and shows the part that is asked for."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dcc.cad.bearing import main as write_bearing
from tests.service.studio import StudioUnderTest, work
from tests.service.test_cad import upload

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SOFTWARE_GRAPHICS = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.mark.usefixtures("quiet_queue")
def test_parts_are_shown_in_the_materials_they_wear(
    browser: str, address: str, studio: StudioUnderTest, tmp_path: Path
) -> None:
    step = tmp_path / "bearing.step"
    assert write_bearing([str(step)]) == 0
    production = studio.production()
    cad = upload(studio, production, step.read_bytes())
    work(studio.app)
    studio.artist.put(f"/cad/{cad['id']}/manual-material-overrides", {"overrides": {"Ball": "RedPlastic"}})
    studio.admin.post("/materials/aliases/", {"kind": "word", "pattern": "nbr", "material": "Glass", "priority": 99})
    page = f"{address}/assets/{production.asset['id']}?show=Ball&token={studio.artist.token}"
    command = [browser, "--headless", "--no-sandbox", *SOFTWARE_GRAPHICS, f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        [*command, "--virtual-time-budget=10000", "--dump-dom", page], capture_output=True, text=True, timeout=90
    ).stdout
    if "shows no WebGL 2" in shown:
        pytest.skip("the browser has no WebGL 2 on this machine")
    status = re.search(r'data-status=""[^>]*>([^<]*)', shown)
    assert f'data-ready="{cad_occurrences(studio, cad["id"])}"' in shown, status and status[1]
    assert 'data-chosen="Ball"' in shown
    (legend,) = re.findall(r'<div class="viewer-legend".*?</div>', shown, re.DOTALL)
    assert "Red plastic" in legend and "Glass" in legend and "Black rubber" not in legend
    (selected,) = re.findall(r'<div class="viewer-selected".*?</div>', shown, re.DOTALL)
    assert "chosen by hand" in selected and "layer-manual" in selected
    assert re.search(r'<tr[^>]*id="part-Ball"[^>]*aria-current="true"', shown)


def cad_occurrences(studio: StudioUnderTest, cad_file_id: str) -> int:
    parts = studio.artist.get(f"/cad/{cad_file_id}/scene-manifest").data["parts"]
    return sum(1 for part in parts for place in part["occurrences"] if not place["hidden"])
