"""The order in which departments work: what is modelled is looked at, laid out, animated and lit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, case

from service.models import Task
from shared.departments import DEPARTMENTS

_ORDER = [each.name for each in reversed(DEPARTMENTS)]
"""The weakest department first."""


def sorted_departments(names: Iterable[str]) -> list[str]:
    """Names of departments in the order in which they work; unknown ones come last, by their names."""
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def department_position() -> ColumnElement[int]:
    """Where a task's department stands among the others, to sort by."""
    return case({name: place for place, name in enumerate(_ORDER)}, value=Task.department, else_=len(_ORDER))


def in_order_of_work() -> tuple[Any, ...]:
    """By what the tasks of one asset or shot are sorted: those of a department as they were made, which is as their
    template has them."""
    return department_position(), Task.created_at, Task.name_order, Task.id
