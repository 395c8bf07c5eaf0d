"""Pin a layer with all that it refers to, for a service that loads no USD: ``python -m dcc.usd.pin_references``.

The answers of the service are given with ``--pins``, a JSON object by ``PROJECT asset:NAME``. The result is the pinned
layer, ``{"usd": PATH}``, or whom to ask about first, ``{"missing": [[PROJECT, ENTITY], ...]}``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.events import tool_main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return tool_main(lambda: pin(options))


def pin(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event."""
    from dcc.usd.pinned import Pinning

    pins = json.loads(options.pins.read_text(encoding="utf-8"))
    pinning = Pinning(options.root, lambda project, entity: pins.get(f"{project} {entity}"))
    place = pinning.layer(options.usd)
    if pinning.missing:
        return {"missing": sorted([project, str(entity)] for project, entity in pinning.missing)}
    return {"usd": str(place)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.usd.pin_references", description="Pin a layer with what it refers to.")
    parser.add_argument("--usd", type=Path, required=True, help="the layer")
    parser.add_argument("--root", type=Path, required=True, help="root of the storage")
    parser.add_argument("--pins", type=Path, required=True, metavar="FILE.json", help="what each entry composed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
