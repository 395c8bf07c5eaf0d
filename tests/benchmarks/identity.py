"""How well identities survive edits, at any size: ``python -m tests.benchmarks.identity --cases 1000``.

Single edits, random combinations of two to four, and lineages of five revisions of two edits each. Prints how many
assignments are right, asked about or lost, and every one that is wrong without a word. Exit status 1 where one is.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.dcc.cad.lineages import AMBIGUOUS, revise, run_lineage
from tests.dcc.cad.revisions import EDITS, Tally, make_model
from tests.dcc.cad.test_matching import SIZES, fate_of

TWIN = "add a twin under another name"


def edits_for(random_: random.Random, count: int) -> list[str]:
    """Edits that leave no part and its copy indistinguishable."""
    edits = random_.sample(sorted(EDITS), count)
    return [edit for edit in edits if edit not in AMBIGUOUS] if TWIN in edits else edits


def pairs(first_seed: int, cases: int, most_edits: int) -> Tally:
    """``cases`` pairs of revisions, with one to ``most_edits`` edits between them."""
    sum_ = Tally()
    for seed in range(first_seed, first_seed + cases):
        random_ = random.Random(seed)
        model = make_model(random_, random_.choice(SIZES))
        edits = edits_for(random_, random_.randint(min(2, most_edits), most_edits))
        tally = fate_of(model, revise(model, edits, random_))
        sum_.right, sum_.asked, sum_.lost = sum_.right + tally.right, sum_.asked + tally.asked, sum_.lost + tally.lost
        sum_.wrong += [f"seed {seed}, {', '.join(edits)}: {fault}" for fault in tally.wrong]
    return sum_


def lineages(first_seed: int, cases: int) -> Tally:
    """``cases`` lineages of five revisions."""
    sum_ = Tally()
    for seed in range(first_seed, first_seed + cases):
        random_ = random.Random(seed)
        models = [make_model(random_, random_.choice(SIZES[1:]))]
        edits: list[str] = []
        for _ in range(4):
            edits += (some := [edit for edit in edits_for(random_, 2) if edit != TWIN])
            models.append(revise(models[-1], some, random_))
        with tempfile.TemporaryDirectory() as folder:
            lineage = run_lineage(models, Path(folder))
        sum_.right, sum_.asked = sum_.right + lineage.kept, sum_.asked + lineage.changed
        sum_.wrong += [f"seed {seed}, {', '.join(edits)}: {fault}" for fault in lineage.wrong]
    return sum_


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.identity", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="cases of each kind (200)")
    parser.add_argument("--seed", type=int, default=0, help="where random numbers start (0)")
    options = parser.parse_args()
    runs: dict[str, Callable[[], Tally]] = {
        "single edits": partial(pairs, options.seed, options.cases, 1),
        "2 to 4 edits at once": partial(pairs, options.seed, options.cases, 4),
        "five revisions": partial(lineages, options.seed, max(1, options.cases // 5)),
    }
    wrong = 0
    for name, run in runs.items():
        started = time.perf_counter()
        tally = run()
        wrong += len(tally.wrong)
        print(
            f"{name}: {tally.right / max(1, tally.total):.2%} of {tally.total} right, {tally.asked} asked,"
            f" {tally.lost} lost, {len(tally.wrong)} wrong ({time.perf_counter() - started:.0f} s)",
            flush=True,
        )
        for fault in tally.wrong:
            print(f"  {fault}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
