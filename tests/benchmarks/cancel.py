"""``python -m tests.benchmarks.cancel [--trials 200]``: from the call that cancels to the end of the last process.

Each trial is a real worker process with a renderer's stand-in, which has a child in a session of its own that ignores
SIGTERM. Fails where p99 reaches a second or a process lives on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.service.farm import farm

_AT_ONCE = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    trials: int = parser.parse_args().trials
    with tempfile.TemporaryDirectory(prefix="raceway-cancel-") as folder, farm(Path(folder)) as running:
        for _ in range(_AT_ONCE):
            running.start_worker(STAND_IN_SECONDS="600", STAND_IN_DAEMON="1")
        seconds: list[float] = []
        while len(seconds) < trials:
            seconds += running.cancel_running(min(_AT_ONCE, trials - len(seconds)))
    p99 = sorted(seconds)[int(0.99 * (len(seconds) - 1))]
    print(
        f"{len(seconds)} trials: median {statistics.median(seconds):.3f} s, p99 {p99:.3f} s, max {max(seconds):.3f} s"
    )
    assert p99 < 1.0, "too slow"


if __name__ == "__main__":
    main()
