"""``python -m tests.benchmarks.queue [--tasks 100]``: what the queue adds to each task, beside its tool's own time.

One worker process does a job of many tasks whose stand-in renderer writes one small file. The same stand-in is then
started as often without any queue; the difference, for each task, is the queue's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import datetime
from pathlib import Path

from shared.processes import python_tool, run_tool
from tests.service.farm import farm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100)
    tasks: int = parser.parse_args().tasks
    with tempfile.TemporaryDirectory(prefix="raceway-queue-") as folder, farm(Path(folder) / "farm") as running:
        running.start_worker()
        running.client.wait_for_job(running.submit("frames", frames="1", chunk=1)["id"], timeout=60)
        job = running.submit("frames", frames=f"1-{tasks}", chunk=1)
        job = running.client.wait_for_job(job["id"], timeout=600)
        began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
        queued = (ended - began).total_seconds() / tasks
        alone = _alone(Path(folder), tasks)
    print(f"{tasks} tasks: {queued * 1000:.0f} ms each, the tool alone {alone * 1000:.0f} ms,", end=" ")
    print(f"the queue adds {(queued - alone) * 1000:.0f} ms ({queued / alone:.2f} times)")


def _alone(folder: Path, count: int) -> float:
    """Seconds of one run of the tool by itself."""
    began = time.monotonic()
    for number in range(count):
        output = str(folder / f"{number}.####.png")
        run_tool(python_tool("tests.service.stand_in.frames", "--frames", "1", "--output", output))
    return (time.monotonic() - began) / count


if __name__ == "__main__":
    main()
