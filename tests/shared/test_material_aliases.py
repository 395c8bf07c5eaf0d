import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.default_aliases import DEFAULT_ALIASES
from shared.errors import InputError
from shared.material_aliases import (
    PART_COLOR,
    Alias,
    Kind,
    matching_aliases,
    nearest_color_alias,
    split_words,
    table_of,
)
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


@pytest.mark.parametrize(
    ("material", "texts"),
    [
        ("Steel", """
            Stahl; Stahlklasse 2, Einfach; Baustahl; Acier; Acciaio; Acero; Aço; Ocel; Stal; Staal; Stål; Acél; Çelik;
            Сталь; Сталь 45; 钢; 鋼; 炭素鋼; 鉄;
            S355J2; C45E; Ck45; 42CrMo4+QT; 1.2379; AISI 4340; SS400; Q235B; Ti-6Al-4V;
            Titanium 6-4; Inconel 718"""),
        ("BrushedSteel", """
            Edelstahl; Rostfreier Stahl; Acier inoxydable; Acciaio inossidabile; Acero inoxidable; Nerez;
            Stal nierdzewna; Нержавеющая сталь; 不锈钢; 不鏽鋼; ステンレス鋼;
            SUS304; SUS303; 316L; 1.4404; X2CrNiMo17-12-2; A2-70;
            17-4 PH"""),
        ("Brass", """
            Messing; Laiton; Ottone; Latón; Mosaz; Mosiądz; Латунь; 黄铜; 黄銅; 真鍮; CuZn39Pb3; CW617N;
            C3604; 2.0401"""),
        ("Bronze", "Bronze; Bronzo; Bronce; Rotguss; CuSn8; 青銅; Kupfer; Copper; Cuivre; Rame; Cu-ETP; 铜"),
        ("Aluminium", """
            Aluminum 6061; Aluminium NH14; Alluminio; Alumínio; Hliník; Алюминий; 铝合金; 鋁; アルミニウム; AlMg3;
            6061-T6; EN AW-5754; AlSi1MgMn; 7075; ADC12; 3.2315"""),
        ("BlackRubber", """
            Gummi; Kautschuk; Caoutchouc; Gomma; Caucho; Pryž; Резина; 橡胶; 天然ゴム; NBR 70; EPDM; FKM; SBR"""),
        ("Glass", """
            Glas; Sicherheitsglas; Verre; Vetro; Vidrio; Sklo; Szkło; Стекло; 玻璃; 強化ガラス; PMMA; Acrilico;
            アクリル"""),
        (PART_COLOR, """
            Kunststoff, undurchsichtig Weiß; Plastica; Plastique; Műanyag; Пластмасса; 塑料; プラスチック; ABS;
            PA66-GF30; POM-C; PTFE; PLA; PC/ABS; PEEK; Polystyrol; Glasfaser"""),
        ("BlackPlastic", "Carbon Fiber; CFK"),
        # Autodesk's word for "not chosen", as it is written in two languages.
        ("", "Generic; Všeobecné; RAL 5005; Wood; Default"),
    ],
)  # fmt: skip
def test_materials_in_the_words_and_numbers_of_many_countries(material: str, texts: str) -> None:
    for text in texts.split(";"):
        assert best(text.strip(), "material", "word") == material, text


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Tinte",
            "Glastonbury",
            "Glasgow",
            "Douglas bracket",
            "Steelcase holder",
            "Steeler",
            "Rubbermaid box",
            "Bolton",
        ),
        *("Springfield", "Brassard", "Brasserie", "Plasticity", "Acierno", "Bronzeville", "Shaftesbury", "Screwdriver"),
        *("Villager", "Hochregallager", "Dishwasher", "Ocelot", "Irony", "Sealand", "Entire", "Titanic", "Copperfield"),
        *("Titan extruder", "PC case", "Cu later", "Pinocchio", "Gearbox", "Visor", "About", "Absolute", "Pompom"),
    ],
)
def test_words_inside_longer_names_are_no_materials(name: str) -> None:
    assert best(name, "name", "word") == ""


class TestTableOfAStudio:
    def test_own_rows_replace_those_of_the_same_word(self) -> None:
        own = [Alias("word", "steel*", "Brass"), Alias("name", "ball", "Glass")]
        table = table_of(own, DEFAULT_ALIASES)
        assert table[:2] == own
        assert len(table) == len(DEFAULT_ALIASES), "each replaces one"
        # Also where the default is less open by now than the one that it replaced once.
        assert matching_aliases("steel", ("word",), table)[0] == own[0]
        assert matching_aliases("Steelcase", ("word",), table) == [own[0]]

    def test_a_closed_row_leaves_an_open_default(self) -> None:
        own = [Alias("word", "stahl", "Brass", priority=100)]
        table = table_of(own, DEFAULT_ALIASES)
        assert matching_aliases("Stahl", ("word",), table)[0] == own[0]
        assert matching_aliases("Stahlblech", ("word",), table)[0].material == "Steel"

    def test_colors_are_replaced_by_their_code(self) -> None:
        table = table_of([Alias("color", "#ff0000", "Brass", tolerance=1)], DEFAULT_ALIASES)
        assert len([alias for alias in table if alias.pattern == "#ff0000"]) == 1

    @given(st.sampled_from(DEFAULT_ALIASES), st.lists(st.text("abcäß1 *", min_size=1, max_size=6), max_size=8))
    def test_weaker_rows_never_change_what_a_stronger_one_says(self, alias: Alias, patterns: list[str]) -> None:
        kinds: tuple[Kind, ...] = ("material", "name", "word")
        more = [Alias("word", pattern, "Glass", -1) for pattern in patterns if split_words(pattern)]
        text = alias.pattern
        before = matching_aliases(text, kinds, DEFAULT_ALIASES)
        after = matching_aliases(text, kinds, table_of(more, DEFAULT_ALIASES))
        assert not before or after[0].priority < 0 or after[0] == before[0]


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
