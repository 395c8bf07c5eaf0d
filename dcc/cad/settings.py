"""How a conversion is done and what it may cost."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from shared.errors import InputError
from shared.manifest import Tessellation

DEFAULT_TESSELLATION = Tessellation(linear_deflection=None, relative_deflection=0.001, angular_deflection=0.25)


@dataclass(frozen=True)
class DetailLevel:
    """A coarser mesh beside the full one: by what factors its linear and angular deflection are larger."""

    name: str
    linear: float
    angular: float


FULL_DETAIL = "high"
"""Name of the level with the deflections that were asked for."""
COARSER_LEVELS = (DetailLevel("medium", 4.0, 2.0), DetailLevel("low", 16.0, 3.5))


@dataclass(frozen=True)
class Limits:
    """Where a conversion stops with a coded error instead of taking the machine down.

    ``expanded_occurrences``: above this number of placed parts, sub-assemblies that repeat become nested instances
    in USD, GPU instances in the GLB, and the manifest counts occurrences instead of listing them. ``body_names``: above
    this number, bodies of one product go without the names of their own, which cost the kernel quadratic time.
    ``unpacked_bytes``: what a compressed file may hold.
    """

    occurrences: int = 2_000_000
    triangles: int = 60_000_000
    expanded_occurrences: int = 20_000
    body_names: int = 2_000
    unpacked_bytes: int = 2 << 30


@dataclass(frozen=True)
class Settings:
    """How one conversion is done.

    ``processes``: how many processes work on parts at once (0: one per core). ``piecewise_bytes``: a file of at least
    this size is read piece by piece on all cores where that is possible; a smaller one only where an assembly in it has
    very many placements.
    """

    tessellation: Tessellation = DEFAULT_TESSELLATION
    limits: Limits = field(default_factory=Limits)
    processes: int = 0
    piecewise_bytes: int = 1_000_000

    def worker_count(self) -> int:
        """Processes to use on this machine."""
        if self.processes:
            return self.processes
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tessellation(
    linear_deflection: float | None = None,
    relative_deflection: float | None = None,
    angular_deflection: float | None = None,
) -> Tessellation:
    """Checked mesher settings; what is None keeps its default (see :class:`shared.manifest.Tessellation`).

    Raises InputError where a value is out of range.
    """
    default = DEFAULT_TESSELLATION
    ranges = {
        "linear_deflection": (linear_deflection, 1e-6, 1e6, "mm"),
        "relative_deflection": (relative_deflection, 1e-6, 0.5, "of the part's size"),
        "angular_deflection": (angular_deflection, 0.01, 3.0, "radians"),
    }
    for name, (value, low, high, unit) in ranges.items():
        # Written so that NaN is refused as well.
        if value is not None and not low <= value <= high:
            raise InputError(
                f"{name} is {value:g}; it must lie between {low:g} and {high:g} {unit}.",
                code="cad.deflection",
                hint="Leave it out to use the default.",
                fields={name: f"between {low:g} and {high:g}"},
            )
    return Tessellation(
        linear_deflection,
        default.relative_deflection if relative_deflection is None else relative_deflection,
        default.angular_deflection if angular_deflection is None else angular_deflection,
    )
