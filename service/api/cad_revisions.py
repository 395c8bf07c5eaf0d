"""What became of a CAD file's parts since the revision before, and what people decide about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.listing import row
from service.api.records import check_version
from service.api.routing import Answer, Reply, Request, Resource
from service.api.stored_files import root
from service.cad import conversions, revisions
from service.database import session
from service.models import CadFile

cad_revisions = Resource("cad_revisions", "/cad")
RESOURCES = (cad_revisions,)


class Decisions(Request):
    decisions: dict[str, str | None] = Field(
        description="partKey of the revision before, or null for a new part, by the key the new file itself gives"
    )


class Decision(Request):
    old_key: str | None = Field(description="partKey of the revision before; null: it is a new part")


class DecisionOut(Reply):
    new_key: str
    old_key: str | None
    by: str | None = Field(description="name of the user")
    at: datetime


class Decided(Reply):
    by: str | None
    at: datetime


class MatchOut(Reply):
    old_key: str
    new_key: str = Field(description="key that the new file itself gives the part")
    part_key: str = Field(description="key that the part has")
    confidence: float
    reason: str
    relation: str
    decided: Decided | None


class CandidateOut(Reply):
    old_key: str
    confidence: float
    reason: str


class UncertainOut(Reply):
    new_key: str
    part_key: str
    candidates: list[CandidateOut]


class GroupOut(Reply):
    reason: str = Field(description="for which all of them are asked; numbers in it are left out")
    decisions: dict[str, str] = Field(description="the likeliest earlier part of each, by the key of the new one")


class PreviousOut(Reply):
    id: UUID
    revision: int
    filename: str


class MaterialOption(Reply):
    old_key: str
    material: str | None


class MaterialQuestion(Reply):
    part_key: str
    choices: list[MaterialOption]


class OutdatedPublish(Reply):
    publish_id: UUID
    part_name: str
    version: int
    iteration: int
    is_latest: bool


class ReportOut(Reply):
    cad_file_id: UUID
    revision: int
    previous: PreviousOut
    state: Literal["current", "applying", "stale", "failed"] = Field(
        description="whether the keys follow from the decisions, or a conversion is under way to that end, or it failed"
    )
    error: dict[str, Any] | None
    job_id: UUID | None = Field(description="of the conversion under way")
    matches: list[MatchOut]
    uncertain: list[UncertainOut]
    groups: list[GroupOut] = Field(description="open questions that one PATCH of revision-decisions may answer")
    new: list[str]
    removed: list[str]
    another_product: bool = Field(description="hardly any part was recognised: it may be another product's file")
    keys: dict[str, str] = Field(description="partKey by the key that the new file itself gives")
    decisions: list[DecisionOut]
    material_questions: list[MaterialQuestion] = Field(description="answer them in manual-material-overrides")
    outdated_publishes: list[OutdatedPublish] = Field(description="published before parts got other keys")
    etag: str = Field(description="send it back as If-Match")


@cad_revisions.declare("GET", "/<uuid:cad_file_id>/revision-report", permission=Permission.CAD_READ, answer=ReportOut)
def get_revision_report(cad_file_id: UUID) -> Answer:
    """What became of each part of the revision before: matches with confidence and reason, uncertain, new, removed.

    And what people decided about it.
    """
    return _report(row(CadFile, cad_file_id))


@cad_revisions.declare(
    "PUT",
    "/<uuid:cad_file_id>/revision-decisions",
    permission=Permission.MATERIAL_ASSIGN,
    body=Decisions,
    answer=ReportOut,
    if_match="optional",
)
def set_decisions(cad_file_id: UUID, body: Decisions) -> Answer:
    """Replace all decisions: confirm or correct matches, and take back what is left out.

    Unknown keys, and a part that two claim, are refused by name. Where keys change, the file is converted again; what
    it has stays until that is ready. The decisions hold for all later revisions.
    """
    return _decided(cad_file_id, lambda known: body.decisions)


@cad_revisions.declare(
    "PATCH",
    "/<uuid:cad_file_id>/revision-decisions",
    permission=Permission.MATERIAL_ASSIGN,
    body=Decisions,
    answer=ReportOut,
    if_match="optional",
)
def add_decisions(cad_file_id: UUID, body: Decisions) -> Answer:
    """Confirm or correct the matches of several parts at once, a group of the report for instance.

    What was decided about other parts stays.
    """
    return _decided(cad_file_id, lambda known: {**known, **body.decisions})


@cad_revisions.declare(
    "PUT",
    "/<uuid:cad_file_id>/revision-decisions/<new_key>",
    permission=Permission.MATERIAL_ASSIGN,
    body=Decision,
    answer=ReportOut,
    if_match="optional",
)
def set_decision(cad_file_id: UUID, new_key: str, body: Decision) -> Answer:
    """Confirm or correct the match of one part."""
    return _decided(cad_file_id, lambda known: {**known, new_key: body.old_key})


@cad_revisions.declare(
    "DELETE",
    "/<uuid:cad_file_id>/revision-decisions/<new_key>",
    permission=Permission.MATERIAL_ASSIGN,
    answer=ReportOut,
    if_match="optional",
)
def take_back_decision(cad_file_id: UUID, new_key: str) -> Answer:
    """Take the decision about one part back; its match is the converter's own again."""
    return _decided(cad_file_id, lambda known: {key: old for key, old in known.items() if key != new_key})


def _decided(cad_file_id: UUID, change: Any) -> Answer:
    cad_file = row(CadFile, cad_file_id, lock=True)
    check_version(str(cad_file.decisions_revision), "the decisions about these parts")
    known = {key: decision["old_key"] for key, decision in cad_file.decisions.items()}
    conversions.decide(session(), root(), cad_file, change(known), auth.current().user_name)
    return _report(cad_file)


def _report(cad_file: CadFile) -> Answer:
    tag = f'"{cad_file.decisions_revision}"'
    report = revisions.describe(session(), root(), cad_file)
    return Answer({**report, "etag": tag}, headers={"ETag": tag})
