"""What tests of every folder share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from dcc.display_libraries import stand_in_for_missing

# Test modules import the CAD kernel themselves, in whatever order.
stand_in_for_missing("OCP")

# A test that passes passes again, also on a slow machine. What else breaks is searched for on demand:
# make test TEST_ARGS=--hypothesis-profile=search
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile("repeatable")

DATA = Path(__file__).parents[2] / "shared" / "data"
"""Real CAD files from outside, kept beside the project and not part of it."""


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs under test keep nothing in the state folder of whoever runs the tests."""
    os.environ["RACEWAY_STATE"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["RACEWAY_STATE"]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real CAD files; skips where this checkout has none."""
    if not DATA.is_dir():
        pytest.skip(f"needs the real CAD files in {DATA}, which a clone does not have")
    return DATA
