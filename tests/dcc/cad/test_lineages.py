"""Keys through several revisions: they stay with their parts, and none ever comes to mean another."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.dcc.cad.edits import EDITS, revise, some_edits
from tests.dcc.cad.lineages import run_lineage
from tests.dcc.cad.revisions import make_model


@pytest.mark.parametrize("seed", range(4))
def test_keys_stay_with_their_parts_through_five_revisions(seed: int, tmp_path: Path) -> None:
    random_ = random.Random(seed)
    models = [make_model(random_, 5)]
    for _ in range(4):
        models.append(revise(models[-1], some_edits(random_, 2), random_))
    lineage = run_lineage(models, tmp_path)
    assert lineage.wrong == []
    assert lineage.kept / (lineage.kept + lineage.changed) >= 0.9


def test_a_part_that_goes_and_another_that_comes_never_share_a_key(tmp_path: Path) -> None:
    random_ = random.Random(11)
    models = [make_model(random_, 6)]
    for edits in (["remove a part"], ["add a part", "reorder"], ["remove a part", "add a part"], ["split"]):
        models.append(revise(models[-1], edits, random_))
    lineage = run_lineage(models, tmp_path)
    assert lineage.wrong == []
    assert lineage.changed == 0


@pytest.mark.parametrize("seed", range(3))
def test_with_a_persons_decisions_every_key_means_one_part_for_ever(seed: int, tmp_path: Path) -> None:
    """Whatever is done, also what nobody could tell without knowing: parts that go, and come back later, too."""
    random_ = random.Random(seed)
    models = [make_model(random_, 5)]
    for _ in range(3):
        models.append(revise(models[-1], random_.sample(sorted(EDITS), 3), random_))
    models.append(models[0])
    lineage = run_lineage(models, tmp_path, with_person=True)
    assert lineage.wrong == []
    assert lineage.changed == 0
    assert lineage.decided > 0
