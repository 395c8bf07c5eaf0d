"""Edits of real STEP files, as text: each part is known again, or asked about."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.dcc.cad.fates import Tally
from tests.dcc.cad.real_revisions import edits_of
from tests.dcc.cad.step_text import TEXT_EDITS


@pytest.mark.parametrize("name", ["step/as1-oc-214.stp", "step/framework-hinge-r-assy.stp"])
def test_parts_of_real_files_survive_edits_of_their_text(data_folder: Path, tmp_path: Path, name: str) -> None:
    sum_ = Tally()
    for edit, tally in edits_of(data_folder / name, list(TEXT_EDITS), tmp_path, random.Random(5)):
        sum_.add(tally, edit)
    assert sum_.wrong == []
    assert sum_.right / sum_.total >= 0.99
