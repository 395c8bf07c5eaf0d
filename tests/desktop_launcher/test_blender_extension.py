"""The add-on that a Blender started from the launcher finds, in the real ``bpy``."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from desktop_launcher.blender_extension import STARTUP, prepare_extension
from desktop_launcher.launch import BLENDER_EXTENSIONS

CHECKOUT = Path(__file__).parents[2]
# Only to load bpy on a machine without a desktop; then the checkout is forgotten again.
LOAD_BLENDER = (
    f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); from dcc.display_libraries import import_bpy; import_bpy();"
    f"sys.path.remove({str(CHECKOUT)!r});"
    "[sys.modules.pop(name) for name in list(sys.modules) if name.partition('.')[0] in ('dcc', 'shared')];"
)
PRINT = LOAD_BLENDER + (
    "import bpy; exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'));"
    "print('ENABLED', hasattr(bpy.types, 'RACEWAY_OT_publish'), sys.modules['shared'].__file__);"
    "print('REMEMBERED', [name for name in bpy.context.preferences.addons.keys() if 'raceway' in name])"
)


@pytest.fixture(scope="module")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_extension(tmp_path_factory.mktemp("cache"))


def test_the_same_build_is_unpacked_once(extensions: Path) -> None:
    before = (extensions / "system/raceway/blender_manifest.toml").stat()
    assert prepare_extension(extensions.parent) == extensions
    assert (extensions / "system/raceway/blender_manifest.toml").stat().st_ino == before.st_ino


@pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed")
def test_blender_enables_it_for_this_session_only(extensions: Path, tmp_path: Path) -> None:
    """In an interpreter that cannot see this checkout: what the add-on needs has to come with it."""
    environ = {
        **os.environ,
        BLENDER_EXTENSIONS: str(extensions),
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
        "PYTHONPATH": "",
        "PYTHONSAFEPATH": "1",
    }
    arguments = [sys.executable, "-c", PRINT, str(STARTUP)]
    done = subprocess.run(arguments, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ENABLED", "REMEMBERED"))]
    assert len(lines) == 2, done.stdout + done.stderr
    _, enabled, place = lines[0].split(maxsplit=2)
    assert enabled == "True"
    assert Path(place).is_relative_to(tmp_path / "user")
    assert lines[1] == "REMEMBERED []"
