"""Damage real files and convert them: ``python -m tests.benchmarks.robustness FILE... --cases 200``.

Each case damages one of the files in one way (cut off, bits flipped, pieces spliced, digits changed) and converts it
under limits. Prints the outcomes, and every case that did worse than a coded error or a complete result with what is
missing told. Exit status 1 where there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from dcc.cad.command import run_conversion
from shared.errors import RacewayError
from shared.manifest import Manifest, read_manifest
from tests.dcc.cad.test_robustness import DAMAGES

COARSE = ("--relative-deflection=0.02", "--angular-deflection=0.8", "--processes=1")


def convert_file(path: Path, folder: Path, timeout: float) -> Manifest | str:
    """The manifest, or the error's code. Raises AssertionError where files are left half written."""
    try:
        run_conversion(path, folder, options=COARSE, timeout=timeout, memory_limit=4 << 30)
    except RacewayError as error:
        assert error.code.startswith("cad.") and error.hint, f"{error.code} without a hint: {error.message}"
        assert not list(folder.glob("*")), f"{error.code} left {[item.name for item in folder.glob('*')]}"
        return error.code
    return read_manifest(folder / "manifest.json")


def contents(manifest: Manifest) -> tuple[int, int, int]:
    """Parts, occurrences and faces."""
    parts = manifest.parts
    return len(parts), sum(p.occurrence_count for p in parts), sum(p.fingerprint.faces for p in parts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.robustness", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S")
    options = parser.parse_args()
    sound: dict[Path, tuple[int, int, int]] = {}
    outcomes: Counter[str] = Counter()
    faults = 0
    for case in range(options.seed, options.seed + options.cases):
        chance = random.Random(case)
        source, damage = chance.choice(options.files), chance.choice(DAMAGES)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if source not in sound:
                whole = convert_file(source, folder / "sound", options.timeout)
                sound[source] = contents(whole) if isinstance(whole, Manifest) else (0, 0, 0)
            (folder / "damaged.step").write_bytes(damage(source.read_bytes(), chance))
            fault = ""
            try:
                result = convert_file(folder / "damaged.step", folder / "out", options.timeout)
            except (AssertionError, RacewayError) as error:
                result, fault = "fault", str(error)
            if isinstance(result, Manifest):
                lost = any(now < then for now, then in zip(contents(result), sound[source], strict=True))
                outcomes["partial, told" if lost else "complete"] += 1
                if lost and not result.warnings:
                    fault = f"{contents(result)} of {sound[source]} parts, occurrences, faces; nobody was told"
            else:
                outcomes[result] += 1
            if fault:
                faults += 1
                print(f"case {case}, {source.name}, {damage.__name__}: {fault}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) + f"; {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
