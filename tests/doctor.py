"""Runs ``raceway doctor`` as a user does, on a machine where something is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
    command = [*wrapper, sys.executable, "-m", "shared.cli", "doctor", "--json", "--area", area, *options]
    done = subprocess.run(
        command,
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[1]), **environ},
        cwd=folder or Path(__file__).parents[1],
        capture_output=True,
        text=True,
        preexec_fn=before,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    report = json.loads(done.stdout)
    findings = [found for result in report["results"] for found in result["findings"]]
    wrong = [found for found in findings if found["severity"] in ("error", "warning")]
    # Every complaint says what it is about and what to do.
    assert all(found["code"] and found["message"] and found["hint"] for found in wrong), wrong
    assert report["ok"] is not any(found["severity"] == "error" for found in findings)
    return Report(done.returncode, findings)
