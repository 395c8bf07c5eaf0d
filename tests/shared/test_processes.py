"""Tools in processes of their own. The tools here are real child processes of Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import CadError, ProcessError
from shared.process_tree import descendants
from shared.processes import run_tool

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 15
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def tool(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


REPORTING = """
from shared.events import emit_progress, tool_main
def main():
    print("noise from a C library")
    emit_progress("mesh", 50, "half")
    return {"parts": 3}
raise SystemExit(tool_main(main))
"""


def test_the_result_comes_back_and_noise_goes_to_the_log(tmp_path: Path) -> None:
    events: list[dict[str, object]] = []
    log = tmp_path / "tool.log"
    assert run_tool(tool(REPORTING), on_event=events.append, log=log, cwd=ROOT) == {"parts": 3}
    assert events == [{"event": "progress", "stage": "mesh", "percent": 50.0, "message": "half"}]
    assert "noise from a C library" in log.read_text()


def test_the_error_of_a_tool_arrives_as_it_was_raised() -> None:
    code = """
from shared.errors import CadError
from shared.events import tool_main
def main():
    raise CadError("x.step has no solids.", hint="Export solids.", code="cad.empty", fields={"file": "empty"})
raise SystemExit(tool_main(main))
"""
    with pytest.raises(CadError) as caught:
        run_tool(tool(code), cwd=ROOT)
    assert caught.value.code == "cad.empty"
    assert caught.value.hint == "Export solids."
    assert caught.value.fields == {"file": "empty"}


def test_a_defect_of_ours_becomes_a_coded_error_with_the_traceback_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    code = "from shared.events import tool_main\nraise SystemExit(tool_main(lambda: {'x': 1 / 0}))"
    with pytest.raises(ProcessError) as caught:
        run_tool(tool(code), cwd=ROOT, log=log)
    assert "ZeroDivisionError" in caught.value.message
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "process.crashed"),
        ("raise SystemExit(3)", "process.failed"),
        ("pass", "process.failed"),
        ("import time; time.sleep(60)", "process.timeout"),
        ("x = bytearray(400 * 2**20); import time; time.sleep(60)", "process.memory"),
    ],
)
def test_every_bad_end_has_its_code(code: str, expected: str) -> None:
    limit = 200 * 2**20 if expected == "process.memory" else None
    with pytest.raises(ProcessError) as caught:
        run_tool(tool(code), timeout=1.5 if expected == "process.timeout" else 30, memory_limit=limit)
    assert caught.value.code == expected
    assert caught.value.hint or expected == "process.failed"


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProcessError) as caught:
        run_tool(["/no/such/blender", "--version"])
    assert caught.value.code == "process.not_found"
    assert "blender" in caught.value.message


@linux_only
def test_cancelling_leaves_no_process_behind_not_even_a_daemon(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # A child that leaves the process group, as a renderer's helper may, and both deaf to SIGTERM.
    code = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"],
    start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
open({str(pids)!r} + ".part", "w").write(f"{{os.getpid()}} {{child.pid}}")
os.rename({str(pids)!r} + ".part", {str(pids)!r})
time.sleep(600)
"""
    with pytest.raises(ProcessError) as caught:
        run_tool(tool(code), should_cancel=pids.exists, timeout=60)
    assert caught.value.code == "process.cancelled"
    for pid in map(int, pids.read_text().split()):
        assert eventually(lambda pid=pid: not alive(pid))


@linux_only
def test_a_tool_is_done_when_it_ends_whoever_holds_its_pipes(tmp_path: Path) -> None:
    place = tmp_path / "daemon.pid"
    code = f"""
import json, subprocess
from pathlib import Path
daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
Path({str(place)!r}).write_text(str(daemon.pid))
print(json.dumps({{"event": "result", "made": "picture"}}), flush=True)
"""
    try:
        assert run_tool(tool(code), timeout=300) == {"made": "picture"}
        assert alive(int(place.read_text())), "it left, and whoever adopts orphans ends it"
    finally:
        os.kill(int(place.read_text()), signal.SIGKILL)


@linux_only
def test_a_tool_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"""
import sys
from pathlib import Path
from shared.processes import run_tool
run_tool([sys.executable, "-c", "import time; time.sleep(600)"],
         on_start=lambda pid: Path({str(pid_file)!r}).write_text(str(pid)))
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        assert eventually(lambda: pid_file.exists() and pid_file.read_text() != "")
        tool_pid = int(pid_file.read_text())
        assert alive(tool_pid)
        assert tool_pid in descendants(parent.pid)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert eventually(lambda: not alive(tool_pid))


def test_input_reaches_a_tool_and_a_tool_that_does_not_read_it_still_answers_for_itself() -> None:
    echo = """
import json, sys
from shared.events import tool_main
raise SystemExit(tool_main(lambda: json.load(sys.stdin)))
"""
    assert run_tool(tool(echo), stdin={"part": "look"}, cwd=ROOT) == {"part": "look"}
    with pytest.raises(ProcessError) as caught:
        run_tool(tool("raise SystemExit(1)"), stdin={"big": "x" * 1_000_000})
    assert caught.value.code == "process.failed"
