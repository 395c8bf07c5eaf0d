"""An artist's answers about the parts of a new CAD revision: which earlier part each of them is.

The service refuses an answer to what was not its newest report, so that nobody overrules others without knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.client import Client, Json
from shared.errors import ConflictError
from shared.revision_report import Uncertain

SHOWN_ANSWERS = 5
"""The last answers that can be taken back in a DCC; the page of the revision has all of them."""

Decisions = Mapping[str, str | None]
"""The earlier part that a part is, or None for a new part, by the key that the new file gives it."""


@dataclass(frozen=True)
class Group:
    """Parts that are asked about for one ``reason``, and may be answered together.

    ``likeliest``: the earlier part that each of them most likely is.
    """

    reason: str
    likeliest: Mapping[str, str]

    @property
    def each_is_likeliest(self) -> Decisions:
        return dict(self.likeliest)

    @property
    def all_are_new(self) -> Decisions:
        return dict.fromkeys(self.likeliest)


@dataclass(frozen=True)
class Answered:
    """What one person decided at one moment."""

    by: str
    at: str
    decisions: Decisions

    @property
    def line(self) -> str:
        who = f", said {self.by}" if self.by else ""
        return f"{say(self.decisions)}{who}"


@dataclass(frozen=True)
class Review:
    """What waits for an answer in a revision, and what was answered last, the newest first."""

    cad_file_id: str
    etag: str
    converting: bool
    groups: tuple[Group, ...]
    questions: tuple[Uncertain, ...]
    answered: tuple[Answered, ...]
    decisions: Decisions


def review(client: Client, cad_file: Json) -> Review:
    """How it stands with a CAD file; a first revision has no questions."""
    if not cad_file["previous_id"]:
        return Review(cad_file["id"], "", False, (), (), (), {})
    return _review(client.revision_report(cad_file["id"]))


def decide(client: Client, seen: Review, decisions: Decisions) -> Review:
    """Answer about one part, or about all those of a group at once.

    Raises ConflictError (``conflict.stale``) where somebody answered since ``seen``: ask for the review again;
    InputError (``input.revision_decisions``) where another part is that earlier one already.
    """
    return _changed(lambda: client.decide_parts(seen.cad_file_id, decisions, etag=seen.etag))


def take_back(client: Client, seen: Review, answered: Answered) -> Review:
    """Ask again about the parts of an answer. Raises ConflictError as :func:`decide` does."""
    left = {key: old_key for key, old_key in seen.decisions.items() if key not in answered.decisions}
    return _changed(lambda: client.decide_revision(seen.cad_file_id, left, etag=seen.etag))


def say(decisions: Decisions) -> str:
    """Decisions as a person says them."""
    if len(decisions) == 1:
        ((new_key, old_key),) = decisions.items()
        return f"{new_key} is {old_key or 'a new part'}"
    new = sum(1 for old_key in decisions.values() if old_key is None)
    if new == len(decisions):
        return f"{new} parts are new"
    return f"{len(decisions)} parts are earlier ones" if not new else f"{len(decisions)} parts are decided, {new} new"


def _changed(change: Callable[[], Json]) -> Review:
    try:
        return _review(change())
    except ConflictError as error:
        if error.code != "conflict.stale":
            raise
        raise ConflictError(
            "Somebody else answered about parts of this revision meanwhile, so your answer was not taken.",
            hint="The list shows how it stands now: answer what is still open.",
            code=error.code,
            status=error.status,
        ) from error


def _review(report: Mapping[str, Any]) -> Review:
    decided = {each["new_key"]: each["old_key"] for each in report["decisions"]}
    moments: dict[tuple[str, str], dict[str, str | None]] = {}
    for each in report["decisions"]:
        moments.setdefault((each["at"], each["by"] or ""), {})[each["new_key"]] = each["old_key"]
    newest = sorted(moments.items(), reverse=True)[:SHOWN_ANSWERS]
    return Review(
        cad_file_id=report["cad_file_id"],
        etag=report["etag"],
        converting=report["state"] == "applying",
        groups=tuple(Group(each["reason"], each["decisions"]) for each in report["groups"]),
        questions=tuple(Uncertain.from_json(each) for each in report["uncertain"] if each["new_key"] not in decided),
        answered=tuple(Answered(by, at, decisions) for (at, by), decisions in newest),
        decisions=decided,
    )
