"""``raceway doctor``."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from shared.cli import EXIT_FAILED, Command, Progress, add_json_option, print_json
from shared.doctor.report import Check, Result, Setup, Severity, examine, fault
from shared.errors import InputError

CHECKS_GROUP = "raceway.checks"
_MARKS = {Severity.OK: "✓", Severity.SKIPPED: "-", Severity.WARNING: "!", Severity.ERROR: "✗"}
_COLORS = {Severity.OK: "32", Severity.SKIPPED: "2", Severity.WARNING: "33", Severity.ERROR: "31"}


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--area", action="append", default=[], metavar="AREA", help="look at this area only; repeatable"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("RACEWAY_DATA") or "raceway-data"),
        metavar="DIR",
        help="data folder of `raceway up` (default: $RACEWAY_DATA or ./raceway-data)",
    )
    parser.add_argument("--port", type=int, default=8430, help="port that `raceway up` is to use (default: 8430)")
    parser.add_argument(
        "--free-gb", type=float, default=2.0, metavar="GB", help="room that a disk must have left (default: 2)"
    )
    add_json_option(parser)


def _run(options: argparse.Namespace) -> int:
    areas = _areas()
    if unknown := [area for area in options.area if area not in areas]:
        raise InputError(f"There is no area {unknown[0]!r}.", hint=f"Areas: {', '.join(areas)}.", code="input.area")
    # Only what is asked for is loaded: the checks of the service alone take a second.
    wanted = [area for area in areas if not options.area or area in options.area]
    chosen = [check for area in wanted for check in _checks_of(area, areas[area])]
    setup = Setup(data=options.data.expanduser().absolute(), port=options.port, free_bytes=int(options.free_gb * 2**30))
    results = []
    progress = Progress()
    area = ""
    for number, result in enumerate(examine(chosen, setup)):
        results.append(result)
        progress.close()
        if not options.json:
            if result.check.area != area:
                area = result.check.area
                print(f"\n{area}")
            _show(result)
        progress.update("looking", 100 * (number + 1) / len(chosen))
    progress.close()
    counts = {severity: _count(results, severity) for severity in (Severity.ERROR, Severity.WARNING)}
    healthy = counts[Severity.ERROR] == 0
    if options.json:
        faults, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
        report = [result.to_json() for result in results]
        print_json({"ok": healthy, "faults": faults, "warnings": warnings, "results": report})
    else:
        print(f"\n{_number(counts[Severity.ERROR], 'fault')}, {_number(counts[Severity.WARNING], 'warning')}.")
    return 0 if healthy else EXIT_FAILED


def _areas() -> dict[str, EntryPoint]:
    """What has each area's checks, in the order of their names, such as ``3-service``."""
    points = sorted(entry_points(group=CHECKS_GROUP), key=lambda point: point.name)
    return {point.name.partition("-")[2]: point for point in points}


def _checks_of(area: str, point: EntryPoint) -> list[Check]:
    """The checks of one area; where they cannot be loaded, one that fails."""
    try:
        return list(point.load())
    except ImportError as error:
        return [_unloadable(area, point, str(error))]


def _unloadable(area: str, point: EntryPoint, reason: str) -> Check:
    found = fault(
        "checks_missing",
        f"The checks {point.value} cannot be loaded: {reason}.",
        "Install Raceway again, with the extras that this machine needs: pip install 'raceway[service,cad,blender]'.",
    )
    return Check(area, "installation", lambda setup: [found])


def _show(result: Result) -> None:
    for found in result.findings:
        mark = _MARKS[found.severity]
        if sys.stdout.isatty():
            mark = f"\033[{_COLORS[found.severity]}m{mark}\033[0m"
        code = f"  [{found.code}]" if found.code else ""
        print(f"  {mark} {result.check.name:<14} {found.message}{code}")
        if found.hint:
            print(f"    {'':<14} → {found.hint}")


def _count(results: list[Result], severity: Severity) -> int:
    return sum(found.severity is severity for result in results for found in result.findings)


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


COMMAND = Command(
    "doctor", "look for what keeps Raceway from working on this machine, and say what to do", _configure, _run
)
