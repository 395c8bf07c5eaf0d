"""Matching large models: in seconds, and with the answers that weighing every pair gives."""

from __future__ import annotations

import random
import time

import pytest

from dcc.cad.identity.matching import RevisionReport, match_revisions
from shared.manifest import Part
from tests.dcc.cad.large_models import large_model, manifest_of, revised


def faults(report: RevisionReport, old: dict[str, Part], new: dict[str, Part]) -> tuple[int, list[str]]:
    """How many matches are right, and those that are not."""
    old_ids = {part.part_key: identity for identity, part in old.items()}
    new_ids = {part.part_key: identity for identity, part in new.items()}
    pairs = [(old_ids[match.old_key], new_ids[match.new_key]) for match in report.matches]
    return sum(a == b for a, b in pairs), [f"{b} was taken for {a}" for a, b in pairs if a != b]


@pytest.mark.parametrize("seed", range(3))
def test_of_a_large_model_only_likely_pairs_are_weighed_with_the_same_result(seed: int) -> None:
    random_ = random.Random(seed)
    old = large_model(random_, 150)
    new = revised(old, random_)
    every = match_revisions(manifest_of(old), manifest_of(new))
    likely = match_revisions(manifest_of(old), manifest_of(new), every_pair_up_to=0)
    assert {(m.old_key, m.new_key, m.relation) for m in every.matches} == {
        (m.old_key, m.new_key, m.relation) for m in likely.matches
    }
    assert [item.new_key for item in every.uncertain] == [item.new_key for item in likely.uncertain]
    assert (every.new, every.removed) == (likely.new, likely.removed)
    for one, other in zip(every.matches, likely.matches, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=0.02)


def test_thousands_of_parts_take_seconds() -> None:
    random_ = random.Random(1)
    old = large_model(random_, 3000)
    new = revised(old, random_)
    started = time.process_time()
    report = match_revisions(manifest_of(old), manifest_of(new))
    assert time.process_time() - started < 15
    right, wrong = faults(report, old, new)
    assert wrong == []
    known = len(old.keys() & new.keys())
    assert right / known > 0.97
    asked = {item.new_key for item in report.uncertain}
    lost = [identity for identity in old.keys() & new.keys() if new[identity].part_key in report.new]
    assert right + len(asked & {new[identity].part_key for identity in old.keys() & new.keys()}) + len(lost) == known
    assert len(lost) / known < 0.01
