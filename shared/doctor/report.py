"""What a check is, what it finds, and how all of them are run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from shared.errors import RacewayError


class Severity(StrEnum):
    """``error``: something does not work. ``warning``: it works, and will hurt. ``skipped``: there was no reason to
    look."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that is fine, or wrong and how to mend it. ``code`` is stable, and empty where nothing is wrong."""

    severity: Severity
    message: str
    code: str = ""
    hint: str = ""


def fine(message: str) -> Finding:
    """What was looked at and is as it should be."""
    return Finding(Severity.OK, message)


def skipped(message: str) -> Finding:
    """What was not looked at, and why."""
    return Finding(Severity.SKIPPED, message)


def warning(code: str, message: str, hint: str) -> Finding:
    """What works today and will hurt."""
    return Finding(Severity.WARNING, message, f"doctor.{code}", hint)


def fault(code: str, message: str, hint: str) -> Finding:
    """What does not work."""
    return Finding(Severity.ERROR, message, f"doctor.{code}", hint)


@dataclass(frozen=True)
class Setup:
    """What is examined: an environment, a data folder of ``raceway up``, and the port that it would listen on.

    ``free_bytes`` is how much room a disk must have left.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    data: Path = Path("raceway-data")
    port: int = 8430
    free_bytes: int = 2 * 2**30

    def get(self, name: str) -> str:
        """An environment variable; empty where it is not set."""
        return self.environ.get(name, "").strip()


@dataclass(frozen=True)
class Check:
    """One thing to look at. ``area`` groups checks: machine, workplace, service, cad, blender, launcher, ..."""

    area: str
    name: str
    look: Callable[[Setup], Iterable[Finding]]


@dataclass(frozen=True)
class Result:
    """What a check found."""

    check: Check
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "area": self.check.area,
            "check": self.check.name,
            "findings": [
                {"severity": found.severity.value, "code": found.code, "message": found.message, "hint": found.hint}
                for found in self.findings
            ],
        }


def examine(checks: Iterable[Check], setup: Setup) -> Iterator[Result]:
    """Run the checks in order. One that fails is itself a finding: the others are still run."""
    for check in checks:
        yield Result(check, tuple(_look(check, setup)))


def _look(check: Check, setup: Setup) -> Iterator[Finding]:
    try:
        yield from check.look(setup)
    except RacewayError as error:
        yield Finding(Severity.ERROR, error.message, error.code, error.hint)
    except Exception as error:
        # A doctor who faints helps nobody: whatever a broken machine throws at a check is reported like the rest.
        yield fault(
            "check_failed",
            f"The check itself failed: {type(error).__name__}: {error}",
            "This machine may be damaged in a way that we did not foresee; please report it with this message.",
        )
