"""Departments of a publish: in which order their layers win, and how an entry brings them in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import InputError


class Arc(StrEnum):
    """The USD composition arc between a part's entry and its item."""

    SUBLAYER = "sublayer"
    PAYLOAD = "payload"
    """For geometry: consumers can leave it unloaded."""


@dataclass(frozen=True)
class Department:
    """A department and the arc its items are composed with."""

    name: str
    label: str
    arc: Arc


DEPARTMENTS: tuple[Department, ...] = (
    Department("lighting", "Lighting", Arc.SUBLAYER),
    Department("fx", "Effects", Arc.SUBLAYER),
    Department("animation", "Animation", Arc.SUBLAYER),
    Department("layout", "Layout", Arc.SUBLAYER),
    Department("look", "Look", Arc.SUBLAYER),
    Department("model", "Model", Arc.PAYLOAD),
)
"""Strongest first: an opinion of a department earlier in this list wins over one of a later department."""

_BY_NAME = {department.name: department for department in DEPARTMENTS}


def department(name: str) -> Department:
    """The department of that name; raises InputError naming the known ones."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise InputError(
            f"There is no department {name!r}.",
            hint=f"Choose one of {', '.join(_BY_NAME)}.",
            code="input.department",
        ) from None


def strength(name: str) -> int:
    """Rank of a department, 0 the strongest."""
    return DEPARTMENTS.index(department(name))
