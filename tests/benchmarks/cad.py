"""Conversion beside ``cascadio`` (STEP to GLB, Open CASCADE in C++): wall time, CPU time and peak memory.

``python -m tests.benchmarks.cad [--cascadio PYTHON] [--large] [FILE.step ...]``

Every tool runs as whole processes in the same run, in turns, with the same linear and angular deflection. Ours also
writes the USD master with three levels of detail and the manifest; it is measured warm (through the warm converter,
as the service runs it) and cold (a process of its own). Wall times are the least and the median of the turns.

Memory is measured in a turn of its own, which is not timed: the largest sum, over all processes of a tool at one
time, of their proportional set size (PSS: pages that processes share count once). For the warm converter, that is
given with its server, which holds the imported kernel for all conversions, and without what the server holds idle.

What a second core brings differs: two that are hyperthreads of one do little more than one. How much more is told by
cascadio itself, which uses one: twice at once in each turn, beside once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shared.process_tree import descendants
from shared.processes import python_tool
from shared.warm_tool import WarmTool
from tests.benchmarks.cad_models import write_occurrences, write_products

DATA = Path(__file__).parents[3] / "shared" / "data"
_SAMPLE_SECONDS = 0.02
_CASCADIO = """
import sys, cascadio
source, target, linear, angular = sys.argv[1:]
if cascadio.step_to_glb(source, target, tol_linear=float(linear), tol_angular=float(angular)):
    sys.exit("cascadio failed")
"""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """Of one tool on one file: seconds by turn, megabytes at the peak (``own``: less what a server holds idle)."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: float = 0.0
    own: float = 0.0

    def __str__(self) -> str:
        own = f" ({self.own:.0f})" if self.own != self.peak else ""
        return f"{min(self.wall):7.2f} {statistics.median(self.wall):7.2f} {min(self.cpu):7.2f} {self.peak:6.0f}{own}"


@dataclass
class Tool:
    """Something that converts: ``run`` returns when the work is done; ``server`` is a process that stays."""

    name: str
    run: Callable[[Path, Path], None]
    server: Callable[[], int | None] = lambda: None

    def turn(self, source: Path, folder: Path, measured: Measured) -> None:
        """Convert once and keep the times."""
        with _cpu(self.server()) as cpu:
            started = time.perf_counter()
            self.run(source, folder)
            measured.wall.append(time.perf_counter() - started)
        measured.cpu.append(cpu[0])

    def weigh(self, source: Path, folder: Path, measured: Measured) -> None:
        """Convert once and keep the peak of memory."""
        server = self.server()
        idle = _pss({server}) if server else 0.0
        others = descendants(os.getpid()) - ({server} if server else set())
        stop = threading.Event()
        sampler = threading.Thread(target=_sample, args=(others, stop, measured))
        sampler.start()
        self.run(source, folder)
        stop.set()
        sampler.join()
        measured.own = measured.peak - idle


