"""The warm converter: ``python -m dcc.cad.server FD`` forks a :mod:`dcc.cad.convert` for every request.

Importing the kernel and USD takes more than a second, forking a process that has them a few milliseconds.
:class:`shared.warm_tool.WarmTool` starts it and speaks to it over the socket ``FD``.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from pathlib import Path

from dcc.cad.allocator import restart_with_mimalloc

if __name__ == "__main__":
    restart_with_mimalloc()

# Before numpy and USD come up: threads of theirs would be missing in the forked processes.
os.environ.update(OPENBLAS_NUM_THREADS="1", PXR_WORK_THREAD_LIMIT="1")

from OCP.BRepPrimAPI import BRepPrimAPI_MakeBox

from dcc.cad import convert
from dcc.cad.identity import matching  # noqa: F401 (a revision needs the matching)
from dcc.cad.settings import Settings
from dcc.cad.step_writer import StepWriter
from shared.fork_server import serve


def main() -> None:
    """Serve until the socket's other side is closed."""
    with socket.socket(fileno=int(sys.argv[1])) as control:
        _rehearse()
        serve(control, convert.main)


def _rehearse() -> None:
    """Convert a box: the kernel and USD set up what they need at their first use, once for all."""
    with tempfile.TemporaryDirectory() as folder:
        step = StepWriter()
        step.part("Box", BRepPrimAPI_MakeBox(1, 1, 1).Shape())
        step.write(Path(folder) / "box.step")
        convert.convert(Path(folder) / "box.step", Path(folder) / "out", Settings(processes=1))


if __name__ == "__main__":
    main()
