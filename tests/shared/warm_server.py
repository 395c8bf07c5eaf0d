"""A server for :mod:`tests.shared.test_warm_tool`: its tool does what its first argument says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shared.events import emit_progress, tool_main
from shared.fork_server import serve


def tool(arguments: list[str]) -> int:
    return tool_main(lambda: _do(*arguments))


def _do(what: str, path: str = "") -> dict[str, Any]:
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(path).write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    print("noise from a C library")
    emit_progress("mesh", 50, "half")
    return {"pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd(), "variable": os.environ.get("VARIABLE")}


if __name__ == "__main__":
    print("noise of a library that comes up", file=sys.stderr, flush=True)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control, tool)
