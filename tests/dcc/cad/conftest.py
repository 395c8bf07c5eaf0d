from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dcc.cad.bearing import write_bearing
from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Settings
from shared.warm_tool import WarmTool


@pytest.fixture(scope="session")
def bearing_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bearing") / "bearing.step"
    write_bearing(path)
    return path


@pytest.fixture(scope="session")
def bearing(bearing_step: Path) -> Conversion:
    return convert(bearing_step, bearing_step.parent / "out", Settings(), lineage="bearings")


@pytest.fixture(scope="package")
def warm_converter() -> Iterator[WarmTool]:
    """As the service converts: in a process of its own for each file, which need not load the kernel first."""
    converter = WarmTool("dcc.cad.convert", server="dcc.cad.server")
    yield converter
    converter.close()
