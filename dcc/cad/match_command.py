"""``raceway match``: what became of each part from one revision of a CAD model to the next."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from shared.cli import Command, add_json_option, print_json

if TYPE_CHECKING:
    from shared.revision_report import RevisionReport


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD.manifest.json", help="manifest of the last revision")
    parser.add_argument("new", type=Path, metavar="NEW.manifest.json", help="manifest of the new revision")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from dcc.cad.identity.matching import match_revisions
    from shared.manifest import read_manifest

    report = match_revisions(read_manifest(options.old), read_manifest(options.new))
    if options.json:
        print_json(report.to_json())
    else:
        _print(report)
    return 0


def _print(report: RevisionReport) -> None:
    for match in report.matches:
        arrow = "=" if match.old_key == match.new_key else "->"
        print(f"{match.confidence:6.1%}  {match.old_key} {arrow} {match.new_key}  ({match.relation}: {match.reason})")
    for item in report.uncertain:
        print(f"     ?  {item.new_key} is not assigned; it may be")
        for candidate in item.candidates:
            print(f"{candidate.confidence:14.1%}  {candidate.old_key}  ({candidate.reason})")
    for key in report.new:
        print(f"   new  {key}")
    asked = {candidate.old_key for item in report.uncertain for candidate in item.candidates}
    for key in report.removed:
        print(f"  gone  {key}{', unless it is one of the uncertain parts' if key in asked else ''}")
    print(
        f"{len(report.matches)} matched, {len(report.uncertain)} uncertain, "
        f"{len(report.new)} new, {len(report.removed)} removed"
    )


COMMAND = Command("match", "match the parts of two revisions of a CAD model by shape, name and place", configure, run)
