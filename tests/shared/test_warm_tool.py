"""Tools forked from a warm server behave as processes of their own, and nothing they do harms the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import warm_tool
from shared.errors import ProcessError
from shared.warm_tool import WarmTool
from tests.shared.test_processes import ROOT, alive, eventually

pytestmark = pytest.mark.skipif(not warm_tool.AVAILABLE, reason="this platform cannot fork")


@pytest.fixture
def warm() -> Iterator[WarmTool]:
    tool = WarmTool("tests.shared.warm_server", server="tests.shared.warm_server")
    yield tool
    tool.close()


def test_a_run_has_the_callers_folder_environment_events_and_log(warm: WarmTool, tmp_path: Path) -> None:
    events: list[dict[str, object]] = []
    started: list[int] = []
    log = tmp_path / "tool.log"
    result = warm.run(
        ["work"],
        on_event=events.append,
        on_start=started.append,
        log=log,
        cwd=tmp_path,
        env={**os.environ, "VARIABLE": "ä"},
    )
    assert result == {"pid": started[0], "parent": warm.server_pid, "cwd": str(tmp_path), "variable": "ä"}
    assert [event["percent"] for event in events] == [50.0]
    assert "noise from a C library" in log.read_text()
    assert not alive(started[0])


def test_what_the_server_itself_prints_is_logged_in_its_name(
    warm: WarmTool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("INFO", "tests.shared.warm_server")
    warm.run(["work"])

    def logged() -> list[str]:
        return [each.message for each in caplog.records if each.name == "tests.shared.warm_server"]

    assert eventually(lambda: bool(logged()))
    assert logged() == ["noise of a library that comes up"]
    assert "noise" not in capfd.readouterr().err


def test_a_crash_is_a_coded_error_and_the_server_lives(warm: WarmTool) -> None:
    server = warm.run(["work"])["parent"]
    with pytest.raises(ProcessError) as caught:
        warm.run(["crash"])
    assert caught.value.code == "process.crashed"
    assert "SIGSEGV" in caught.value.message
    assert warm.run(["work"])["parent"] == server


@pytest.mark.parametrize("way", ["timeout", "cancelled"])
def test_a_run_is_stopped_with_all_it_started(way: str, warm: WarmTool, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ProcessError) as caught:
        warm.run(
            ["hang", str(pids)],
            timeout=2 if way == "timeout" else 60,
            should_cancel=pids.exists if way == "cancelled" else None,
        )
    assert caught.value.code == f"process.{way}"
    assert eventually(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    assert warm.run(["work"])["cwd"] == os.getcwd()


def test_a_server_that_died_is_replaced(warm: WarmTool) -> None:
    server = warm.run(["work"])["parent"]
    os.kill(server, signal.SIGKILL)
    assert warm.run(["work"])["parent"] not in (server, os.getpid())


def test_a_run_whose_server_dies_is_a_coded_error(warm: WarmTool, tmp_path: Path) -> None:
    def kill(pid: int) -> None:
        assert warm.server_pid
        os.kill(warm.server_pid, signal.SIGKILL)

    pids = tmp_path / "pids"
    with pytest.raises(ProcessError) as caught:
        warm.run(["hang", str(pids)], on_start=kill, timeout=60)
    assert caught.value.code == "process.crashed"


def test_a_server_retires_after_many_runs(warm: WarmTool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_tool, "_RUNS_PER_SERVER", 2)
    servers = [warm.run(["work"])["parent"] for _ in range(5)]
    assert servers[0] == servers[1] != servers[2] == servers[3] != servers[4]
    assert eventually(lambda: not alive(servers[0]) and not alive(servers[2]))


def test_without_a_server_the_tool_is_started_as_a_process(tmp_path: Path) -> None:
    tool = WarmTool("tests.shared.plain_tool", server="tests.shared.no_such_server")
    assert tool.run([], cwd=ROOT) == {"plain": True}
    tool.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs the parent-death signal")
def test_server_and_run_die_with_the_caller(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
from shared.warm_tool import WarmTool
tool = WarmTool("tests.shared.warm_server", server="tests.shared.warm_server")
tool.run(["hang", {str(pids)!r}])
""",
        ],
        cwd=ROOT,
    )
    assert eventually(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    run, child = map(int, pids.read_text().split())
    server = int(Path(f"/proc/{run}/stat").read_text().rpartition(")")[2].split()[1])
    caller.kill()
    caller.wait()
    assert eventually(lambda: not alive(server) and not alive(run))
    os.kill(child, signal.SIGKILL)
