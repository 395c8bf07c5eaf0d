"""Check a USD file: ``python -m dcc.usd.validate FILE [--manifest M] [--below LAYER]... [--fix] [--json]``.

Prints findings for people and exits 1 where one of them is an error. With ``--json`` it speaks the protocol of
``shared.events``: the report is the result, and the exit status says only whether the checks could be run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from shared.errors import RacewayError
from shared.events import tool_main
from shared.manifest import read_manifest


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m dcc.usd.validate", description="Check a USD file.")
    parser.add_argument("file", type=Path, help="the USD file")
    parser.add_argument("--manifest", type=Path, help="scene manifest whose partKeys the file may use")
    parser.add_argument("--below", type=Path, action="append", default=[], help="layer it stands on, strongest first")
    parser.add_argument("--max-bytes", type=int, help="largest size allowed")
    parser.add_argument("--fix", action="store_true", help="apply automatic remedies, then check again")
    parser.add_argument("--json", action="store_true", help="print JSON lines")
    options = parser.parse_args(arguments)
    if options.json:
        return tool_main(lambda: run(options))
    try:
        report = run(options)
    except RacewayError as error:
        print(f"error [{error.code}]: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    for name in report["fixed"]:
        print(f"fixed: {name}")
    print(report["text"])
    return 0 if report["passed"] else 1


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The report as JSON, with ``fixed`` (names of applied remedies) and ``text`` for people."""
    # pxr takes a moment to load: not for --help.
    from dcc.usd.fixes import fix
    from dcc.usd.validation import validate
    from shared.items import MAX_BYTES

    manifest = read_manifest(options.manifest) if options.manifest else None
    settings: dict[str, Any] = {
        "manifest": manifest,
        "below": options.below,
        "max_bytes": options.max_bytes or MAX_BYTES,
    }
    report = validate(options.file, **settings)
    fixed: list[str] = []
    if options.fix:
        fixed = fix(options.file, report.findings)
        report = validate(options.file, **settings) if fixed else report
    text = "\n".join(str(finding) for finding in report.findings) or f"{options.file}: nothing to complain about"
    return {**report.to_json(), "fixed": fixed, "text": text}


if __name__ == "__main__":
    sys.exit(main())
