"""The parts of a new CAD revision of which it is uncertain which earlier part they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """An earlier part that an uncertain one may be; ``confidence`` from 0 to 1, ``reason`` in words."""

    old_key: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Question:
    """An uncertain part, by the key that the new file gives it, and the earlier parts that it may be; or it is new."""

    new_key: str
    candidates: tuple[Candidate, ...]


def open_questions(report: Mapping[str, Any]) -> list[Question]:
    """What nobody has decided yet in the service's revision report, in its order."""
    decided = {decision["new_key"] for decision in report.get("decisions", ())}
    return [
        Question(item["new_key"], tuple(Candidate(**candidate) for candidate in item["candidates"]))
        for item in report.get("uncertain", ())
        if item["new_key"] not in decided
    ]
