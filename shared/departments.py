"""Departments of a publish: how an entry brings their layers in, and those that every studio has from the start.

Which others a studio has, and where each of them stands, the service says (``/api/departments/``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
"""Of every studio, strongest first: an opinion of a department earlier in this list wins over one of a later
department. A studio can call them otherwise or archive them; their names, arcs and order never change."""

ARCS: Mapping[str, Arc] = {department.name: department.arc for department in DEPARTMENTS}
"""What is known of departments without the service."""


def refused_department(name: str, in_use: Iterable[str], *, archived: bool = False) -> InputError:
    """The error for a department that is not declared, or ``archived`` and cannot be given any more."""
    listed = ", ".join(in_use)
    what = f"The department {name} is archived" if archived else f"There is no department {name}"
    return InputError(
        f"{what}.",
        hint=f"There are {listed}. A project manager adds and restores them under Departments, or by POST "
        "/api/departments/.",
        code="input.unknown_department",
        fields={"department": f"of {listed}"},
    )
