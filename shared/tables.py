"""Tables that people send: CSV or TSV, as spreadsheet programs save them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shared.errors import InputError

_ENCODINGS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = "\t;,|"
_LONGEST = 100_000
"""Rows."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_YEAR_FIRST = re.compile(r"(\d{4})\s*([-./])\s*(\d\d?)\s*\2\s*(\d\d?)\.?")
_YEAR_LAST = re.compile(r"(\d\d?)\s*([-./])\s*(\d\d?)\s*\2\s*(\d{4})")
_DECIMAL_COMMA = re.compile(r"([-+]?\d+),(\d+)")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class TableRow:
    """One row: its line in the file (the header is line 1), and its text by column, without spaces around it."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The columns that a table has, and its rows that are not empty.

    ``passed_over`` are the titles that mean no column; ``doubled`` those that mean one together, of which the first is
    read.
    """

    columns: frozenset[str]
    rows: tuple[TableRow, ...]
    passed_over: tuple[str, ...] = ()
    doubled: tuple[tuple[str, ...], ...] = ()


def read_table(content: bytes, name: str, columns: Mapping[str, Sequence[str]], code: str) -> Table:
    """Read the bytes of a CSV or TSV file: UTF-8 or UTF-16, separated by tabs, commas, semicolons or bars.

    Its first row names the columns. ``columns`` are those that matter with what they may be called, as :func:`word`
    has it, beside their own names, which come first. Raises InputError (``code``) where it is no table.
    """

    def refused(fault: str, hint: str) -> InputError:
        return InputError(f"{name} {fault}.", hint=hint, code=code)

    if content.startswith(_WORKBOOKS):
        raise refused("is a workbook, not a CSV file", "Save the sheet as CSV (UTF-8) and give that.")
    encoding = next((encoding for encoding, mark in _ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        text = unicodedata.normalize("NFC", content.decode(encoding))
    except UnicodeDecodeError as error:
        raise refused("is not UTF-8 text", "Save the sheet as CSV (UTF-8).") from error
    if "\0" in text:
        raise refused("holds null characters", "Save the sheet as CSV (UTF-8) again.")
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise refused(f"is not a table ({error})", "Save the sheet as CSV (UTF-8) again.") from error
    if len(table) > _LONGEST:
        raise refused(f"has more than {_LONGEST:,} rows", "Give the rows that matter here only.")
    first = next((number for number, cells in enumerate(table) if any(cell.strip() for cell in cells)), None)
    if first is None:
        return Table(frozenset(), ())
    titles = [cell.strip() for cell in table[first]]
    for line, cells in enumerate(table[first + 1 :], first + 2):
        # A comma in a number, such as 1,5, moves every cell after it into a wrong column.
        if beyond := [cell.strip() for cell in cells[len(titles) :] if cell.strip()]:
            raise refused(
                f"has {beyond[0]!r} in line {line} behind its last column",
                "Give each column a title in the first row, and put text that has the separator in it in quotes.",
            )
    found = _places(titles, columns)
    meant = {index for indices in found.values() for index in indices}
    return Table(
        frozenset(found),
        tuple(_rows(table[first + 1 :], first + 2, {column: indices[0] for column, indices in found.items()})),
        tuple(title for index, title in enumerate(titles) if title and index not in meant),
        tuple(tuple(titles[index] for index in indices) for indices in found.values() if len(indices) > 1),
    )


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file that spreadsheet programs open as it is meant: UTF-8 with its mark, no cell taken for a formula.

    Text that begins like a formula gets an apostrophe before it, which :func:`plain` takes away again.
    See https://owasp.org/www-community/attacks/CSV_Injection.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def plain(cell: str) -> str:
    """Text of a cell, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def word(text: str) -> str:
    """What a column is called, whatever its capitals, spaces and signs."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def day_of(text: str) -> date:
    """The day that a cell holds, in any form that spreadsheet programs save and that can be read in one way only.

    ``2027-01-31``, ``2027/1/31``, ``31.1.2027``, and ``1/31/2027``, but not ``1/2/2027``. Raises ValueError.
    """
    form = "write the day like 2027-01-31 or 31.1.2027"
    if found := _YEAR_FIRST.fullmatch(text):
        readings = {(found[1], found[3], found[4])}
    elif found := _YEAR_LAST.fullmatch(text):
        readings = {(found[4], found[3], found[1])}
        if found[2] != ".":  # The month comes first in some countries, where slashes and dashes are written.
            readings.add((found[4], found[1], found[3]))
    else:
        raise ValueError(f"“{text}” is no day; {form}")
    days = sorted(day for reading in readings if (day := _calendar_day(*map(int, reading))))
    if not days:
        raise ValueError(f"“{text}” is no day of the calendar; {form}")
    if len(days) > 1:
        raise ValueError(f"“{text}” may be {days[0]} or {days[1]}; {form}")
    return days[0]


def number_of(text: str) -> str:
    """The number that a cell holds, with a point: ``2.5`` of ``2,5``, as many countries write it; other text as it is.

    ``1,250`` can be read in two ways. Raises ValueError.
    """
    found = _DECIMAL_COMMA.fullmatch(text)
    if found is None:
        return text
    plain = f"{found[1]}.{found[2]}"
    if _THOUSANDS.fullmatch(text):
        raise ValueError(f"“{text}” may be {plain} or {found[1]}{found[2]}; write the number with a point")
    return plain


def _calendar_day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    # Also where an apostrophe stands before it already, so that one can be taken away again.
    return text.lstrip("'").startswith(_FORMULA)


def _places(titles: Sequence[str], columns: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Where each column stands; its own name means it alone, whatever others may be called."""
    called = {name: column for column, names in columns.items() for name in names}
    found: dict[str, list[int]] = {}
    for index, title in enumerate(titles):
        spelled = title.casefold()
        column = spelled if spelled in columns else called.get(word(title))
        if column is not None:
            found.setdefault(column, []).append(index)
    return found


def _rows(table: Sequence[Sequence[str]], first: int, places: Mapping[str, int]) -> Iterable[TableRow]:
    for line, cells in enumerate(table, first):
        values = {column: cells[index].strip() if index < len(cells) else "" for column, index in places.items()}
        if any(values.values()):
            yield TableRow(line, values)
