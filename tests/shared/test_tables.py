"""Tables come in as spreadsheet programs save them, and go out so that they open as they are meant."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.tables import day_of, number_of, plain, read_table, write_table

_COLUMNS = {"name": ("name",), "note": ("note", "remark")}
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).map(
    lambda text: unicodedata.normalize("NFC", text).strip()
)


@given(st.lists(st.tuples(_TEXT, _TEXT).filter(any)))
@example([("=1", "'=1"), ("''-1", "'twas")])
@example([("", unicodedata.normalize("NFC", "\uf900"))])
def test_what_is_written_is_read_again(rows: list[tuple[str, str]]) -> None:
    written = write_table(("Name", "Note"), rows)
    table = read_table(written, "t.csv", _COLUMNS, "input.table")
    assert table.columns == {"name", "note"}
    assert [(plain(row.cells["name"]), plain(row.cells["note"])) for row in table.rows] == rows


def test_a_cell_behind_the_last_column_is_told_and_not_lost() -> None:
    with pytest.raises(InputError, match="'gear' in line 3 behind its last column"):
        read_table(b"name,note\na,b, ,\n1,5,gear\n", "t.csv", _COLUMNS, "input.table")


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-", "@SUM(A1)", '=HYPERLINK("http://x")'])
def test_no_cell_is_a_formula_where_it_is_opened(text: str) -> None:
    content = write_table(("name",), [[text]]).decode("utf-8-sig")
    assert content.splitlines()[1].lstrip('"').startswith("'")


def test_an_apostrophe_of_ones_own_stays() -> None:
    assert plain("'twas") == "'twas"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04rest", "workbook"),
        (b"name\n\xff\xfe\xfd", "UTF-8"),
        (b'name\n"open', "not a table"),
        (b"name\na\0b", "null"),
    ],
)
def test_what_is_no_table_is_refused_and_said_why(content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        read_table(content, "sheet.csv", _COLUMNS, "input.table")
    assert refused.value.code == "input.table"
    assert "sheet.csv" in refused.value.message


def test_lines_count_as_an_editor_shows_them() -> None:
    table = read_table(b"\n\nremark;NAME\n\nfirst;a\n;\nsecond;b\n", "t.csv", _COLUMNS, "input.table")
    assert [(row.line, row.cells["name"], row.cells["note"]) for row in table.rows] == [
        (5, "a", "first"),
        (7, "b", "second"),
    ]


def test_a_title_means_one_column_and_its_own_name_comes_first() -> None:
    columns = {"status": ("status",), "task_status": ("taskstatus", "state"), "task.status": ()}
    table = read_table(b"task.status,Task Status,colour,\na,b,c,d\n", "t.csv", columns, "input.table")
    assert table.rows[0].cells == {"task.status": "a", "task_status": "b"}
    assert (table.passed_over, table.doubled) == (("colour",), ())
    table = read_table(b"state,status,task_status\na,b,c\n", "t.csv", columns, "input.table")
    assert table.rows[0].cells == {"task_status": "a", "status": "b"}
    assert table.doubled == (("state", "task_status"),)


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y. %m. %d."]))
def test_days_are_read_as_spreadsheet_programs_save_them(day: date, form: str) -> None:
    assert day_of(day.strftime(form)) == day


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y"]))
def test_a_day_that_may_be_another_is_not_guessed(day: date, form: str) -> None:
    text = day.strftime(form)
    if day.day > 12 or day.day == day.month:
        assert day_of(text) == day
    else:
        with pytest.raises(ValueError, match=f"may be .*{day}"):
            day_of(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("2,5", "2.5"), ("-0,25", "-0.25"), ("0,125", "0.125"), ("2.5", "2.5"), ("12", "12"), ("1,2,3", "1,2,3")],
)
def test_a_number_may_have_a_decimal_comma(text: str, meant: str) -> None:
    assert number_of(text) == meant


def test_a_number_that_may_be_another_is_not_guessed() -> None:
    with pytest.raises(ValueError, match=r"may be 1\.250 or 1250; write the number with a point"):
        number_of("1,250")


@pytest.mark.parametrize("text", ["soon", "31.12.27", "31.13.2027", "2027-02-30", "2027-1/31", "46387", "0000-01-01"])
def test_what_is_no_day_is_told_in_plain_words(text: str) -> None:
    with pytest.raises(ValueError, match="write the day like 2027-01-31"):
        day_of(text)
