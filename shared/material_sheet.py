"""Materials from a spreadsheet: CSV or TSV rows that say which part is made of what, as one more source layer.

The first row names the columns, in any order and whatever the case; others are ignored:

- ``material``: the name or label of a library material.
- ``part key``: a partKey, or one occurrence of it (``<partKey>:<path>``) or its faces of one colour
  (``<partKey>#rrggbb``); or
- ``part name``: the name of a part or body in the CAD file, whatever the case; ``*`` and ``?`` stand for any letters.

A row with a key is for that; a row with a name is for all parts of that name. A key wins over a name, a name over a
pattern. What a row says and cannot be done is a :class:`RowFault`: nothing is passed over in silence.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared.errors import InputError
from shared.files import storage_error
from shared.manifest import Manifest, Part
from shared.material_layers import MaterialLayers, Proposal, part_of, targets_of
from shared.material_library import LIBRARY, Material, find_material, nearest_name, suggest_material
from shared.tables import read_table

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "key": ("partkey", "key", "partid"),
    "name": ("partname", "name", "part", "component", "bodyname", "bezeichnung", "teil"),
    "material": ("material", "materialname", "werkstoff", "matériau", "materiale"),
}
_CODE = "input.material_sheet"


@dataclass(frozen=True)
class SheetRow:
    """One row: its line in the file (the header is line 1), and what it says; ``key`` or ``name`` may be empty."""

    line: int
    key: str
    name: str
    material: str


@dataclass(frozen=True)
class RowFault:
    """A row that was not followed, or not everywhere, and why."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class MaterialSheet:
    """The rows of a spreadsheet; ``name`` is what its owner calls it."""

    name: str
    rows: tuple[SheetRow, ...]

    def proposals(
        self, parts: Sequence[Part], library: Mapping[str, Material] = LIBRARY
    ) -> tuple[dict[str, Proposal], list[RowFault]]:
        """Materials by target (see :mod:`shared.material_layers`), and the rows that were not followed."""
        targets = {target for part in parts for target in targets_of(part)}
        found: dict[str, tuple[int, SheetRow, str]] = {}
        faults: list[RowFault] = []
        for row in self.rows:
            material = find_material(row.material, library)
            if material is None:
                what = (
                    f'unknown material "{row.material}". {suggest_material(row.material, library)}'
                    if row.material
                    else "there is no material in it."
                )
                faults.append(RowFault(row.line, what))
                continue
            wanted, rank = _wanted(row, parts, targets)
            if not wanted:
                faults.append(RowFault(row.line, _nothing(row, parts, targets)))
            for target in wanted:
                known = found.get(target)
                if known is None or rank < known[0]:
                    found[target] = (rank, row, material.name)
                elif rank == known[0] and material.name != known[2]:
                    message = f"line {known[1].line} says {known[2]} for {target} already; that was kept."
                    faults.append(RowFault(row.line, message))
        proposals = {
            target: Proposal(name, f'line {row.line} of {self.name} says "{row.material}"')
            for target, (_, row, name) in found.items()
        }
        return proposals, sorted(faults, key=lambda fault: fault.line)


def apply_sheet(
    layers: MaterialLayers, sheet: MaterialSheet, manifest: Manifest, library: Mapping[str, Material] = LIBRARY
) -> tuple[MaterialLayers, list[RowFault]]:
    """``layers`` with what the spreadsheet says in their source layer, before what the CAD file says there."""
    proposals, faults = sheet.proposals(manifest.parts, library)
    # What is said of a whole part is not undone by what the file says of its faces and places.
    kept = {
        target: proposal
        for target, proposal in layers.source.items()
        if target == part_of(target) or part_of(target) not in proposals
    }
    return replace(layers, source={**kept, **proposals}), faults


def read_sheet(path: str | Path) -> MaterialSheet:
    """Read a spreadsheet file.

    Raises StorageError where it cannot be read, InputError (``input.material_sheet``) where it is none.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise storage_error(error, path, "read") from error
    return parse_sheet(content, Path(path).name)


def parse_sheet(content: bytes, name: str) -> MaterialSheet:
    """Read the bytes of a CSV or TSV file, see :func:`shared.tables.read_table`.

    Raises InputError (``input.material_sheet``) where it is no table with the columns it needs.
    """
    table = read_table(content, name, _COLUMNS, _CODE)
    if "material" not in table.columns or not table.columns & {"key", "name"}:
        raise InputError(
            f"{name} has no row that names its columns.",
            hint='The first row needs "material" and one of "part key" and "part name".',
            code=_CODE,
        )
    empty = dict.fromkeys(_COLUMNS, "")
    return MaterialSheet(name, tuple(SheetRow(row.line, **{**empty, **row.cells}) for row in table.rows))


def _wanted(row: SheetRow, parts: Sequence[Part], targets: set[str]) -> tuple[list[str], int]:
    """What a row is for, and how exactly it says so: 0 by key, 1 by name, 2 by pattern."""
    if row.key:
        return ([row.key] if row.key in targets else []), 0
    if not row.name:
        return [], 1
    name = row.name.casefold()
    exact = [part.part_key for part in parts if name in _names(part)]
    if exact or not set(name) & set("*?"):
        return exact, 1
    # Brackets are ordinary letters in part names.
    pattern = name.replace("[", "[[]")
    return [part.part_key for part in parts if any(fnmatch.fnmatchcase(text, pattern) for text in _names(part))], 2


def _names(part: Part) -> set[str]:
    return {text.strip().casefold() for text in (part.source_name, part.body_name) if text.strip()}


def _nothing(row: SheetRow, parts: Sequence[Part], targets: set[str]) -> str:
    if not row.key and not row.name:
        return "it names no part."
    what, known = ("key", targets) if row.key else ("name", {name for part in parts for name in _names(part)})
    near = nearest_name(row.key or row.name, known)
    return f'no part has the {what} "{row.key or row.name}".' + (f' Did you mean "{near}"?' if near else "")
