"""How well identities survive edits, at any size: ``python -m tests.benchmarks.identity --cases 1000``.

Single edits, random combinations of two to four (each also undone), and lineages of five revisions of two edits each,
of models of distinct parts and of families of parts that differ by a few percent. Prints how many assignments are
right, asked about or lost, how many parts are asked about that are new, and every assignment that is wrong without a
word. Exit status 1 where one is. ``--seed`` makes a long run one of several. With ``--files FOLDER``, edits of the
text of every STEP file in it instead.
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

from shared.errors import CadError
from tests.dcc.cad.edits import revise, some_edits
from tests.dcc.cad.fates import Tally, fate_of
from tests.dcc.cad.lineages import run_lineage
from tests.dcc.cad.real_revisions import edits_of
from tests.dcc.cad.revisions import Model, make_family, make_model
from tests.dcc.cad.step_text import TEXT_EDITS

SIZES = (1, 2, 5, 8)
_BASES = 50
"""Different models that are edited: each is converted once."""


def base_model(random_: random.Random) -> Model:
    base = random.Random(random_.randrange(_BASES))
    return base.choice((make_model, make_model, make_family))(base, base.choice(SIZES))


def pairs(first_seed: int, cases: int, most_edits: int) -> Tally:
    """``cases`` pairs of revisions, with one to ``most_edits`` edits between them, and the same edits undone."""
    sum_ = Tally()
    for seed in range(first_seed, first_seed + cases):
        random_ = random.Random(seed)
        model = base_model(random_)
        edits = some_edits(random_, random_.randint(min(2, most_edits), most_edits))
        revised = revise(model, edits, random_)
        sum_.add(fate_of(model, revised), f"seed {seed}, {', '.join(edits)}")
        sum_.add(fate_of(revised, model), f"seed {seed}, {', '.join(edits)}, undone")
    return sum_


def lineages(first_seed: int, cases: int) -> Tally:
    """``cases`` lineages of five revisions."""
    sum_ = Tally()
    for seed in range(first_seed, first_seed + cases):
        random_ = random.Random(seed)
        models = [base_model(random_)]
        edits: list[str] = []
        for _ in range(4):
            edits += (some := some_edits(random_, 2))
            models.append(revise(models[-1], some, random_))
        with tempfile.TemporaryDirectory() as folder:
            lineage = run_lineage(models, Path(folder))
        sum_.add(Tally(lineage.kept, lineage.changed, wrong=lineage.wrong), f"seed {seed}, {', '.join(edits)}")
    return sum_


def real_files(folder: Path, first_seed: int) -> Tally:
    """Every edit of the text of every STEP file in ``folder``."""
    sum_ = Tally()
    for path in sorted(path for path in folder.iterdir() if path.suffix.casefold() in (".step", ".stp")):
        with tempfile.TemporaryDirectory() as work:
            try:
                for edit, tally in edits_of(path, list(TEXT_EDITS), Path(work), random.Random(first_seed)):
                    sum_.add(tally, f"{path.name}, {edit}")
            except CadError as error:
                print(f"  {path.name}: {error.code}", flush=True)
    return sum_


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.identity", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="cases of each kind (200)")
    parser.add_argument("--seed", type=int, default=0, help="where random numbers start (0)")
    parser.add_argument("--files", type=Path, metavar="FOLDER", help="edit the STEP files in this folder")
    options = parser.parse_args()
    runs: dict[str, Callable[[], Tally]] = {
        "single edits": partial(pairs, options.seed, options.cases, 1),
        "2 to 4 edits at once": partial(pairs, options.seed, options.cases, 4),
        "five revisions": partial(lineages, options.seed, max(1, options.cases // 5)),
    }
    if options.files:
        runs = {"edits of files": partial(real_files, options.files, options.seed)}
    wrong = 0
    for name, run in runs.items():
        started = time.process_time()
        tally = run()
        wrong += len(tally.wrong)
        print(
            f"{name}: {tally.right / max(1, tally.total):.2%} of {tally.total} right, {tally.asked} asked,"
            f" {tally.lost} lost, {len(tally.wrong)} wrong; {tally.needless} new parts asked about"
            f" ({time.process_time() - started:.0f} s CPU)",
            flush=True,
        )
        for fault in tally.wrong:
            print(f"  {fault}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
