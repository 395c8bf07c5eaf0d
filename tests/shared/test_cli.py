"""The command as a user types it: a real process each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from shared.cli import ENTRY_POINT_GROUP, Command

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))


def raceway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_lists_every_command() -> None:
    answer = raceway("--help")
    assert answer.returncode == 0
    for name in ("demo", "convert", "publish", "render", "up", "worker", "db", "launcher", "build-addon"):
        assert re.search(rf"^ +{name}\b", answer.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_starts_quickly_without_heavy_imports(name: str) -> None:
    answer = raceway(name, "--help")
    assert answer.returncode == 0, answer.stderr
    assert f"usage: raceway {name}" in answer.stdout
    (point,) = entry_points(group=ENTRY_POINT_GROUP, name=name)
    heavy = {"OCP", "pxr", "bpy", "sqlalchemy", "flask", "PySide6", "numpy"}
    script = f"import sys, {point.module}; print(sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    assert isinstance(point.load(), Command)


def test_no_command_is_bad_usage_and_prints_the_help() -> None:
    answer = raceway()
    assert answer.returncode == 2
    assert "commands" in answer.stdout


def test_an_unknown_command_or_option_is_bad_usage() -> None:
    assert raceway("fly").returncode == 2
    assert raceway("convert", "--no-such-option").returncode == 2


def test_a_failure_is_one_error_line_with_a_hint_and_no_traceback(tmp_path: Path) -> None:
    missing = tmp_path / "missing.step"
    answer = raceway("convert", str(missing), "-o", str(tmp_path / "out"))
    assert answer.returncode == 1
    first, *rest = answer.stderr.strip().splitlines()
    assert first.startswith("error [") and str(missing) in first
    assert any(line.startswith("hint: ") for line in rest)
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_failure_with_json_is_one_json_object(tmp_path: Path) -> None:
    answer = raceway("convert", str(tmp_path / "missing.step"), "-o", str(tmp_path / "out"), "--json")
    assert answer.returncode == 1
    body = json.loads(answer.stdout)
    assert body["ok"] is False
    assert body["error"]["code"] and body["error"]["hint"]
