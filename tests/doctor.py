"""Runs ``raceway doctor`` as a user does, on a machine where something is broken."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from shared.cli import main

REPOSITORY = Path(__file__).parents[1]
_OF_NO_PROCESS = {"service", "workplace"}
"""Areas that look at nothing of the process in which the doctor runs: no new one has to start for them."""


@dataclass(frozen=True)
class Report:
    """What the doctor said."""

    status: int
    findings: list[dict[str, str]]

    @property
    def codes(self) -> set[str]:
        """Codes of everything that is wrong, without their common start."""
        return {found["code"].removeprefix("doctor.") for found in self.findings if found["code"]}

    def finding(self, code: str) -> dict[str, str]:
        """The finding of that code; fails, telling what was found instead."""
        for found in self.findings:
            if found["code"] == f"doctor.{code}":
                return found
        raise AssertionError(f"{code} was not found, but {self.codes}")


def examine(
    area: str,
    environ: Mapping[str, str],
    *options: str,
    folder: Path | None = None,
    before: Callable[[], Any] | None = None,
    wrapper: tuple[str, ...] = (),
) -> Report:
    """Run the doctor for one area with ``environ`` over a clean environment.

    ``before`` runs in the new process first, ``wrapper`` is a command that starts it.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PM_", "RACEWAY_", "DATABASE_"))}
    environment = {**clean, "PYTHONPATH": str(REPOSITORY), **environ}
    arguments = ["doctor", "--json", "--area", area, *options]
    if area in _OF_NO_PROCESS:
        assert not (folder or before or wrapper)
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            contextlib.chdir(REPOSITORY),
            contextlib.redirect_stdout(io.StringIO()) as printed,
        ):
            status = main(arguments)
        output = printed.getvalue()
    else:
        done = subprocess.run(
            [*wrapper, sys.executable, "-m", "shared.cli", *arguments],
            env=environment,
            cwd=folder or REPOSITORY,
            capture_output=True,
            text=True,
            preexec_fn=before,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        status, output = done.returncode, done.stdout
    report = json.loads(output)
    findings = [found for result in report["results"] for found in result["findings"]]
    wrong = [found for found in findings if found["severity"] in ("error", "warning")]
    # Every complaint says what it is about and what to do.
    assert all(found["code"] and found["message"] and found["hint"] for found in wrong), wrong
    assert report["ok"] is not any(found["severity"] == "error" for found in findings)
    return Report(status, findings)
