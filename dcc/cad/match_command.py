"""``raceway match``: what became of each part from one revision of a CAD model to the next."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from shared.cli import Command, add_json_option, print_json
from shared.revision_report import SHOWN_CANDIDATES, Match, RevisionReport, Uncertain

_LISTED = 20
"""Parts of a kind that are listed without ``--all``."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD.manifest.json", help="manifest of the last revision")
    parser.add_argument("new", type=Path, metavar="NEW.manifest.json", help="manifest of the new revision")
    parser.add_argument("--all", action="store_true", help="list every part, also what kept its name and place")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    from dcc.cad.identity.matching import match_revisions
    from shared.manifest import read_manifest

    report = match_revisions(read_manifest(options.old), read_manifest(options.new))
    if options.json:
        print_json(report.to_json())
        return 0
    print(
        f"{len(report.matches)} matched, {len(report.uncertain)} uncertain, "
        f"{len(report.new)} new, {len(report.removed)} removed"
    )
    for heading, lines in _sections(report, list_all=options.all):
        listed = lines if options.all else lines[:_LISTED]
        print("\n".join([f"\n{heading}", *(f"  {line}" for line in listed)]))
        if len(listed) < len(lines):
            print(f"  and {len(lines) - len(listed)} more (--all lists them)")
    return 0


def _sections(report: RevisionReport, *, list_all: bool) -> Iterator[tuple[str, list[str]]]:
    """What the text says below its summary: headings, and what stands below each, an entry a part."""
    from dcc.cad.identity.reasons import keeps_name_and_place, keeps_shape

    kept: list[Match] = []
    others: list[Match] = []
    # The least certain first: they are worth a look.
    for match in sorted(report.matches, key=lambda match: match.confidence):
        (kept if keeps_name_and_place(match.reason) else others).append(match)
    if kept:
        reshaped = sum(not keeps_shape(match.reason) for match in kept)
        also = f", {reshaped} of them in another shape" if reshaped else ""
        rest = "" if list_all else " (--all lists them)"
        yield f"{len(kept)} kept name and place{also}{rest}", [_matched(match) for match in kept if list_all]
    if others:
        yield f"{len(others)} matched otherwise", [_matched(match) for match in others]
    if report.uncertain:
        surest = sorted(
            report.uncertain, key=lambda item: -max((each.confidence for each in item.candidates), default=0)
        )
        yield f"{len(surest)} uncertain, not assigned", [_asked(item) for item in surest]
    if report.new:
        yield f"{len(report.new)} new", list(report.new)
    if report.removed:
        asked = {candidate.old_key for item in report.uncertain for candidate in item.candidates}
        but = ", unless it is one of the uncertain parts"
        yield f"{len(report.removed)} gone", [f"{key}{but if key in asked else ''}" for key in report.removed]


def _matched(match: Match) -> str:
    arrow = "=" if match.old_key == match.new_key else "->"
    relation = "" if match.relation == "same" else f"{match.relation}: "
    return f"{match.confidence:6.1%}  {match.old_key} {arrow} {match.new_key}  ({relation}{match.reason})"


def _asked(item: Uncertain) -> str:
    best = sorted(item.candidates, key=lambda candidate: -candidate.confidence)[:SHOWN_CANDIDATES]
    lines = [f"{candidate.confidence:10.1%}  {candidate.old_key}  ({candidate.reason})" for candidate in best]
    return "\n  ".join([f"{item.new_key} may be", *lines])


COMMAND = Command("match", "match the parts of two revisions of a CAD model by shape, name and place", configure, run)
