"""Matching large models: in seconds, and with the answers that weighing every pair gives."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from dcc.cad.identity.matching import match_revisions
from shared.manifest import Part
from shared.revision_report import RevisionReport
from tests.dcc.cad.large_models import WORDS, large_model, manifest_of, moved, revised, stretched


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


@pytest.mark.parametrize("longer", [1.005, 1.02, 1.05])
def test_one_of_many_of_its_name_that_moved_and_changed_is_asked_about(longer: float) -> None:
    """Nobody could tell it from another one of the name, which a part that has its name alone is told from."""
    random_ = random.Random(4)
    old = large_model(random_, 400)
    holders = Counter(part.source_name for part in old.values())
    changed = random_.sample(sorted(old), 60)
    new = {
        identity: moved(stretched(part, longer), random_) if identity in changed else part
        for identity, part in old.items()
    }
    report = match_revisions(manifest_of(old), manifest_of(new))
    right, wrong = faults(report, old, new)
    asked = {item.new_key for item in report.uncertain}
    assert wrong == []
    assert {new[identity].part_key for identity in changed if holders[old[identity].source_name] > 1} == asked
    assert right == len(old) - len(asked)


def test_parts_that_go_and_others_that_come_are_rarely_asked_about_and_never_taken_for_one_another() -> None:
    questions = parts = 0
    for seed in range(5):
        random_ = random.Random(seed)
        old = large_model(random_, 300)
        gone = random_.sample(sorted(old), 15)
        strangers = {f"new-{identity}": part for identity, part in large_model(random_, 15).items()}
        names = {part.source_name for part in old.values()}
        strangers = {
            identity: replace(part, part_key=f"S{identity}")
            for identity, part in strangers.items()
            if part.source_name in WORDS or part.source_name not in names
        }
        new = {identity: part for identity, part in old.items() if identity not in gone} | strangers
        report = match_revisions(manifest_of(old), manifest_of(new))
        right, wrong = faults(report, old, new)
        assert wrong == []
        assert right == len(old) - len(gone)
        questions, parts = questions + len(report.uncertain), parts + len(new)
    assert questions / parts < 0.01


def test_thousands_of_occurrences_that_become_products_and_the_way_back_take_seconds() -> None:
    random_ = random.Random(2)
    others = large_model(random_, 20)
    screw, *_ = others.values()
    places = moved(replace(screw, occurrences=screw.occurrences * 4000), random_).occurrences[:4000]
    whole = {"screw": replace(screw, part_key="Screw", source_name="Screw M6", occurrences=places)}
    single = {
        f"screw {number}": replace(
            screw, part_key=f"Screw_{number}", source_name=f"Screw M6_{number}", occurrences=(place,)
        )
        for number, place in enumerate(places)
    }
    started = time.process_time()
    for old, new in ((whole, single), (single, whole)):
        report = match_revisions(manifest_of(others | old), manifest_of(others | new))
        assert len(report.matches) == len(others) + len(single)
        assert (report.uncertain, report.new, report.removed) == ((), (), ())
    assert time.process_time() - started < 15


def test_a_model_that_has_come_to_have_too_many_occurrences_to_list_them_is_matched_by_shape_and_name() -> None:
    """Nothing is known of where its parts stand: of copies that have become one part, a person is asked."""
    random_ = random.Random(3)
    others = large_model(random_, 6)
    screw = others.pop("id0")
    old = others | {
        f"screw {number}": replace(moved(screw, random_), part_key=f"Screw_{number}", source_name=f"Screw_{number}")
        for number in (1, 2)
    }
    new = {identity: replace(part, occurrences=()) for identity, part in others.items()}
    new |= {"screw": replace(screw, part_key="Screw", source_name="Screw", occurrences=())}
    report = match_revisions(manifest_of(old), manifest_of(new))
    assert faults(report, old, new) == (len(others), [])
    assert [item.new_key for item in report.uncertain] == ["Screw"]


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
