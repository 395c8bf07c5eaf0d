"""A project's production from a table: assets, sequences, shots and tasks, many of them at once.

What a table speaks of is added, or changed where it is there and differs; what it does not mention stays as it is. A
table is followed as a whole or not at all. Where it says at which revision a row was exported, what others changed
since is not put back: see :mod:`service.production.sheet_history`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, lazyload

from service import models
from service.accounts.permissions import Role
from service.database import current_actor, current_tenant, hold_each
from service.models import Asset, CustomField, Project, Shot, Task, User
from service.models.production import FRAMES
from service.production.assignees import with_assignees
from service.production.custom_fields import merged
from service.production.departments import departments_given, departments_of
from service.production.sheet_history import changes_of, changes_since, one_of, was
from service.production.statuses import statuses_given, statuses_of
from service.production.task_templates import default_templates, nearest
from service.production.visibility import outsiders
from shared.custom_fields import as_text
from shared.errors import ConflictError, InputError
from shared.natural_order import natural_order

Place = tuple[str, ...]
"""Where a row stands in its project: ``("asset", NAME)``, ``("sequence", NAME)``, ``("shot", SEQUENCE, NAME)``, or one
of those with ``("task", NAME)`` after it."""

Row = Asset | models.Sequence | Shot | Task
Fields = Mapping[str, Sequence[CustomField]]
"""The custom fields of a project by kind of row."""
FIELD = "fields."
"""Before the name of a custom field."""

_MODELS: Mapping[str, Any] = {"asset": Asset, "sequence": models.Sequence, "shot": Shot, "task": Task}
_MOST_ADDED = 20_000
"""Each is recorded and told: a request must not take minutes."""


@dataclass(frozen=True)
class RowSpec:
    """That there is to be a row at ``place`` with these ``values``; ``line`` of the table says so.

    Values of custom fields have names like ``fields.lens``. ``revision`` is the row's when the table was exported.
    """

    line: int
    place: Place
    values: Mapping[str, Any] = field(default_factory=dict)
    revision: int | None = None


@dataclass(frozen=True)
class Change:
    """Of ``what``, ``field`` becomes ``after``."""

    what: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Kept:
    """Of ``what``, ``field`` stays ``now``: the table has ``said``, as it was when it was exported or later."""

    what: str
    field: str
    said: Any
    now: Any


@dataclass
class Plan:
    """What following a table means; ``faults`` say by line what cannot be followed."""

    added: list[Place] = field(default_factory=list)
    changed: dict[Place, dict[str, Any]] = field(default_factory=dict)
    unchanged: int = 0
    faults: dict[int, list[str]] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def refuse(self, line: int, fault: str) -> None:
        self.faults.setdefault(line, []).append(fault)


def label(place: Place) -> str:
    """What people call the row at ``place``: ``asset gear``, ``task model of shot sq010/sh010``."""
    if _kind(place) == "task":
        return f"task {place[-1]} of {label(place[:-2])}"
    return f"{place[0]} {'/'.join(place[1:])}"


def plan(current: Session, project: Project, specs: Sequence[RowSpec], fields: Fields) -> Plan:
    """What ``specs`` come to, as the project is now. Changes nothing; raises as :func:`follow` does."""
    planning = _Planning(current, project, specs, fields)
    planning.check_size()
    return planning.plan


def follow(current: Session, project: Project, specs: Sequence[RowSpec], fields: Fields) -> Plan:
    """Add and change what ``specs`` ask, unless some of them cannot be followed.

    Raises ConflictError (``conflict.exists``) where somebody adds one of the rows at the same time, and InputError
    (``input.too_many``) where too many would be added at once.
    """
    first = _Planning(current, project, specs, fields)
    if first.plan.faults:
        return first.plan
    first.check_size()
    first.hold()
    # What others did until now is seen from here on, and they wait.
    planning = _Planning(current, project, specs, fields)
    if len(planning.plan.added) < len(first.plan.added):
        raise ConflictError(
            "Somebody else is adding the same to this project just now.",
            hint="Send the table again.",
            code="conflict.exists",
        )
    if not planning.plan.faults:
        planning.carry_out()
    return planning.plan


def rows_of(current: Session, project: Project) -> Iterator[tuple[Asset | models.Sequence | Shot, list[Task]]]:
    """What is in use in a project with its tasks: assets by name, then each sequence followed by its shots."""
    known = {place: row for place, row in _known(current, project).items() if row.archived_at is None}
    tasks: dict[Place, list[Task]] = {}
    for place, row in known.items():
        if isinstance(row, Task):
            tasks.setdefault(place[:-2], []).append(row)
    with_assignees(current, [task for each in tasks.values() for task in each])
    # A sequence comes before its shots: its place is the shorter one.
    order = {place: (place[0] != "asset", tuple(map(natural_order, place[1:]))) for place in known}
    for place in sorted(known, key=order.__getitem__):
        row = known[place]
        if isinstance(row, Asset | models.Sequence) or (isinstance(row, Shot) and ("sequence", place[1]) in known):
            yield row, sorted(tasks.get(place, []), key=lambda task: natural_order(task.name))


class _Planning:
    """Compares what is asked for with what there is."""

    def __init__(self, current: Session, project: Project, specs: Sequence[RowSpec], fields: Fields) -> None:
        self.plan = Plan()
        self._current, self._project, self._fields = current, project, fields
        self._known = _known(current, project)
        self._spelled: dict[Place, Place] = {}
        self._values: dict[Place, dict[str, Any]] = {}
        self._lines: dict[Place, int] = {}
        specs = [*specs, *self._begun(specs)]
        self._people = _People(current, project, specs, self._known.values())
        tasks = [spec for spec in specs if _kind(spec.place) == "task"]
        said = (spec.values["status"] for spec in tasks if "status" in spec.values)
        self._first_status, self._statuses = statuses_given(current, said)
        # A task may be called like its department.
        self._departments = departments_given(
            current, (spec.values.get("department", _folded(spec.place)[-1]) for spec in tasks)
        )
        self._history = changes_since(current, self._older(specs))
        for spec in specs:
            self._take(spec)
        for place in self._values:
            self._compare(place)

    def check_size(self) -> None:
        """Raises InputError (``input.too_many``) where more is added than one transaction can."""
        if len(self.plan.added) > _MOST_ADDED:
            raise InputError(
                f"The table adds {len(self.plan.added):,} assets, sequences, shots and tasks, too many for one.",
                hint=f"Send it in several tables, each with at most {_MOST_ADDED:,} that are new.",
                code="input.too_many",
            )

    def hold(self) -> None:
        """Let nobody else add what is added here, nor change what is changed, until the transaction ends."""
        hold_each(self._current, current_tenant(self._current), self._names())
        for kind, model in _MODELS.items():
            ids = [self._known[_folded(place)].id for place in self.plan.changed if _kind(place) == kind]
            if ids:
                locked = select(model).where(one_of(model.id, ids)).order_by(model.id)
                locked = locked.options(lazyload("*")).with_for_update(key_share=True, of=model)
                self._current.scalars(locked.execution_options(populate_existing=True)).all()

    def _names(self) -> dict[object, list[tuple[object, ...]]]:
        """What is added to rows that others may be adding to as well, by its table."""
        names: dict[object, list[tuple[object, ...]]] = {model.__tablename__: [] for model in _MODELS.values()}
        for place in self.plan.added:
            if (parent := self._parent(place)) is not None:
                # As service.api.records.add does, for one row.
                names[_MODELS[_kind(place)].__tablename__].append((parent.id, _folded(place)[-1]))
        return names

    def carry_out(self) -> None:
        for place, values in self.plan.changed.items():
            row = self._known[_folded(place)]
            for name, value in _columns(values, row.fields).items():
                setattr(row, name, value)
        # Children after what they belong to; and rows with the same columns together, which makes them one statement.
        for kind in _MODELS:
            places = [place for place in self.plan.added if _kind(place) == kind]
            for place in sorted(places, key=lambda place: sorted(self._values[_folded(place)])):
                self._known[_folded(place)] = row = self._new(place)
                self._current.add(row)
            self._current.flush()

    def _begun(self, specs: Iterable[RowSpec]) -> Iterator[RowSpec]:
        """The tasks of templates, for new assets and shots of which the table names no task."""
        new: dict[Place, RowSpec] = {}
        for spec in specs:
            place = _folded(spec.place)
            is_new = _kind(place) in ("asset", "shot") and place not in self._known
            # A later line may tell the type, which chooses the template.
            if is_new and (place not in new or "asset_type" in spec.values):
                new[place] = spec
        for spec in specs:
            if _kind(spec.place) == "task":
                new.pop(_folded(spec.place)[:-2], None)
        templates = default_templates(self._current, self._project) if new else ()
        said = (task["status"] for template in templates for task in template.tasks if task["status"])
        _, in_use = statuses_given(self._current, said) if templates else ("", set())
        worked = (task["department"] for template in templates for task in template.tasks)
        departments = departments_given(self._current, worked) if templates else set()
        for spec in new.values():
            template = nearest(templates, _kind(spec.place), spec.values.get("asset_type", ""))
            for task in template.tasks if template else ():
                if task["department"] not in departments:
                    continue
                values = {"department": task["department"]}
                # One that was put away since is not given any more.
                if task["status"] in in_use:
                    values["status"] = task["status"]
                yield RowSpec(spec.line, (*spec.place, "task", task["name"]), values)

    def _older(self, specs: Iterable[RowSpec]) -> dict[UUID, int]:
        """The rows that were changed after the table was exported, with the oldest revision that it has of each."""
        older: dict[UUID, int] = {}
        for spec in specs:
            row = self._known.get(_folded(spec.place))
            if row is not None and spec.revision is not None and spec.revision < row.revision:
                older[row.id] = min(spec.revision, older.get(row.id, spec.revision))
        return older

    def _take(self, spec: RowSpec) -> None:
        """Add what a line says of a row to what earlier lines say of it."""
        place = _folded(spec.place)
        self._spelled.setdefault(place, spec.place)
        self._lines.setdefault(place, spec.line)
        values, row = dict(spec.values), self._known.get(place)
        if (named := values.pop("assignees", None)) is not None:
            try:
                values["assignee_ids"] = self._people.meant_by(named)
            except InputError as error:
                self.plan.refuse(spec.line, f"assignees: {error.message}")
        if row is not None and spec.revision is not None:
            values = {name: value for name, value in values.items() if self._is_new(spec, row, name, value)}
        if "assignee_ids" in values:
            before = row.assignee_ids if isinstance(row, Task) else []
            if fault := self._people.fault(set(values["assignee_ids"]) - set(before)):
                self.plan.refuse(spec.line, f"assignees: {fault}")
        if _kind(place) == "task" and "status" in values and (row is None or row.status != values["status"]):
            self._check_status(spec.line, values["status"])
        if "department" in values and not (isinstance(row, Task) and row.department == values["department"]):
            self._check_department(spec.line, values["department"])
        said = self._values.setdefault(place, {})
        for name, value in values.items():
            if said.setdefault(name, value) != value:
                what = f"another line says “{self._shown(name, said[name])}” of the {label(spec.place)}"
                self.plan.refuse(spec.line, f"{_column(place, name)}: {what}")

    def _is_new(self, spec: RowSpec, row: Row, name: str, value: Any) -> bool:
        """Whether somebody wrote a value into the table after it was exported; refuses what others changed as well."""
        assert spec.revision is not None  # see _take
        now, column = _value(row, name), _column(spec.place, name)
        if value == now:
            return False
        cell = "task revision" if isinstance(row, Task) else "revision"
        if spec.revision > row.revision:
            what = f"the {label(spec.place)} has no revision {spec.revision} yet, so the row is of another project"
            self.plan.refuse(spec.line, f"{column}: {what}; empty its cell “{cell}” to follow it all the same")
            return False
        changes = changes_of(self._history, row.id, spec.revision, name)
        if was(changes, name, value):
            self.plan.kept.append(Kept(label(spec.place), column, self._shown(name, value), self._shown(name, now)))
            return False
        if any(change.actor_id != current_actor(self._current) for change in changes):
            last = changes[-1]
            who = last.actor.name if last.actor else "the service"
            what = f"{who} changed it to “{self._shown(name, now)}” on {last.created_at:%Y-%m-%d}"
            remedy = f"export it again, or empty the cell “{cell}” to have “{self._shown(name, value)}” all the same"
            self.plan.refuse(spec.line, f"{column}: {what}, after this spreadsheet was exported; {remedy}")
            return False
        return True

    def _check_status(self, line: int, status: str) -> None:
        if status not in self._statuses:
            there = ", ".join(each.name for each in statuses_of(self._current))
            self.plan.refuse(line, f"task status: no task can be given {status}; there are {there}")

    def _check_department(self, line: int, department: str) -> None:
        if department not in self._departments:
            there = ", ".join(each.name for each in departments_of(self._current))
            self.plan.refuse(line, f"department: no task can be given {department}; there are {there}")

    def _shown(self, name: str, value: Any) -> str:
        """A value as the table has it."""
        return self._people.shown(value) if name == "assignee_ids" else as_text(value)

    def _compare(self, place: Place) -> None:
        spelled, values, line = self._spelled[place], self._values[place], self._lines[place]
        row = self._known.get(place)
        if _kind(place) == "shot":
            first = values.get("frame_in", row.frame_in if isinstance(row, Shot) else FRAMES[0])
            last = values.get("frame_out", row.frame_out if isinstance(row, Shot) else FRAMES[1])
            if last < first:
                self.plan.refuse(line, f"frame out: the range {first} to {last} ends before it begins")
        if _kind(place) == "task" and values.keys() & {"start", "due"}:
            start, due = (values.get(name, getattr(row, name, None)) for name in ("start", "due"))
            if start and due and due < start:
                self.plan.refuse(line, f"due: {due} is before the task starts, on {start}")
        self._check_fields(place, {} if row is None else row.fields)
        if row is None:
            if _kind(place) == "task" and "department" not in values:
                if place[-1] not in self._departments:
                    self.plan.refuse(line, "department: the new task needs one")
                values["department"] = place[-1]
            self.plan.added.append(spelled)
            return
        if row.archived_at is not None:
            self.plan.refuse(line, f"the {label(spelled)} is archived; restore it first, or leave it out")
            return
        before = {name: _value(row, name) for name in values}
        changes = {name: value for name, value in values.items() if before[name] != value}
        if not changes:
            self.plan.unchanged += 1
            return
        self.plan.changed[spelled] = changes
        for name, value in changes.items():
            told = (before[name], value)
            if name == "assignee_ids":
                told = (self._shown(name, before[name]), self._shown(name, value))
            self.plan.told.append(Change(label(spelled), "assignees" if name == "assignee_ids" else name, *told))

    def _check_fields(self, place: Place, before: Mapping[str, Any]) -> None:
        given = _fields_in(self._values[place])
        try:
            merged(self._fields[_kind(place)] if given else (), before, given)
        except InputError as error:
            for name, fault in error.fields.items():
                self.plan.refuse(self._lines[place], f"{_column(place, name)}: {fault}")

    def _parent(self, place: Place) -> Row | Project | None:
        """What a row belongs to, None where that is new as well."""
        if _kind(place) == "task":
            return self._known.get(_folded(place)[:-2])
        return self._known.get(("sequence", _folded(place)[1])) if place[0] == "shot" else self._project

    def _new(self, place: Place) -> Row:
        parent, kind = self._parent(place), _kind(place)
        assert parent is not None  # the table's order, see carry_out
        column = {"asset": "project_id", "sequence": "project_id", "shot": "sequence_id"}.get(kind, f"{place[0]}_id")
        values = self._values[_folded(place)]
        if kind == "shot":
            values = {"frame_in": FRAMES[0], "frame_out": FRAMES[1], **values}
        if kind == "task":
            values = {"status": self._first_status, **values}
        new: Row = _MODELS[kind](id=uuid4(), name=place[-1], **{column: parent.id}, **_columns(values, {}))
        return new


def _column(place: Place, name: str) -> str:
    """What the table calls a value of the row at ``place``."""
    if name.startswith(FIELD):
        return f"{_kind(place)}.{name.removeprefix(FIELD)}"
    if _kind(place) == "task" and name == "status":
        return "task status"
    return "assignees" if name == "assignee_ids" else name.replace("_", " ")


def _value(row: Row, name: str) -> Any:
    return row.fields.get(name.removeprefix(FIELD)) if name.startswith(FIELD) else getattr(row, name)


def _columns(values: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` by the columns of a row that has ``fields``."""
    given = _fields_in(values)
    others = {name: value for name, value in values.items() if not name.startswith(FIELD)}
    return {**others, "fields": {**fields, **given}} if given else others


