"""The extension as Blender's own tools see it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from blender_addon.build import build_addon, wheel_name
from blender_addon.command import COMMAND


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon(tmp_path_factory.mktemp("extension"))


def blender_extension_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    spec = find_spec("bpy")
    if spec is None or spec.origin is None:
        pytest.skip("bpy is not installed")
    tool = next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    return subprocess.run([sys.executable, str(tool), *arguments], capture_output=True, text=True, check=False)


def test_blender_validates_it(extension: Path) -> None:
    done = blender_extension_tool("validate", str(extension))
    assert done.returncode == 0, done.stdout + done.stderr


def test_blender_builds_it_from_its_files(extension: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with zipfile.ZipFile(extension) as archive:
        archive.extractall(source)
    done = blender_extension_tool("build", "--source-dir", str(source), "--output-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as rebuilt, zipfile.ZipFile(extension) as ours:
        assert set(rebuilt.namelist()) == set(ours.namelist())


def test_equal_sources_give_equal_bytes(extension: Path, tmp_path: Path) -> None:
    assert build_addon(tmp_path).read_bytes() == extension.read_bytes()


def test_it_brings_shared_and_dcc_but_no_cad_kernel(extension: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(extension) as archive:
        archive.extract(f"wheels/{wheel_name()}", tmp_path)
    with zipfile.ZipFile(tmp_path / "wheels" / wheel_name()) as wheel:
        names = wheel.namelist()
    assert {"shared/client.py", "dcc/publish/pipeline.py", "dcc/render/still.py"} <= set(names)
    assert not [name for name in names if name.startswith("dcc/cad/") or "pxr" in name]


def test_the_command_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    assert COMMAND.run(parser.parse_args(["-o", str(tmp_path)])) == 0
    assert Path(capsys.readouterr().out.splitlines()[0]).is_file()
