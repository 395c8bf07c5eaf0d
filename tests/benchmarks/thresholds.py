"""What each threshold of the matching is good for: ``python -m tests.benchmarks.thresholds --cases 400``.

Edits assemblies as ``tests.benchmarks.identity`` does, converts them once, and matches them again with each number of
:mod:`dcc.cad.identity.thresholds` halved and doubled. Prints how many answers change, and how many assignments are
right, asked about, lost and wrong without a word. A number that changes nothing guards nothing in these edits; one
that can be halved and doubled with hardly a wrong assignment is not finely tuned.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dcc.cad.identity import thresholds
from dcc.cad.identity.evidence import name as name_evidence
from dcc.cad.identity.matching import match_revisions
from shared.manifest import Manifest
from shared.revision_report import RevisionReport
from tests.benchmarks.identity import base_model
from tests.dcc.cad.edits import revise, some_edits
from tests.dcc.cad.fates import Tally, tally_of
from tests.dcc.cad.revisions import manifest_of

Converted = tuple[Manifest, dict[str, str]]


def revisions(first_seed: int, cases: int) -> list[tuple[Converted, Converted]]:
    """Converted pairs of revisions with one to four edits between them, forwards and backwards."""
    pairs = []
    for seed in range(first_seed, first_seed + cases):
        random_ = random.Random(seed)
        model = base_model(random_)
        revised = revise(model, some_edits(random_, random_.randint(1, 4)), random_)
        old, new = manifest_of(model), manifest_of(revised)
        pairs += [(old, new), (new, old)]
    return pairs


@contextmanager
def changed(name: str, value: float) -> Iterator[None]:
    """With another value of one threshold."""
    original = getattr(thresholds, name)
    setattr(thresholds, name, value)
    name_evidence.similar_name_nats.cache_clear()
    try:
        yield
    finally:
        setattr(thresholds, name, original)
        name_evidence.similar_name_nats.cache_clear()


def fates(pairs: Sequence[tuple[Converted, Converted]]) -> tuple[Tally, list[RevisionReport]]:
    """What the matching makes of all pairs, in sum and one by one."""
    sum_ = Tally()
    reports = []
    for (old, old_identity), (new, new_identity) in pairs:
        report = match_revisions(old, new)
        reports.append(report)
        sum_.add(tally_of(report, old_identity, new_identity), "")
    return sum_, reports


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.thresholds", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="edited assemblies (200)")
    parser.add_argument("--seed", type=int, default=0, help="where random numbers start (0)")
    options = parser.parse_args()
    pairs = revisions(options.seed, options.cases)
    tally, reports = fates(pairs)
    print(f"{'as it is':<40} {_line(tally)}")
    for name in sorted(name for name in vars(thresholds) if name.isupper()):
        for factor in (0.5, 2.0):
            value = getattr(thresholds, name) * factor
            with changed(name, value):
                other, others = fates(pairs)
            differing = sum(_decided(one) != _decided(another) for one, another in zip(reports, others, strict=True))
            print(f"{name:<30} {value:>9.3g} {_line(other)}, {differing} of {len(reports)} answers change", flush=True)
    return 0


def _decided(report: RevisionReport) -> tuple[object, ...]:
    """What was decided, whatever its probability and its reason."""
    matched = {(match.old_key, match.new_key, match.relation) for match in report.matches}
    return matched, {item.new_key for item in report.uncertain}, report.new


def _line(tally: Tally) -> str:
    return (
        f"{tally.right} right, {tally.asked} asked, {tally.lost} lost, {len(tally.wrong)} wrong,"
        f" {tally.needless} new parts asked about"
    )


if __name__ == "__main__":
    raise SystemExit(main())
