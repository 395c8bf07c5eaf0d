from __future__ import annotations

from pathlib import Path

import pytest

from dcc.cad.bearing import write_bearing
from dcc.cad.convert import Conversion, convert
from dcc.cad.settings import Settings


@pytest.fixture(scope="session")
def bearing_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bearing") / "bearing.step"
    write_bearing(path)
    return path


@pytest.fixture(scope="session")
def bearing(bearing_step: Path) -> Conversion:
    return convert(bearing_step, bearing_step.parent / "out", Settings(), lineage="bearings")
