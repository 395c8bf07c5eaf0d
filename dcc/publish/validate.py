"""Validate: what must not be published is found before anything is visible, with a remedy for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dcc.publish.collect import CadAsset
from dcc.usd.findings import Finding
from dcc.usd.validation import validate
from shared.errors import PublishError
from shared.manifest import Manifest
from shared.material_library import FALLBACK_NAME


def check_item(
    item: Path, name: str, *, manifest: Manifest | None = None, below: Sequence[Path] = ()
) -> tuple[Finding, ...]:
    """Check the file that is about to become the item of part ``name``; answers the warnings.

    Raises PublishError (``publish.invalid``) with one field for each error.
    """
    report = validate(item, manifest=manifest, below=below)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PublishError(
            f"Part {name} is not fit to be published: {first.message}{more}",
            hint=first.hint,
            code="publish.invalid",
            fields={f"{finding.check} {finding.prim}".strip(): finding.message for finding in errors},
        )
    return report.findings


def unresolved_parts(asset: CadAsset) -> list[str]:
    """partKeys that wear the visible fallback: allowed, and said."""
    return sorted(
        part.part_key
        for part in asset.manifest.parts
        if part.material is None or part.material.material == FALLBACK_NAME
    )
