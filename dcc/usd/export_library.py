"""Write the material library for other applications: ``python -m dcc.usd.export_library --out DIR``.

Makes ``materials.usda`` (UsdPreviewSurface and MaterialX in each Material; reference it in Solaris or usdview) and
``materials.mtlx`` (for MaterialX readers). Speaks the protocol of ``shared.events``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from shared.events import tool_main
from shared.material_library import LIBRARY


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dcc.usd.export_library", description="Write the material library.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args(arguments)
    return tool_main(lambda: run(options.out))


def run(folder: Path) -> dict[str, Any]:
    """Write both files; returns their paths and the materials' names."""
    from dcc.usd.materials import write_library, write_materialx

    usd, materialx = write_library(folder / "materials.usda"), write_materialx(folder / "materials.mtlx")
    return {"usd": str(usd), "materialx": str(materialx), "materials": list(LIBRARY)}


if __name__ == "__main__":
    sys.exit(main())
