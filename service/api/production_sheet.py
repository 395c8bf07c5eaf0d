"""A project's production as a spreadsheet, for planning in Excel, Numbers or LibreOffice and for other systems."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from uuid import UUID

from flask import Response, request
from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from service.accounts.permissions import Permission
from service.api.fields import Day, Name, Number, Status, Title
from service.api.listing import row
from service.api.records import live_row
from service.api.routing import Reply, Request, Resource, body_bytes
from service.api.sheet_fields import KINDS, FieldColumns, put_away
from service.api.shots import Frame
from service.api.tasks import EstimateDays
from service.api.validation import faults_of
from service.database import session
from service.models import Asset, FieldsRow, Project, Shot, Task
from service.production.assignees import MOST_ASSIGNEES
from service.production.custom_fields import fields_of, target_type_of
from service.production.departments import declared_departments, named_departments
from service.production.sheet import Plan, RowSpec, follow, label, plan, rows_of
from service.production.statuses import named_statuses
from shared.custom_fields import as_text
from shared.errors import InputError
from shared.material_library import nearest_name
from shared.tables import Table, TableRow, day_of, number_of, plain, read_table, write_table

production_sheet = Resource("production_sheet", "/projects")
RESOURCES = (production_sheet,)

_CODE = "input.production_sheet"
_BYTES = 64 << 20
_MOST_FAULTS = 50
"""So many lines with faults are told."""
COLUMNS = (
    *("asset", "asset type", "sequence", "shot", "title", "status", "frame in", "frame out"),
    *("task", "department", "task status", "assignees", "start", "due", "estimate days"),
)
_OF_TASKS = 7
"""The last columns."""
REVISIONS = ("revision", "task revision")
"""The columns that say what a row was when it was exported; they stand at the end, where they are in nobody's way."""
_ALSO_CALLED = {
    "asset_type": ("type",),
    "sequence": ("seq",),
    "title": ("description",),
    "frame_in": ("in", "firstframe", "startframe"),
    "frame_out": ("out", "lastframe", "endframe"),
    "task": ("tasktype",),
    "assignees": ("assignee", "assignedto", "artist", "artists"),
    "start": ("startdate", "begin"),
    "due": ("duedate", "deadline"),
    "estimate_days": ("estimate", "estimatedays", "bid", "days"),
}
_NAMES = {
    (column := words.replace(" ", "_")): (words.replace(" ", ""), *_ALSO_CALLED.get(column, ()))
    for words in (*COLUMNS, *REVISIONS)
}
_TAKEN = frozenset(name for names in _NAMES.values() for name in names)
_WHOLE = re.compile(r"(-?\d{1,9})(\.0+)?")


def _whole(text: Any) -> Any:
    # Spreadsheets write whole numbers as 1001.0 where a column holds a fraction somewhere.
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else text


_Frame = Annotated[Frame, BeforeValidator(_whole)]
_Revision = Annotated[Number, BeforeValidator(_whole)]
_DayCell = Annotated[Day, BeforeValidator(day_of)]
_DaysCell = Annotated[EstimateDays, BeforeValidator(number_of)]
_People = Annotated[
    list[Annotated[str, StringConstraints(max_length=320)]],
    Field(max_length=MOST_ASSIGNEES),
    BeforeValidator(lambda text: [name for each in re.split(r"[,;\r\n]+", text) if (name := each.strip())]),
]


class _Line(Request):
    """A row of the table; empty cells are left out."""

    asset: Name | None = None
    asset_type: Status | None = None
    sequence: Name | None = None
    shot: Name | None = None
    title: Title | None = None
    status: Status | None = None
    frame_in: _Frame | None = None
    frame_out: _Frame | None = None
    task: Name | None = None
    department: str | None = None
    task_status: str | None = None
    assignees: _People | None = None
    start: _DayCell | None = None
    due: _DayCell | None = None
    estimate_days: _DaysCell | None = None
    revision: _Revision | None = None
    task_revision: _Revision | None = None

    @model_validator(mode="after")
    def _complete(self) -> _Line:
        if (self.asset is None) == (self.sequence is None):
            raise ValueError("name an asset, or a sequence with or without a shot")
        for column, needs in _NEEDS.items():
            if getattr(self, column) is not None and getattr(self, needs) is None:
                raise ValueError(f"{column.replace('_', ' ')} needs {needs} in the same row")
        if self.task is not None and self.asset is None and self.shot is None:
            raise ValueError("task needs an asset or a shot in the same row")
        return self

    def specs(self, line: int, fields: Mapping[str, dict[str, Any]]) -> Iterator[RowSpec]:
        """What the row asks for, each after what it belongs to; ``fields`` are values of custom fields by kind."""

        def spec(place: tuple[str, ...], kind: str, values: dict[str, Any], revision: int | None) -> RowSpec:
            return RowSpec(line, place, {**values, **fields.get(kind, {})}, revision)

        own = self._given("title", "status")
        if self.asset is not None:
            target: tuple[str, ...] = ("asset", self.asset)
            yield spec(target, "asset", {**own, **self._given("asset_type")}, self.revision)
        else:
            assert self.sequence is not None  # _complete
            target = ("sequence", self.sequence)
            if self.shot is None:
                yield spec(target, "sequence", own, self.revision)
            else:
                yield spec(target, "sequence", {}, None)
                target = ("shot", self.sequence, self.shot)
                yield spec(target, "shot", {**own, **self._given("frame_in", "frame_out")}, self.revision)
        if self.task is not None:
            values = self._given("department", "assignees", "start", "due", "estimate_days")
            if self.task_status is not None:
                values["status"] = self.task_status
            yield spec((*target, "task", self.task), "task", values, self.task_revision)

    def _given(self, *columns: str) -> dict[str, Any]:
        return {column: value for column in columns if (value := getattr(self, column)) is not None}


