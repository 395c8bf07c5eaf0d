"""Assignments survive a revision, and none is wrong in silence: real kernel, real STEP files, real edits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcc.cad.identity.matching import match_revisions
from shared.cli import main as raceway
from shared.errors import CadError
from shared.manifest import Manifest, write_manifest
from tests.dcc.cad.edits import EDITS, decidable, revise
from tests.dcc.cad.fates import Tally, check_complete, fate_of
from tests.dcc.cad.large_models import large_model, manifest_of, moved
from tests.dcc.cad.revisions import Model, convert_model, make_family, make_model

SIZES = (1, 2, 5, 8)
MakeModel = Callable[[random.Random, int], Model]


def test_of_all_kinds_of_edit_99_percent_of_assignments_survive_and_none_is_wrong() -> None:
    """Forwards, and backwards: what one edit adds, makes one or moves there, the other removes, divides, moves back."""
    assert len(EDITS) >= 20
    sum_ = Tally()
    for number, edit in enumerate(EDITS):
        random_ = random.Random(number)
        model = make_model(random_, SIZES[number % len(SIZES)])
        edited = revise(model, [edit], random_)
        sum_.add(fate_of(model, edited), edit)
        sum_.add(fate_of(edited, model), f"{edit}, undone")
    assert sum_.wrong == []
    assert sum_.right / sum_.total >= 0.99


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    make=st.sampled_from((make_model, make_model, make_family)),
    size=st.sampled_from(SIZES),
    edits=st.lists(st.sampled_from(sorted(EDITS)), min_size=2, max_size=4, unique=True),
)
def test_whatever_is_done_at_once_no_assignment_is_wrong_in_silence(
    seed: int, make: MakeModel, size: int, edits: list[str]
) -> None:
    random_ = random.Random(seed)
    model = make(random_, size)
    edited = revise(model, decidable(edits), random_)
    assert fate_of(model, edited).wrong == []
    assert fate_of(edited, model).wrong == []


@pytest.fixture(scope="module")
def two_revisions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Manifest]:
    """A model, and one in which a part was reshaped beyond recognition and lost its name."""
    folder = tmp_path_factory.mktemp("revisions")
    random_ = random.Random(5)
    model = make_model(random_, 5)
    changed = model.changed(0, name="Thing", shape=make_model(random.Random(77), 1).parts[0].shape)
    return convert_model(model, folder / "old")[0], convert_model(changed, folder / "new")[0]


def test_a_persons_decision_is_taken_and_may_be_that_a_part_is_new(two_revisions: tuple[Manifest, Manifest]) -> None:
    old, new = two_revisions
    (open_,) = {part.part_key for part in new.parts} - {m.new_key for m in match_revisions(old, new).matches}
    (lost,) = match_revisions(old, new).removed
    decided = match_revisions(old, new, {open_: lost})
    assert any((m.old_key, m.new_key, m.confidence) == (lost, open_, 1.0) for m in decided.matches)
    assert decided.removed == () and decided.uncertain == ()
    check_complete(decided, old, new)
    declined = match_revisions(old, new, {open_: None})
    assert declined.new == (open_,)
    assert declined.removed == (lost,)


def test_a_decision_about_an_unknown_part_or_one_identity_for_two_is_refused(
    two_revisions: tuple[Manifest, Manifest],
) -> None:
    old, new = two_revisions
    first, second = (part.part_key for part in new.parts[:2])
    with pytest.raises(CadError) as caught:
        match_revisions(old, new, {"Nobody": old.parts[0].part_key})
    assert "Nobody" in caught.value.message
    with pytest.raises(CadError) as caught:
        match_revisions(old, new, {first: old.parts[0].part_key, second: old.parts[0].part_key})
    assert caught.value.code == "cad.match_conflict"


def test_the_command_prints_what_became_of_each_part(
    two_revisions: tuple[Manifest, Manifest], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = two_revisions
    paths = [
        str(write_manifest(manifest, tmp_path / name))
        for manifest, name in ((old, "old.manifest.json"), (new, "new.manifest.json"))
    ]
    assert raceway(["match", *paths, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"matches", "uncertain", "new", "removed", "alignment"}
    assert set(report["matches"][0]) >= {"old_key", "new_key", "confidence", "reason"}
    assert raceway(["match", *paths]) == 0
    assert "matched" in capsys.readouterr().out
    assert raceway(["match", paths[0], str(tmp_path / "missing.json")]) == 1
    assert "missing.json" in capsys.readouterr().err


def test_of_a_large_model_the_command_prints_what_is_worth_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_ = random.Random(3)
    old = large_model(random_, 150)
    new = {identity: replace(part, part_key=f"N{number}") for number, (identity, part) in enumerate(old.items())}
    for number, identity in enumerate(old):
        if number % 3 == 0:
            new[identity] = replace(moved(new[identity], random_), source_name=f"Item {number}")
    paths = [str(write_manifest(manifest_of(parts), tmp_path / name)) for parts, name in ((old, "old"), (new, "new"))]

    def said(*options: str) -> str:
        assert raceway(["match", *paths, *options]) == 0
        return capsys.readouterr().out

    report = json.loads(said("--json"))
    matched, uncertain = len(report["matches"]), len(report["uncertain"])
    assert matched > 100 and uncertain > 30
    text = said()
    assert text.startswith(f"{matched} matched, {uncertain} uncertain, 0 new, {len(report['removed'])} removed\n")
    assert "\n100 kept name and place (--all lists them)\n" in text and "P1 -> N1 " not in text
    assert f"and {uncertain - 20} more (--all lists them)" in text
    assert len(text.splitlines()) < 120
    everything = said("--all")
    assert "P1 -> N1 " in everything and "--all" not in everything
    assert all(f"  {item['new_key']} may be\n" in everything for item in report["uncertain"])


def test_two_published_revisions_of_a_real_model_match_part_by_part(data_folder: Path, tmp_path: Path) -> None:
    from dcc.cad.convert import convert
    from dcc.cad.settings import Settings, tessellation

    manifests = [
        convert(
            data_folder / "revisions" / f"framework-printable-case-{revision}.step",
            tmp_path / revision,
            Settings(tessellation(None, 0.01, 0.8)),
        ).manifest
        for revision in ("a", "b")
    ]
    old, new = manifests
    report = match_revisions(old, new)
    check_complete(report, old, new)
    assert len(report.matches) == len(old.parts) == 6
    assert all(old.part(m.old_key).source_name == new.part(m.new_key).source_name for m in report.matches)
