"""Starting programs, with shell scripts as program files."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from desktop_launcher.blender_extension import STARTUP
from desktop_launcher.launch import (
    BLENDER_EXTENSIONS,
    HOUDINI_PACKAGES,
    RunningProgram,
    houdini_packages,
    plan,
    scene_to_open,
    start,
)
from desktop_launcher.software import Installation
from shared.context import Context, Entity
from shared.errors import InputError, ProcessError, StorageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")


@pytest.fixture
def context(tmp_path: Path) -> Context:
    entity = Entity.asset("bearing")
    return Context("http://127.0.0.1:5000", "secret", "demo", entity, "task-1", "Maya", tmp_path, "/usr/bin/python3")


def installation(tmp_path: Path, *lines: str, software: str = "blender") -> Installation:
    executable = tmp_path / "program"
    executable.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    return Installation(software, executable, "5.0.1")


def wait_until_ended(program: RunningProgram) -> None:
    program.process.wait(timeout=10)


def test_a_program_sees_its_context_and_its_scene(tmp_path: Path, context: Context) -> None:
    blender = installation(tmp_path, 'echo "$PM_ENTITY|$PM_TASK_ID|$PM_API_TOKEN|$BLENDER_USER_RESOURCES|$@"')
    scene = tmp_path / "my scene.blend"
    ready = plan(blender, context, scene, environ={"BLENDER_USER_RESOURCES": "mine", "PATH": os.environ["PATH"]})
    program = start(ready, tmp_path / "logs")
    wait_until_ended(program)
    assert program.ended()
    assert program.log.read_text() == f"asset:bearing|task-1|secret|mine|{scene}\n"
    assert Context.from_environment(ready.environment) == context


def test_blender_gets_our_extension_without_an_installation(tmp_path: Path, context: Context) -> None:
    blender = installation(tmp_path)
    ready = plan(blender, context, environ={}, extensions=tmp_path / "extensions")
    assert ready.environment[BLENDER_EXTENSIONS] == str(tmp_path / "extensions")
    assert ready.arguments[1:] == ["--python", str(STARTUP)]


def test_a_studios_own_extensions_are_kept(tmp_path: Path, context: Context) -> None:
    ready = plan(
        installation(tmp_path), context, environ={BLENDER_EXTENSIONS: "/studio"}, extensions=tmp_path / "extensions"
    )
    assert ready.environment[BLENDER_EXTENSIONS] == "/studio"


def test_houdini_gets_our_package_beside_the_studios(tmp_path: Path, context: Context) -> None:
    houdini = installation(tmp_path, software="houdini")
    ready = plan(houdini, context, tmp_path / "a.hip", environ={HOUDINI_PACKAGES: "/studio/packages"})
    assert ready.environment[HOUDINI_PACKAGES].split(os.pathsep) == ["/studio/packages", str(houdini_packages())]
    assert ready.arguments[1:] == ["-foreground", str(tmp_path / "a.hip")]
    assert (houdini_packages() / "raceway.json").is_file()


def test_a_program_outlives_the_launchers_terminal(tmp_path: Path, context: Context) -> None:
    program = start(plan(installation(tmp_path, "exec sleep 30"), context), tmp_path / "logs")
    try:
        assert not program.ended()
        assert os.getsid(program.process.pid) == program.process.pid != os.getsid(0)
    finally:
        program.process.kill()
        program.process.wait()


def test_a_program_that_fails_tells_the_end_of_its_log(tmp_path: Path, context: Context) -> None:
    blender = installation(tmp_path, "echo starting", "echo 'Error: no GPU context' >&2", "exit 7")
    program = start(plan(blender, context), tmp_path / "logs")
    wait_until_ended(program)
    with pytest.raises(ProcessError) as raised:
        program.ended()
    assert "Blender 5.0.1 ended with status 7: starting / Error: no GPU context" in raised.value.message
    assert str(program.log) in raised.value.hint


def test_a_program_killed_by_a_signal_is_told_so(tmp_path: Path, context: Context) -> None:
    program = start(plan(installation(tmp_path, "kill -SEGV $$", "sleep 5"), context), tmp_path / "logs")
    wait_until_ended(program)
    with pytest.raises(ProcessError, match="signal 11"):
        program.ended()


def test_a_program_that_is_gone(tmp_path: Path, context: Context) -> None:
    with pytest.raises(ProcessError) as raised:
        start(plan(Installation("blender", tmp_path / "gone"), context), tmp_path / "logs")
    assert raised.value.code == "process.not_found"
    assert "gone" in raised.value.message


def test_a_log_folder_that_cannot_be_made(tmp_path: Path, context: Context) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        start(plan(installation(tmp_path), context), tmp_path / "file" / "logs")


def test_two_starts_at_once_have_logs_of_their_own(tmp_path: Path, context: Context) -> None:
    ready = plan(installation(tmp_path, "exit 0"), context)
    logs = {start(ready, tmp_path / "logs").log for _ in range(5)}
    assert len(logs) == 5


def test_a_scene_is_found_below_the_storage(tmp_path: Path) -> None:
    scene = tmp_path / "demo/assets/bearing/scenes/model/bearing_v001_i001.blend"
    scene.parent.mkdir(parents=True)
    scene.write_bytes(b"")
    assert scene_to_open(tmp_path, scene.relative_to(tmp_path).as_posix()) == scene.resolve()
    with pytest.raises(StorageError, match=r"bearing_v002_i001\.blend is not on this machine's storage"):
        scene_to_open(tmp_path, "demo/assets/bearing/scenes/model/bearing_v002_i001.blend")
    with pytest.raises(InputError):
        scene_to_open(tmp_path, "../outside.blend")


def test_time_is_not_spent_waiting_for_a_program(tmp_path: Path, context: Context) -> None:
    began = time.monotonic()
    program = start(plan(installation(tmp_path, "exec sleep 30"), context), tmp_path / "logs")
    assert time.monotonic() - began < 5
    program.process.kill()
    program.process.wait()