def _twice_at_once(tool: Tool, source: Path, folder: Path) -> float:
    """Seconds until two runs that started together have ended."""
    started = time.perf_counter()
    both = [threading.Thread(target=tool.run, args=(source, folder / f"{tool.name}-{number}")) for number in (1, 2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    return time.perf_counter() - started


def _sample(others: set[int], stop: threading.Event, measured: Measured) -> None:
    while not stop.wait(_SAMPLE_SECONDS):
        measured.peak = max(measured.peak, _pss(descendants(os.getpid()) - others))


def _pss(pids: set[int]) -> float:
    """Proportional set size of some processes, MB."""
    total = 0
    for pid in pids:
        # A process may end between one look and the next.
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


@contextlib.contextmanager
def _cpu(server: int | None) -> Iterator[list[float]]:
    """Seconds of CPU that processes use meanwhile which end meanwhile: children of this process, or of a server."""
    spent = [0.0]
    before = _cpu_of_ended(server)
    yield spent
    spent[0] = _cpu_of_ended(server) - before


def _cpu_of_ended(server: int | None) -> float:
    if server is None:
        times = os.times()
        return times.children_user + times.children_system
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return sum(int(fields[place]) for place in (13, 14)) / _TICKS


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _tools(cascadio: str, linear: float, angular: float, warm: WarmTool) -> list[Tool]:
    settings = ["--linear-deflection", str(linear), "--angular-deflection", str(angular)]

    def run_warm(source: Path, folder: Path) -> None:
        warm.run([str(source), "--out", str(folder), *settings])

    def run_cold(source: Path, folder: Path) -> None:
        _run(python_tool("dcc.cad.convert", str(source), "--out", str(folder), *settings))

    def run_cascadio(source: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        _run([cascadio, "-c", _CASCADIO, str(source), str(folder / "out.glb"), str(linear), str(angular)])

    return [
        Tool("cascadio", run_cascadio),
        Tool("warm", run_warm, lambda: warm.server_pid),
        Tool("cold", run_cold),
    ]


def _models(folder: Path, large: bool) -> Iterator[Path]:
    yield from sorted(DATA.glob("step/*.st*p"))
    yield from sorted(DATA.glob("revisions/*-a.st*p"))
    for count in (10, 100, 1000, 10_000):
        path = folder / f"{count}-occurrences.step"
        write_occurrences(path, count)
        yield path
    for count, holes in ((20, 16), (200, 16), *(((1000, 25),) if large else ())):
        path = folder / f"{count}-products.step"
        write_products(path, count, holes)
        yield path


def _has_cascadio(python: str) -> bool:
    probe = subprocess.run([python, "-c", "import cascadio"], capture_output=True, check=False)
    return probe.returncode == 0


def main() -> int:
    """Run the benchmark; see ``--help``."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cad", description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="STEP files (default: the sample files and generated ones)")
    parser.add_argument(
        "--cascadio",
        default=os.environ.get("RACEWAY_CASCADIO", sys.executable),
        metavar="PYTHON",
        help="interpreter that has cascadio (default: $RACEWAY_CASCADIO or this one)",
    )
    parser.add_argument("--linear", type=float, default=0.1, metavar="MM")
    parser.add_argument("--angular", type=float, default=0.5, metavar="RADIANS")
    parser.add_argument("--turns", type=int, default=3, help="how often each tool converts each file (3)")
    parser.add_argument("--large", action="store_true", help="also 1,000 distinct products (some 100 MB; minutes)")
    parser.add_argument("--no-cold", action="store_true", help="leave the cold runs out")
    options = parser.parse_args()
    if not _has_cascadio(options.cascadio):
        print(
            f"{options.cascadio} has no cascadio to compare with. Install it anywhere and say where:\n"
            "  python3 -m venv peer && peer/bin/pip install cascadio numpy\n"
            "  python -m tests.benchmarks.cad --cascadio peer/bin/python",
            file=sys.stderr,
        )
        return 1
    warm = WarmTool("dcc.cad.convert", server="dcc.cad.server")
    tools = [
        tool
        for tool in _tools(options.cascadio, options.linear, options.angular, warm)
        if tool.name != "cold" or not options.no_cold
    ]
    print(f"deflection {options.linear:g} mm, {options.angular:g} rad; {len(os.sched_getaffinity(0))} cores")
    print(f"{'file':34} {'MB':>6}  tool       least  median     CPU   peak MB (without the idle server)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            for source in options.files or _models(folder, options.large):
                _compare(source, folder, tools, options.turns)
        finally:
            warm.close()
    return 0


def _compare(source: Path, folder: Path, tools: list[Tool], turns: int) -> None:
    measured = {tool.name: Measured() for tool in tools}
    for tool in tools:
        # Once untimed: it starts the server, and brings files into memory.
        tool.run(source, folder / tool.name)
    peer, together = tools[0], []
    for _ in range(turns):
        for tool in tools:
            tool.turn(source, folder / tool.name, measured[tool.name])
        together.append(_twice_at_once(peer, source, folder))
    for tool in tools:
        tool.weigh(source, folder / tool.name, measured[tool.name])
    for tool in tools:
        label = (source.name, f"{source.stat().st_size / 1e6:.1f}") if tool is tools[0] else ("", "")
        print(f"{label[0]:34} {label[1]:>6}  {tool.name:8} {measured[tool.name]}")
    alone = min(measured[peer.name].wall)
    ratio, second = alone / min(measured["warm"].wall), 2 * alone / min(together)
    told = f"warm is {ratio:.2f} times as fast as {peer.name}; two of it at once do {second:.2f} times the work of one"
    print(f"{'':42} {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
