"""The doctor on machines whose CAD kernel, USD or Blender is missing or broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.doctor import Report, examine

REPOSITORY = Path(__file__).parents[2]
BROKEN = {
    "OCP": "raise ImportError('libGL.so.1: cannot open shared object file')",
    "pxr": "import os; os.abort()",
    "bpy": "class app: version_string, version = '5.0.1', (5, 0, 1)",
}


def _libraries(folder: Path, environ: dict[str, str] | None = None) -> Report:
    """The doctor where Python finds the modules in ``folder`` before those that are installed."""
    return examine("libraries", {"PYTHONPATH": f"{folder}:{REPOSITORY}", **(environ or {})})


def test_modules_that_are_broken_are_named_and_the_doctor_lives(tmp_path: Path) -> None:
    for module, content in BROKEN.items():
        (tmp_path / f"{module}.py").write_text(content)
    report = _libraries(tmp_path)
    assert {"ocp_broken", "pxr_broken", "bpy_broken"} <= report.codes
    assert "libGL.so.1" in report.finding("ocp_broken")["message"]
    assert "pip install" in report.finding("pxr_broken")["hint"]
    assert report.status == 1


# Python's own finders, which no longer see one module.
HIDDEN = """
import sys
class Without:
    def __init__(self, finder): self.finder = finder
    def __getattr__(self, name): return getattr(self.finder, name)
    def find_spec(self, name, *rest): return None if name == "bpy" else self.finder.find_spec(name, *rest)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def test_no_blender_at_all(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDDEN)
    found = _libraries(tmp_path).finding("no_renderer")
    assert "raceway[blender]" in found["hint"] and "RACEWAY_BLENDER" in found["hint"]


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts are not programs there")
def test_an_application_that_is_not_blender_or_not_there(tmp_path: Path) -> None:
    report = _libraries(tmp_path, {"RACEWAY_BLENDER": "/nowhere/blender"})
    assert "/nowhere/blender" in report.finding("bpy_broken")["message"]
    other = tmp_path / "blender"
    other.write_text("#!/bin/sh\necho something else\n")
    other.chmod(0o755)
    assert str(other) in _libraries(tmp_path, {"RACEWAY_BLENDER": str(other)}).finding("bpy_broken")["message"]
