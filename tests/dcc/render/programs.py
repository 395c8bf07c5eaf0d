"""Programs that stand in for others, written in Python."""

from __future__ import annotations

import sys
from pathlib import Path

_START = """#!/bin/sh
'''exec' "{python}" {options} "$0" "$@"
' '''
"""
"""Shell and Python at once: the path of an interpreter behind ``#!`` must not hold a space."""


def write_program(path: Path, source: str, *options: str) -> Path:
    """An executable at ``path`` that runs ``source`` in this interpreter, with ``options`` of it."""
    path.write_text(_START.format(python=sys.executable, options=" ".join(options)) + source)
    path.chmod(0o755)
    return path
