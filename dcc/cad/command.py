"""``raceway convert``: STEP files to USD, GLB and manifest, with no service running."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcc.cad.reuse import earlier_result
from dcc.cad.settings import tessellation
from shared.cli import EXIT_FAILED, Command, Progress, add_json_option, print_json, report_error
from shared.errors import CadError, InputError, ProcessError, RacewayError
from shared.processes import Event, python_tool, run_tool
from shared.warm_tool import WarmTool

DEFAULT_TIMEOUT = 1800.0
"""Seconds. The largest files known take some minutes; what takes longer than this is most likely hung."""
_CONVERTER_OPTIONS = (
    "linear_deflection",
    "relative_deflection",
    "angular_deflection",
    "previous",
    "decisions",
    "materials",
)
"""Options that are handed on, as they are, to the tool that converts (:mod:`dcc.cad.convert`)."""
_PROCESS_ERRORS = {
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
"""What ended the converter's process, by the code of the ProcessError: code, message and hint of the CadError."""
_UNKNOWN_MEMORY = 10 << 30
"""Bytes: taken for the memory of a machine that does not tell."""
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says how much memory a container has, in control groups of version 2 and 1."""


def default_memory_limit() -> int:
    """Bytes a conversion may use: three quarters of the memory of this machine or, if it has less, of its container."""
    known = [_UNKNOWN_MEMORY]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CONTAINER_LIMITS:
        # Beyond it, the system would kill the converter, which would look like a crash. "max" stands for no limit.
        with contextlib.suppress(OSError, ValueError):
            known.append(int(path.read_text(encoding="ascii")))
    return min(known) * 3 // 4


def run_conversion(
    source: Path,
    folder: Path,
    *,
    options: tuple[str, ...] = (),
    timeout: float = DEFAULT_TIMEOUT,
    memory_limit: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    converter: WarmTool | None = None,
) -> dict[str, Any]:
    """Convert in a process of its own and return the result event of :mod:`dcc.cad.convert`.

    ``options`` are further command line arguments of that tool, ``timeout`` is in seconds, ``memory_limit`` in bytes
    (default: :func:`default_memory_limit`). ``converter`` is a warm converter to use instead of starting a process,
    which pays for several files.

    Whatever the kernel does, this raises a coded error: the tool's own, or CadError ``cad.crashed``, ``cad.timeout``
    or ``cad.memory``.
    """
    limit = memory_limit or default_memory_limit()
    # A file may be called like an option.
    arguments = [f"--out={folder}", *options, "--", str(source)]
    limits: dict[str, Any] = {"timeout": timeout, "memory_limit": limit, "on_event": on_event}
    try:
        if converter is not None:
            return converter.run(arguments, **limits)
        return run_tool(python_tool("dcc.cad.convert", *arguments), **limits)
    except ProcessError as error:
        if error.code not in _PROCESS_ERRORS:
            raise
        code, message, hint = _PROCESS_ERRORS[error.code]
        text = message.format(name=source.name, timeout=timeout, memory=limit / 2**20)
        raise CadError(text, code=code, hint=hint) from error


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        type=Path,
        nargs="+",
        metavar="IN.step",
        help="STEP files (AP203, AP214 or AP242), also as .stpZ, gzip or ZIP",
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the three files; of several STEP files, each gets a folder of its name in it",
    )
    parser.add_argument("--force", action="store_true", help="convert also what was converted to there before")
    parser.add_argument("--lineage", default="", help="name shared by the revisions of this model")
    parser.add_argument(
        "--previous", metavar="MANIFEST", help="manifest of the revision before: its parts keep their keys"
    )
    parser.add_argument(
        "--decisions", metavar="FILE", help="JSON file with decisions about uncertain parts (with --previous)"
    )
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
        "--timeout", type=_positive, default=DEFAULT_TIMEOUT, metavar="S", help="seconds it may take (1800)"
    )
    parser.add_argument("--memory", type=_positive, metavar="MIB", help="memory it may use (3/4 of the machine's)")
    add_json_option(parser)


def _positive(text: str) -> float:
    """A number of the command line that must be above 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _run(options: argparse.Namespace) -> int:
    if options.decisions and not options.previous:
        raise InputError(
            "--decisions says which parts of the revision before the new ones are, but there is no such revision.",
            hint="Name its manifest with --previous.",
        )
    if len(options.sources) == 1:
        result = _convert(options, options.sources[0], options.out, None)
        if options.json:
            print_json({"ok": True, **result})
        else:
            _tell(result)
        return 0
    return _convert_many(options)


def _convert_many(options: argparse.Namespace) -> int:
    """Convert one file after the other; what is wrong with one does not keep the others from being converted."""
    folders = _folders(options.sources, options.out)
    converter = WarmTool("dcc.cad.convert", server="dcc.cad.server")
    answers: list[dict[str, Any]] = []
    try:
        for source, folder in folders.items():
            try:
                result = _convert(options, source, folder, converter)
            except RacewayError as error:
                answers.append({"ok": False, "source": str(source), "error": error.to_json()})
                if not options.json:
                    report_error(error)
                continue
            answers.append({"ok": True, "source": str(source), **result})
            if not options.json:
                print(source)
                _tell(result)
    finally:
        converter.close()
    complete = all(answer["ok"] for answer in answers)
    if options.json:
        print_json({"ok": complete, "conversions": answers})
    return 0 if complete else EXIT_FAILED


def _folders(sources: list[Path], out: Path) -> dict[Path, Path]:
    """A folder in ``out`` for each file."""
    # Windows and macOS take names that differ in case only for one.
    names = Counter(source.stem.casefold() for source in sources)
    if twice := [name for name, count in names.items() if count > 1]:
        raise InputError(
            f"Two of the files are called {twice[0]}: their results would overwrite one another.",
            hint="Convert them one by one, each into a folder of its own.",
        )
    return {source: out / source.stem for source in sources}


def _convert(options: argparse.Namespace, source: Path, folder: Path, converter: WarmTool | None) -> dict[str, Any]:
    settings = tessellation(options.linear_deflection, options.relative_deflection, options.angular_deflection)
    if not (options.force or options.previous or options.materials):
        known = earlier_result(source, folder, settings, options.lineage)
        if known is not None:
            return known
    arguments = [f"--lineage={options.lineage}"]
    for name in _CONVERTER_OPTIONS:
        value = getattr(options, name)
        if value is not None:
            arguments.append(f"--{name.replace('_', '-')}={value}")
    progress = Progress()
    try:
        return run_conversion(
            source,
            folder,
            options=tuple(arguments),
            timeout=options.timeout,
            memory_limit=int(options.memory * 2**20) if options.memory else None,
            on_event=lambda event: progress.update(event["stage"], event["percent"], event["message"]),
            converter=converter,
        )
    finally:
        progress.close()


def _tell(result: dict[str, Any]) -> None:
    measures = ((result["parts"], "part"), (result["occurrences"], "occurrence"), (result["triangles"], "triangle"))
    print(", ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in measures))
    for name in ("usd_master", "glb", "manifest"):
        print(f"  {result[name]}")
    if revision := result["revision"]:
        counts = ", ".join(f"{len(revision[name])} {name}" for name in ("matches", "uncertain", "new", "removed"))
        print(f"parts of the revision before: {counts}")
    if result.get("reused"):
        print("  (unchanged since it was converted; --force converts again)")
    for warning in result["warnings"]:
        print(f"warning [{warning['code']}]: {warning['message']}", file=sys.stderr)


COMMAND = Command("convert", "convert STEP files to USD, GLB and manifest", _configure, _run)
