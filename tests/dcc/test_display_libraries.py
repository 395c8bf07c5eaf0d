"""Blender's wheel loads on a machine without a desktop."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcc.display_libraries import empty_library

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="ELF libraries are Linux's"
)


def test_the_linker_takes_the_library_for_the_wanted_soname_and_its_functions_answer_zero(tmp_path: Path) -> None:
    path = tmp_path / "anything.so"
    path.write_bytes(empty_library("libRacewayTest.so.7", [b"XOpenDisplay", b"glXGetProcAddress"]))
    script = f"""
import ctypes
first = ctypes.CDLL({str(path)!r}, mode=ctypes.RTLD_GLOBAL)
second = ctypes.CDLL("libRacewayTest.so.7")
assert second.XOpenDisplay(None) == 0 and second.glXGetProcAddress(b"x") == 0
assert not hasattr(second, "XCloseDisplay")
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@settings(max_examples=25)
@given(names=st.sets(st.from_regex(r"[A-Za-z_]\w{0,30}", fullmatch=True).filter(str.isascii), max_size=200))
def test_every_symbol_is_found(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lib.so"
        soname = f"lib{abs(hash(frozenset(names)))}.so.1"
        path.write_bytes(empty_library(soname, sorted(name.encode() for name in names)))
        library = ctypes.CDLL(str(path))
        assert all(getattr(library, name)() == 0 for name in names)


def test_bpy_loads_and_where_display_libraries_are_missing_so_does_its_stand_in() -> None:
    script = "from dcc.display_libraries import import_bpy; import_bpy(); import bpy; print(bpy.app.version_string)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip().endswith("5.0.1")
