"""Tables that people send: CSV or TSV, as spreadsheet programs save them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import InputError

_ENCODINGS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = "\t;,|"
_LONGEST = 100_000
"""Rows."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class TableRow:
    """One row: its line in the file (the header is line 1), and its text by column, without spaces around it."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The columns that a table has, and its rows that are not empty."""

    columns: frozenset[str]
    rows: tuple[TableRow, ...]


def read_table(content: bytes, name: str, columns: Mapping[str, Sequence[str]], code: str) -> Table:
    """Read the bytes of a CSV or TSV file: UTF-8 or UTF-16, separated by tabs, commas, semicolons or bars.

    Its first row names the columns. ``columns`` are those that matter with what they may be called, as :func:`word`
    has it, beside their own names; others are passed over. Raises InputError (``code``) where it is no table.
    """

    def refused(fault: str, hint: str) -> InputError:
        return InputError(f"{name} {fault}.", hint=hint, code=code)

    if content.startswith(_WORKBOOKS):
        raise refused("is a workbook, not a CSV file", "Save the sheet as CSV (UTF-8) and give that.")
    encoding = next((encoding for encoding, mark in _ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
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
    places = _places(table[first], columns)
    return Table(frozenset(places), tuple(_rows(table[first + 1 :], first + 2, places)))


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


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    # Also where an apostrophe stands before it already, so that one can be taken away again.
    return text.lstrip("'").startswith(_FORMULA)


def _places(header: Sequence[str], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, cell in enumerate(header):
        name, spelled = word(cell), cell.strip().casefold()
        for column, names in columns.items():
            if name in names or spelled == column:
                found.setdefault(column, index)
    return found


def _rows(table: Sequence[Sequence[str]], first: int, places: Mapping[str, int]) -> Iterable[TableRow]:
    for line, cells in enumerate(table, first):
        values = {column: cells[index].strip() if index < len(cells) else "" for column, index in places.items()}
        if any(values.values()):
            yield TableRow(line, values)
