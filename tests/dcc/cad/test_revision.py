"""partKeys of a lineage through its revisions, in the files that a conversion writes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from pxr import Usd

from dcc.cad.convert import Conversion, convert
from dcc.cad.identity.revision import Previous, read_previous
from dcc.cad.reuse import REVISION
from dcc.cad.settings import Settings, tessellation
from shared.errors import CadError
from shared.manifest import Manifest
from tests.dcc.cad.revisions import Model, make_model, write_model

SETTINGS = Settings(tessellation(None, 0.01, 0.6), processes=1)


def converted(model: Model, folder: Path, previous: Manifest | None = None, **decisions: str | None) -> Conversion:
    step = write_model(model, folder)
    return convert(step, folder / "out", SETTINGS, previous=Previous(previous, decisions) if previous else None)


def identities(manifest: Manifest) -> dict[str, str]:
    return {part.part_key: part.step_material or "" for part in manifest.parts}


@pytest.fixture
def model() -> Model:
    return make_model(random.Random(3), 5)


def test_a_renamed_part_keeps_its_key_in_manifest_and_usd(model: Model, tmp_path: Path) -> None:
    first = converted(model, tmp_path / "1").manifest
    second = converted(model.changed(2, name="Renamed by an engineer"), tmp_path / "2", first)
    assert identities(second.manifest) == identities(first)
    stage = Usd.Stage.Open(str(second.usd_master))
    for part in second.manifest.parts:
        prim = stage.GetPrimAtPath(part.occurrences[0].prim_path)
        assert prim.GetAttribute("raceway:partKey").Get() == part.part_key
        assert prim.IsInstance()
    renamed = next(part for part in second.manifest.parts if part.source_name == "Renamed by an engineer")
    assert renamed.part_key in identities(first)
    report = json.loads((tmp_path / "2" / "out" / REVISION).read_text())
    assert report["keys"]["Renamed_by_an_engineer"] == renamed.part_key


def test_a_retired_key_is_never_given_to_another_part(model: Model, tmp_path: Path) -> None:
    first = converted(model, tmp_path / "1").manifest
    gone = model.parts[1]
    without = replace(model, parts=(model.parts[0], *model.parts[2:]))
    second = converted(without, tmp_path / "2", first).manifest
    (retired,) = second.retired_keys
    assert identities(first)[retired] == gone.identity
    # Another part that has the old one's very name, in the revision after.
    stranger = replace(gone, identity="stranger", shape=make_model(random.Random(99), 1).parts[0].shape)
    third = converted(replace(without, parts=(*without.parts, stranger)), tmp_path / "3", second).manifest
    key = next(key for key, identity in identities(third).items() if identity == "stranger")
    assert key != retired
    assert third.retired_keys == (retired,)


def test_an_uncertain_part_gets_a_key_of_its_own_until_a_person_decides(model: Model, tmp_path: Path) -> None:
    first = converted(model, tmp_path / "1").manifest
    other = make_model(random.Random(77), 1).parts[0].shape
    changed = model.changed(0, shape=replace(other, a=other.a * 3), places=((900.0, 900.0, 0.0, 0.0),))
    asked = converted(changed, tmp_path / "2", first)
    assert asked.carried is not None
    (item,) = asked.carried.report.uncertain
    key = asked.carried.keys[item.new_key]
    assert key not in identities(first)
    (candidate, *_) = item.candidates
    decided = converted(changed, tmp_path / "3", first, **{item.new_key: candidate.old_key})
    assert identities(decided.manifest) == identities(first)


def test_a_correction_counts_for_all_later_revisions(model: Model, tmp_path: Path) -> None:
    """Two parts swapped names and places on the drawing board: what looks like the one is the other."""
    first = converted(model, tmp_path / "1").manifest
    taken = converted(model, tmp_path / "2", first)
    assert taken.carried is not None
    one, other = sorted(taken.carried.keys)[:2]
    corrected = converted(model, tmp_path / "3", first, **{one: other, other: one}).manifest
    before, after = identities(first), identities(corrected)
    assert (after[one], after[other]) == (before[other], before[one])
    later = converted(replace(model, root="Next revision"), tmp_path / "4", corrected).manifest
    assert identities(later) == after
    refused = converted(model, tmp_path / "5", first, **{one: None}).manifest
    assert one not in identities(refused)
    assert one in refused.retired_keys


def test_a_part_that_comes_back_can_have_its_key_back(model: Model, tmp_path: Path) -> None:
    first = converted(model, tmp_path / "1").manifest
    without = replace(model, parts=model.parts[1:])
    second = converted(without, tmp_path / "2", first).manifest
    (retired,) = second.retired_keys
    back = converted(model, tmp_path / "3", second)
    assert back.carried is not None
    assert back.carried.report.new == ()
    (asked,) = back.carried.report.uncertain
    assert [candidate.old_key for candidate in asked.candidates] == [retired]
    new_key = asked.new_key
    assert back.carried.keys[new_key] != retired
    decided = converted(model, tmp_path / "4", second, **{new_key: retired}).manifest
    assert identities(decided) == identities(first)
    assert decided.retired_keys == ()


def test_a_part_that_comes_back_is_asked_about_also_where_another_has_taken_its_name(
    model: Model, tmp_path: Path
) -> None:
    first = converted(model, tmp_path / "1").manifest
    gone, others = model.parts[0], model.parts[1:]
    namesake = replace(gone, identity="namesake", shape=gone.shape.scaled(4.0), places=((950.0, 950.0, 0.0, 0.0),))
    both = converted(replace(model, parts=(*model.parts, namesake)), tmp_path / "2", first).manifest
    left = converted(replace(model, parts=(*others, namesake)), tmp_path / "3", both).manifest
    (retired,) = left.retired_keys
    assert identities(first)[retired] == gone.identity
    back = converted(replace(model, parts=(gone, *others, namesake)), tmp_path / "4", left)
    assert back.carried is not None
    (asked,) = back.carried.report.uncertain
    assert [candidate.old_key for candidate in asked.candidates] == [retired]
    final = back.carried.keys[asked.new_key]
    assert identities(back.manifest)[final] == gone.identity and final != retired


def test_a_part_that_comes_back_is_one_question_also_where_a_copy_of_it_was_left(model: Model, tmp_path: Path) -> None:
    """It may be that copy, or what was gone; both are offered."""
    bolt = replace(model.parts[0], name="Bolt", places=((-500.0, 0.0, 0.0, 0.0),))
    copy = replace(bolt, identity="copy", name="Bolt 2", places=((-600.0, 0.0, 0.0, 0.0),))
    others = model.parts[1:]
    first = converted(replace(model, parts=(bolt, copy, *others)), tmp_path / "1").manifest
    second = converted(replace(model, parts=(copy, *others)), tmp_path / "2", first).manifest
    assert second.retired_keys == ("Bolt",)
    elsewhere = replace(bolt, places=((-700.0, 90.0, 0.0, 0.0),))
    back = converted(replace(model, parts=(elsewhere, copy, *others)), tmp_path / "3", second)
    assert back.carried is not None
    (asked,) = back.carried.report.uncertain
    assert [candidate.old_key for candidate in asked.candidates] == ["Bolt", "Bolt_2"]


def test_decisions_hold_through_five_revisions(model: Model, tmp_path: Path) -> None:
    """One is confirmed, one corrected, one rejected; each counts in all revisions after it."""
    first = converted(model, tmp_path / "1").manifest
    keys = {identity: key for key, identity in identities(first).items()}

    # 2: a part is changed beyond recognition, which a person confirms.
    shape = make_model(random.Random(77), 1).parts[0].shape
    model = model.changed(0, shape=shape.scaled(3.0), places=((900.0, 900.0, 0.0, 0.0),))
    asked = converted(model, tmp_path / "2", first).carried
    assert asked is not None
    (item,) = asked.report.uncertain
    second = converted(model, tmp_path / "2", first, **{item.new_key: keys["id0"]}).manifest
    assert identities(second) == {key: identity for identity, key in keys.items()}

    # 3: it is renamed, and another goes: the key of that one is retired.
    model = model.changed(0, name="Renamed since")
    gone = model.parts[1]
    model = replace(model, parts=(model.parts[0], *model.parts[2:]))
    third = converted(model, tmp_path / "3", second).manifest
    assert identities(third) == {key: identity for identity, key in keys.items() if identity != "id1"}
    assert third.retired_keys == (keys["id1"],)

    # 4: what looks like two old parts are each other, and what looks like a third is new.
    corrected = {"id2": "id3", "id3": "id2", "id4": None}
    own = converted(model, tmp_path / "4", third).carried
    assert own is not None
    own_keys = {match.old_key: match.new_key for match in own.report.matches}
    decisions = {own_keys[keys[was]]: keys[now] if now else None for was, now in corrected.items()}
    fourth = converted(model, tmp_path / "4", third, **decisions).manifest
    after = {identity: key for key, identity in identities(fourth).items()}
    assert (after["id0"], after["id2"], after["id3"]) == (keys["id0"], keys["id3"], keys["id2"])
    assert after["id4"] not in keys.values()
    assert fourth.retired_keys == tuple(sorted((keys["id1"], keys["id4"])))

    # 5: the part that went in 3 comes back, at its place, as it was: a person gives it its key back, nobody else does.
    model = replace(model, root="Fifth", parts=(*model.parts, gone))
    undecided = converted(model, tmp_path / "5", fourth)
    assert undecided.carried is not None
    (asked,) = undecided.carried.report.uncertain
    back = asked.new_key
    assert [candidate.old_key for candidate in asked.candidates] == [keys["id1"]]
    assert undecided.carried.keys[back] not in keys.values()
    fifth = converted(model, tmp_path / "5", fourth, **{back: keys["id1"]}).manifest
    assert identities(fifth) == {**identities(fourth), keys["id1"]: "id1"}
    assert fifth.retired_keys == (keys["id4"],)


def test_decisions_that_are_none_are_refused(model: Model, tmp_path: Path) -> None:
    first = converted(model, tmp_path / "1")
    wrong = tmp_path / "decisions.json"
    for content in ("[1]", '{"Cover": 3}', "{"):
        wrong.write_text(content)
        with pytest.raises(CadError) as caught:
            read_previous(first.manifest_path, wrong)
        assert caught.value.code == "cad.decisions_invalid"
        assert str(wrong) in caught.value.message