_NEEDS = {
    "asset_type": "asset",
    "shot": "sequence",
    "frame_in": "shot",
    "frame_out": "shot",
    **dict.fromkeys(("department", "task_status", "assignees", "start", "due", "estimate_days"), "task"),
}


class ChangeOut(Reply):
    what: str = Field(examples=["shot sq010/sh010"])
    field: str
    before: Any
    after: Any


class KeptOut(Reply):
    what: str = Field(examples=["task model of asset gear"])
    field: str
    said: Any
    now: Any


class FollowedOut(Reply):
    rows: int
    added: list[str] = Field(description="what was not there", examples=[["asset gear", "task model of asset gear"]])
    changed: list[ChangeOut]
    unchanged: int = Field(description="what was there already, just as the table says")
    kept: list[KeptOut] = Field(
        description="what stays as it is now, because the table says what it was when it was exported"
    )
    warnings: list[str] = Field(description="columns that were passed over", examples=[["There is no column “titel”."]])


class SheetQuery(Request):
    filename: str = Field("production.csv", max_length=200, description="what the spreadsheet is called")
    check: bool = Field(False, description="answer what would be done, and do nothing")


@production_sheet.declare(
    "GET", "/<uuid:project_id>/sheet", permission=Permission.PRODUCTION_WRITE, media_type="text/csv"
)
def get_production_sheet(project_id: UUID) -> Response:
    """Assets, sequences and shots of a project with their tasks, as CSV; a row for each task, or what has none.

    After them come the project's custom fields, such as `shot.lens`, and the revisions of the row and of its task: by
    them POST knows what was changed since.
    """
    project = row(Project, project_id)
    fields = FieldColumns.of(fields_of(session(), project_id))
    response = Response(
        write_table((*COLUMNS, *fields.fields, *REVISIONS), _table(project, fields)), mimetype="text/csv"
    )
    response.headers.set("Content-Disposition", "attachment", filename=f"{project.name}.csv")
    return response


@production_sheet.declare(
    "POST",
    "/<uuid:project_id>/sheet",
    permission=Permission.PRODUCTION_WRITE,
    query=SheetQuery,
    upload="text/csv",
    answer=FollowedOut,
    errors=(404, 409),
)
def follow_production_sheet(project_id: UUID, query: SheetQuery) -> dict[str, Any]:
    """Add and change assets, sequences, shots and tasks as a CSV or TSV file says, all of it or nothing.

    Its first row names the columns, as in the file that GET answers; `asset`, or `sequence` and `shot`, say what a row
    is about, and the others may be missing. Empty cells change nothing. Nothing is archived: what the file does not
    mention stays as it is. New assets and shots of which the file names no task begin with those of their template.
    Assignees are named by e-mail address or name, with commas between them. Custom fields have columns like
    `shot.lens`, or are called by their title alone where that means one column. A status is called by its name or its
    title, a department by its name or its label. Rows that cannot be followed are told by their line.

    `revision` and `task revision` say at which revision a row was exported. Cells that still say what it was then
    change nothing, whatever was changed since; a cell that was edited is refused where somebody else changed the same
    value since. Without them a cell is followed.
    """
    request.max_content_length = _BYTES
    return follow_sheet(project_id, body_bytes(), query.filename, check=query.check)


