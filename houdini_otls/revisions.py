"""New CAD revisions of the project: the parts that are uncertain, and saying which earlier parts they are."""

from __future__ import annotations

from dataclasses import dataclass

from dcc.scenes.revision import Question, open_questions
from shared.client import Client, Json


@dataclass(frozen=True)
class Revision:
    """The newest revision of a CAD model with parts that a person must decide about."""

    cad_file_id: str
    asset: str
    filename: str
    number: int
    questions: tuple[Question, ...]


def undecided(client: Client, project: str) -> list[Revision]:
    """The newest revision of each model of the project that has open questions, by asset."""
    newest: dict[tuple[str, str], Json] = {}
    for cad_file in client.pages("/cad/", project=project, sort="revision"):
        newest[cad_file["asset"], cad_file["lineage"]] = cad_file
    return [
        Revision(
            cad_file["id"],
            cad_file["asset"],
            cad_file["filename"],
            cad_file["revision"],
            tuple(open_questions(client.revision_report(cad_file["id"]))),
        )
        for _, cad_file in sorted(newest.items())
        if cad_file["open_questions"]
    ]


def decide(client: Client, revision: Revision, new_key: str, old_key: str | None) -> str:
    """Say that an uncertain part is an earlier one, or a new one (None); answers with a sentence.

    Raises InputError (``input.revision_decisions``) where another part has that key already.
    """
    report = client.decide_part(revision.cad_file_id, new_key, old_key)
    said = f"{new_key} of {revision.asset} is {old_key or 'a new part'}."
    if report["state"] == "applying":
        said += " The model is converted again; publish it and update the scene when that is done."
    return said
