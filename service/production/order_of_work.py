"""The order in which departments work: what is modelled is looked at, laid out, animated and lit. It is their order of
strength from the weakest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, select

from service.models import Department, Task


def in_order(names: Collection[str], strongest_first: Iterable[str]) -> list[str]:
    """``names`` of departments in the order in which they work."""
    return [name for name in reversed(list(strongest_first)) if name in names]


def department_position() -> ColumnElement[float]:
    """Where a task's department stands among the others, to sort by."""
    own = (Department.tenant_id == Task.tenant_id, Department.name == Task.department)
    return select(-Department.rank).where(*own).scalar_subquery()


def in_order_of_work() -> tuple[Any, ...]:
    """By what the tasks of one asset or shot are sorted: those of a department as they were made, which is as their
    template has them."""
    return department_position(), Task.created_at, Task.name_order, Task.id
