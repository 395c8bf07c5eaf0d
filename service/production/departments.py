"""Departments: which a studio has, in which order their opinions win, and which tasks can be given.

What a task or a part has stays, also where its department was put away since; only what is given is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.models import Department
from shared.departments import DEPARTMENTS, Arc, refused_department
from shared.errors import InputError


def declared_departments(current: Session) -> dict[str, Department]:
    """All departments by their names, the strongest first, archived ones too; one statement."""
    return {each.name: each for each in current.scalars(select(Department).order_by(Department.rank))}


def departments_of(current: Session) -> list[Department]:
    """The departments in use, the strongest first; one statement."""
    in_use = select(Department).where(Department.archived_at.is_(None))
    return list(current.scalars(in_use.order_by(Department.rank)))


def named_departments(departments: Iterable[Department]) -> dict[str, str]:
    """The names of departments by what people call them, in small letters: the name, or the label where one department
    alone has it."""
    known = list(departments)
    labels = [each.label.casefold() for each in known]
    labelled = {label: each.name for label, each in zip(labels, known, strict=True) if labels.count(label) == 1}
    return labelled | {each.name: each.name for each in known}


def departments_given(current: Session, names: Iterable[str]) -> set[str]:
    """Those of ``names`` that tasks can be given, which stay so until the transaction ends; one statement.

    Who archives a department waits for no task: it may be asked for before the tasks are locked, or after.
    """
    wanted = select(Department).where(Department.name.in_(set(names))).order_by(Department.name)
    held = wanted.with_for_update(read=True).execution_options(populate_existing=True)
    return {each.name for each in current.scalars(held) if each.archived_at is None}


def check_departments(current: Session, names: Iterable[str]) -> None:
    """Raises InputError (``input.unknown_department``) where a task cannot be given one of ``names``."""
    wanted = set(names)
    if wanted and (lacking := wanted - departments_given(current, wanted)):
        raise unknown_department(current, min(lacking))


def unknown_department(current: Session, name: str) -> InputError:
    """The error for a department that no task can be given, because it is not declared, or archived."""
    known = declared_departments(current)
    in_use = [each.name for each in known.values() if each.archived_at is None]
    return refused_department(name, in_use, archived=name in known)


def declare_departments(current: Session) -> None:
    """What a new tenant begins with."""
    for rank, each in enumerate(DEPARTMENTS, 1):
        current.add(Department(id=uuid4(), name=each.name, label=each.label, arc=each.arc.value, rank=float(rank)))
    current.flush()


def rank_below(current: Session, name: str | None, arc: str) -> float:
    """The rank of a new department of that arc that stands directly below the one called ``name``, for None above all.

    The caller lets nobody else add one meanwhile. Halving is exact: there are fewer departments than bits
    (:data:`service.api.departments.MOST_DEPARTMENTS`). Raises InputError for an unknown one
    (``input.unknown_department``), and where geometry would stand above a layer (``input.department_place``): to USD a
    payload is weaker than all sublayers, wherever it is listed.
    """
    known = declared_departments(current)
    if name is not None and name not in known:
        raise unknown_department(current, name)
    place = list(known).index(name) + 1 if name is not None else 0
    stronger, weaker = list(known.values())[:place], list(known.values())[place:]
    lowest = [each.name for each in known.values() if each.arc == Arc.SUBLAYER][-1]
    if arc == Arc.PAYLOAD and any(each.arc == Arc.SUBLAYER for each in weaker):
        raise _misplaced("Geometry stands below all layers, which win over it in USD.", f"below {lowest} or lower")
    if arc == Arc.SUBLAYER and any(each.arc == Arc.PAYLOAD for each in stronger):
        raise _misplaced("Layers stand above all geometry: they win over it in USD.", f"below {lowest} or higher")
    above = stronger[-1].rank if stronger else weaker[0].rank - 2
    below = weaker[0].rank if weaker else above + 2
    return (above + below) / 2


def _misplaced(what: str, place: str) -> InputError:
    return InputError(
        what, hint=f"Place it {place}.", code="input.department_place", fields={"below": f"must be {place}"}
    )
