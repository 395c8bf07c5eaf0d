"""Renders in a Blender application: its command line, and everything behind it with a stand-in for the application."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("pxr", reason="usd-core is not installed")
pytest.importorskip("numpy", reason="numpy is not installed")

from dcc.render.blender import APPLICATION, application_command
from shared.errors import RenderError
from shared.processes import python_tool, run_tool
from tests.dcc.render.bearing_master import write_bearing_master
from tests.dcc.render.pictures import read_png
from tests.dcc.render.programs import write_program

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")

# Does with its command line what the application does: bpy is there (where the machine lacks a desktop's libraries,
# with what stands in for them), ours is not, and the script runs with sys.argv as it is.
STAND_IN = """
import runpy, sys
print("Blender 5.0.1 (hash unknown)", flush=True)
from dcc.display_libraries import import_bpy
import_bpy()
for name in [name for name in sys.modules if name.partition(".")[0] in ("dcc", "shared")]:
    del sys.modules[name]
sys.path[:] = [place for place in sys.path if place != {root!r}]
{finder}
import bpy
assert sys.argv[1:4] == ["--background", "--factory-startup", "--python-exit-code"]
runpy.run_path(sys.argv[sys.argv.index("--python") + 1], run_name="__main__")
"""


def test_the_command_line_is_as_documented() -> None:
    command = application_command("/opt/blender/blender", "dcc.render.still", ["--usd", "a.usd"])
    assert command[:5] == ["/opt/blender/blender", "--background", "--factory-startup", "--python-exit-code", "1"]
    assert command[5] == "--python" and Path(command[6]).is_file()
    assert command[7:] == ["--", "dcc.render.still", "--usd", "a.usd"]


def test_a_still_by_the_application(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    # An editable installation would find our packages by itself, which an application does not.
    finder = "sys.meta_path[:] = [found for found in sys.meta_path if 'editable' not in repr(found)]"
    application = write_program(tmp_path / "blender", STAND_IN.format(root=root, finder=finder), "-I")
    master = write_bearing_master(tmp_path / "bearing.usda", segments=12)
    places = ("--usd", str(master), "--output", str(tmp_path / "a.png"))
    small = ("--width", "48", "--height", "27", "--samples", "1", "--no-denoise")
    result = run_tool(
        python_tool("dcc.render.still", *places, *small),
        timeout=60,
        env={**os.environ, APPLICATION: str(application)},
    )
    assert result["outputs"] == [str(tmp_path / "a.png")]
    assert read_png(tmp_path / "a.png").shape == (27, 48, 3)


def test_an_application_that_is_not_there_is_named(tmp_path: Path) -> None:
    command = python_tool("dcc.render.still", "--usd", "a.usd", "--output", str(tmp_path / "a.png"))
    with pytest.raises(RenderError, match="/nowhere/blender") as failure:
        run_tool(command, timeout=30, env={**os.environ, APPLICATION: "/nowhere/blender"})
    assert failure.value.code == "render.no_blender"