def follow_sheet(project_id: UUID, content: bytes, name: str, *, check: bool) -> dict[str, Any]:
    """What :class:`FollowedOut` tells. Raises InputError (``input.production_sheet``) with the lines as its fields."""
    project = live_row(Project, project_id)
    fields = fields_of(session(), project_id, hold=not check)
    columns = FieldColumns.of(fields)
    table = read_table(content, name, {**_NAMES, **columns.names(_TAKEN)}, _CODE)
    for titles in table.doubled:
        raise InputError(
            f"Several columns of {name} mean the same: {', '.join(titles)}.",
            hint="Leave one of them, or give the others titles of their own.",
            code=_CODE,
        )
    specs, faults = _specs(table, name, columns)
    # All faults are told together: those of cells, and those of what the other rows come to.
    done = (plan if check or faults else follow)(session(), project, specs, fields)
    for line, told in done.faults.items():
        faults.setdefault(line, []).extend(told)
    if faults:
        raise _refused(name, faults)
    return _told(table, done, [_passed_over(project_id, columns, title) for title in table.passed_over])


def _passed_over(project_id: UUID, columns: FieldColumns, title: str) -> str:
    """Why a column was not read, and what may have been meant."""
    told = f"The column “{title}” was passed over: "
    if several := columns.meant_by(title):
        return f"{told}it may mean {' or '.join(several)}."
    if title.casefold() in put_away(session(), project_id):
        return f"{told}the custom field is archived."
    near = nearest_name(title, (*COLUMNS, *columns.fields))
    return f"{told}there is no such column" + (f"; did you mean “{near}”?" if near else ".")


def _specs(table: Table, name: str, columns: FieldColumns) -> tuple[list[RowSpec], dict[int, list[str]]]:
    """What the rows ask for, and by line what is wrong with those that are left out of it."""
    if not table.columns & {"asset", "sequence"}:
        raise InputError(
            f"{name} has no row that names its columns.",
            hint=f'The first row needs "asset", or "sequence" and "shot", and may have {", ".join(COLUMNS[4:])}.',
            code=_CODE,
        )
    specs: list[RowSpec] = []
    faults: dict[int, list[str]] = {}
    called = {
        "task_status": named_statuses(session()),
        "department": named_departments(declared_departments(session()).values()),
    }
    for line in table.rows:
        try:
            specs += _line(line, columns, called)
        except ValidationError as error:
            for column, fault in faults_of(error).items():
                where = f"{column.replace('_', ' ')}: " if column else ""
                faults.setdefault(line.line, []).append(where + fault)
        except ValueError as error:
            faults[line.line] = [str(error)]
    return specs, faults


def _line(line: TableRow, columns: FieldColumns, called: Mapping[str, Mapping[str, str]]) -> Iterator[RowSpec]:
    """``called``: by columns, the names of what is declared by what people call it."""
    cells = {column: plain(cell) for column, cell in line.cells.items() if cell}
    for column, names in called.items():
        if cell := cells.get(column):
            cells[column] = names.get(cell.casefold(), cell)
    given = {column: cell for column, cell in cells.items() if column in columns.fields}
    said = _Line.model_validate({column: cell for column, cell in cells.items() if column not in given})
    return said.specs(line.line, columns.values(given, cells.keys() & set(KINDS)))


def _refused(name: str, faults: dict[int, list[str]]) -> InputError:
    lines = sorted(faults)
    many = f"{len(lines):,} rows" if len(lines) > 1 else f"Line {lines[0]}"
    more = f" The first {_MOST_FAULTS} are told." if len(lines) > _MOST_FAULTS else ""
    return InputError(
        f"{many} of {name} cannot be followed, so nothing was changed.{more}",
        hint="Correct what is told of each, and send the table again.",
        code=_CODE,
        fields={f"line {line}": "; ".join(faults[line]) for line in lines[:_MOST_FAULTS]},
    )


def _told(table: Table, done: Plan, warnings: list[str]) -> dict[str, Any]:
    return {
        "rows": len(table.rows),
        "added": [label(place) for place in done.added],
        "changed": [vars(change) for change in done.told],
        "unchanged": done.unchanged,
        "kept": [vars(kept) for kept in done.kept],
        "warnings": warnings,
    }


def _table(project: Project, fields: FieldColumns) -> Iterator[list[object]]:
    for target, tasks in rows_of(session(), project):
        own: list[object]
        rows: dict[str, FieldsRow] = {target_type_of(type(target)): target}
        if isinstance(target, Asset):
            own = [target.name, target.asset_type, "", "", target.title, target.status, "", ""]
        elif isinstance(target, Shot):
            frames = [target.frame_in, target.frame_out]
            own = ["", "", target.sequence.name, target.name, target.title, target.status, *frames]
        else:
            own = ["", "", target.name, "", target.title, target.status, "", ""]
        for task in tasks:
            yield [*own, *_cells(task), *fields.cells({**rows, "task": task}), target.revision, task.revision]
        if not tasks:
            yield [*own, *[""] * _OF_TASKS, *fields.cells(rows), target.revision, ""]


def _cells(task: Task) -> list[object]:
    assignees = as_text([user.email for user in task.assignees])
    estimate = "" if task.estimate_days is None else f"{task.estimate_days:g}"
    return [task.name, task.department, task.status, assignees, task.start or "", task.due or "", estimate]
