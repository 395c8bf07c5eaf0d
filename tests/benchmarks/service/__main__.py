"""``python -m tests.benchmarks.service [--zou VENV]``: the service at 100,000 publishes, beside zou in the same run.

For the peer: ``python3.11 -m venv VENV && VENV/bin/pip install zou==1.0.97``. Both run on this machine, each on a
PostgreSQL and a Redis of its own from the same wheels, behind gunicorn with two processes, asked by the same clients
in turn. Where zou has no such call, its columns are empty.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path

from tests.benchmarks.service import ours, zou
from tests.benchmarks.service.calls import Figures, measure
from tests.benchmarks.service.scale import FULL, SMALL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zou", type=Path, metavar="VENV", help="virtual environment that zou is installed in")
    parser.add_argument("--small", action="store_true", help="few rows: to see that everything runs")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each call is repeated (default: 4)")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8], help="clients at once (default: 1 8)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the calls whose name has this in it")
    options = parser.parse_args()
    scale = SMALL if options.small else FULL
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="raceway-benchmark-")))
        print(f"loading {scale.publishes:,} publishes", flush=True)
        own = stack.enter_context(ours.running(folder / "ours", scale))
        peer = stack.enter_context(zou.running(options.zou, folder / "zou", scale)) if options.zou else None
        peers = peer.work() if peer else {}
        columns = ["raceway", "p50", "p95", "p99", "zou", "p50", "p99", "ratio"]
        print(f"{'':<24}{'clients':>8}" + "".join(f"{column:>9}" for column in columns))
        for name, work in own.work().items():
            if options.only not in name:
                continue
            for clients in options.clients:
                mine = measure(own.url, own.headers, work, clients, options.seconds)
                line = f"{name:<24}{clients:>8}{mine.rate:>7.0f}/s" + _milliseconds(mine, 0.5, 0.95, 0.99)
                if peer and name in peers:
                    theirs = measure(peer.url, peer.headers, peers[name], clients, options.seconds)
                    line += f"{theirs.rate:>7.0f}/s" + _milliseconds(theirs, 0.5, 0.99)
                    line += f"{mine.rate / theirs.rate:>9.1f}"
                print(line, flush=True)
        print("times in milliseconds; ratio of answers a second")


def _milliseconds(figures: Figures, *shares: float) -> str:
    return "".join(f"{figures.percentile(share):>9.1f}" for share in shares)


if __name__ == "__main__":
    main()