def _fields_in(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(FIELD): value for name, value in values.items() if name.startswith(FIELD)}


def _kind(place: Place) -> str:
    return "task" if len(place) > 3 else place[0]


def _folded(place: Place) -> Place:
    """Names that differ in capitals only are one name: their files would lie in one folder on Windows and macOS."""
    return tuple(name.lower() for name in place)


def _known(current: Session, project: Project) -> dict[Place, Row]:
    """All rows of a project by their places, in small letters, archived ones too."""
    # Other relations are not needed: what belongs together is told by the keys.
    bare = lazyload("*")
    known: dict[Place, Row] = {}
    targets: dict[Any, Place] = {}
    for asset in current.scalars(select(Asset).options(bare).where(Asset.project_id == project.id)):
        known[targets.setdefault(asset.id, ("asset", asset.name.lower()))] = asset
    sequences = current.scalars(select(models.Sequence).options(bare).where(models.Sequence.project_id == project.id))
    names = {sequence.id: sequence for sequence in sequences}
    known |= {("sequence", sequence.name.lower()): sequence for sequence in names.values()}
    for shot in current.scalars(select(Shot).options(bare).where(Shot.sequence_id.in_(list(names)))):
        place = ("shot", names[shot.sequence_id].name.lower(), shot.name.lower())
        known[targets.setdefault(shot.id, place)] = shot
    of_assets = select(Asset.id).where(Asset.project_id == project.id)
    of_shots = select(Shot.id).where(Shot.sequence_id.in_(list(names)))
    of_project = Task.asset_id.in_(of_assets) | Task.shot_id.in_(of_shots)
    for task in current.scalars(select(Task).options(bare).where(of_project)):
        known[(*targets[task.asset_id or task.shot_id], "task", task.name.lower())] = task
    return known


