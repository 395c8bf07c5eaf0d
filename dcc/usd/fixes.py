"""The automatic fixes that findings name, for a file that is still being prepared: published items are immutable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pxr import Sdf, Usd, UsdGeom

from dcc.usd import asset_paths, mesh_checks
from dcc.usd.diagnostics import diagnostics_logged
from dcc.usd.findings import Finding
from dcc.usd.stage import open_layer, write_stage
from shared import entry_layers

DEFAULT_PRIM = "set_default_prim"
ROOT_PRIM = "rename_root_prim"
UP_AXIS = "set_up_axis"


@dataclass(frozen=True)
class _Work:
    """A file that is being put right, and the name that its root prim must have."""

    layer: Sdf.Layer
    stage: Usd.Stage
    findings: Sequence[Finding]
    root_prim: str


@diagnostics_logged()
def fix(path: str | Path, findings: Sequence[Finding], *, root_prim: str = "") -> list[str]:
    """Apply the fixes that ``findings`` name to a file, whole or not at all; returns their names.

    ``root_prim`` is the name its root prim must have, for a finding that it has another.
    """
    wanted = {finding.fix for finding in findings if finding.fix}
    if not wanted:
        return []
    layer = open_layer(path)
    work = _Work(layer, Usd.Stage.Open(layer), findings, root_prim)
    done = [name for name in _FIXES if name in wanted]
    for name in done:
        _FIXES[name](work)
    write_stage(work.stage, path, text=layer.GetFileFormat().formatId == "usda", overwrite=True)
    return done


def _set_default_prim(work: _Work) -> None:
    work.layer.defaultPrim = work.layer.rootPrims[0].name


def _set_up_axis(work: _Work) -> None:
    UsdGeom.SetStageUpAxis(work.stage, entry_layers.UP_AXIS)


def _make_paths_relative(work: _Work) -> None:
    asset_paths.fix_asset_paths(work.layer)


def _compute_extents(work: _Work) -> None:
    for finding in work.findings:
        if finding.fix == mesh_checks.FIX_EXTENT:
            mesh_checks.fix_extent(UsdGeom.Mesh(work.stage.GetPrimAtPath(finding.prim)))


def _rename_root_prim(work: _Work) -> None:
    # A copy, not a rename: it carries targets and connections inside along.
    old = f"/{work.layer.defaultPrim}"
    Sdf.CopySpec(work.layer, old, work.layer, f"/{work.root_prim}")
    del work.layer.rootPrims[work.layer.defaultPrim]
    work.layer.defaultPrim = work.root_prim


_FIXES: dict[str, Callable[[_Work], None]] = {
    DEFAULT_PRIM: _set_default_prim,
    UP_AXIS: _set_up_axis,
    asset_paths.FIX: _make_paths_relative,
    mesh_checks.FIX_EXTENT: _compute_extents,
    # Last, because the findings of the others name prims by their old paths.
    ROOT_PRIM: _rename_root_prim,
}
