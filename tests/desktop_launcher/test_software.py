"""Finding programs, on folders furnished like the three platforms' and with shell scripts as program files."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from desktop_launcher.probe import with_version
from desktop_launcher.software import (
    BLENDER,
    HOUDINI,
    Installation,
    Machine,
    Software,
    find_installations,
    name_of,
    natural_order,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="program files are POSIX shell scripts")


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def machine(tmp_path: Path, platform: str = "linux", **environ: str) -> Machine:
    return Machine(platform, {"PATH": "", **environ}, home=tmp_path / "home", root=str(tmp_path / "root"))


def executables(found: list[Installation], below: Path) -> list[str]:
    return [one.executable.relative_to(below).as_posix() for one in found]


@pytest.mark.parametrize(
    "place",
    [
        "root/opt/blender-5.0.1-linux-x64/blender",
        "root/opt/blender/5.0/blender",
        "root/snap/bin/blender",
        "root/var/lib/flatpak/exports/bin/org.blender.Blender",
        "home/.local/share/Steam/steamapps/common/Blender/blender",
        "home/Applications/blender-5.0/blender",
    ],
)
def test_blender_is_found_in_linux_folders(tmp_path: Path, place: str) -> None:
    program(tmp_path / place)
    assert executables(find_installations(BLENDER, machine(tmp_path)), tmp_path) == [place]


@pytest.mark.parametrize(
    ("platform", "software", "place"),
    [
        ("darwin", BLENDER, "root/Applications/Blender.app/Contents/MacOS/Blender"),
        ("darwin", BLENDER, "root/Applications/Blender 4.5.app/Contents/MacOS/Blender"),
        (
            "darwin",
            HOUDINI,
            "root/Applications/Houdini/Houdini21.0.512/Frameworks/Houdini.framework/Versions/Current/Resources/bin/houdini",
        ),
        ("win32", BLENDER, "Program Files/Blender Foundation/Blender 5.0/blender.exe"),
        ("win32", BLENDER, "Program Files (x86)/Steam/steamapps/common/Blender/blender.exe"),
        ("win32", HOUDINI, "Program Files/Side Effects Software/Houdini 21.0.512/bin/houdini.exe"),
        ("linux", HOUDINI, "root/opt/hfs21.0.512/bin/houdini"),
    ],
)
def test_other_platforms_folders(tmp_path: Path, platform: str, software: Software, place: str) -> None:
    program(tmp_path / place)
    environ = {
        "ProgramFiles": str(tmp_path / "Program Files"),
        "ProgramFiles(x86)": str(tmp_path / "Program Files (x86)"),
    }
    found = find_installations(software, machine(tmp_path, platform, **environ if platform == "win32" else {}))
    assert executables(found, tmp_path) == [place]


def test_path_and_variables_name_programs(tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin/blender")
    named = program(tmp_path / "studio/blender-lts")
    houdini = program(tmp_path / "hfs [beta]/bin/houdini")
    environ = machine(tmp_path, PATH=str(on_path.parent), RACEWAY_BLENDER=str(named), HFS=str(houdini.parent.parent))
    assert [one.executable for one in find_installations(BLENDER, environ)] == [named, on_path]
    assert [one.executable for one in find_installations(HOUDINI, environ)] == [houdini]


def test_a_link_to_a_program_is_the_same_program(tmp_path: Path) -> None:
    program(tmp_path / "root/opt/hfs21.0.512/bin/houdini")
    (tmp_path / "root/opt/hfs21.0").symlink_to("hfs21.0.512")
    assert len(find_installations(HOUDINI, machine(tmp_path))) == 1


def test_snap_commands_stay_apart(tmp_path: Path) -> None:
    snap = program(tmp_path / "root/usr/bin/snap")
    for command in ("blender", "other"):
        link = tmp_path / "root/snap/bin" / command
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(snap)
    found = find_installations(BLENDER, machine(tmp_path), by_hand=[tmp_path / "root/snap/bin/other"])
    assert executables(found, tmp_path / "root/snap/bin") == ["other", "blender"]
    assert found[0].by_hand


def test_files_that_cannot_run_and_missing_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "root/opt/blender-5.0").mkdir(parents=True)
    (tmp_path / "root/opt/blender-5.0/blender").write_text("no program")
    assert find_installations(BLENDER, machine(tmp_path), by_hand=[tmp_path / "gone"]) == []


def test_newer_folders_come_first(tmp_path: Path) -> None:
    for version in ("4.9.1", "4.10.0", "5.0.1"):
        program(tmp_path / f"root/opt/blender-{version}/blender")
    found = find_installations(BLENDER, machine(tmp_path))
    assert [one.executable.parent.name for one in found] == ["blender-5.0.1", "blender-4.10.0", "blender-4.9.1"]


@pytest.mark.parametrize(("version", "note"), [("5.0.1", False), ("", False), ("4.10.2", True), ("10.0", False)])
def test_an_old_version_is_offered_with_a_note(version: str, note: bool) -> None:
    assert ("without Raceway's tools" in name_of(Installation(BLENDER.key, Path("blender"), version))) is note


def test_natural_order_reads_numbers() -> None:
    assert sorted(["4.10", "4.9", "", "5.0"], key=natural_order) == ["", "4.9", "4.10", "5.0"]


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["echo 'Blender 5.0.1'", "echo '	build date: 2026-01-01'"], "5.0.1"),
        (["echo 'Read prefs: /home/x'", "echo 'Blender 4.2'"], "4.2"),
        (["echo 'something else'"], ""),
        (["exit 3"], ""),
    ],
)
def test_blender_is_asked_for_its_version(tmp_path: Path, lines: list[str], version: str) -> None:
    executable = program(tmp_path / "blender", *lines)
    assert with_version(Installation(BLENDER.key, executable)).version == version


def test_a_program_that_hangs_is_given_up_with_its_children(tmp_path: Path) -> None:
    executable = program(tmp_path / "blender", f"sleep 300 & echo $! > {tmp_path}/child", "wait")
    began = time.monotonic()
    assert with_version(Installation(BLENDER.key, executable), timeout=0.5).version == ""
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text())
    status = Path(f"/proc/{child}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_a_program_that_is_gone_has_no_version(tmp_path: Path) -> None:
    assert with_version(Installation(BLENDER.key, tmp_path / "gone")).version == ""


def test_houdini_is_known_by_its_folder_or_its_headers(tmp_path: Path) -> None:
    by_folder = program(tmp_path / "opt/hfs21.0.512/bin/houdini", "exit 1")
    (tmp_path / "opt/current").symlink_to("hfs21.0.512")
    by_header = program(tmp_path / "houdini-here/bin/houdini", "exit 1")
    header = tmp_path / "houdini-here/toolkit/include/SYS/SYS_Version.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define SYS_VERSION_MAJOR "20"\n#define SYS_VERSION_FULL "20.5.278"\n')
    unknown = program(tmp_path / "elsewhere/bin/houdini", "exit 1")
    versions = [
        with_version(Installation(HOUDINI.key, path)).version
        for path in (by_folder, tmp_path / "opt/current/bin/houdini", by_header, unknown)
    ]
    assert versions == ["21.0.512", "21.0.512", "20.5.278", ""]
