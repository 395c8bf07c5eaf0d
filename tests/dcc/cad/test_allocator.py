"""The warm converter runs on mimalloc where that is installed, and what it starts does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcc.cad.allocator import library
from dcc.cad.bearing import main as write_bearing
from shared.warm_tool import WarmTool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other allocators are put in place on Linux only")


@pytest.fixture
def converter() -> Iterator[WarmTool]:
    tool = WarmTool("dcc.cad.convert", server="dcc.cad.server")
    yield tool
    tool.close()


def _mapped(converter: WarmTool) -> str:
    return Path(f"/proc/{converter.server_pid}/maps").read_text()


def test_the_kernel_allocates_with_mimalloc(converter: WarmTool, tmp_path: Path) -> None:
    if library() is None:
        pytest.skip("cmeel-mimalloc is not installed, or cannot be loaded")
    step = tmp_path / "bearing.step"
    assert write_bearing([str(step)]) == 0
    result = converter.run([str(step), "--out", str(tmp_path / "out")])
    assert result["parts"] > 1
    assert "libmimalloc" in _mapped(converter)


def test_an_allocator_that_somebody_has_chosen_stays(
    converter: WarmTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_PRELOAD", "libm.so.6")
    step = tmp_path / "bearing.step"
    assert write_bearing([str(step)]) == 0
    assert converter.run([str(step), "--out", str(tmp_path / "out")])["parts"] > 1
    assert "libmimalloc" not in _mapped(converter)
