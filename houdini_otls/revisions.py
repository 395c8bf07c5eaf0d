"""New CAD revisions of the project: the parts that are uncertain, and saying which earlier parts they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dcc.scenes.revision import Review, review
from shared.client import Client, Json


@dataclass(frozen=True)
class Revision:
    """The newest revision of a CAD model, and what a person must decide about it."""

    asset: str
    number: int
    review: Review


def undecided(client: Client, project: str, also: Collection[str] = ()) -> list[Revision]:
    """The newest revision of each model of the project that has open questions or is one of ``also``, by asset.

    ``also``: ids of CAD files.
    """
    newest: dict[tuple[str, str], Json] = {}
    for cad_file in client.pages("/cad/", project=project, sort="revision"):
        newest[cad_file["asset"], cad_file["lineage"]] = cad_file
    return [
        Revision(cad_file["asset"], cad_file["revision"], review(client, cad_file))
        for _, cad_file in sorted(newest.items())
        if cad_file["open_questions"] or cad_file["id"] in also
    ]
