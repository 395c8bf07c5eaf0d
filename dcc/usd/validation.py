"""Run the checks of :mod:`dcc.usd.checks`, which a USD file must pass before it is published.

A layer that will stand above others (a look) holds nothing but overrides: alone, hardly anything of it composes, and
what it overrides is not known. ``below`` names the layers it will stand on, so that the composition is checked as it
will be published. Without ``below``, only the layer itself is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pxr import Sdf, Usd, UsdGeom

from dcc.usd.checks import CHECKS, FILE_OPENS, Subject
from dcc.usd.diagnostics import diagnostics_logged
from dcc.usd.findings import Finding
from dcc.usd.stage import open_layer
from shared import items
from shared.entry_layers import METERS_PER_UNIT, UP_AXIS
from shared.errors import UsdError
from shared.manifest import Manifest


@dataclass(frozen=True)
class Report:
    """All findings about one file."""

    file: str
    below: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing keeps the file from being published."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "below": list(self.below),
            "passed": self.passed,
            "findings": [finding.to_json() for finding in self.findings],
        }


@diagnostics_logged()
def validate(
    path: str | Path,
    *,
    manifest: Manifest | None = None,
    below: Sequence[str | Path] = (),
    root_prim: str = "",
    max_bytes: int = items.MAX_BYTES,
) -> Report:
    """Run every check on a file. ``manifest``: the CAD file whose partKeys it may use. ``below``: strongest first.

    ``root_prim`` is the name its root prim must have, "" for any. A file that does not open is a finding like any
    other; a missing or broken layer of ``below`` raises UsdError.
    """
    lower = tuple(Path(item) for item in below)
    report = [str(item) for item in lower]
    try:
        layer = open_layer(path)
    except UsdError as error:
        finding = Finding(FILE_OPENS.name, "", error.message, error.hint)
        return Report(str(path), tuple(report), (finding,))
    for item in lower:
        open_layer(item)
    subject = Subject(Path(path), layer, _compose(layer, lower), lower, manifest, max_bytes, root_prim)
    findings = [finding for check in CHECKS.values() for finding in check(subject)]
    return Report(str(path), tuple(report), tuple(dict.fromkeys(findings)))


def _compose(layer: Sdf.Layer, below: Sequence[Path]) -> Usd.Stage:
    if not below:
        return Usd.Stage.Open(layer)
    root = Sdf.Layer.CreateAnonymous(".usda")
    root.subLayerPaths = [layer.identifier, *(str(item.resolve()) for item in below)]
    stage = Usd.Stage.Open(root)
    root.defaultPrim = layer.defaultPrim
    UsdGeom.SetStageMetersPerUnit(stage, METERS_PER_UNIT)
    UsdGeom.SetStageUpAxis(stage, UP_AXIS)
    return stage
