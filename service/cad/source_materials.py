"""A spreadsheet that says what the parts of a CAD file are made of: rows of the source layer.

The rows are kept with the CAD file and come along to its next revisions, where they are followed anew: a row may name
parts that only a later revision has.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from service.cad.materials import library_of
from service.models import CadFile
from shared.manifest import Manifest
from shared.material_sheet import MaterialSheet, SheetRow, parse_sheet


def put(current: Session, cad: CadFile, manifest: Manifest, content: bytes, name: str, by: str | None) -> None:
    """Let a CSV or TSV file be the spreadsheet of ``cad`` (locked). Raises InputError for one that is none."""
    sheet = parse_sheet(content, name)
    cad.source_materials = {
        "name": name,
        "by": by,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "rows": [[row.line, row.key, row.name, row.material] for row in sheet.rows],
    }
    follow(current, cad, manifest)


def follow(current: Session, cad: CadFile, manifest: Manifest) -> None:
    """Find out which parts the rows are about, and which rows cannot be followed."""
    kept = cad.source_materials
    if not kept:
        return
    sheet = MaterialSheet(kept["name"], tuple(SheetRow(*row) for row in kept["rows"]))
    proposals, faults = sheet.proposals(manifest.parts, library_of(current))
    cad.source_materials = {
        **kept,
        "targets": {
            target: {"material": proposal.material, "reason": proposal.reason} for target, proposal in proposals.items()
        },
        "faults": [{"line": fault.line, "message": fault.message} for fault in faults],
    }


def of_earlier(cad: CadFile) -> dict[str, Any]:
    """What a new revision takes over: the rows, not yet followed."""
    return {name: value for name, value in cad.source_materials.items() if name not in ("targets", "faults")}
