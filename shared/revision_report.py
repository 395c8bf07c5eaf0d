"""What is said of the parts of a CAD revision: which is which, how sure, and why.

The converter writes it; the service adds what people decided; artists answer what is uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SHOWN_CANDIDATES = 3
"""Most parts that a person is shown for one that is uncertain."""


@dataclass(frozen=True)
class Match:
    """``new_key`` (as the new file names the part by itself) is ``old_key``, with ``confidence`` 0 to 1.

    ``relation``: ``same``; ``split`` for one of several products that were occurrences of one; ``merged`` for one of
    several products that became occurrences of one.
    """

    old_key: str
    new_key: str
    confidence: float
    reason: str
    relation: str = "same"


@dataclass(frozen=True)
class Candidate:
    """An old part that an uncertain new part may be."""

    old_key: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Uncertain:
    """A new part that is not assigned, because the evidence does not decide; none of ``candidates`` need be it."""

    new_key: str
    candidates: tuple[Candidate, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Uncertain:
        """From an entry of the service's report, which says more."""
        found = (Candidate(each["old_key"], each["confidence"], each["reason"]) for each in data["candidates"])
        return cls(data["new_key"], tuple(found))


@dataclass(frozen=True)
class RevisionReport:
    """What became of every part: each new part is in ``matches``, ``uncertain`` or ``new``.

    ``removed`` holds the old parts that no match names; one of them may still be a candidate of an uncertain part.
    ``alignment`` is what was done to the model as a whole: a 4x4 matrix of row vectors that takes places in the old
    model to places in the new one (mm); empty where nothing was.
    """

    matches: tuple[Match, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    new: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    alignment: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
