"""``python -m dcc.publish.cad_item``: what a CAD file is published as, made and checked where no DCC and no artist is.

``--master`` alone checks the model; with ``--look`` it writes the materials that the manifest gives the parts as a
layer over the published ``--model`` and checks that. Prints the events of :mod:`shared.events`; the result has ``file``
(what to publish) and ``warnings``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.errors import PublishError
from shared.events import emit_progress, tool_main
from shared.manifest import read_manifest
from shared.material_layers import effective_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    options = _parser().parse_args(arguments)
    return tool_main(lambda: make(options))


def make(options: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line says and return the data of the result event.

    Raises PublishError (``publish.invalid``) with every error that the checks found.
    """
    from dcc.usd.look import write_look
    from dcc.usd.validation import validate

    manifest = read_manifest(options.manifest)
    file: Path = options.master
    if options.look:
        emit_progress("look", 10, "writing the materials")
        file = options.look
        write_look(file, options.asset, manifest, effective_of(manifest), options.master, overwrite=True)
    emit_progress("check", 40, file.name)
    report = validate(file, manifest=manifest, below=[options.model] if options.look else [])
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PublishError(
            f"{options.asset} cannot be published: {errors[0].message}{more}",
            hint=errors[0].hint,
            code="publish.invalid",
            fields={f"{finding.check} {finding.prim}".strip(): finding.message for finding in errors},
        )
    return {"file": str(file), "warnings": [finding.message for finding in report.findings]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dcc.publish.cad_item", description="Make what a CAD file is published as.")
    parser.add_argument("--master", type=Path, required=True, help="the USD master of the CAD file")
    parser.add_argument("--manifest", type=Path, required=True, help="its scene manifest, with effective materials")
    parser.add_argument("--asset", required=True, help="name of the asset")
    parser.add_argument("--look", type=Path, metavar="OUT.usd", help="write the materials as a layer to this file")
    parser.add_argument("--model", type=Path, metavar="ENTRY.usd", help="entry of the published model, for --look")
    return parser


if __name__ == "__main__":
    sys.exit(main())
