"""What is checked, and what a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Check:
    """A check as people read it: what it asks for, and what the fix does ("" where only a person can)."""

    name: str
    help: str
    fix: str = ""


@dataclass(frozen=True)
class Finding:
    """One fault: the check that found it, the prim it is at ("" for the whole file), what is wrong and what to do.

    ``fix`` names the automatic remedy, "" where there is none. Only errors keep a file from being published.
    """

    check: str
    prim: str
    message: str
    hint: str
    fix: str = ""
    severity: Severity = "error"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """The finding as one line for an artist, without the names of check and severity."""
        where = f"{self.prim}: " if self.prim else ""
        return f"{where}{self.message} {self.hint}".strip()

    def __str__(self) -> str:
        where = f"{self.prim}: " if self.prim else ""
        fixable = " (--fix does it)" if self.fix else ""
        return f"{self.severity} [{self.check}] {where}{self.message}\n  {self.hint}{fixable}"
