"""Which version an installed program is: read from its folder where that tells, else asked of the program itself."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from desktop_launcher.software import BLENDER, Installation
from shared.process_tree import kill_tree

ASK_SECONDS = 15.0
"""A cold start of Blender from a network drive takes several seconds."""

_BLENDER_VERSION = re.compile(r"^Blender (\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_HOUDINI_FOLDER = re.compile(r"(?:hfs|Houdini ?)(\d+\.\d+(?:\.\d+)*)")
_HOUDINI_HEADER = re.compile(r'#define\s+SYS_VERSION_FULL\s+"([\d.]+)"')


def with_version(installation: Installation, timeout: float = ASK_SECONDS) -> Installation:
    """The installation with its version; the version stays empty where the program does not tell it.

    Blocks for up to ``timeout`` seconds: call it on a worker thread.
    """
    if installation.software == BLENDER.key:
        return replace(installation, version=_ask_blender(installation.executable, timeout))
    return replace(installation, version=_read_houdini(installation.executable))


def _ask_blender(executable: Path, timeout: float) -> str:
    match = _BLENDER_VERSION.search(_output([str(executable), "--background", "--version"], timeout))
    return match[1] if match else ""


def _read_houdini(executable: Path) -> str:
    """Houdini has no option that prints its version without a licence; its folder and its headers name it."""
    for path in (executable, executable.resolve()):
        for folder in path.parents:
            if match := _HOUDINI_FOLDER.search(folder.name):
                return match[1]
    header = executable.resolve().parent.parent / "toolkit/include/SYS/SYS_Version.h"
    with contextlib.suppress(OSError):
        if match := _HOUDINI_HEADER.search(header.read_text(errors="replace")):
            return match[1]
    return ""


def _output(arguments: list[str], timeout: float) -> str:
    """What a program printed; empty where it cannot be started or did not end in time."""
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name != "nt",
        )
    except OSError:
        return ""
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_tree(process.pid)
        output, _ = process.communicate()
    return output.decode("utf-8", "replace")
