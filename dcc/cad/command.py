"""``raceway convert``: a STEP file to USD, GLB and manifest, without any service."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.cli import Command, Progress, add_json_option, print_json
from shared.errors import CadError, ProcessError
from shared.processes import Event, python_tool, run_tool

DEFAULT_TIMEOUT = 1800.0
_CRASHES = {
    "process.crashed": (
        "cad.crashed",
        "The CAD kernel crashed on {name}.",
        "The file is probably damaged; export it again.",
    ),
    "process.timeout": (
        "cad.timeout",
        "Converting {name} took longer than {timeout:g} s and was stopped.",
        "Raise --timeout, use a coarser deflection, or export a simpler model.",
    ),
    "process.memory": (
        "cad.memory",
        "Converting {name} needed more than {memory:.0f} MiB of memory and was stopped.",
        "Raise --memory, use a coarser deflection, or export a simpler model.",
    ),
}


def default_memory_limit() -> int:
    """Bytes a conversion may use: three quarters of this machine's memory."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
    return 8 << 30


def run_conversion(
    source: Path,
    folder: Path,
    *,
    options: tuple[str, ...] = (),
    timeout: float = DEFAULT_TIMEOUT,
    memory_limit: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> dict[str, Any]:
    """Convert in a process of its own and return the result event of :mod:`dcc.cad.convert`.

    ``options`` are further arguments of that tool. Whatever the kernel does, this raises a coded error: the tool's
    own, or CadError ``cad.crashed``, ``cad.timeout``, ``cad.memory``.
    """
    limit = memory_limit or default_memory_limit()
    tool = python_tool("dcc.cad.convert", str(source), "--out", str(folder), *options)
    try:
        return run_tool(tool, timeout=timeout, memory_limit=limit, on_event=on_event)
    except ProcessError as error:
        if error.code not in _CRASHES:
            raise
        code, message, hint = _CRASHES[error.code]
        text = message.format(name=source.name, timeout=timeout, memory=limit / 2**20)
        raise CadError(text, code=code, hint=hint) from error


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="IN.step", help="the STEP file (AP203, AP214 or AP242)")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="folder for the three files")
    parser.add_argument("--lineage", default="", help="name shared by the revisions of this model")
    parser.add_argument(
        "--previous", metavar="MANIFEST", help="manifest of the revision before: its parts keep their keys"
    )
    parser.add_argument("--decisions", metavar="FILE", help="JSON file with decisions about parts that are uncertain")
    parser.add_argument(
        "--materials", metavar="FILE", help="CSV or TSV with columns for part key or part name, and material"
    )
    parser.add_argument("--linear-deflection", type=float, metavar="MM", help="largest distance of mesh and surface")
    parser.add_argument(
        "--relative-deflection", type=float, metavar="SHARE", help="the same as a share of each part's size (0.001)"
    )
    parser.add_argument(
        "--angular-deflection", type=float, metavar="RADIANS", help="largest angle between facets (0.25)"
    )
    parser.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT, metavar="S", help="seconds it may take (1800)"
    )
    parser.add_argument("--memory", type=float, metavar="MIB", help="memory it may use (3/4 of the machine's)")
    add_json_option(parser)


def _run(options: argparse.Namespace) -> int:
    progress = Progress()
    passed_on = ["--lineage", options.lineage]
    for name in (
        "linear_deflection",
        "relative_deflection",
        "angular_deflection",
        "previous",
        "decisions",
        "materials",
    ):
        value = getattr(options, name)
        if value is not None:
            passed_on += [f"--{name.replace('_', '-')}={value}"]
    try:
        result = run_conversion(
            options.source,
            options.out,
            options=tuple(passed_on),
            timeout=options.timeout,
            memory_limit=int(options.memory * 2**20) if options.memory else None,
            on_event=lambda event: progress.update(event["stage"], event["percent"], event["message"]),
        )
    finally:
        progress.close()
    if options.json:
        print_json({"ok": True, **result})
        return 0
    print(f"{result['parts']} parts, {result['occurrences']:,} occurrences, {result['triangles']:,} triangles")
    for name in ("usd_master", "glb", "manifest"):
        print(f"  {result[name]}")
    if revision := result["revision"]:
        counts = ", ".join(f"{len(revision[name])} {name}" for name in ("matches", "uncertain", "new", "removed"))
        print(f"parts of the revision before: {counts}")
    for warning in result["warnings"]:
        print(f"warning [{warning['code']}]: {warning['message']}", file=sys.stderr)
    return 0


COMMAND = Command("convert", "convert a STEP file to USD, GLB and manifest", _configure, _run)
