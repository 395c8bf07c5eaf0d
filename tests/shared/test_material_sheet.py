"""Materials from a spreadsheet become the source layer; every row that cannot be followed is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.material_layers import occurrence_target, propose_layers
from shared.material_sheet import apply_sheet, parse_sheet
from tests.shared.parts import make_manifest, make_part, rgba

PARTS = (
    make_part("Ball", "Ball", material="Chrome", occurrences={"Row/Ball 1": None, "Row/Ball 2": None}),
    make_part("Cover_left", "Cover left", color=rgba("c81e1e")),
    make_part("Cover_right", "Cover right"),
    make_part("Frame_Tube", "Frame", body="Tube [1]"),
)
MANIFEST = make_manifest(*PARTS)


def test_keys_names_and_patterns_find_their_parts() -> None:
    sheet = parse_sheet(
        b"Part Key,Part name,Quantity,Material\nBall,,8,Brass\n,cover*,2,white plastic\n,Tube [1],1,Aluminium\n",
        "bom.csv",
    )
    proposals, faults = sheet.proposals(PARTS)
    assert {target: proposal.material for target, proposal in proposals.items()} == {
        "Ball": "Brass",
        "Cover_left": "WhitePlastic",
        "Cover_right": "WhitePlastic",
        "Frame_Tube": "Aluminium",
    }
    assert faults == []
    assert "line 2 of bom.csv" in proposals["Ball"].reason


def test_the_more_exact_row_wins_wherever_it_stands() -> None:
    text = "name;key;material\ncover*;;Steel\nCover left;;Brass\n;Cover_left;Glass\ncover*;;Steel\n"
    proposals, faults = parse_sheet(text.encode(), "bom.csv").proposals(PARTS)
    assert {target: proposal.material for target, proposal in proposals.items()} == {
        "Cover_left": "Glass",
        "Cover_right": "Steel",
    }
    assert faults == []


def test_one_occurrence_can_be_meant() -> None:
    target = occurrence_target("Ball", "Row/Ball 2")
    proposals, faults = parse_sheet(f"key\tmaterial\n{target}\tGlass\n".encode(), "bom.tsv").proposals(PARTS)
    assert proposals[target].material == "Glass"
    assert faults == []


def test_every_row_that_cannot_be_followed_is_named() -> None:
    rows = ("Bal,,Steel", ",Cover lift,Steel", "Ball,,Stel", "Ball,,", ",,Steel", "Ball,,Steel", "Ball,,Brass")
    text = "\n".join(("part key,part name,material", *rows))
    proposals, faults = parse_sheet(text.encode(), "bom.csv").proposals(PARTS)
    assert proposals["Ball"].material == "Steel"
    assert [fault.line for fault in faults] == [2, 3, 4, 5, 6, 8]
    words = [str(fault) for fault in faults]
    assert 'no part has the key "Bal". Did you mean "Ball"?' in words[0]
    assert 'Did you mean "cover left"?' in words[1]
    assert 'unknown material "Stel". Did you mean "Steel"?' in words[2]
    assert "no material" in words[3] and "names no part" in words[4]
    assert "line 7 says Steel for Ball already" in words[5]


def test_the_sheet_wins_over_what_the_file_says_and_loses_to_nothing_but_a_choice() -> None:
    layers = propose_layers(MANIFEST)
    assert layers.resolve("Ball").material == "Chrome"
    sheet = parse_sheet(b"key,material\nBall,Brass\nCover_left,Glass\n", "bom.csv")
    layers, faults = apply_sheet(layers, sheet, MANIFEST)
    assert faults == []
    assert (layers.resolve("Ball").material, layers.resolve("Ball").layer) == ("Brass", "source")
    assert (layers.resolve("Cover_left").material, layers.resolve("Cover_left").layer) == ("Glass", "source")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_spreadsheet_programs_write_is_read(encoding: str, separator: str) -> None:
    part = make_part("Gehaeuse", "Gehäuse, groß")
    cell = '"Gehäuse, groß"'
    text = f"\r\nTeil{separator}Werkstoff\r\n{cell}{separator}Aluminium\r\n"
    proposals, faults = parse_sheet(text.encode(encoding), "Stückliste.csv").proposals([part])
    assert (proposals["Gehaeuse"].material, faults) == ("Aluminium", [])


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"PK\x03\x04rest", b"material\nSteel\n", b"\xff\xfe\x00", b'key,material\n"Ball,S']
)
def test_what_is_no_such_table_is_refused_with_a_way_out(content: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_sheet(content, "bom.csv")
    assert caught.value.code == "input.material_sheet"
    assert "bom.csv" in caught.value.message and caught.value.hint


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    for head in (b"", b"key,name,material\n"):
        try:
            sheet = parse_sheet(head + content, "bom.csv")
        except InputError:
            continue
        proposals, faults = sheet.proposals(PARTS)
        assert len(proposals) + len(faults) >= bool(sheet.rows)
