import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.default_aliases import DEFAULT_ALIASES
from shared.errors import InputError
from shared.material_aliases import PART_COLOR, Alias, Kind, matching_aliases, nearest_color_alias, split_words
from shared.material_library import LIBRARY, linear_from_hex


def best(text: str, *kinds: Kind) -> str:
    found = matching_aliases(text, kinds, DEFAULT_ALIASES)
    return found[0].material if found else ""


@pytest.mark.parametrize(
    ("name", "material"),
    [
        ("Ball", "Steel"),
        ("Ball01", "Steel"),
        ("INNER_RING_1", "Steel"),
        ("hexBolt", "Steel"),
        ("Zylinderschraube M6", "Steel"),
        ("Vis CHC M6", "Steel"),
        ("écrou", "Steel"),
        ("болт М6", "Steel"),
        ("不锈钢螺栓", "BrushedSteel"),
        ("O-Ring", "BlackRubber"),
        ("ORing", "BlackRubber"),
        ("o ring 12x2", "BlackRubber"),
        ("seal_ring", "BlackRubber"),
        ("rubber_washer", "BlackRubber"),
        ("Wellendichtring", "BlackRubber"),
        ("Joint torique", "BlackRubber"),
        ("ball cage", "Brass"),
        ("brass bolt", "Brass"),
        ("Messingbuchse", "Brass"),
        ("Chrome plated steel knob", "Chrome"),
        ("chrome steel ball", "Steel"),
        ("glass filled nylon gear", PART_COLOR),
        ("sight glass", "Glass"),
    ],
)
def test_part_names(name: str, material: str) -> None:
    assert best(name, "name", "word") == material


@pytest.mark.parametrize(
    "name", ["", "---", "boring", "wiring", "monitoring", "L-BRACKET", "M6x12", "housing", "Part 7"]
)
def test_names_that_say_nothing(name: str) -> None:
    assert best(name, "name", "word") == ""


@pytest.mark.parametrize(
    ("text", "material"),
    [
        ("100Cr6", "Steel"),
        ("Steel, S235JR", "Steel"),
        ("St37-2", "Steel"),
        ("1.4301", "BrushedSteel"),
        ("AISI 304L", "BrushedSteel"),
        ("X5CrNi18-10", "BrushedSteel"),
        ("acier inoxydable", "BrushedSteel"),
        ("Edelstahl", "BrushedSteel"),
        ("CuZn39Pb3", "Brass"),
        ("CUZN37", "Brass"),
        ("EN AW-6082 T6", "Aluminium"),
        ("NBR 70", "BlackRubber"),
        ("PMMA", "Glass"),
        ("ABS", PART_COLOR),
    ],
)
def test_step_materials(text: str, material: str) -> None:
    assert best(text, "material", "word") == material


def test_every_default_row_is_sound_and_stands_once() -> None:
    keys = {(alias.kind, alias.pattern) for alias in DEFAULT_ALIASES}
    words = {
        (alias.kind, "".join(split_words(alias.pattern)), alias.pattern[0], alias.pattern[-1])
        for alias in DEFAULT_ALIASES
    }
    assert len(keys) == len(words) == len(DEFAULT_ALIASES)
    for alias in DEFAULT_ALIASES:
        assert alias.material == PART_COLOR or alias.material in LIBRARY
        assert Alias.from_json(alias.to_json()) == alias
        if alias.kind != "color":
            text = alias.pattern.replace("*", "")
            assert alias in matching_aliases(text, [alias.kind], DEFAULT_ALIASES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CuZn37", ["cu", "zn", "37"]),
        ("PCBAssembly", ["pcb", "assembly"]),
        ("Käfig-Ø12", ["kafig", "ø", "12"]),
        ("__a__b", ["a", "b"]),
        ("", []),
    ],
)
def test_split_words(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    assert all(word and word.isalnum() for word in split_words(text))
    matching_aliases(text, ("material", "name", "word"), DEFAULT_ALIASES)


@given(st.permutations(DEFAULT_ALIASES[:40]))
def test_the_order_of_rows_does_not_count(rows: list[Alias]) -> None:
    text = "stainless steel 100Cr6 chrome plated iron St37"
    kinds: tuple[Kind, ...] = ("material", "word")
    assert matching_aliases(text, kinds, rows) == matching_aliases(text, kinds, DEFAULT_ALIASES[:40])


def test_a_studio_row_of_higher_priority_wins() -> None:
    rows = (*DEFAULT_ALIASES, Alias("name", "ball", "Glass", priority=100))
    assert matching_aliases("steel ball", ("name", "word"), rows)[0].material == "Glass"


class TestColors:
    @pytest.mark.parametrize(
        ("code", "material"),
        [("#b0b0b0", "Steel"), ("#ff0000", "RedPlastic"), ("#0000ff", "BluePlastic"), ("#d4af37", "Brass"),
         ("#fdfdfd", "WhitePlastic"), ("#050505", "BlackPlastic")],
    )  # fmt: skip
    def test_near_ones(self, code: str, material: str) -> None:
        found = nearest_color_alias(linear_from_hex(code), DEFAULT_ALIASES)
        assert found and found[0].material == material

    @pytest.mark.parametrize("code", ["#00ff00", "#336b87", "#e0c0ff"])
    def test_far_ones(self, code: str) -> None:
        assert nearest_color_alias(linear_from_hex(code), DEFAULT_ALIASES) is None

    def test_distance_is_cie_1976(self) -> None:
        # White against black is 100 by definition of L*.
        alias = Alias("color", "#ffffff", "WhitePlastic", tolerance=101)
        found = nearest_color_alias((0.0, 0.0, 0.0), [alias])
        assert found and math.isclose(found[1], 100, abs_tol=0.01)


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "smell", "pattern": "x", "material": "Steel"},
        {"kind": "name", "pattern": "*", "material": "Steel"},
        {"kind": "color", "pattern": "red", "material": "RedPlastic"},
        {"kind": "name", "pattern": "x"},
        {"kind": "name", "pattern": "x", "material": "Steel", "priority": "high"},
    ],
)
def test_wrong_rows_are_refused(row: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Alias.from_json(row)
