"""What the matching of two revisions makes of each part, beside what was really done to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcc.cad.identity.matching import match_revisions
from shared.manifest import Manifest
from shared.revision_report import RevisionReport
from tests.dcc.cad.revisions import Model, manifest_of


@dataclass
class Tally:
    """How the material assignments of one or more revisions fared."""

    right: int = 0
    asked: int = 0
    """Listed as uncertain: not lost, a person decides."""
    lost: int = 0
    needless: int = 0
    """Questions about parts that really are new."""
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Parts that were there before."""
        return self.right + self.asked + self.lost

    def add(self, other: Tally, label: str) -> None:
        self.right += other.right
        self.asked += other.asked
        self.lost += other.lost
        self.needless += other.needless
        self.wrong += [f"{label}: {fault}" for fault in other.wrong]


def fate_of(old_model: Model, new_model: Model) -> Tally:
    """Convert both revisions, match them, and compare with what was really done."""
    old, old_identity = manifest_of(old_model)
    new, new_identity = manifest_of(new_model)
    report = match_revisions(old, new)
    check_complete(report, old, new)
    return tally_of(report, old_identity, new_identity)


def tally_of(report: RevisionReport, old_identity: dict[str, str], new_identity: dict[str, str]) -> Tally:
    """How right ``report`` is, given what each key of either revision really is."""
    asked = {item.new_key for item in report.uncertain}
    known = set(old_identity.values())
    tally = Tally()
    for key, identity in new_identity.items():
        given = [old_identity[match.old_key] for match in report.matches if match.new_key == key]
        tally.wrong += [f"{key} ({identity}) was taken for {other}" for other in given if other != identity]
        if identity not in known:
            tally.needless += key in asked
        elif identity in given:
            tally.right += 1
        elif key in asked:
            tally.asked += 1
        else:
            tally.lost += 1
    return tally


def check_complete(report: RevisionReport, old: Manifest, new: Manifest) -> None:
    """Every part of both revisions is accounted for."""
    matched = {match.new_key for match in report.matches}
    asked = {item.new_key for item in report.uncertain}
    assert matched | asked | set(report.new) == {part.part_key for part in new.parts}
    assert not matched & asked and not (matched | asked) & set(report.new)
    named = {match.old_key for match in report.matches}
    assert named | set(report.removed) == {part.part_key for part in old.parts}
    kept = [match.old_key for match in report.matches if match.relation == "same"]
    assert len(set(kept)) == len(kept)
    assert all(match.reason and 0.95 <= match.confidence <= 1 for match in report.matches)
