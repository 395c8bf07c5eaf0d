from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.part_keys import MAX_LENGTH, PartIdentity, assign_part_keys, is_key, key_name, number_siblings, slug

MEASURES = st.tuples(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9))
PARTS = st.lists(
    st.builds(
        PartIdentity,
        name=st.one_of(st.sampled_from(["", "Nut", "nut", "Nut 1", "Nut-1", "轴承"]), st.text(max_size=90)),
        shape=MEASURES,
        placement=st.tuples(st.floats(-1e5, 1e5)),
    ),
    max_size=12,
)

CLEARLY_DIFFERENT = st.lists(
    st.builds(
        PartIdentity,
        name=st.sampled_from(["", "Nut", "Nut 1", "Nut-1", "轴承"]),
        shape=st.sampled_from([(10.0, 20.0), (15.0, 20.0), (4000.0, 900.0)]),
        placement=st.sampled_from([(0.0, 0.0), (5.0, 0.0), (5.0, 5.0), (-300.0, 8.0)]),
    ),
    max_size=12,
    unique=True,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Inner ring", "Inner_ring"),
        ("Größe Ø12", "Grosse_O12"),
        ("Втулка", "Vtulka"),
        ("Ελικα", "Elika"),
        ("轴承 6204", "u8f74u627f_6204"),
        ("9_FW_TOP", "P_9_FW_TOP"),
        ("a--b..c", "a_b_c"),
        ("Pin.prt", "Pin"),
        ("BRACKET.SLDPRT", "BRACKET"),
        ("Pin:3", "Pin"),
        ("Bracket v12", "Bracket"),
        ("Washer_2", "Washer_2"),
        ("", "Part"),
        ("***", "Part"),
        ("Open CASCADE STEP translator 7.5 1", "Part"),
        ("=>[0:1:1:2]", "Part"),
        ("½ inch", "1_2_inch"),
    ],
)
def test_readable_keys(name: str, expected: str) -> None:
    if expected[0].isdigit():
        expected = f"P_{expected}"
    assert slug(key_name(name)) == expected


def test_long_names_stay_different() -> None:
    first, second = slug("x" * 200 + "a"), slug("x" * 200 + "b")
    assert first != second
    assert len(first) <= MAX_LENGTH


@given(PARTS)
def test_keys_are_unique_and_valid(parts: list[PartIdentity]) -> None:
    keys = assign_part_keys(parts, reserved=("Products",))
    assert len(set(keys)) == len(parts)
    assert all(is_key(key) for key in keys)
    assert "Products" not in keys


@given(PARTS, st.randoms(use_true_random=False))
def test_order_decides_nothing(parts: list[PartIdentity], chance: random.Random) -> None:
    parts = list(dict.fromkeys(parts))
    before = dict(zip(parts, assign_part_keys(parts), strict=True))
    chance.shuffle(parts)
    assert dict(zip(parts, assign_part_keys(parts), strict=True)) == before


@given(CLEARLY_DIFFERENT, st.data())
def test_keys_outlive_parts_that_come_and_go_and_are_never_passed_on(
    more: list[PartIdentity], data: st.DataObject
) -> None:
    fewer = [part for part in more if data.draw(st.booleans())]
    after = dict(zip(more, assign_part_keys(more), strict=True))
    for part, key in zip(fewer, assign_part_keys(fewer), strict=True):
        assert all(other is part for other, its in after.items() if its == key)
        if told_apart(part, more) == told_apart(part, fewer):
            assert after[part] == key


def told_apart(part: PartIdentity, parts: list[PartIdentity]) -> str:
    """By what a part is told apart from the others of its name."""
    others = [other for other in parts if other is not part and slug(key_name(other.name)) == slug(key_name(part.name))]
    namesakes = [other for other in others if other.name == part.name]
    if not namesakes:
        return "spelling" if others else "name"
    return "place" if any(other.shape == part.shape for other in namesakes) else "shape"


def test_twins_are_numbered() -> None:
    twin = PartIdentity("Pin", (1.0,), (2.0,))
    keys = assign_part_keys([twin, twin, twin])
    assert keys[1:] == [f"{keys[0]}_2", f"{keys[0]}_3"]


def test_noise_of_a_new_export_changes_no_key() -> None:
    def parts(noise: float) -> list[PartIdentity]:
        return [
            PartIdentity("Pin", (volume * (1 + noise), 62.5 * (1 - noise)), (10.0 + noise, 0.0))
            for volume in (100.0, 250.0, 1000.0)
        ]

    for noise in (1e-12, -1e-9, 1e-7):
        assert assign_part_keys(parts(noise)) == assign_part_keys(parts(0.0))


def test_equal_names_are_told_apart_by_shape_then_by_placement() -> None:
    one, other = PartIdentity("Pin", (1.0,), (5.0,)), PartIdentity("Pin", (2.0,), (5.0,))
    elsewhere = PartIdentity("Pin", (1.0,), (9.0,))
    pair, three = assign_part_keys([one, other]), assign_part_keys([one, other, elsewhere])
    assert pair[1] == three[1]
    assert len(set(three)) == 3


def test_siblings_are_numbered_by_where_they_stand() -> None:
    names, places = ["nut", "bolt", "nut", "nut_1"], [(9.0, 0.0), (0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]
    assert number_siblings(names, places) == ["nut_2", "bolt", "nut_1", "nut_1_2"]
    backwards = number_siblings(names[::-1], places[::-1])
    assert backwards[::-1] == ["nut_2", "bolt", "nut_1", "nut_1_2"]


def test_reserved_names_are_left_alone() -> None:
    assert number_siblings(["Products"], [(0.0,)], reserved=("Products",)) == ["Products_2"]