class _People:
    """Those whom a table names, and those who do the tasks that there are; one statement, or two where only its team
    sees the project."""

    def __init__(self, current: Session, project: Project, specs: Iterable[RowSpec], known: Iterable[Row]) -> None:
        named = {name.lower() for spec in specs for name in spec.values.get("assignees", ())}
        ids = {UUID(user_id) for row in known if isinstance(row, Task) for user_id in row.assignee_ids}
        wanted = or_(func.lower(User.email).in_(named), func.lower(User.name).in_(named), one_of(User.id, ids))
        found = current.scalars(select(User).where(wanted)).all() if named or ids else ()
        self._by_id = {str(user.id): user for user in found}
        self._by_email = {user.email.lower(): user for user in found}
        self._outsiders = {user.id for user in outsiders(current, project, [user.id for user in found])}

    def meant_by(self, names: Iterable[str]) -> list[str]:
        """The ids of those who are named, by e-mail address or name. Raises InputError."""
        return list(dict.fromkeys(str(self._meant_by(name).id) for name in names))

    def _meant_by(self, name: str) -> User:
        if user := self._by_email.get(name.lower()):
            return user
        alike = [user for user in self._by_id.values() if user.name.lower() == name.lower()]
        found = [user for user in alike if user.archived_at is None] or alike
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"several people here are called {name}; give an e-mail address")
        raise InputError(f"nobody here has the {'e-mail address' if '@' in name else 'name'} {name}")

    def fault(self, user_ids: Iterable[str]) -> str:
        """Why one of these cannot be given a task; empty where all can."""
        for user in sorted((self._by_id[user_id] for user_id in user_ids), key=lambda user: user.email):
            if user.archived_at is not None:
                return f"{user.email} is not here any more and cannot be given a task"
            if user.role == Role.CLIENT:
                return f"{user.email} is a client, who cannot be given a task"
            if user.id in self._outsiders:
                return (
                    f"{user.email} is not in the team, and only the team sees this project: add them under its People"
                )
        return ""

    def shown(self, user_ids: Iterable[str]) -> str:
        return as_text([self._by_id[user_id].email for user_id in user_ids])
