"""Recognise a conversion that was done before, by what its manifest says of the source, the converter and the settings.

This module also names the files of a conversion.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

from dcc.cad.read.external_files import refers_to_files
from shared import __version__
from shared.files import sha256_of
from shared.manifest import Tessellation

USD_MASTER = "usd_master.usdc"
GLB = "geometry.glb"
MANIFEST = "manifest.json"
REVISION = "revision.json"
"""What became of the parts of the revision before; it stands beside the others only where one was given."""

_KERNEL_PACKAGE = "cadquery-ocp-novtk"


def earlier_result(source: Path, folder: Path, settings: Tessellation, lineage: str) -> dict[str, Any] | None:
    """What converting ``source`` into ``folder`` gave before; None where it has to be done (again).

    A result can be used again when content, name, settings, lineage, converter and kernel are the same, when no file
    was changed after the manifest (which is written last), and when nothing but this one CAD file went into it: no
    files of its parts, no earlier revision, whose keys its parts would have, and no spreadsheet of materials. The
    kernel is not imported.
    """
    files = [folder / name for name in (USD_MASTER, GLB, MANIFEST)]
    try:
        times = [file.stat().st_mtime_ns for file in files]
        data = json.loads(files[-1].read_text(encoding="utf-8"))
        kernel = ".".join(metadata.version(_KERNEL_PACKAGE).split(".")[:3])
        converter = {"name": "Raceway", "version": __version__, "kernel": f"Open CASCADE {kernel}"}
        tessellation = {
            "linear_deflection": settings.linear_deflection,
            "relative_deflection": settings.relative_deflection,
            "angular_deflection": settings.angular_deflection,
        }
        same = (
            max(times) == times[-1]
            and data["converter"] == converter
            and data["tessellation"] == tessellation
            and data["lineage"] == lineage
            and not (folder / REVISION).exists()
            and not _used_a_sheet(data)
            and (data["source"]["name"], data["source"]["size"]) == (source.name, source.stat().st_size)
            and data["source"]["sha256"] == sha256_of(source)
            and not refers_to_files(source)
        )
        if not same:
            return None
        parts = data["parts"]
        return {
            **dict(zip(("usd_master", "glb", "manifest"), map(str, files), strict=True)),
            "revision": None,
            "source_sha256": data["source"]["sha256"],
            "root_prim": data["root_prim"],
            "parts": len(parts),
            "occurrences": sum(part["occurrence_count"] for part in parts),
            "triangles": sum(part["triangle_count"] for part in parts),
            "warnings": [{name: w[name] for name in ("code", "message", "part_key")} for w in data["warnings"]],
            "seconds": {},
            "reused": True,
        }
    except (OSError, ValueError, KeyError, TypeError, metadata.PackageNotFoundError):
        return None


def _used_a_sheet(data: dict[str, Any]) -> bool:
    """Whether a spreadsheet named materials for this manifest: that file may say something else by now."""
    if any(warning["code"].startswith("materials.") for warning in data["warnings"]):
        return True
    wearers = [item for part in data["parts"] for item in (part, *part["face_colors"], *part["occurrences"])]
    materials = [wearer["material"] for wearer in wearers if wearer["material"]]
    return any(one["layer"] == "source" and not one["reason"].startswith("STEP material") for one in materials)
